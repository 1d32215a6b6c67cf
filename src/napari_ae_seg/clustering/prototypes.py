"""Clusters as prototypes: a place belongs to the cluster that owns the prototype it is nearest to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import torch
from torch import Tensor

from napari_ae_seg.core.state import stored

from .method import Model

BLOCK = 1 << 22
"""Distances held at once; memory stays flat however many points there are."""


@stored("prototypes", family=Model)
@dataclass(frozen=True)
class Prototypes:
    """One centre per cluster, or several where a cluster is no ball."""

    centers: Annotated[Tensor, "float32 P F"]
    """(P, F)"""
    owner: Annotated[Tensor, "int64 P"]
    """(P,) the cluster 0 .. K-1 that each centre stands for, ascending; every cluster owns at least one."""
    scale: float
    """Mean squared distance of the fitting sample to the nearest centre, frozen: the unit of the scores."""
    shift: Annotated[Tensor, "float32 F"] | None = None
    stretch: Annotated[Tensor, "float32 F"] | None = None
    """(F,) each: where set, directions are compared instead of positions, those of (x - shift) * stretch."""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return int(self.owner.max()) + 1

    @property
    def features(self) -> int:
        """Number of features."""
        return self.centers.shape[1]

    def check(self) -> None:
        """ValueError unless the centres are those of clusters 0 .. K-1, in this order, each with one or more."""
        owners = self.owner.unique_consecutive()
        if not self.centers.numel() or not torch.equal(owners, torch.arange(len(owners))):
            raise ValueError("the centres of clusters follow each other, and every cluster has one")
        if self.scale <= 0 or (self.shift is None) != (self.stretch is None):
            raise ValueError("the scale of clusters is above 0; they have both a shift and a stretch, or neither")

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

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.centers.device

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
    return Prototypes(centers, torch.arange(len(centers), device=x.device), mean_distance(x, centers))


def directions(x: Tensor, shift: Tensor, stretch: Tensor) -> Tensor:
    """Points on the unit sphere: (x - shift) * stretch at length 1."""
    return unit((x - shift) * stretch)


def mean_distance(x: Tensor, centers: Tensor) -> float:
    """Mean squared distance of points `x` (n, F) to the nearest of `centers` (k, F), never 0."""
    nearest = float(assign(x, centers)[1].cpu().double().mean())
    spread = float(x.var(0, correction=0).mean()) if len(x) else 0.0
    return max(nearest, 1e-6 * spread, 1e-12)


def assign(x: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest of `centers` (k, F) to each point of `x` (n, F), and the squared distance to it.

    >>> assign(torch.tensor([[0.0], [4.0]]), torch.tensor([[1.0], [5.0]]))
    (tensor([0, 1]), tensor([1., 1.]))
    """
    labels, nearest = [], []
    for part in x.split(max(1, BLOCK // len(centers))):
        low, label = distances(part, centers).min(1)
        labels.append(label)
        nearest.append(low)
    return torch.cat(labels), torch.cat(nearest)


def unit(x: Tensor) -> Tensor:
    """Rows of `x` (n, F) scaled to length 1; rows of zeros stay."""
    lengths: Tensor = x.norm(dim=1, keepdim=True)
    return x / lengths.clamp_min(1e-12)


def distances(x: Tensor, centers: Tensor) -> Tensor:
    """Squared distances (n, k) of points `x` (n, F) to `centers` (k, F)."""
    reach: Tensor = torch.addmm(centers.square().sum(1), x, centers.T, alpha=-2)
    reach += x.square().sum(1, keepdim=True)
    return reach.clamp_min_(0.0)
