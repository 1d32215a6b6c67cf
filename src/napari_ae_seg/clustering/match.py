"""Cluster ids that stay put: the clusters of a new fit take the ids of those they overlap most with."""

from __future__ import annotations

import numpy as np


def pairs(old: np.ndarray, new: np.ndarray, k_old: int, k_new: int) -> list[tuple[int, int]]:
    """(old, new) cluster indices matched one to one with the largest summed overlap (IoU), by old index.

    `old` and `new` are the indices 0 .. k-1 of the same points; negative ones are left out.

    >>> pairs(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 2]), 2, 3)
    [(0, 1), (1, 0)]
    """
    from scipy.optimize import linear_sum_assignment

    overlap = contingency(old, new, k_old, k_new)
    either = overlap.sum(1, keepdims=True) + overlap.sum(0, keepdims=True) - overlap
    rows, columns = linear_sum_assignment(-overlap / np.maximum(either, 1))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if overlap[i, j] > 0]


def order(matched: list[tuple[int, int]], k_new: int) -> list[int]:
    """The new clusters in an order in which each matched one stands at its old index as far as there are so many.

    >>> order([(0, 1), (1, 0)], 3)
    [1, 0, 2]
    """
    place = {old: new for old, new in matched if old < k_new}
    taken = set(place.values())
    late = [new for old, new in matched if old >= k_new]
    rest = iter(late + [j for j in range(k_new) if j not in taken and j not in late])
    return [place[i] if i in place else next(rest) for i in range(k_new)]


def colors(matched: list[tuple[int, int]], old_colors: tuple[int, ...], k_new: int) -> list[int]:
    """A colour index per new cluster: that of the old one it matches, or one that no old cluster has.

    >>> colors([(0, 1), (1, 0)], (4, 2), 3)
    [2, 4, 5]
    """
    given = {new: old_colors[old] for old, new in matched}
    fresh = iter(range(max(old_colors, default=-1) + 1, max(old_colors, default=-1) + 1 + k_new))
    return [given[j] if j in given else next(fresh) for j in range(k_new)]


def contingency(a: np.ndarray, b: np.ndarray, k_a: int, k_b: int) -> np.ndarray:
    """Number of points in each pair of clusters, (k_a, k_b), from their indices; negative ones are left out.

    >>> contingency(np.array([0, 0, 1]), np.array([0, 1, 1]), 2, 2).tolist()
    [[1, 1], [0, 1]]
    """
    a, b = np.ravel(a), np.ravel(b)
    seen = (a >= 0) & (b >= 0)
    return np.bincount(a[seen] * k_b + b[seen], minlength=k_a * k_b).reshape(k_a, k_b)


def rand_index(one: np.ndarray, other: np.ndarray, k: int) -> float:
    """How far two clusterings of the same points agree, beyond chance: 1 is the same; of `k` clusters at most each.

    The adjusted Rand index, by pairs of points; scikit-learn's takes a second and a half to import.

    >>> two = np.array([0, 0, 1, 1])
    >>> rand_index(two, 1 - two, 2), round(rand_index(two, np.array([0, 1, 0, 1]), 2), 3)
    (1.0, -0.5)
    """
    table = contingency(one, other, k, k).astype(np.float64)

    def within(counts: np.ndarray) -> float:
        return float((counts * (counts - 1)).sum() / 2)

    both, ones, others = within(table), within(table.sum(1)), within(table.sum(0))
    chance = ones * others / max(within(table.sum(keepdims=True)), 1.0)
    most = (ones + others) / 2
    return (both - chance) / (most - chance) if most != chance else 1.0
