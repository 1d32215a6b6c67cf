"""A lasso round some places makes them a cluster of their own; everything else stays where it was."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .cluster import Clusters
from .kmeans import assign, kmeans
from .mixture import Mixture
from .prototypes import Prototypes, covering, directions

MEMBERS = 24
"""Centres of a lassoed cluster, at most: a lasso is no ball."""
GUARDS = 24
"""Centres that the other clusters get along the lasso, so that they keep what lies outside it."""
ROUNDS = 3
KEPT = 500
"""Lassoed places that join the sample of the clusters, at most."""


@dataclass(frozen=True, repr=False)
class Parted:
    """Features of places inside a lasso and of places outside it."""

    inside: np.ndarray
    """(n, F)"""
    outside: np.ndarray
    """(m, F)"""
    made: str = ""
    """The expression that made it."""

    def __repr__(self) -> str:
        return self.made or f"Parted({len(self.inside)} places inside, {len(self.outside)} outside)"


def separated(clusters: Clusters, parted: Parted, seed: int = 0) -> Clusters:
    """The clusters and one more, the last, that holds what is like the places inside the lasso.

    Places outside stay in their cluster: along the lasso both sides get further centres.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> from napari_ae_seg.segment.cluster import fit_clusters
    >>> x = np.array([[0.0], [0.1], [1.0], [1.1], [5.0], [5.1]])
    >>> two = fit_clusters(x, SegmentationConfig(), "kmeans", 2)
    >>> separated(two, Parted(x[2:4], x[[0, 1, 4, 5]])).assign(torch.from_numpy(x.T)).tolist()
    [0, 0, 2, 2, 1, 1]
    """
    inside, outside = (torch.from_numpy(np.ascontiguousarray(x, np.float32)) for x in (parted.inside, parted.outside))
    if not len(inside):
        raise ValueError("the lasso holds no place; draw it round some")
    model = _prototypes(clusters, seed)
    owners = model.memberships(outside).argmax(1)
    points, others = _positions(model, inside), _positions(model, outside)
    found = kmeans(points, min(MEMBERS, len(torch.unique(points, dim=0))), seed=seed, restarts=2)
    centres, owner = torch.cat([model.centres, found.centres]), torch.cat([model.owner, _all(model.k, found.centres)])
    for _ in range(ROUNDS):
        lost = owner[assign(others, centres)[0]] == model.k if len(others) else torch.zeros(0, dtype=torch.bool)
        if not bool(lost.any()):
            break
        for label in torch.unique(owners[lost]).tolist():
            some = others[lost & (owners == label)]
            count = min(len(torch.unique(some, dim=0)), max(1, round(GUARDS * len(some) / int(lost.sum()))))
            guards = kmeans(some, count, seed=seed, restarts=1).centres
            centres, owner = torch.cat([centres, guards]), torch.cat([owner, _all(label, guards)])
    owner, order = owner.sort(stable=True)
    grown = replace(model, centres=centres[order], owner=owner)
    keep = np.random.default_rng(seed).permutation(len(inside))[:KEPT]
    more = replace(
        clusters,
        model=grown,
        sample=np.concatenate([clusters.sample, inside.numpy()[keep]]),
        colours=(*clusters.colours, max(clusters.colours) + 1),
    )
    emptied = np.flatnonzero(np.bincount(more.sample_labels, minlength=more.k) == 0)
    if len(emptied):
        raise ValueError(f"the lasso takes in all of cluster {emptied[0] + 1}: give that one a name instead")
    return more


def _prototypes(clusters: Clusters, seed: int) -> Prototypes:
    """The model of the clusters, or prototypes that retrace a mixture."""
    if isinstance(clusters.model, Mixture):
        sample = torch.from_numpy(clusters.sample)
        return covering(sample, torch.from_numpy(clusters.sample_labels), seed)
    return clusters.model.to(torch.device("cpu"))


def _positions(model: Prototypes, x: Tensor) -> Tensor:
    """`x` where the model's centres lie."""
    if model.shift is None or model.stretch is None:
        return x
    return directions(x, model.shift, model.stretch)


def _all(label: int, centres: Tensor) -> Tensor:
    return torch.full((len(centres),), label, dtype=torch.long)
