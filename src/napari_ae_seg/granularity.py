"""Granularity: one tree of clusters, cut into fewer or more segments that nest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from .labelling import Prepared, spread

if TYPE_CHECKING:
    from torch import Tensor

    from .segment.tree import Tree


def coarser(tree: Tree, cut: int) -> np.ndarray:
    """(K + 1,) the segment of each cluster 0..K when the tree is cut at `cut`, at most K; 0 keeps the clusters."""
    if not cut:
        return np.arange(tree.k + 1)
    names = tree.cut_colours(min(cut, tree.k)) + 1
    return np.concatenate([[0], names[np.searchsorted(tree.owner, np.arange(tree.k))]])


def parted(features: Tensor, tree: Tree, labels: np.ndarray, cut: int) -> np.ndarray:
    """Segments (*space) of a part of an image whose clusters are `labels`, by the tree as it was fitted."""
    leaves = tree.descend(features, torch.from_numpy(labels).long().to(features.device) - 1)
    return np.asarray(np.append(tree.cut_colours(cut) + 1, 0)[leaves.cpu().numpy()])


def finer(prepared: Prepared, tree: Tree, grid: int, labels: np.ndarray, cut: int) -> np.ndarray:
    """Segments (N, *space) when the clusters `labels` 1..K are parted until there are `cut`; the leaves are kept."""
    if "leaves" not in prepared.cache:
        found = [
            tree.descend(spread(features, grid, part.shape), torch.from_numpy(part).long().to(features.device) - 1)
            for features, part in zip(prepared.features, labels, strict=True)
        ]
        prepared.cache["leaves"] = np.stack([leaves.cpu().numpy() for leaves in found])
    leaves = prepared.cache["leaves"]
    present = np.unique(leaves[leaves >= 0])
    for groups in range(cut, tree.leaves + 1):  # smoothing may have left a part without a pixel
        names = tree.cut_colours(groups)
        if len(np.unique(names[present])) >= cut:
            break
    return np.asarray(np.append(names + 1, 0)[leaves])
