"""The pieces of a convolutional network, the same in 2D and 3D."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_ae_seg.config import NetworkConfig

_CONV: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM: dict[int, Any] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_AVERAGE: dict[int, Any] = {2: nn.AvgPool2d, 3: nn.AvgPool3d}
_TRANSPOSED: dict[int, Any] = {2: F.conv_transpose2d, 3: F.conv_transpose3d}

FEW = 7
"""With up to so many input channels, a 3D convolution is slower than the same as a 2D one; 8 fill a vector register."""
MANY = 64
"""From so many input channels on, convolving repeated pixels in one go no longer saves time."""


def pointwise(inputs: int, outputs: int, ndim: int) -> nn.Module:
    """The same linear map at every place."""
    layer: nn.Module = _CONV[ndim](inputs, outputs, 1)
    return layer


class Unit(nn.Sequential):
    """Convolution (3x3), BatchNorm, ReLU; once the norm is frozen, it is part of the convolution."""

    def __init__(self, inputs: int, outputs: int, ndim: int, kernel: int = 3, stride: int = 1) -> None:
        few = inputs <= FEW and kernel == 3
        layer = nn.Conv2d if ndim == 2 else SliceConv3d if few else DirectConv3d
        conv = layer(inputs, outputs, kernel, stride, padding=(kernel - 1) // 2, bias=False)
        super().__init__(conv, _NORM[ndim](outputs), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, *space) of x (B, C, *space)."""
        conv: Any = self[0]
        return self._apply_to(x, conv._conv_forward)

    def enlarged(self, x: Tensor) -> Tensor:
        """(B, F, *2 space): the unit applied to x (B, C, *space) with every pixel twice along each axis."""
        if x.shape[1] >= MANY:
            return self.forward(F.interpolate(x, scale_factor=2, mode="nearest"))
        return self._apply_to(x, convolve_repeated)

    def _apply_to(self, x: Tensor, convolve: Callable[[Tensor, Tensor, Tensor | None], Tensor]) -> Tensor:
        conv: Any = self[0]
        norm: Any = self[1]
        if norm.training or norm._forward_pre_hooks or norm._forward_hooks:
            return torch.relu_(norm(convolve(x, conv.weight, None)))
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        weight = conv.weight * scale.reshape(-1, *[1] * (x.ndim - 1))
        return torch.relu_(convolve(x, weight, norm.bias - norm.running_mean * scale))


class DirectConv3d(nn.Conv3d):
    """A 3D convolution by oneDNN where that can do it: for a single volume, torch may take a path ten times slower."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        plain = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        if not plain or not torch.backends.mkldnn.is_available():
            return super()._conv_forward(x, weight, bias)  # type: ignore[no-any-return]
        return torch.mkldnn_convolution(
            x, weight, bias, [(k - 1) // 2 for k in self.kernel_size], self.stride, self.dilation, self.groups
        )


class SliceConv3d(nn.Conv3d):
    """A 3x3x3 convolution computed as a 2D one in which each slice and its two neighbours are channels.

    Equal to `Conv3d` with the same weights, and several times faster where there are few input channels.
    """

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        batch, channels, depth, height, width = x.shape
        padded = F.pad(x, (0, 0, 0, 0, 1, 1)).transpose(1, 2)
        taps = torch.stack([padded[:, i : i + depth] for i in range(3)], 3)  # (B, Z, C, 3, Y, X)
        slices = taps.reshape(batch * depth, channels * 3, height, width)
        # in this layout the result is that of a volume in channels_last_3d, which the layers below are fastest in
        slices = slices.contiguous(memory_format=torch.channels_last)
        y: Tensor = F.conv2d(slices, weight.flatten(1, 2), bias, padding=1)  # (B Z, F, Y, X)
        return y.reshape(batch, depth, *y.shape[1:]).transpose(1, 2)


def pool(x: Tensor) -> tuple[Tensor, Tensor]:
    """(B, C, *space / 2): the largest of each window of 2 pixels a side, and which it was, counted in C order.

    Written out, as not every device has this built in for 3D.
    """
    first, *others = (x[(..., *corner)] for corner in _corners(x.ndim - 2))
    values, where = first, torch.zeros_like(first, dtype=torch.uint8)
    for number, other in enumerate(others, 1):
        where = where.masked_fill(other > values, number)
        values = torch.maximum(values, other)
    return values, where


def unpool(x: Tensor, where: Tensor) -> Tensor:
    """(B, C, *2 space): each value of x (B, C, *space) where its window had its maximum, 0 elsewhere."""
    y = x.new_zeros(*x.shape[:2], *(2 * side for side in x.shape[2:]))
    for number, corner in enumerate(_corners(x.ndim - 2)):
        y[(..., *corner)] = torch.where(where == number, x, 0)
    return y


class Down(nn.Module):
    """Half the resolution."""

    def __init__(self, config: NetworkConfig, channels: int, ndim: int) -> None:
        super().__init__()
        self.located = config.up == "unpool"
        if config.down == "strided":
            self.layer = _CONV[ndim](channels, channels, 2, stride=2)
        else:
            self.layer = _AVERAGE[ndim](2) if config.down == "average" else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, *space / 2) and, for a network that unpools, where the maxima were."""
        if self.layer is not None:
            return self.layer(x), None
        if self.located:
            return pool(x)
        corners = [x[(..., *corner)] for corner in _corners(x.ndim - 2)]
        return functools.reduce(torch.maximum, corners), None


def convolve_repeated(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(B, F, *2 space): x (B, C, *space) with every pixel twice along each axis, convolved with weight (F, C, 3...).

    Two of three taps along an axis meet the same pixel, so that one transposed convolution with their sums does it:
    less than half the arithmetic, and the repeated pixels are never stored.
    """
    ndim = x.ndim - 2
    for axis in range(ndim):
        beside = [0] * (2 * axis)
        weight = F.pad(weight, (*beside, 1, 0)) + F.pad(weight, (*beside, 0, 1))  # 3 taps become 4
    weight = weight.flip(*range(2, 2 + ndim)).transpose(0, 1)  # (C, F, 4, 4...)
    y: Tensor = _TRANSPOSED[ndim](x, weight, bias, stride=2, padding=1)
    return y


def crop(x: Tensor, space: Sequence[int], start: int = 0) -> Tensor:
    """(B, C, *space) of a larger x, from pixel `start` on along each axis."""
    for axis, side in enumerate(space, 2):
        x = x.narrow(axis, start, side)
    return x


def _corners(ndim: int) -> list[tuple[Any, ...]]:
    """The pixels of a window of 2 a side, each as the index that takes it from every window."""
    return list(itertools.product((slice(0, None, 2), slice(1, None, 2)), repeat=ndim))
