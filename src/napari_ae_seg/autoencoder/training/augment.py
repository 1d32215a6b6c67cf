"""Patches as they might also have been: flipped, turned, brighter or darker."""

from __future__ import annotations

import torch
from torch import Tensor


def augment(patches: Tensor, flips: bool, jitter: float, generator: torch.Generator) -> Tensor:
    """Patches (P, C, *space), each flipped and turned at random, its contrast and brightness changed by `jitter`.

    In 3D, turns stay within the slices: the z axis usually has a spacing of its own.
    """
    if flips:
        patches = _turned(patches, generator)
    if jitter:
        change = torch.rand((2, len(patches), *[1] * (patches.ndim - 1)), generator=generator) * 2 - 1
        patches = patches * (1 + jitter * change[0]) + jitter * change[1]
    return patches


def _turned(patches: Tensor, generator: torch.Generator) -> Tensor:
    """A flip of every axis or not, and a swap of the last two or not, reach all quarter turns."""
    ndim = patches.ndim - 2
    choice = torch.randint(2 ** (ndim + 1), (len(patches),), generator=generator)
    turned = torch.empty_like(patches)
    for number in choice.unique().tolist():
        chosen = patches[choice == number]
        axes = [2 + axis for axis in range(ndim) if number >> axis & 1]
        chosen = chosen.flip(axes) if axes else chosen
        turned[choice == number] = chosen.transpose(-1, -2) if number >> ndim else chosen
    return turned
