"""Clusters that smoothing would erase get a little more weight, so that every one of them stays in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from . import smooth

if TYPE_CHECKING:
    from napari_ae_seg.clustering.clusters import Clusters
    from napari_ae_seg.clustering.tree import Tree

FEWEST, SHARE = 6, 5e-4
"""Cells that a cluster keeps at least, or as a share of all; or those it has before smoothing, if they are fewer."""
FIRST, MOST = 0.5, 64.0
"""Weights that are tried, each twice the one before."""


@dataclass(frozen=True)
class Patch:
    """A part of the fitting images, on which it is seen which clusters survive."""

    features: Tensor
    """(F, *grid)"""
    valid: Tensor
    """(*grid)"""
    guide: Tensor
    """(*space), the mean of the normalised channels."""


@dataclass(frozen=True)
class Survivors:
    """Clusters and what keeps each of them in the picture."""

    clusters: Clusters
    added: tuple[float, ...] = ()
    """Per cluster what is added to its score; () adds nothing."""
    blunt: tuple[int, ...] = ()
    """Clusters that sharpening would erase: thin, along edges; it takes nothing from them."""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return self.clusters.k

    @property
    def halo(self) -> int:
        """Cells around a place that its scores depend on: none."""
        return 0

    def scores(self, features: Tensor) -> Tensor:
        """Log memberships (K, *grid) of features (F, *grid)."""
        scores = self.clusters.scores(features)
        if not any(self.added):
            return scores
        return scores + torch.tensor(self.added, device=scores.device).reshape(-1, *[1] * (scores.ndim - 1))

    def sharpened(self, memberships: Tensor, guide: Tensor, anisotropy: Sequence[float]) -> Tensor:
        """Memberships (K, *space) whose borders follow the edges of `guide`."""
        return self.blunted(smooth.sharpen(memberships, guide, anisotropy), memberships)

    def blunted(self, sharp: Tensor, memberships: Tensor) -> Tensor:
        """Sharpened memberships (K, *space), where nothing was taken from some clusters."""
        for cluster in self.blunt:
            sharp[cluster] = torch.maximum(sharp[cluster], memberships[cluster])
        return sharp

    def state(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return {"added": list(self.added), "blunt": list(self.blunt)}


Finish = tuple[float, bool, int, tuple[float, ...]]
"""Strength of smoothing, whether borders are sharpened, pixels per cell of the features, anisotropy."""


class Canvas:
    """Parts of the fitting images, and what was found on them."""

    def __init__(self, patches: Sequence[Patch] = ()) -> None:
        self.patches = list(patches)
        self._found: dict[tuple[int, Finish], tuple[Survivors, list[Tensor]]] = {}

    def survivors(self, clusters: Clusters, finish: Finish) -> Survivors:
        """The clusters with what keeps smoothing from erasing any of them; as they are if there is nothing to see."""
        return self._look(clusters, finish)[0]

    def seen(self, tree: Tree, clusters: Clusters, finish: Finish) -> Tree:
        """The tree without the leaves that smoothing leaves no place to; as it is if there is nothing to see."""
        present = np.zeros(tree.leaves, bool)
        for patch, labels in zip(self.patches, self._look(clusters, finish)[1], strict=True):
            present[np.unique(tree.descend(patch.features, labels).numpy()[patch.valid.numpy()])] = True
        return tree.pruned(present) if present.any() else tree

    def remember(self, found: Survivors, finish: Finish) -> None:
        """Keeps what a file says was found."""
        self._found[id(found.clusters), finish] = found, []

    def _look(self, clusters: Clusters, finish: Finish) -> tuple[Survivors, list[Tensor]]:
        key = (id(clusters), finish)  # the value holds the clusters, so that no others get their id
        if key not in self._found:
            found = survivors(clusters, self.patches, *finish) if self.patches else (Survivors(clusters), [])
            self._found[key] = found
        return self._found[key]


def survivors(
    clusters: Clusters, patches: Sequence[Patch], strength: float, sharpen: bool, grid: int, anisotropy: Sequence[float]
) -> tuple[Survivors, list[Tensor]]:
    """The weights with which smoothing of `strength` and sharpening erase none of `clusters` on `patches`.

    Also the cluster index of each cell of `patches` then, (*grid).
    """
    sigma = smooth.sigmas(grid, anisotropy)
    plain = [torch.softmax(clusters.scores(patch.features), 0) for patch in patches]
    before = _cells(plain, [patch.valid for patch in patches], clusters.k)
    needed = torch.minimum(before, (SHARE * before.sum()).clamp_min(FEWEST))
    added, weight = torch.zeros(clusters.k), FIRST
    while True:
        found = Survivors(clusters, tuple(added.tolist()))
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
    found = Survivors(clusters, found.added, tuple(np.flatnonzero((left < needed).numpy()).tolist()))
    first = (slice(None), *[slice(None, None, grid)] * patches[0].guide.ndim)  # pixel of every cell
    kept = [found.blunted(crisp[first], q[first]) for crisp, q in zip(sharp, fine, strict=True)]
    return found, [q.max(0).indices for q in kept]


def _cells(memberships: Sequence[Tensor], valid: Sequence[Tensor], k: int) -> Tensor:
    """Cells in which each cluster is the likeliest: (K,)."""
    counts = torch.zeros(k)
    for q, there in zip(memberships, valid, strict=True):
        counts += torch.bincount(q.max(0).indices[there], minlength=k)  # on a CPU, argmax takes four times as long
    return counts
