"""HDBSCAN: clusters are dense groups of places, of any shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from .covering import covering
from .method import Fitted, drawn

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ae_seg.config import SegmentationConfig

PLACES = 6000
"""Places that are looked at: the time grows with their square."""


def fit(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    """At most `k` clusters of the places `x` (n, F), fewer where there are fewer dense groups."""
    part = drawn(x, PLACES, config.seed)
    labels = torch.from_numpy(density(part.cpu().numpy(), k)).to(x.device)
    model = covering(part, labels, config.seed)
    note = f"HDBSCAN found {model.k} dense groups, of at most {k}" if model.k < k else ""
    return Fitted(model, {"noise": float((labels < 0).float().mean())}, note)


def density(x: np.ndarray, k: int) -> np.ndarray:
    """Labels of the dense groups among the places `x` (n, F), at most `k`; -1 between them.

    Of more groups than `k` the smallest joins its nearest until `k` are left.

    >>> x = np.random.default_rng(0).normal(size=(200, 2)) + 9 * (np.arange(200) % 2)[:, None]
    >>> int(density(x, 2).max())
    1
    """
    labels = dense(x)
    if labels.max() + 1 < k:
        finer = dense(x, "leaf")  # finds more groups, where the whole looks like one or two
        labels = finer if finer.max() > labels.max() else labels
    return fewer(x, labels, k) if labels.max() >= 0 else np.zeros(len(x), np.int64)


def dense(x: np.ndarray, selection: str = "eom") -> np.ndarray:
    """Labels of all dense groups that HDBSCAN finds among the places `x` (n, F), -1 between them.

    >>> dense(np.zeros((3, 2))).tolist()
    [-1, -1, -1]
    """
    from sklearn.cluster import HDBSCAN

    smallest = max(5, len(x) // 100)
    if len(x) < 2 * smallest:
        return np.full(len(x), -1)
    finder = HDBSCAN(min_cluster_size=smallest, min_samples=10, cluster_selection_method=selection, copy=True)
    return np.asarray(finder.fit_predict(x), np.int64)


def fewer(x: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """The labels (n,) of places `x` (n, F) after the smallest cluster has joined its nearest until `k` are left.

    >>> fewer(np.array([[0.0], [1.0], [5.0], [5.0], [0.5]]), np.array([0, 1, 2, 2, -1]), 2).tolist()
    [0, 0, 1, 1, -1]
    """
    labels = labels.copy()
    while labels.max() + 1 > k:
        sizes = np.bincount(labels[labels >= 0])
        centers = np.stack([x[labels == i].mean(0) for i in range(len(sizes))])
        least = int(sizes.argmin())
        reach = ((centers - centers[least]) ** 2).sum(1)
        reach[least] = np.inf
        labels[labels == least] = reach.argmin()
        labels[labels > least] -= 1
    return labels
