"""The U-Net: it codes every place at full and at half size, redraws the image clean, and tells where objects end."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Unit, pointwise
from .net import Encoded, Net, Output

if TYPE_CHECKING:
    from napari_ae_seg.config import NetworkConfig

WIDTHS = {2: (24, 32, 48, 64, 96), 3: (20, 40)}
"""Channels of each scale, fine to coarse, where the configuration names none."""
PATCH = {2: 128, 3: 48}
"""Side of the patches it learns from."""
TILE = {2: 1024, 3: 144}
_SHRINK = {2: F.avg_pool2d, 3: F.avg_pool3d}


class UNet(Net):
    """Two 3x3 units per scale on the way down and up, with shortcuts; everything happens at half resolution or coarser.

    The latents of a place lie within the unit ball. Beside them stand those of the image at half size, so that a place
    is known by its fine and by its coarse surroundings, and the image redrawn. The reconstruction is drawn from the
    last features; `decode` draws what the latents alone tell of it.
    """

    settles = True
    read: Tensor
    """(channels 2^ndim, latents + 1): the pixels of a place as a sum of its latents."""
    beside: Tensor
    """What the brightness, the latents at half size, and the image redrawn count beside the latents."""

    def __init__(self, config: NetworkConfig, channels: int, ndim: int) -> None:
        super().__init__(config, channels, ndim)
        w = config.widths or WIDTHS[ndim]
        pixels = 2**ndim
        self.stem = Unit(channels, w[0], ndim, kernel=6, stride=2)
        self.down = nn.ModuleList(_units(w[max(0, i - 1)], size, ndim) for i, size in enumerate(w))
        self.up = nn.ModuleList(_units(fine + coarse, fine, ndim) for fine, coarse in itertools.pairwise(w))
        self.to_z = pointwise(w[0], config.latents * (2 if config.variational else 1), ndim)
        self.draw = pointwise(w[0], channels * pixels, ndim)
        self.objects = pointwise(w[0], 2 * pixels, ndim)
        self.register_buffer("read", torch.zeros(channels * pixels, config.latents + 1))
        self.register_buffer(
            "beside", torch.ones(3)
        )  # what tone, and the latents at half size, count beside the latents

        self.stride, self.own_align = 2, 2 ** len(w)
        self.align, self.halo = 2 * self.own_align, 2 * _reach(len(w))  # the image at half size is looked at, too
        self.decode_halo = 0
        self.level_strides = [*(2 ** (i + 1) for i in range(len(w))), 2, 4, 2]
        self.level_channels = [*w, channels, config.latents, config.latents]
        self.codes, self.tile = 3, TILE[ndim]

    @property
    def tone_weight(self) -> float:
        """What the image's own brightness counts beside the latents."""
        return float(self.beside[0])

    def batch_shape(self, batch: int, side: int) -> tuple[int, ...]:
        """Patches of `side` pixels, raised to a multiple of what one scale needs; 0 is 128 in 2D and 48 in 3D."""
        side = side or PATCH[self.ndim]
        return (batch, *[side + -side % self.own_align] * self.ndim)

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Encoded:
        """Every scale on the way down, the image redrawn, the latents of the image at half size, and the latents."""
        small, _, _ = self._latents(self._features(_SHRINK[self.ndim](x, 2))[0], generator)
        encoded = self._encoded(x, generator)
        assert encoded.redrawn is not None
        drawn = _SHRINK[self.ndim](encoded.redrawn, 2) / self.channels**0.5
        encoded.levels[-1:] = [self.beside[2] * drawn, self.beside[1] * small, encoded.z]
        return encoded

    def decode(self, z: Tensor, indices: list[Tensor] | None = None) -> Tensor:  # noqa: ARG002
        """What the latents alone tell of the image."""
        flat = self.read[:, :-1] @ _open(z).flatten(2) + self.read[:, -1:]
        return _spread(flat.reshape(len(z), -1, *z.shape[2:]))

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Output:
        """The image redrawn: only its full size is looked at, so that sides need be multiples of half of `align`."""
        encoded = self._encoded(x, generator)
        assert encoded.redrawn is not None
        return Output(encoded.redrawn, encoded.z, encoded)

    @torch.no_grad()
    def first(self, latents: int) -> UNet:
        """The same network with the first of its latents alone, which tell the coarsest differences."""
        if latents == self.latents:
            return self
        out = UNet(self.config.but(latents=latents), self.channels, self.ndim)
        state = self.state_dict()
        kept = {name: state[name][:latents] for name in ("to_z.weight", "to_z.bias")}
        out.load_state_dict({**state, **kept, "read": out.read})
        return out

    @torch.no_grad()
    def settle(self, images: list[Tensor]) -> None:
        """Let `decode` draw what comes nearest to the reconstruction of `images` (least squares)."""
        rows, targets = [], []
        for image in images:
            encoded = self(image).encoded
            rows.append(_open(encoded.z).movedim(1, -1).flatten(0, -2).double())
            targets.append(_gathered(encoded.redrawn, self.ndim).movedim(1, -1).flatten(0, -2).double())
        x = torch.cat(rows)
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        ridge = 1e-3 * len(x) * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        solved = torch.linalg.solve(x.T @ x + ridge, x.T @ torch.cat(targets))
        self.read.copy_(solved.T)

    def _features(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last features (B, w0, *space / 2), and every scale on the way down."""
        h = self.stem(x)
        scales: list[Tensor] = []
        for units in self.down:
            h = units(_SHRINK[self.ndim](h, 2) if scales else h)
            scales.append(h)
        for i in reversed(range(len(self.up))):
            h = self.up[i](torch.cat([scales[i], F.interpolate(h, scale_factor=2.0, mode="nearest")], 1))
        return h, scales

    def _latents(self, h: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
        z, mu, logvar = self._bottleneck(self.to_z(h), generator)
        return z * torch.rsqrt(1 + z.square().sum(1, keepdim=True)), mu, logvar

    def _encoded(self, x: Tensor, generator: torch.Generator | None) -> Encoded:
        h, scales = self._features(x)
        z, mu, logvar = self._latents(h, generator)
        return Encoded([*scales, z], z, [], mu, logvar, _spread(self.draw(h)), _spread(self.objects(h)))


def _units(inputs: int, outputs: int, ndim: int) -> nn.Sequential:
    return nn.Sequential(Unit(inputs, outputs, ndim), Unit(outputs, outputs, ndim))


def _reach(scales: int) -> int:
    """Pixels around an aligned tile that its latents depend on, a multiple of the alignment.

    >>> _reach(5), _reach(3)
    (192, 48)
    """
    reach = 0
    for scale in range(1, scales):  # on the way up, each scale needs whole places of the coarser one
        reach += 2 * 2**scale
        reach += -reach % 2 ** (scale + 1)
    reach += 2 * sum(int(2**scale) for scale in range(1, scales + 1)) + 2
    return reach + -reach % int(2**scales)


def _open(z: Tensor) -> Tensor:
    """Latents before they were drawn into the unit ball."""
    return z * torch.rsqrt((1 - z.square().sum(1, keepdim=True)).clamp_min(1e-4))


def _spread(x: Tensor) -> Tensor:
    """(B, C, *2 space) of x (B, C 2^ndim, *space)."""
    ndim = x.ndim - 2
    space = x.shape[2:]
    x = x.reshape(len(x), -1, *[2] * ndim, *space)
    order = [0, 1, *(axis for i in range(ndim) for axis in (2 + ndim + i, 2 + i))]
    return x.permute(order).reshape(len(x), -1, *(2 * side for side in space))


def _gathered(x: Tensor, ndim: int) -> Tensor:
    """(B, C 2^ndim, *space) of x (B, C, *2 space): what `_spread` spreads."""
    space = [side // 2 for side in x.shape[2:]]
    x = x.reshape(*x.shape[:2], *(n for side in space for n in (side, 2)))
    order = [0, 1, *(3 + 2 * i for i in range(ndim)), *(2 + 2 * i for i in range(ndim))]
    return x.permute(order).reshape(len(x), -1, *space)
