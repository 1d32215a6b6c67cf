"""What every network has in common: encode, decode, and the numbers that tiling needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .blocks import crop
from .sparse import CODES
from .variational import Gaussian, divergence

if TYPE_CHECKING:
    from napari_ae_seg.config import NetworkConfig

PATCH = {2: 64, 3: 32}
"""Side of the patches that networks learn from, unless another is asked for, by the number of spatial axes."""


@dataclass(slots=True)
class Encoded:
    """What an encoder says about a batch of images."""

    levels: list[Tensor]
    """Features (B, F_l, *space / stride_l) of every level, fine to coarse; the last is `z`."""
    z: Tensor
    """The latent map (B, latents, *space / stride)."""
    indices: list[Tensor] = field(default_factory=list)
    """Where the maximum of each pooling window was, fine to coarse; only if the network unpools."""
    mu: Tensor | None = None
    """Mean of the latents' distribution, if the network is variational."""
    logvar: Tensor | None = None
    """Logarithm of its variance."""
    redrawn: Tensor | None = None
    """The image (B, channels, *space) as the network draws it, if it draws from more than the latents."""
    objects: Tensor | None = None
    """How central a place is in its object, and how near its border: logits (B, 2, *space), if the network knows."""


@dataclass(slots=True)
class Output:
    """A reconstruction and what it was made from."""

    reconstruction: Tensor
    z: Tensor
    encoded: Encoded


class Net(nn.Module):
    """An autoencoder of images (B, channels, *space) whose sides are multiples of `align`.

    Every random draw (gates, dropout, reparameterisation) comes from the `generator` it is given.
    """

    stride: int
    """Input pixels per place of the latent map, along each axis."""
    align: int
    """Inputs have sides that are multiples of this."""
    halo: int
    """Pixels around a tile that its levels and latents depend on; a multiple of `align`."""
    decode_halo: int
    """Pixels around a tile whose latents its reconstruction depends on; a multiple of `align`."""
    level_strides: list[int]
    """Stride of each of `Encoded.levels`."""
    level_channels: list[int]
    """Channels of each of `Encoded.levels`."""
    decodes = True
    """Whether it can draw images of latents, and so be trained, saved and asked for drift."""
    one_place = False
    """Whether a patch that it learns from has one vector of latents, not a map of them."""
    has_statistics = True
    """Whether the mean and spread of its layers are gathered once training ends."""
    gains_from_16_bits = True
    """Whether a CPU that knows 16 bits trains it faster with them."""
    codes: int = 1
    """How many of the last levels describe a place together, each on the scale it counts; the last are the latents."""
    settles = False
    """Whether what latents draw is found on the images at hand, by `settle`."""
    tile: int = 0
    """Side of the tiles it is fastest in on a CPU; 0 is the usual one."""

    def __init__(self, config: NetworkConfig, channels: int, ndim: int) -> None:
        super().__init__()
        self.config, self.channels, self.ndim, self.latents = config, channels, ndim, config.latents
        self.gaussian = Gaussian(config.latents) if config.variational else None
        self.code = CODES[config.sparsity](config)

    @property
    def title(self) -> str:
        """What it is called: its kind."""
        return self.config.kind

    @property
    def memory_format(self) -> torch.memory_format:
        """The layout in which this network is fastest: `net.to(memory_format=net.memory_format)`."""
        return torch.channels_last if self.ndim == 2 else torch.channels_last_3d

    @property
    def tone_weight(self) -> float | None:
        """What the image's own brightness counts beside the latents; None for a network of which nobody knows."""
        return None

    @property
    def usual_batch(self) -> int:
        """Patches in a batch, unless another number is asked for."""
        return 8

    def settle(self, images: list[Tensor]) -> None:
        """Finds what follows from the finished weights on `images`, (B, channels, *space) each; mostly nothing."""

    def batch_shape(self, batch: int, side: int) -> tuple[int, ...]:
        """(patches, *space) of a training batch, for the `batch` and `patch` of a TrainingConfig."""
        raise NotImplementedError

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Encoded:
        """Levels and latents of images (B, channels, *space)."""
        raise NotImplementedError

    def decode(self, z: Tensor, indices: list[Tensor] | None = None) -> Tensor:
        """Images (B, channels, *space) of latent maps; logits if the network was trained with loss="bce"."""
        raise NotImplementedError

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Output:
        """Reconstructions of images (B, channels, *space)."""
        encoded = self.encode(x, generator)
        return Output(self.decode(encoded.z, encoded.indices), encoded.z, encoded)

    def sparsity_penalty(self, encoded: Encoded) -> Tensor:
        """How many latents are active, as the network's kind of sparsity measures it; 0 without one."""
        penalty: Tensor = self.code.penalty(encoded.z)
        return penalty

    def kl(self, encoded: Encoded) -> Tensor:
        """Distance in nats of the latents' distribution from the prior, mean over places; 0 unless variational."""
        if encoded.mu is None or encoded.logvar is None:
            return encoded.z.new_zeros(())
        return divergence(encoded.mu, encoded.logvar)

    @torch.no_grad()
    def sample(self, n: int, spatial: tuple[int, ...] = (), generator: torch.Generator | None = None) -> Tensor:
        """`n` new images (n, channels, *spatial) drawn from a variational network; by default of its training size."""
        if self.gaussian is None:
            raise ValueError("only a variational network can draw images: train one with variational=True")
        spatial = tuple(spatial) or self.batch_shape(1, 0)[1:]
        z = self.gaussian.draw(n, self._cells(spatial), generator)
        return self._draw(self.code(z, None), spatial)

    def _cells(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Size of the latent map that is drawn for an image of size `spatial`."""
        return tuple(-(-side // self.stride) for side in spatial)

    def _draw(self, z: Tensor, spatial: tuple[int, ...]) -> Tensor:
        return crop(self.decode(z), spatial)

    def _bottleneck(self, h: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Code, mean and log variance of the encoder's last layer h (B, latents or 2 latents, *space)."""
        mu: Tensor | None = None
        logvar: Tensor | None = None
        if self.gaussian is not None:
            h, mu, logvar = self.gaussian(h, generator)
        z: Tensor = self.code(h, generator)
        if self.training and self.config.dropout:
            z = z * _kept(z, self.config.dropout, generator)
        return z, mu, logvar


def _kept(z: Tensor, dropout: float, generator: torch.Generator | None) -> Tensor:
    """(B, latents, 1...): 0 for the latents of an image that are silenced, else what keeps their mean."""
    draw = torch.rand(z.shape[:2], generator=generator, device=z.device)
    return ((draw >= dropout).to(z.dtype) / (1 - dropout)).reshape(*z.shape[:2], *[1] * (z.ndim - 2))
