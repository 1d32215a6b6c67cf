"""A lasso round some places makes them a cluster of their own; everything else stays what it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .forest import Forest, fit_forest

if TYPE_CHECKING:
    from .clusters import Clusters
    from .mixture import Mixture
    from .prototypes import Prototypes

KEPT = 500
"""Lassoed places that join the sample of the clusters, at most."""
LEFT = 0.03
"""Share of a cluster's places that a lasso must leave it, or it takes in all of it."""
SURE = 2e-3
"""Least probability of either side of the lasso."""


@dataclass(frozen=True, repr=False)
class Parted:
    """Features of places inside a lasso and of places outside it."""

    inside: np.ndarray
    """(n, F)"""
    outside: np.ndarray
    """(m, F)"""
    weight: float = 1.0
    """How many places one of those outside stands for, when one inside stands for one."""
    made: str = ""
    """The expression that made it."""

    def __repr__(self) -> str:
        return self.made or f"Parted({len(self.inside)} places inside, {len(self.outside)} outside)"


@dataclass(frozen=True)
class Lassoed:
    """A model of clusters and one cluster more, the last: what a forest takes for inside a lasso."""

    base: Prototypes | Mixture | Lassoed
    forest: Forest
    order: Tensor
    """(K,) which of them each cluster is"""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return self.base.k + 1

    def memberships(self, x: Tensor) -> Tensor:
        """Log memberships, (n, K), of points `x` (n, F)."""
        found = self.forest.probabilities(np.ascontiguousarray(x.T.cpu().numpy()))[1:]
        inside = torch.from_numpy(found).T.to(x.device).clamp(SURE, 1 - SURE)  # (n, 1)
        others = self.base.memberships(x).log_softmax(1) + (1 - inside).log()
        return torch.cat([others, inside.log()], 1)[:, self.order]

    def permuted(self, order: Tensor) -> Lassoed:
        """The clusters in another order: number i is what was number `order[i]`."""
        return replace(self, order=self.order[order])

    def to(self, device: torch.device) -> Lassoed:
        """The same model on another device."""
        return replace(self, base=self.base.to(device), order=self.order.to(device))


def separated(clusters: Clusters, parted: Parted, seed: int = 0) -> Clusters:
    """The clusters and one more, the last, that holds what is like the places inside the lasso.

    Where places inside and outside are alike, the more frequent kind wins.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> from napari_ae_seg.clustering.clusters import fit_clusters
    >>> x = np.repeat([[0.0], [1.0], [5.0]], 20, axis=0)
    >>> two = fit_clusters(x, SegmentationConfig(), "kmeans", 2)
    >>> three = separated(two, Parted(x[20:40], np.delete(x, slice(20, 40), 0)))
    >>> three.assign(torch.tensor([[0.0, 1.0, 5.0]])).tolist()
    [0, 2, 1]
    """
    inside, outside = (np.ascontiguousarray(x, np.float32) for x in (parted.inside, parted.outside))
    if not len(inside) or not len(outside):
        raise ValueError(f"the lasso holds {'no' if not len(inside) else 'every'} place; draw it round some")
    sides = np.repeat([0, 1], [len(outside), len(inside)])
    weights = np.repeat([parted.weight, 1.0], [len(outside), len(inside)])
    forest = fit_forest(np.concatenate([outside, inside]), sides, weights, seed)
    keep = np.random.default_rng(seed).permutation(len(inside))[:KEPT]
    more = replace(
        clusters,
        model=Lassoed(clusters.model, forest, torch.arange(clusters.k + 1)),
        sample=np.concatenate([clusters.sample, inside[keep]]),
        colors=(*clusters.colors, max(clusters.colors) + 1),
    )
    before = np.bincount(clusters.sample_labels, minlength=clusters.k)
    *left, new = np.bincount(more.sample_labels, minlength=more.k)
    emptied = np.flatnonzero(left <= LEFT * before)
    if len(emptied):
        raise ValueError(f"the lasso takes in all of cluster {emptied[0] + 1}: give that one a name instead")
    if not new:
        raise ValueError("what the lasso holds cannot be told from what it does not: draw it round another place")
    return more
