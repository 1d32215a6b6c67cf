"""A network that was made elsewhere, as the encoder: what it says of an image becomes latents; it draws nothing."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_ae_seg.config import NetworkConfig

from .net import Encoded, Net

if TYPE_CHECKING:
    from collections.abc import Sequence

LEADING = 16
"""Tokens that may stand before those of places: one of the class, and registers."""
MODES = {2: "bilinear", 3: "trilinear"}
NAMES = ("x_norm_patchtokens", "last_hidden_state", "out")
"""Under which of its names a network keeps what it says of places, if it gives a dictionary."""


class ForeignNet(Net):
    """A module from elsewhere, tried on one image to learn the strides of what it gives.

    Maps of a stride that is no power of two, such as the 14 pixels of some transformers, are interpolated to the next
    lower one, since that is what everything after them is made for.
    """

    decodes = False

    def __init__(self, module: nn.Module, channels: int, ndim: int, side: int, halo: int) -> None:
        with torch.no_grad():
            given = [_tried(one, side, ndim) for one in _parts(module(torch.zeros(1, channels, *[side] * ndim)))]
        super().__init__(
            NetworkConfig(kind="conv", latents=given[-1].shape[1], ndim=2 if ndim == 2 else 3), channels, ndim
        )
        self.module = module
        for weight in module.parameters():  # a module of TorchScript has no requires_grad_
            weight.requires_grad_(False)
        self.own_strides = [side // one.shape[-1] for one in given]
        self.level_channels = [one.shape[1] for one in given]
        self.level_strides = [1 << (stride.bit_length() - 1) for stride in self.own_strides]
        self.stride = self.level_strides[-1]
        self.align = math.lcm(*self.own_strides, *self.level_strides)
        self.halo = halo + -halo % self.align
        self.decode_halo = 0

    @property
    def title(self) -> str:
        """What it is called: the name of the module's class."""
        return str(getattr(self.module, "original_name", type(self.module).__name__))

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Encoded:  # noqa: ARG002 (it draws no numbers)
        """Levels and latents of images (B, channels, *space)."""
        levels = []
        for one, own, stride in zip(_parts(self.module(x)), self.own_strides, self.level_strides, strict=True):
            level = _map(one, [side // own for side in x.shape[2:]]).float()
            if own != stride:
                size = [side // stride for side in x.shape[2:]]
                level = functional.interpolate(level, size, mode=MODES[self.ndim], align_corners=False)
            levels.append(level)
        return Encoded(levels, levels[-1])

    def decode(self, z: Tensor, indices: list[Tensor] | None = None) -> Tensor:  # noqa: ARG002
        """Raise ValueError: there is no decoder."""
        raise ValueError(f"{self.title} was given to Autoencoder.of: it has no decoder to draw images with")


def opened(path: str) -> nn.Module:
    """The network in a TorchScript file, which runs as the code it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # torch advises who writes such files, not who reads them
            module: nn.Module = torch.jit.load(path, map_location="cpu")
    except (RuntimeError, ValueError) as error:
        why = str(error).splitlines()[0][:120]
        raise ValueError(
            f"{path} holds no TorchScript ({why}). Weights alone, a state_dict, go into the module they belong "
            "to: load them there, and give the module"
        ) from error
    return module


def _parts(given: Any) -> list[Tensor]:
    """What a network gives, as a list of arrays, the last of which are its latents."""
    if hasattr(given, "last_hidden_state"):
        given = given.last_hidden_state
    if isinstance(given, dict):
        given = next((given[name] for name in NAMES if name in given), given)
    parts = [*given] if isinstance(given, list | tuple) else [given]
    if not parts or not all(isinstance(one, Tensor) for one in parts):
        raise TypeError(
            "a network gives maps (B, F, *space), tokens (B, N, F), or a list of them; "
            f"this one gives a {type(given).__name__}"
        )
    return parts


def _tried(one: Tensor, side: int, ndim: int) -> Tensor:
    """What a network gives of an image of `side`, as a map of which its stride can be read."""
    counts = [count for count in range(side, 0, -1) if side % count == 0]
    if one.ndim == 3:
        fitting = (count for count in counts if 0 <= one.shape[1] - count**ndim <= LEADING)
        cells = next(fitting, 0)
        if cells:
            return _map(one, [cells] * ndim)
    elif one.ndim == ndim + 2 and set(one.shape[2:]) <= set(counts) and len(set(one.shape[2:])) == 1:
        return one
    raise ValueError(
        f"of an image {side} pixels wide the network gives {tuple(one.shape)}: no map (B, F, *space) whose places "
        "divide the image, nor as many tokens (B, N, F); name the side of an image that suits it, such as side=224"
    )


def _map(one: Tensor, cells: Sequence[int]) -> Tensor:
    """A map as it is, or tokens row by row as a map; those of the whole image, which stand first, are left out."""
    if one.ndim == len(cells) + 2:
        return one
    tokens: Tensor = one[:, one.shape[1] - math.prod(cells) :].transpose(1, 2)
    return tokens.reshape(*tokens.shape[:2], *cells)
