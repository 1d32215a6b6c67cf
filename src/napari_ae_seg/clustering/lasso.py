"""A lasso round some places makes them a cluster of their own; everything else stays what it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.core.state import stored

from .forest import Forest, fit_forest
from .method import Model

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


@stored("lasso", family=Model)
@dataclass(frozen=True)
class Lassoed:
    """A model of clusters and one cluster more, the last: what a forest takes for inside a lasso."""

    base: Model
    forest: Forest
    order: Annotated[Tensor, "int64 K"]
    """(K,) which of them each cluster is"""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return self.base.k + 1

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.order.device

    @property
    def features(self) -> int:
        """Number of features."""
        return self.base.features

    def check(self) -> None:
        """ValueError unless it tells one cluster more apart than its base does."""
        if not torch.equal(self.order.sort().values, torch.arange(self.k)):
            raise ValueError(f"the order of {self.k} clusters names each of them once")
        if self.forest.shares.shape[1] != 2 or self.forest.features > self.features:
            raise ValueError("the forest of a lasso tells two sides apart, by features that there are")

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


def lassoed(model: Model, parted: Parted, seed: int = 0) -> Lassoed:
    """The `model` and one cluster more, the last, that holds what is like the places inside the lasso.

    Where places inside and outside are alike, the more frequent kind wins.
    """
    inside, outside = parted.inside, parted.outside
    if not len(inside) or not len(outside):
        raise ValueError(f"the lasso holds {'no' if not len(inside) else 'every'} place; draw it round some")
    sides = np.repeat([0, 1], [len(outside), len(inside)])
    weights = np.repeat([parted.weight, 1.0], [len(outside), len(inside)])
    forest = fit_forest(np.concatenate([outside, inside]).astype(np.float32, copy=False), sides, weights, seed)
    return Lassoed(model, forest, torch.arange(model.k + 1))
