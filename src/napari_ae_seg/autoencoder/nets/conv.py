"""The convolutional network: an encoder of several scales, and a decoder that mirrors it without shortcuts."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .blocks import Down, Unit, pointwise, unpool
from .net import PATCH, Encoded, Net

if TYPE_CHECKING:
    from napari_ae_seg.config import NetworkConfig


class ConvNet(Net):
    """`levels` scales of two 3x3 units each, latents at the coarsest; one 3x3 unit per scale on the way back."""

    def __init__(self, config: NetworkConfig, channels: int, ndim: int) -> None:
        super().__init__(config, channels, ndim)
        sizes = [config.width * 2**level for level in range(config.levels)]
        inputs = [channels, *sizes[:-1]]
        self.encoder = nn.ModuleList(
            nn.Sequential(Unit(a, b, ndim), Unit(b, b, ndim)) for a, b in zip(inputs, sizes, strict=True)
        )
        self.downs = nn.ModuleList(Down(config, size, ndim) for size in sizes[:-1])
        self.to_z = pointwise(sizes[-1], config.latents * (2 if config.variational else 1), ndim)
        # unpooled values go back where a level's own channels were, so the unit below makes as many channels
        outputs = [sizes[max(level - 1, 0)] for level in range(config.levels)] if config.up == "unpool" else sizes
        wide = [config.latents, *reversed(outputs)]
        self.decoder = nn.ModuleList(Unit(a, b, ndim) for a, b in itertools.pairwise(wide))
        self.to_image = pointwise(outputs[0], channels, ndim)

        self.stride = self.align = 2 ** (config.levels - 1)
        self.level_strides = [*(2**level for level in range(config.levels)), self.stride]
        self.level_channels = [*sizes, config.latents]
        self.halo = _multiple(2 * (2**config.levels - 1), self.align)  # two 3x3 at strides 1, 2, 4 ...
        self.decode_halo = _multiple(2**config.levels - 1, self.align)  # one

    def batch_shape(self, batch: int, side: int) -> tuple[int, ...]:
        """Patches of `side` pixels, raised to a multiple of `align`; 0 is 64 in 2D and 32 in 3D."""
        return (batch, *[_multiple(side or PATCH[self.ndim], self.align)] * self.ndim)

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Encoded:
        """Every scale after its units, and the latents."""
        levels: list[Tensor] = []
        indices: list[Tensor] = []
        for level, units in enumerate(self.encoder):
            if level:
                x, where = self.downs[level - 1](x)
                if self.config.up == "unpool":
                    indices.append(where)
            x = units(x)  # (B, width 2^level, *space / 2^level)
            levels.append(x)
        z, mu, logvar = self._bottleneck(self.to_z(x), generator)
        return Encoded([*levels, z], z, indices, mu, logvar)

    def decode(self, z: Tensor, indices: list[Tensor] | None = None) -> Tensor:
        """Images of latent maps; a network that unpools repeats pixels instead where it is given no `indices`."""
        x = self.decoder[0](z)
        unit: Any
        for number, unit in enumerate(self.decoder[1:]):
            x = unit(unpool(x, indices[-1 - number])) if indices else unit.enlarged(x)
        image: Tensor = self.to_image(x)
        return image


def _multiple(value: int, of: int) -> int:
    return -(-value // of) * of
