"""Spherical k-means: places are told apart by their direction from the mean, not by how far they lie from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from . import kmeans
from .method import Fitted
from .prototypes import Prototypes, directions, mean_distance

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ae_seg.config import SegmentationConfig


def fit(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    """`k` clusters of the places `x` (n, F)."""
    if x.shape[1] == 1:
        return replace(kmeans.fit(x, k, config), note="a single feature has no direction, so k-means made the clusters")
    # on the sphere one start in a few finds the best partition, where in space almost all do
    return Fitted(pointing(x, k, config.seed, 3 * config.n_init))


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
    centers = kmeans.kmeans(points, k, seed=seed, n_init=n_init, spherical=True).centers
    return Prototypes(centers, torch.arange(k, device=x.device), mean_distance(points, centers), shift, stretch)
