"""Clusters that smoothing would erase get a little more weight, so that every one of them stays in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from . import smooth
from .kept import Kept

if TYPE_CHECKING:
    from napari_ae_seg.clustering.clusters import Clusters
    from napari_ae_seg.clustering.tree import Tree

FEWEST, SHARE = 6, 5e-4
"""Cells that a cluster keeps at least, or as a share of all; or those it has before smoothing, if they are fewer."""
FIRST, MOST = 0.5, 64.0
"""Weights that are tried, each twice the one before."""


@dataclass(frozen=True)
class Patch:
    """A part of the fitting images, on which it is seen what smoothing leaves of each cluster."""

    features: Tensor
    """(F, *grid)"""
    valid: Tensor
    """(*grid)"""
    guide: Tensor
    """(*space), the mean of the normalised channels."""


@dataclass(frozen=True)
class WeightedClusters:
    """Clusters with weights that keep smoothing from erasing any of them."""

    clusters: Clusters
    added: tuple[float, ...] = ()
    """Per cluster what is added to its score; () adds nothing."""
    blunt: tuple[int, ...] = ()
    """Clusters that sharpening would erase: thin, along edges; it takes nothing from them."""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return self.clusters.k

    def scores(self, features: Tensor) -> Tensor:
        """Log memberships (K, *grid) of features (F, *grid)."""
        scores = self.clusters.scores(features)
        if not any(self.added):
            return scores
        return scores + torch.tensor(self.added, device=scores.device).reshape(-1, *[1] * (scores.ndim - 1))

    def blunted(self, sharp: Tensor, memberships: Tensor) -> Tensor:
        """Sharpened memberships (K, *space), where nothing was taken from some clusters."""
        for cluster in self.blunt:
            sharp[cluster] = torch.maximum(sharp[cluster], memberships[cluster])
        return sharp


Smoothing = tuple[float, bool, int, tuple[float, ...]]
"""Strength of smoothing, whether borders are sharpened, pixels per cell of the features, anisotropy."""


class Canvas:
    """Parts of the fitting images, and what smoothing leaves of clusters and of their finer segments there."""

    def __init__(self, patches: Sequence[Patch] = ()) -> None:
        self.patches = list(patches)
        self._weighted: Kept[tuple[WeightedClusters, list[Tensor]]] = Kept(8)
        self._pruned: Kept[Tree] = Kept(8)

    def weighted(self, clusters: Clusters, smoothing: Smoothing) -> WeightedClusters:
        """The clusters with what keeps smoothing from erasing any of them; as they are if there is nothing to see."""
        return self._look(clusters, smoothing)[0]

    def pruned(self, tree: Tree, clusters: Clusters, smoothing: Smoothing) -> Tree:
        """The tree without the leaves that smoothing leaves no place to; as it is if there is nothing to see."""
        return self._pruned.get((tree, clusters), smoothing, lambda: self._prune(tree, clusters, smoothing))

    def remember(self, found: WeightedClusters, smoothing: Smoothing) -> None:
        """Keeps what a file says was found."""
        self._weighted.get((found.clusters,), smoothing, lambda: (found, []))

    def _look(self, clusters: Clusters, smoothing: Smoothing) -> tuple[WeightedClusters, list[Tensor]]:
        def look() -> tuple[WeightedClusters, list[Tensor]]:
            return weigh(clusters, self.patches, *smoothing) if self.patches else (WeightedClusters(clusters), [])

        return self._weighted.get((clusters,), smoothing, look)

    def _prune(self, tree: Tree, clusters: Clusters, smoothing: Smoothing) -> Tree:
        present = np.zeros(tree.leaves, bool)
        for patch, labels in zip(self.patches, self._look(clusters, smoothing)[1], strict=True):
            present[np.unique(tree.descend(patch.features, labels).numpy()[patch.valid.numpy()])] = True
        return tree.pruned(present) if present.any() else tree


def weigh(
    clusters: Clusters, patches: Sequence[Patch], strength: float, sharpen: bool, grid: int, anisotropy: Sequence[float]
) -> tuple[WeightedClusters, list[Tensor]]:
    """The weights with which smoothing of `strength` and sharpening erase none of `clusters` on `patches`.

    Also the cluster index of each cell of `patches` then, (*grid).
    """
    sigma = smooth.sigmas(grid, anisotropy)
    plain = [torch.softmax(clusters.scores(patch.features), 0) for patch in patches]
    before = _cells(plain, [patch.valid for patch in patches], clusters.k)
    needed = torch.minimum(before, (SHARE * before.sum()).clamp_min(FEWEST))
    added, weight = torch.zeros(clusters.k), FIRST
    while True:
        found = WeightedClusters(clusters, tuple(added.tolist()))
        smoothed = [smooth.mean_field(found.scores(patch.features), strength, sigma) for patch in patches]
        lost = _cells(smoothed, [patch.valid for patch in patches], clusters.k) < needed
        if weight > MOST or not lost.any():
            break
        added[lost], weight = weight, 2 * weight
    if not sharpen:
        return found, [q.max(0).indices for q in smoothed]
    fine = [smooth.upsample(q, grid, patch.guide.shape) for q, patch in zip(smoothed, patches, strict=True)]
    sharp = [smooth.sharpen(q, patch.guide, anisotropy) for q, patch in zip(fine, patches, strict=True)]
    left = _cells(sharp, [torch.ones_like(patch.guide, dtype=torch.bool) for patch in patches], clusters.k)
    found = WeightedClusters(clusters, found.added, tuple(np.flatnonzero((left < needed).numpy()).tolist()))
    first = (slice(None), *[slice(None, None, grid)] * patches[0].guide.ndim)  # pixel of every cell
    kept = [found.blunted(crisp[first], q[first]) for crisp, q in zip(sharp, fine, strict=True)]
    return found, [q.max(0).indices for q in kept]


def _cells(memberships: Sequence[Tensor], valid: Sequence[Tensor], k: int) -> Tensor:
    """Cells in which each cluster is the likeliest: (K,)."""
    counts = torch.zeros(k)
    for q, there in zip(memberships, valid, strict=True):
        counts += torch.bincount(q.max(0).indices[there], minlength=k)  # on a CPU, argmax takes four times as long
    return counts
