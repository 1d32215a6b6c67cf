"""Clusters as prototypes: a place belongs to the cluster that owns the prototype it is nearest to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .kmeans import assign, kmeans, unit


@dataclass(frozen=True)
class Prototypes:
    """One centre per cluster, or several where a cluster is no ball."""

    centres: Tensor
    """(P, F)"""
    owner: Tensor
    """(P,) the cluster 0 .. K-1 that each centre stands for, ascending; every cluster owns at least one."""
    scale: float
    """Mean squared distance of the fitting sample to the nearest centre, frozen: the unit of the scores."""
    spherical: bool = False
    """Compare directions instead of positions."""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return int(self.owner.max()) + 1

    def memberships(self, x: Tensor) -> Tensor:
        """Unnormalised log memberships -d^2 / scale, (n, K), of points `x` (n, F)."""
        first = self.centres[0]  # relative to it, distances between points far from the origin stay exact
        points, centres = (unit(x), self.centres) if self.spherical else (x - first, self.centres - first)
        reach = torch.addmm(centres.square().sum(1), points, centres.T, alpha=-2)
        reach = reach.add_(points.square().sum(1, keepdim=True)).clamp_min_(0).mul_(-1 / self.scale)  # (n, P)
        if len(self.centres) == self.k:
            return reach
        return torch.stack([own.amax(1) for own in reach.split(self.owner.bincount().tolist(), 1)], 1)

    def permuted(self, order: Tensor) -> Prototypes:
        """The clusters in another order: number i is what was number `order[i]`."""
        owner, places = order.argsort()[self.owner].sort(stable=True)
        return replace(self, centres=self.centres[places], owner=owner)

    def to(self, device: torch.device) -> Prototypes:
        """The same prototypes on another device."""
        return replace(self, centres=self.centres.to(device), owner=self.owner.to(device))


def around(x: Tensor, centres: Tensor, *, spherical: bool = False) -> Prototypes:
    """One prototype per cluster, its scale frozen on the points `x` (n, F)."""
    points = unit(x) if spherical else x
    owner = torch.arange(len(centres), device=x.device)
    return Prototypes(centres, owner, _scale(points, centres), spherical)


def covering(x: Tensor, labels: Tensor, seed: int = 0, budget: int = 96) -> Prototypes:
    """Prototypes that retrace a clustering `labels` (n,) of the points `x` (n, F); negative labels are left out.

    Clusters of any shape are covered by about `budget` centres in all, by k-means inside each, so that new points
    can be told without the old ones.

    >>> x = torch.tensor([[0.0], [1.0], [8.0], [9.0]])
    >>> covering(x, torch.tensor([0, 0, 1, 1])).memberships(torch.tensor([[2.0]])).argmax(1)
    tensor([0])
    """
    k = int(labels.max()) + 1
    centres, owner = [], []
    for i in range(k):
        members = x[labels == i]
        few = len(torch.unique(members, dim=0))
        count = max(1, min(few, round(budget * len(members) / len(x)), max(1, len(members) // 8)))
        centres.append(kmeans(members, count, seed=seed, restarts=1).centres)
        owner.append(torch.full((count,), i, device=x.device))
    joined = torch.cat(centres)
    return Prototypes(joined, torch.cat(owner), _scale(x[labels >= 0], joined))


def _scale(x: Tensor, centres: Tensor) -> float:
    nearest = float(assign(x, centres)[1].cpu().double().mean())
    spread = float(x.var(0, correction=0).mean()) if len(x) else 0.0
    return max(nearest, 1e-6 * spread, 1e-12)
