"""Memberships that agree with their neighbours and with the edges of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_ae_seg.core import filters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

ROUNDS = 5
"""Rounds of mean-field."""
SIGMA = {2: 4.0, 3: 2.0}
"""Sigma in pixels of the neighbourhood that a place listens to, in pictures and in volumes: about as many pixels."""
RADIUS, EPS = 2, 0.02
"""Window radius in pixels and ridge of the guided filter, for a guide of deviation near 1."""


def sigmas(grid: int, anisotropy: Sequence[float]) -> tuple[float, ...]:
    """SIGMA per axis in cells of the grid.

    >>> sigmas(2, (4.0, 1.0))
    (0.5, 2.0)
    """
    return tuple(SIGMA[len(anisotropy)] / grid / a for a in anisotropy)


def mean_field(scores: Tensor, strength: float, sigma: Sequence[float], weight: Tensor | None = None) -> Tensor:
    """Memberships (K, *grid), of sum 1, from log memberships `scores` (K, *grid).

    Each of a few rounds adds `strength` times the neighbours' memberships, a Gaussian mean of `sigma` cells per axis,
    to what the place itself says; cells of `weight` (*grid) 0 have no say.

    >>> lone = torch.tensor([[0.0, 0.0, 0.0], [-1.0, 0.2, -1.0]])
    >>> mean_field(lone, 8.0, [1.0]).argmax(0)
    tensor([0, 0, 0])
    """
    memberships = torch.softmax(scores, 0)
    if strength:
        for _ in range(ROUNDS):
            memberships = torch.softmax(scores + strength * filters.smooth(memberships, sigma, weight), 0)
    return memberships


def mean_field_halo(sigma: Sequence[float]) -> int:
    """Cells around a tile that its memberships depend on.

    >>> mean_field_halo([2.0, 2.0])
    30
    """
    return ROUNDS * max(filters.radius(s) for s in sigma)


def upsample(memberships: Tensor, grid: int, space: Sequence[int]) -> Tensor:
    """Memberships on the grid brought to every pixel of `space`: (K, *space).

    >>> upsample(torch.tensor([[0.0, 1.0]]), 2, [3])
    tensor([[0.0000, 0.2500, 0.7500]])
    """
    return filters.resample(memberships, [grid] * len(space), [1] * len(space), space)


def sharpen(memberships: Tensor, guide: Tensor, anisotropy: Sequence[float] | None = None) -> Tensor:
    """Memberships (K, *space) whose borders follow the edges of `guide` (*space), a normalised image (guided filter).

    In every small window they become a linear function of the guide.
    """
    radius = [round(RADIUS / a) for a in anisotropy or (1.0,) * guide.ndim]
    guide = torch.nan_to_num(guide, nan=0.0, posinf=0.0, neginf=0.0)[None]
    mean_guide = filters.box(guide, radius)
    variance = (filters.box(guide * guide, radius) - mean_guide**2).clamp_min(0)
    mean = filters.box(memberships, radius)
    slope = (filters.box(memberships * guide, radius) - mean * mean_guide) / (variance + EPS)
    offset = mean - slope * mean_guide
    return filters.box(slope, radius) * guide + filters.box(offset, radius)


def sharpen_halo() -> int:
    """Pixels around a tile that `sharpen` depends on.

    >>> sharpen_halo()
    4
    """
    return 2 * RADIUS
