"""Ward's method: always the two clusters merge that add least to the variance within clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from .covering import covering
from .method import Fitted, drawn

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ae_seg.config import SegmentationConfig

PLACES = 3000
"""Places that are compared, each with every other."""


def fit(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    """`k` clusters of the places `x` (n, F)."""
    part = drawn(x, PLACES, config.seed)
    labels = torch.from_numpy(ward(part.cpu().numpy(), k)).to(x.device)
    return Fitted(covering(part, labels, config.seed))


def ward(x: np.ndarray, k: int) -> np.ndarray:
    """Labels 0 .. k-1 of the places `x` (n, F): always the two clusters merge that grow the variance least.

    >>> ward(np.array([[0.0], [1.0], [8.0]]), 2).tolist()
    [0, 0, 1]
    """
    from scipy.cluster.hierarchy import cut_tree, linkage

    if len(x) == 1:
        return np.zeros(1, np.int64)
    return np.asarray(cut_tree(linkage(x, "ward"), k)[:, 0], np.int64)


def agglomerated(weights: np.ndarray, means: np.ndarray) -> list[tuple[float, int, int]]:
    """Ward's merges (cost, a, b) of points of some weight by rising cost, `b` becoming part of `a` < `b`.

    The cost is what the merge adds to the variance. Found along chains of nearest neighbours, in quadratic time.

    >>> agglomerated(np.ones(3), np.array([[0.0], [5.0], [1.0]]))[0]
    (0.5, 0, 2)
    """
    weight, mean = weights.copy(), means.copy()
    chain: list[int] = []
    merges: list[tuple[float, int, int]] = []
    while len(merges) < len(weights) - 1:
        if not chain:
            chain = [int(np.isfinite(weight).argmax())]
        a = chain[-1]
        cost = ((mean - mean[a]) ** 2).sum(1) * weight * weight[a] / (weight + weight[a])
        cost[np.isnan(weight)] = np.inf  # merged away
        cost[a] = np.inf
        nearest = int(cost.argmin())
        if len(chain) < 2 or cost[chain[-2]] > cost[nearest]:
            chain.append(nearest)
            continue
        a, b = sorted(chain[-2:])
        merges.append((float(cost[chain[-2]]), a, b))
        del chain[-2:]
        mean[a] = (weight[a] * mean[a] + weight[b] * mean[b]) / (weight[a] + weight[b])
        weight[a] += weight[b]
        weight[b] = np.nan
    return sorted(merges, key=lambda merge: merge[0])
