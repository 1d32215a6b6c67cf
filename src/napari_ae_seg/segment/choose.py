"""How many clusters? The number whose clusters stand apart and would be found again in another sample."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import torch

from .kmeans import assign, kmeans, unit
from .match import adjusted_rand

if TYPE_CHECKING:
    from torch import Tensor

    from ..config import SegmentationConfig

PLACES = 2000
"""Places on which stability is measured; the silhouette compares every pair of half of them."""
RESAMPLES = 6


@dataclass(frozen=True)
class Number:
    """The number of clusters chosen, and why."""

    k: int
    curve: dict[int, float]
    """Criterion per number of clusters, the largest wins: the silhouette plus the stability."""
    sentence: str


def choose_k(x: np.ndarray, config: SegmentationConfig, method: str = "kmeans") -> Number:
    """The number of clusters of places `x` (n, F), between 2 and `config.max_clusters`.

    For every number the places are clustered by k-means: the other methods shape the borders, not the number; only
    the spherical one compares directions.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> x = np.random.default_rng(0).normal(size=(900, 2)) + 9 * np.eye(3, 2)[np.arange(900) % 3]
    >>> choose_k(x, SegmentationConfig()).k
    3
    """
    places = torch.from_numpy(np.ascontiguousarray(x, np.float32))
    places = places[places.isfinite().all(1)]
    places = unit(places) if method == "spherical" else places
    generator = torch.Generator().manual_seed(config.seed)
    places = places[torch.randperm(len(places), generator=generator)[:PLACES]]
    most = min(config.max_clusters, len(torch.unique(places, dim=0)))
    if most < 3:
        return Number(max(most, 1), {}, f"{most} clusters, for there are no more distinct places.")
    pairs = places[: PLACES // 2]
    distances = torch.cdist(pairs, pairs)
    curve = {}
    for k in range(2, most + 1):
        whole = kmeans(places, k, seed=config.seed, restarts=4)
        curve[k] = silhouette(distances, whole.labels[: len(pairs)], k) + _stability(places, k, generator)
    best = max(curve, key=lambda k: curve[k])
    return Number(best, curve, f"{best} clusters were chosen: they stand apart and are found again most clearly.")


def silhouette(distances: Tensor, labels: Tensor, k: int) -> float:
    """Mean silhouette of places with the given `distances` (n, n) and `labels` (n,) of 0 .. k-1: 1 is far apart.

    >>> x = torch.tensor([[0.0], [0.1], [9.0], [9.1]])
    >>> round(silhouette(torch.cdist(x, x), torch.tensor([0, 0, 1, 1]), 2), 2)
    0.99
    """
    member = torch.nn.functional.one_hot(labels, k).to(distances.dtype)  # (n, k)
    sizes = member.sum(0)
    sums = distances @ member
    rows = torch.arange(len(labels))
    own = sums[rows, labels] / (sizes[labels] - 1).clamp_min(1)
    others = (sums / sizes.clamp_min(1)).masked_fill(sizes == 0, torch.inf)
    others[rows, labels] = torch.inf
    nearest = others.min(1).values
    width = (nearest - own) / torch.maximum(nearest, own).clamp_min(1e-12)
    return float(width.masked_fill((sizes[labels] < 2) | ~nearest.isfinite(), 0).mean())


def _stability(places: Tensor, k: int, generator: torch.Generator) -> float:
    """Mean adjusted Rand index between clusterings of random halves."""
    labels = []
    for seed in range(RESAMPLES):
        half = places[torch.randperm(len(places), generator=generator)[: max(k, len(places) // 2)]]
        if len(torch.unique(half, dim=0)) >= k:
            labels.append(assign(places, kmeans(half, k, seed=seed, restarts=2).centres)[0].numpy())
    return float(np.mean([adjusted_rand(a, b) for a, b in combinations(labels, 2)] or [0.0]))
