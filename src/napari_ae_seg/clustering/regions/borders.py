"""Which regions of a label image touch, along how much border, and how strong an edge runs there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Borders:
    """The borders between touching regions: one row per pair (i, j), i < j."""

    pairs: np.ndarray  # (E, 2) int64
    length: np.ndarray  # (E,) float64, pixel faces shared
    strength: np.ndarray  # (E,) float64, mean edge evidence along them


def borders(regions: np.ndarray, evidence: np.ndarray | None = None) -> Borders:
    """Every border between the regions 1..n of `regions` (*space); 0 is no region.

    The strength of a border is the mean of `evidence` (*space) over it; a pixel face counts the larger of its sides.

    >>> found = borders(np.array([[1, 1, 2], [3, 3, 2]]))
    >>> found.pairs.tolist(), found.length.tolist()
    ([[1, 2], [1, 3], [2, 3]], [1.0, 2.0, 1.0])
    """
    count = int(regions.max(initial=0)) + 1
    keys, weights = [], []
    for before, after in _neighbors(regions):
        a, b = regions[before].ravel(), regions[after].ravel()
        differs = np.flatnonzero((a != b) & (a > 0) & (b > 0))
        a, b = a[differs].astype(np.int64), b[differs].astype(np.int64)
        keys.append(np.minimum(a, b) * count + np.maximum(a, b))
        if evidence is not None:
            weights.append(np.maximum(evidence[before].ravel()[differs], evidence[after].ravel()[differs]))
    found, where, length = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
    total = length if evidence is None else np.bincount(where, np.concatenate(weights), minlength=len(found))
    pairs = np.stack([found // count, found % count], axis=1)
    return Borders(pairs, length.astype(np.float64), total / np.maximum(length, 1))


def region_means(features: np.ndarray, regions: np.ndarray, count: int) -> np.ndarray:
    """Mean of `features` (F, *space) over each of the regions 0..count-1 of `regions` (*space): (count, F)."""
    flat = regions.ravel()
    sizes = np.maximum(np.bincount(flat, minlength=count), 1)
    return np.stack([np.bincount(flat, row.ravel(), minlength=count)[:count] / sizes for row in features], axis=1)


def _neighbors(x: np.ndarray) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    for axis in range(x.ndim):
        everything = [slice(None)] * x.ndim
        before, after = list(everything), list(everything)
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        yield tuple(before), tuple(after)
