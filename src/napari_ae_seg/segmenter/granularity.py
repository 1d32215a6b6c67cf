"""Granularity: one tree of clusters, cut into fewer or more segments that nest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from .label import Prepared, spread

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ae_seg.clustering.tree import Tree


def coarser(tree: Tree, cut: int) -> np.ndarray:
    """(K + 1,) the segment of each cluster 0..K when the tree is cut at `cut`, at most K; 0 keeps the clusters."""
    if not cut:
        return np.arange(tree.k + 1)
    names = tree.cut_colors(min(cut, tree.k)) + 1
    return np.concatenate([[0], names[np.searchsorted(tree.owner, np.arange(tree.k))]])


def finer(features: Tensor, tree: Tree, labels: np.ndarray, cut: int) -> np.ndarray:
    """Segments (*space) when the clusters `labels` 1..K are parted by `features` (F, *space) until there are `cut`.

    It is the tree that is cut, whatever the image holds of it: a segment means the same in every image.
    """
    return _named(tree, _leaves(features, tree, labels), cut)


def finer_prepared(prepared: Prepared, tree: Tree, grid: int, labels: np.ndarray, cut: int) -> np.ndarray:
    """The same of a prepared source, (N, *space); its leaves are kept."""
    key = ("leaves", tree.leaves)
    if key not in prepared.cache:
        found = zip(prepared.features, labels, strict=True)
        prepared.cache[key] = np.stack([_leaves(spread(f, grid, part.shape), tree, part) for f, part in found])
    return _named(tree, prepared.cache[key], cut)


def _leaves(features: Tensor, tree: Tree, labels: np.ndarray) -> np.ndarray:
    """The leaf of every pixel (*space); -1 where there is none."""
    return tree.descend(features, torch.from_numpy(labels).long().to(features.device) - 1).cpu().numpy()


def _named(tree: Tree, leaves: np.ndarray, cut: int) -> np.ndarray:
    return np.asarray(np.append(tree.cut_colors(cut) + 1, 0)[leaves])
