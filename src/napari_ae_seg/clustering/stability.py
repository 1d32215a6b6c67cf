"""How far a clustering would be the same had other places been sampled, and where it would not."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import torch

from .clusters import Clusters, fit_clusters, matched
from .match import rand_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_ae_seg.config import SegmentationConfig

PLACES = 2000


def resampled(clusters: Clusters, config: SegmentationConfig, rounds: int = 6) -> list[Clusters]:
    """The clustering fitted again to `rounds` random halves of its sample, ids matched to the first one's."""
    generator = np.random.default_rng(config.seed)
    n = len(clusters.sample)
    brief = config.but(max_samples=min(config.max_samples, max(100, PLACES)), n_init=min(config.n_init, 3))
    fits = []
    for i in range(rounds):
        half = clusters.sample[generator.permutation(n)[: max(n // 2, min(n, clusters.k))]]
        fit = fit_clusters(half, brief.but(seed=config.seed + i), clusters.method, clusters.k)
        fits.append(matched(replace(fit, sample=clusters.sample), clusters))
    return fits


def stability(fits: Sequence[Clusters]) -> float:
    """Mean adjusted Rand index between every two of the resampled `fits`: 1 is always the same clustering.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> x = np.repeat([[0.0], [9.0]], 50, axis=0) + np.linspace(0, 1, 100)[:, None]
    >>> clusters = fit_clusters(x, SegmentationConfig(), "kmeans", 2)
    >>> stability(resampled(clusters, SegmentationConfig()))
    1.0
    """
    sample = fits[0].sample
    places = torch.from_numpy(sample[:: -(-len(sample) // PLACES)].T)
    labels = [np.asarray(fit.assign(places)) for fit in fits]
    return float(np.mean([rand_index(a, b, fits[0].k) for a, b in combinations(labels, 2)]))


def unstable(features: Tensor, clusters: Clusters, fits: Sequence[Clusters]) -> Tensor:
    """Share of the resampled `fits` that give a place of `features` (F, *grid) another cluster, (*grid) of 0 .. 1."""
    labels = clusters.assign(features)
    return torch.stack([fit.assign(features) != labels for fit in fits]).float().mean(0)
