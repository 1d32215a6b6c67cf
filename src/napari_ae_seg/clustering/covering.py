"""Clusters of any shape as prototypes: many centres each, so that new places can be told without the old ones."""

from __future__ import annotations

import torch
from torch import Tensor

from .kmeans import kmeans
from .prototypes import Prototypes, mean_distance


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
    return Prototypes(joined, torch.cat(owner), mean_distance(x[labels >= 0], joined))
