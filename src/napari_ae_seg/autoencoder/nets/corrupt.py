"""What a network must repair while it learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .blocks import crop

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ae_seg.config import TrainingConfig

Corrupted = tuple[Tensor, Tensor | None]
"""The corrupted images and the mask (B, 1, *space) of what is hidden in them, if anything is."""


def corrupt(x: Tensor, config: TrainingConfig, generator: torch.Generator | None = None) -> Corrupted:
    """Images (B, C, *space) as the network sees them, and the mask of what it must guess."""
    return CORRUPTIONS[config.corruption](x, config, generator)


def block_mask(
    shape: tuple[int, ...], block: int, share: float, generator: torch.Generator | None = None, device: Any = "cpu"
) -> Tensor:
    """A mask (B, 1, *space) for images of `shape` (B, *space): 1 on `share` of the blocks of side `block` of each.

    >>> int(block_mask((1, 64, 64), block=8, share=0.5).sum())
    2048
    """
    grid = [-(-side // block) for side in shape[1:]]
    blocks = torch.Size(grid).numel()
    # exactly `share` of the blocks; a fraction of a block is hidden in that fraction of the images
    draw = torch.rand(shape[0], blocks + 1, generator=generator, device=device)
    hidden = torch.floor(share * blocks + draw[:, -1:])  # (B, 1)
    mask = (draw[:, :-1].argsort(1).argsort(1) < hidden).float().reshape(shape[0], 1, *grid)
    for axis in range(2, mask.ndim):
        mask = mask.repeat_interleave(block, axis)
    return crop(mask, shape[1:])


def _masked(x: Tensor, config: TrainingConfig, generator: torch.Generator | None) -> Corrupted:
    mask = block_mask((len(x), *x.shape[2:]), config.masked_block, config.masked_share, generator, x.device)
    return x * (1 - mask), mask


def _noise(x: Tensor, config: TrainingConfig, generator: torch.Generator | None) -> Corrupted:
    # normalised images have deviation 1
    return x + config.noise * torch.randn(x.shape, generator=generator, device=x.device), None


def _none(x: Tensor, _config: TrainingConfig, _generator: torch.Generator | None) -> Corrupted:
    return x, None


CORRUPTIONS: dict[str, Callable[[Tensor, TrainingConfig, torch.Generator | None], Corrupted]] = {
    "masked": _masked,
    "noise": _noise,
    "none": _none,
}
"""Every corruption by the name that `TrainingConfig.corruption` gives it."""
