"""Edges, lines and the grain of directions: what the neighborhood of a pixel looks like, whatever its brightness.

Per channel of the image and scale: how steep it is, how curved along its main directions (Hessian), and how strong and
how one-directed its slopes are around (structure tensor).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from . import filters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

SCALES = (1.0, 2.0, 4.0)
"""Sigmas in pixels of the finest axis."""
AROUND = 2.0
"""How much wider the structure tensor looks than the slopes it gathers."""


def count(ndim: int) -> int:
    """How many numbers describe a channel.

    >>> count(2), count(3)
    (15, 21)
    """
    return len(SCALES) * (1 + 2 * ndim)


def halo(anisotropy: Sequence[float]) -> int:
    """Pixels around a place that its edges depend on.

    >>> halo((1.0, 1.0))
    38
    """
    finest = min(anisotropy)
    return max(filters.radius(sigma / finest) + filters.radius(AROUND * sigma / finest) + 2 for sigma in SCALES)


def edges(image: Tensor, anisotropy: Sequence[float], valid: Tensor | None = None) -> Tensor:
    """(C * count, *space) of image (C, *space); places that are not `valid` (*space) count nothing.

    A bright line has one strongly negative curvature, whichever way it runs:

    >>> image = torch.zeros(1, 32, 32)
    >>> image[0, :, 16] = 1
    >>> steep, along, across, *_ = edges(image, (1.0, 1.0))[:, 16, 16]
    >>> bool(steep < 1e-4), bool(along.abs() < 1e-4), bool(across < -0.05)
    (True, True, True)
    """
    weight = None if valid is None or bool(valid.all()) else valid.to(image.dtype)
    return torch.cat([_at(channel, sigma, anisotropy, weight) for channel in image for sigma in SCALES])


def _at(channel: Tensor, sigma: float, anisotropy: Sequence[float], weight: Tensor | None) -> Tensor:
    """(1 + 2 ndim, *space) of one channel (*space) at one scale."""
    sigmas = [sigma / a for a in anisotropy]
    smoothed = filters.smooth(channel[None], sigmas, weight)[0]
    steps = [sigma / a for a in anisotropy]  # slopes per sigma, so that scales compare
    slope = [_difference(smoothed, axis) * step for axis, step in enumerate(steps)]
    ndim = channel.ndim
    pairs = [(i, j) for i in range(ndim) for j in range(i, ndim)]
    curved = {(i, j): _difference(slope[i], j) * steps[j] for i, j in pairs}
    products = torch.stack([slope[i] * slope[j] for i, j in pairs])
    gathered = filters.smooth(products, [AROUND * s for s in sigmas], weight)
    tensor = dict(zip(pairs, gathered, strict=True))
    steep = torch.stack(slope).square().sum(0).sqrt()
    return torch.stack(
        [steep, *_eigenvalues(curved, ndim), *(v.clamp_min(0).sqrt() for v in _eigenvalues(tensor, ndim))]
    )


def _difference(x: Tensor, axis: int) -> Tensor:
    """Half the difference of the two neighbors along an axis; at the border the place is its own neighbor."""
    n = x.shape[axis]
    if n < 2:
        return torch.zeros_like(x)
    at = torch.arange(n, device=x.device)
    return (x.index_select(axis, (at + 1).clamp_max(n - 1)) - x.index_select(axis, (at - 1).clamp_min(0))) / 2


def _eigenvalues(matrix: dict[tuple[int, int], Tensor], ndim: int) -> list[Tensor]:
    """Eigenvalues, the largest first, of symmetric matrices given by their entries on and above the diagonal.

    >>> one = torch.ones(1)
    >>> found = _eigenvalues({(0, 0): 2 * one, (0, 1): 0 * one, (1, 1): 5 * one}, 2)
    >>> [float(value) for value in found]
    [5.0, 2.0]
    >>> entries = {(0, 0): 1 * one, (0, 1): 0 * one, (0, 2): 0 * one, (1, 1): 4 * one, (1, 2): 0 * one, (2, 2): 2 * one}
    >>> [round(float(value), 3) for value in _eigenvalues(entries, 3)]
    [4.0, 2.0, 1.0]
    """
    if ndim == 2:
        mean, half = (matrix[0, 0] + matrix[1, 1]) / 2, (matrix[0, 0] - matrix[1, 1]) / 2
        spread = (half.square() + matrix[0, 1].square()).sqrt()
        return [mean + spread, mean - spread]
    mean = (matrix[0, 0] + matrix[1, 1] + matrix[2, 2]) / 3
    a, b, c = (matrix[i, i] - mean for i in range(3))
    d, e, f = matrix[0, 1], matrix[0, 2], matrix[1, 2]
    p = ((a.square() + b.square() + c.square() + 2 * (d.square() + e.square() + f.square())) / 6).sqrt()
    determinant = a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)
    r = (determinant / (2 * p**3).clamp_min(1e-30)).clamp(-1, 1)
    angle = r.acos() / 3
    first = mean + 2 * p * angle.cos()
    last = mean + 2 * p * (angle + 2 * math.pi / 3).cos()
    return [first, 3 * mean - first - last, last]
