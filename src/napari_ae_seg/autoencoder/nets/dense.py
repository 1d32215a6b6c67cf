"""The dense network: every patch through fully connected layers, the classic autoencoder."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import crop, pointwise
from .net import PATCH, Encoded, Net, Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ae_seg.config import NetworkConfig

WINDOW = {2: 28, 3: 9}
"""Side of the patch it sees."""
BENT: dict[str, Callable[[Tensor], Tensor]] = {
    "leaky": lambda h: F.leaky_relu(h, 0.1),
    "relu": torch.relu,
    "none": lambda h: h,
}
"""What becomes of negative latents, by the name that `NetworkConfig.activation` gives it."""
_CONV = {2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {2: F.conv_transpose2d, 3: F.conv_transpose3d}


class DenseNet(Net):
    """window^ndim x channels -> hidden ... -> latents and back, the same at every `stride` pixels of an image.

    `forward` takes patches of the window's size, one latent vector each. `encode` slides the window over an image with
    its border repeated: the latents of a place describe the window around it. `decode` averages, at each pixel, the
    windows that the latents around it stand for.
    """

    one_place = True
    has_statistics = False
    gains_from_16_bits = False

    def __init__(self, config: NetworkConfig, channels: int, ndim: int) -> None:
        super().__init__(config, channels, ndim)
        self.window = config.window or WINDOW[ndim]
        inputs = channels * self.window**ndim
        last = config.latents * (2 if config.variational else 1)
        sizes = [*config.hidden, last]
        self.look = nn.Linear(inputs, sizes[0])
        self.encoder = nn.ModuleList(pointwise(a, b, ndim) for a, b in itertools.pairwise(sizes))
        sizes = [config.latents, *reversed(config.hidden)]
        self.decoder = nn.ModuleList(pointwise(a, b, ndim) for a, b in itertools.pairwise(sizes))
        self.draw = nn.Linear(sizes[-1], inputs)
        self.level_channels = [*config.hidden, config.latents]
        self.at(max(stride for stride in (1, 2, 4) if stride <= self.window))

    def at(self, stride: int) -> DenseNet:
        """The same network, looking at every `stride`-th pixel."""
        if not 1 <= stride <= self.window:
            raise ValueError(f"a window of {self.window} pixels can move by 1 to {self.window}, got stride {stride}")
        self.stride = self.align = stride
        self.level_strides = [stride] * len(self.level_channels)
        self.halo = self.decode_halo = -(-max(self._margins()) // stride) * stride
        return self

    @property
    def usual_batch(self) -> int:
        """As many windows as cover what a convolutional network gets in its usual batch."""
        return super().usual_batch * max(round((PATCH[self.ndim] / self.window) ** self.ndim), 1)

    def batch_shape(self, batch: int, side: int) -> tuple[int, ...]:  # noqa: ARG002
        """`batch` patches of the window's size; `side` is ignored."""
        return (batch, *[self.window] * self.ndim)

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Encoded:
        """The hidden layers and the latents of the window around every place."""
        before, after = self._margins()
        x = F.pad(x, (before, after) * self.ndim, mode="replicate")
        weight = self.look.weight.unflatten(1, (self.channels, *[self.window] * self.ndim))
        return self._code(_CONV[self.ndim](x, weight, self.look.bias, stride=self.stride), generator)

    def decode(self, z: Tensor, indices: list[Tensor] | None = None) -> Tensor:  # noqa: ARG002
        """The mean of the overlapping windows."""
        h = self._hidden(z)
        weight = self.draw.weight.T.unflatten(1, (self.channels, *[self.window] * self.ndim))
        paint = _TRANSPOSED[self.ndim]
        total = paint(h, weight, stride=self.stride)  # (B, C, *space + window - stride)
        one = torch.ones_like(weight[:1, :1])
        count = paint(torch.ones_like(h[:1, :1]), one, stride=self.stride)
        bias = self.draw.bias.unflatten(0, (self.channels, *[self.window] * self.ndim))[None]
        shifts = paint(torch.ones_like(h[:1, :1]), bias, stride=self.stride)
        before, _ = self._margins()
        space = [side * self.stride for side in z.shape[2:]]
        return (crop(total, space, before) + crop(shifts, space, before)) / crop(count, space, before)

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Output:
        """Reconstructions of patches (P, channels, *window), with one place of latents each."""
        if x.shape[2:] != (self.window,) * self.ndim:
            return super().forward(x, generator)
        encoded = self._code(_places(self.look(x.flatten(1)), self.ndim), generator)
        return Output(self._patches(encoded.z), encoded.z, encoded)

    def _code(self, h: Tensor, generator: torch.Generator | None) -> Encoded:
        levels: list[Tensor] = []
        for layer in self.encoder:
            levels.append(torch.relu(h))
            h = layer(levels[-1])
        if not self.config.variational:  # without hidden layers and bent latents the network would be linear
            h = BENT[self.config.activation](h)
        z, mu, logvar = self._bottleneck(h, generator)
        return Encoded([*levels, z], z, [], mu, logvar)

    def _hidden(self, z: Tensor) -> Tensor:
        for layer in self.decoder:
            z = torch.relu(layer(z))
        return z

    def _patches(self, z: Tensor) -> Tensor:
        """(P, channels, *window) of latents (P, latents, 1, 1)."""
        pixels: Tensor = self.draw(self._hidden(z).flatten(1))
        patches: Tensor = pixels.unflatten(1, (self.channels, *[self.window] * self.ndim))
        return patches

    def _margins(self) -> tuple[int, int]:
        """Pixels that the first window reaches beyond the image, and the last: their sum is window - stride."""
        before = (self.window - self.stride) // 2
        return before, self.window - self.stride - before

    def _cells(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(-(-side // self.window) for side in spatial)

    def _draw(self, z: Tensor, spatial: tuple[int, ...]) -> Tensor:
        """Images of side-by-side windows: overlapping independent draws would average each other away."""
        cells = z.shape[2:]
        patches = self._patches(_places(z.flatten(2).transpose(1, 2).flatten(0, 1), self.ndim))
        images = patches.reshape(len(z), *cells, *patches.shape[1:])  # (n, *cells, C, *window)
        order = [0, 1 + self.ndim, *(axis for i in range(self.ndim) for axis in (1 + i, 2 + self.ndim + i))]
        images = images.permute(order).reshape(len(z), self.channels, *(cell * self.window for cell in cells))
        return crop(images, spatial)


def _places(rows: Tensor, ndim: int) -> Tensor:
    """(P, F, 1, 1...) of (P, F)."""
    return rows.reshape(*rows.shape, *[1] * ndim)
