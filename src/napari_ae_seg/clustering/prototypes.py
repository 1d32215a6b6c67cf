"""Clusters as prototypes: a place belongs to the cluster that owns the prototype it is nearest to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .kmeans import assign, kmeans, unit


@dataclass(frozen=True)
class Prototypes:
    """One centre per cluster, or several where a cluster is no ball."""

    centers: Tensor
    """(P, F)"""
    owner: Tensor
    """(P,) the cluster 0 .. K-1 that each centre stands for, ascending; every cluster owns at least one."""
    scale: float
    """Mean squared distance of the fitting sample to the nearest centre, frozen: the unit of the scores."""
    shift: Tensor | None = None
    stretch: Tensor | None = None
    """(F,) each: where set, directions are compared instead of positions, those of (x - shift) * stretch."""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return int(self.owner.max()) + 1

    def memberships(self, x: Tensor) -> Tensor:
        """Unnormalised log memberships -d^2 / scale, (n, K), of points `x` (n, F)."""
        if self.shift is not None and self.stretch is not None:
            points, centers = directions(x, self.shift, self.stretch), self.centers
        else:  # relative to the first centre, distances between points far from the origin stay exact
            points, centers = x - self.centers[0], self.centers - self.centers[0]
        reach = torch.addmm(centers.square().sum(1), points, centers.T, alpha=-2)
        reach = reach.add_(points.square().sum(1, keepdim=True)).clamp_min_(0).mul_(-1 / self.scale)  # (n, P)
        if len(self.centers) == self.k:
            return reach
        return torch.stack([own.amax(1) for own in reach.split(self.owner.bincount().tolist(), 1)], 1)

    def permuted(self, order: Tensor) -> Prototypes:
        """The clusters in another order: number i is what was number `order[i]`."""
        owner, places = order.argsort()[self.owner].sort(stable=True)
        return replace(self, centers=self.centers[places], owner=owner)

    def to(self, device: torch.device) -> Prototypes:
        """The same prototypes on another device."""
        moved = {name: value.to(device) for name, value in self.tensors().items()}
        return replace(self, **moved)  # type: ignore[arg-type]

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by the name of its field."""
        named = {"centers": self.centers, "owner": self.owner, "shift": self.shift, "stretch": self.stretch}
        return {name: value for name, value in named.items() if value is not None}


def around(x: Tensor, centers: Tensor) -> Prototypes:
    """One prototype per cluster, its scale frozen on the points `x` (n, F)."""
    return Prototypes(centers, torch.arange(len(centers), device=x.device), _scale(x, centers))


def pointing(x: Tensor, k: int, seed: int = 0, n_init: int = 8) -> Prototypes:
    """`k` directions from the mean of the points `x` (n, F), each feature in units of its deviation.

    What lies between two clusters, and so near the mean, does not pull at the centres.

    >>> x = torch.tensor([[9.0, 0.0], [1.0, 0.1], [-1.0, 9.0], [-3.0, 1.0], [0.0, -9.0], [0.1, -3.0]])
    >>> pointing(x, 3).memberships(5 * x).argmax(1).unique().tolist()
    [0, 1, 2]
    """
    deviation = x.std(0, correction=0)
    alive = deviation > 1e-6 * deviation.max()
    shift, stretch = x.mean(0), torch.where(alive, 1 / deviation.clamp_min(1e-30), 0.0)
    points = directions(x, shift, stretch)
    centers = kmeans(points, k, seed=seed, n_init=n_init, spherical=True).centers
    return Prototypes(centers, torch.arange(k, device=x.device), _scale(points, centers), shift, stretch)


def directions(x: Tensor, shift: Tensor, stretch: Tensor) -> Tensor:
    """Points on the unit sphere: (x - shift) * stretch at length 1."""
    return unit((x - shift) * stretch)


def covering(x: Tensor, labels: Tensor, seed: int = 0, budget: int = 96) -> Prototypes:
    """Prototypes that retrace a clustering `labels` (n,) of the points `x` (n, F); negative labels are left out.

    Clusters of any shape are covered by about `budget` centres in all, by k-means inside each, so that new points
    can be told without the old ones.

    >>> x = torch.tensor([[0.0], [1.0], [8.0], [9.0]])
    >>> covering(x, torch.tensor([0, 0, 1, 1])).memberships(torch.tensor([[2.0]])).argmax(1)
    tensor([0])
    """
    k = int(labels.max()) + 1
    centers, owner = [], []
    for i in range(k):
        members = x[labels == i]
        few = len(torch.unique(members, dim=0))
        count = max(1, min(few, round(budget * len(members) / len(x)), max(1, len(members) // 8)))
        centers.append(kmeans(members, count, seed=seed, n_init=1).centers)
        owner.append(torch.full((count,), i, device=x.device))
    joined = torch.cat(centers)
    return Prototypes(joined, torch.cat(owner), _scale(x[labels >= 0], joined))


def _scale(x: Tensor, centers: Tensor) -> float:
    nearest = float(assign(x, centers)[1].cpu().double().mean())
    spread = float(x.var(0, correction=0).mean()) if len(x) else 0.0
    return max(nearest, 1e-6 * spread, 1e-12)
