"""The pieces of a convolutional network, the same in 2D and 3D."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONV: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM: dict[int, Any] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_AVERAGE: dict[int, Any] = {2: nn.AvgPool2d, 3: nn.AvgPool3d}


def pointwise(inputs: int, outputs: int, ndim: int) -> nn.Module:
    """The same linear map at every place."""
    layer: nn.Module = _CONV[ndim](inputs, outputs, 1)
    return layer


class Unit(nn.Sequential):
    """3x3 convolution, BatchNorm, ReLU."""

    def __init__(self, inputs: int, outputs: int, ndim: int) -> None:
        layer = SliceConv3d if ndim == 3 and inputs == 1 else _CONV[ndim]
        super().__init__(layer(inputs, outputs, 3, padding=1, bias=False), _NORM[ndim](outputs), nn.ReLU(inplace=True))


class SliceConv3d(nn.Conv3d):
    """A 3x3x3 convolution computed as a 2D one in which each slice and its two neighbours are channels.

    Equal to `Conv3d` with the same weights, and several times faster where there are few input channels.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, *space) of images (B, C, *space)."""
        batch, channels, depth, height, width = x.shape
        padded = F.pad(x, (0, 0, 0, 0, 1, 1))
        taps = torch.stack([padded[:, :, i : i + depth] for i in range(3)], 2)
        slices = taps.permute(0, 3, 1, 2, 4, 5).reshape(batch * depth, channels * 3, height, width)
        y: Tensor = F.conv2d(slices, self.weight.flatten(1, 2), self.bias, padding=1)  # (B Z, F, Y, X)
        return y.reshape(batch, depth, *y.shape[1:]).transpose(1, 2)


class MaxPool(nn.Module):
    """The largest of each window of 2 pixels a side, and which it was; not every device has that built in for 3D."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Maxima (B, C, *space / 2) and their position within the window, counted in C order."""
        values, where = torch.stack([x[(..., *corner)] for corner in _corners(x.ndim - 2)]).max(0)
        return values, where


def unpool(x: Tensor, where: Tensor) -> Tensor:
    """(B, C, *2 space): each value of x (B, C, *space) where its window had its maximum, 0 elsewhere."""
    y = x.new_zeros(*x.shape[:2], *(2 * side for side in x.shape[2:]))
    for number, corner in enumerate(_corners(x.ndim - 2)):
        y[(..., *corner)] = torch.where(where == number, x, 0)
    return y


class Down(nn.Module):
    """Half the resolution."""

    def __init__(self, how: str, channels: int, ndim: int) -> None:
        super().__init__()
        if how == "average":
            self.pool = _AVERAGE[ndim](2)
        elif how == "max":
            self.pool = MaxPool()
        else:
            self.pool = _CONV[ndim](channels, channels, 2, stride=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, *space / 2) and, for "max", where the maxima were."""
        y = self.pool(x)
        return y if isinstance(y, tuple) else (y, None)


def upsample(x: Tensor) -> Tensor:
    """Every pixel twice along each axis."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def crop(x: Tensor, space: Sequence[int], start: int = 0) -> Tensor:
    """(B, C, *space) of a larger x, from pixel `start` on along each axis."""
    for axis, side in enumerate(space, 2):
        x = x.narrow(axis, start, side)
    return x


def _corners(ndim: int) -> list[tuple[Any, ...]]:
    """The pixels of a window of 2 a side, each as the index that takes it from every window of an image."""
    return list(itertools.product((slice(0, None, 2), slice(1, None, 2)), repeat=ndim))
