"""Gaussians and changes of resolution that know where there is data, in 2D and 3D.

Everything is a weighted mean over what exists: outside the image and where there is no data the weight is zero. So
borders need no padding rule, nothing leaks out of masked places, and a tile with enough around it gives what the whole
image gives.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

CUT = 3.0
"""Gaussians end at this many sigmas."""

_NOTHING = 1e-4


def radius(sigma: float) -> int:
    """How many pixels to each side a Gaussian of `sigma` reaches.

    >>> radius(2.0), radius(0.0)
    (6, 0)
    """
    return int(CUT * sigma + 0.5)


def power_of_two(x: float) -> int:
    """The largest power of two that is at most x, and at least 1.

    >>> [power_of_two(x) for x in (0.3, 1, 3.9, 4)]
    [1, 1, 2, 4]
    """
    return 2 ** int(math.log2(x)) if x > 1 else 1


def work_stride(sigma: float) -> int:
    """The coarsest power of two on which a Gaussian of `sigma` pixels is still well sampled.

    >>> [work_stride(s) for s in (0, 1, 2, 8, 16)]
    [1, 1, 1, 4, 8]
    """
    return power_of_two(sigma / 2)


def kernel(sigma: float) -> Tensor:
    """A Gaussian of `sigma` pixels, cut, of sum 1: (2 radius + 1,).

    >>> kernel(0.0)
    tensor([1.])
    """
    reach = radius(sigma)
    if not reach:
        return torch.ones(1)
    x = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (x / sigma) ** 2)
    return (weights / weights.sum()).float()


def smooth(x: Tensor, sigma: Sequence[float], weight: Tensor | None = None) -> Tensor:
    """Gaussian mean of x (C, *space), `sigma` pixels per axis; places of `weight` (*space) 0 count nothing.

    >>> smooth(torch.tensor([[0.0, 0.0, 9.0]]), [1.0], torch.tensor([1.0, 1.0, 0.0]))
    tensor([[0., 0., 0.]])
    """
    if weight is None:
        for axis, s in enumerate(sigma):
            x = _along(x, kernel(s), axis, mean=True)
        return x
    both = torch.cat([x * weight, weight[None].to(x.dtype)])
    for axis, s in enumerate(sigma):
        both = _along(both, kernel(s), axis, mean=False)
    return _ratio(both[:-1], both[-1])


def box(x: Tensor, radius: Sequence[int]) -> Tensor:
    """Mean of x (C, *space) over a window of 2 radius + 1 pixels per axis, of what lies inside the image.

    >>> box(torch.tensor([[0.0, 3.0, 6.0]]), [1])
    tensor([[1.5000, 3.0000, 4.5000]])
    """
    for axis, r in enumerate(radius):
        x = _along(x, torch.full((2 * r + 1,), 1 / (2 * r + 1)), axis, mean=True)
    return x


def resample(x: Tensor, source: Sequence[int], target: Sequence[int], space: Sequence[int]) -> Tensor:
    """The channels x (C, *space / source) at stride `target`: averaged or interpolated, (C, *ceil(space / target)).

    >>> resample(torch.tensor([[1.0, 3.0, 5.0]]), [1], [2], [3])
    tensor([[2., 5.]])
    """
    pool = [t // s if t > s and t % s == 0 else 1 for s, t in zip(source, target, strict=True)]
    if max(pool) > 1:
        x = _pool(x, pool)
    scale = [s * p / t for s, p, t in zip(source, pool, target, strict=True)]
    if any(f != 1 for f in scale):
        mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(pool)]
        x = functional.interpolate(x[None], scale_factor=scale, mode=mode, align_corners=False)[0]
    return x[(slice(None), *(slice(math.ceil(n / t)) for n, t in zip(space, target, strict=True)))]


def masked_resample(
    x: Tensor, weight: Tensor, source: Sequence[int], target: Sequence[int], space: Sequence[int]
) -> Tensor:
    """`resample` that averages only where `weight` (*space / source) says there is data; 0 where there is none."""
    both = resample(torch.cat([x * weight, weight[None].to(x.dtype)]), source, target, space)
    return _ratio(both[:-1], both[-1])


def coverage(valid: Tensor, stride: Sequence[int]) -> Tensor:
    """Share of valid pixels in each cell of `stride` pixels: (*ceil(space / stride)).

    >>> coverage(torch.tensor([True, True, False]), [2])
    tensor([1., 0.])
    """
    return resample(valid[None].float(), [1] * valid.ndim, stride, valid.shape)[0]


def _ratio(total: Tensor, weight: Tensor) -> Tensor:
    return torch.where(weight > _NOTHING, total / weight.clamp_min(_NOTHING), 0.0)


def _along(x: Tensor, weights: Tensor, axis: int, *, mean: bool) -> Tensor:
    """The channels x (C, *space) convolved along one axis, over what is inside; `mean` divides by the weight there.

    A sum of shifted copies: on a CPU many times faster than a convolution with one channel.
    """
    axis, n = axis + 1, x.shape[axis + 1]
    reach = min(len(weights) // 2, n - 1)
    if not reach:
        return x
    taps: list[float] = weights[len(weights) // 2 - reach : len(weights) // 2 + reach + 1].tolist()
    padded = x.new_zeros((*x.shape[:axis], n + 2 * reach, *x.shape[axis + 1 :]))
    padded.narrow(axis, reach, n).copy_(x)
    out: Tensor = padded.narrow(axis, 0, n) * taps[0]
    for start, tap in enumerate(taps[1:], 1):
        out.add_(padded.narrow(axis, start, n), alpha=tap)
    if mean:
        out.div_(_inside(taps, n).to(x).view(-1, *(1,) * (x.ndim - axis - 1)))
    return out


def _inside(taps: list[float], n: int) -> Tensor:
    """How much of a kernel of `taps` centred at each of n places lies inside them: (n,)."""
    reach = len(taps) // 2
    upto = torch.cat([torch.zeros(1, dtype=torch.float64), torch.tensor(taps, dtype=torch.float64).cumsum(0)])
    place = torch.arange(n)
    inside: Tensor = upto[(n + reach - place).clamp_max(len(taps))] - upto[(reach - place).clamp_min(0)]
    return inside


def _pool(x: Tensor, size: Sequence[int]) -> Tensor:
    """Means of cells of `size`; a cell that hangs over the end is the mean of what is there."""
    window = tuple(min(w, n) for w, n in zip(size, x.shape[1:], strict=True))
    if len(window) == 1:
        return functional.avg_pool1d(x[None], window, ceil_mode=True, count_include_pad=False)[0]
    if len(window) == 2:
        return functional.avg_pool2d(x[None], window, ceil_mode=True, count_include_pad=False)[0]
    return functional.avg_pool3d(x[None], window, ceil_mode=True, count_include_pad=False)[0]
