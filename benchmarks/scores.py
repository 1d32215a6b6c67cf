"""How well labels agree with the truth."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, optimize


def overlap(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Pixels (classes, labels) that each class of `truth` shares with each of `labels`, both by increasing value."""
    classes, rows = np.unique(truth, return_inverse=True)
    found, columns = np.unique(labels, return_inverse=True)
    counts = np.bincount(rows.ravel() * len(found) + columns.ravel(), minlength=len(classes) * len(found))
    return counts.reshape(len(classes), len(found)).astype(float)


def ious(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Intersection over union of every class with every label."""
    shared = overlap(truth, labels)
    return shared / (shared.sum(1, keepdims=True) + shared.sum(0, keepdims=True) - shared)


def miou(truth: np.ndarray, labels: np.ndarray) -> float:
    """Mean IoU over the true classes, matched one to one for the largest sum; an unmatched class counts 0.

    >>> miou(np.array([0, 0, 1, 1]), np.array([7, 7, 7, 3]))
    0.5833333333333333
    """
    table = ious(truth, labels)
    rows, columns = optimize.linear_sum_assignment(-table)
    return float(table[rows, columns].sum() / len(table))


def matched(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Where a pixel's label is the one matched to its class."""
    table = ious(truth, labels)
    rows, columns = optimize.linear_sum_assignment(-table)
    partner = np.full(len(table), -1)
    partner[rows] = columns
    class_of = np.searchsorted(np.unique(truth), truth)
    label_of = np.searchsorted(np.unique(labels), labels)
    return np.asarray(partner[class_of] == label_of)


def numbered(strokes: np.ndarray, truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Strokes (class + 1; 0 is not painted) in the number of the label matched to their class, or a new number.

    >>> numbered(np.array([1, 2]), np.array([0, 1]), np.array([5, 3])).tolist()
    [5, 3]
    """
    classes, found = np.unique(truth), np.unique(labels)
    rows, columns = optimize.linear_sum_assignment(-ious(truth, labels))
    number = {int(value) + 1: int(labels.max()) + 1 + i for i, value in enumerate(classes)}
    number |= {int(classes[row]) + 1: int(found[column]) for row, column in zip(rows, columns, strict=True)}
    out = np.zeros_like(strokes)
    for value, label in number.items():
        out[strokes == value] = label
    return out


def kim(annotators: np.ndarray, labels: np.ndarray) -> list[float]:
    """For every region of every annotator the best IoU over the connected components of `labels`."""
    parts = components(labels)
    return [float(best) for truth in annotators for best in ious(truth, parts).max(1)]


def components(labels: np.ndarray) -> np.ndarray:
    """Connected regions of equal label, numbered."""
    out = np.zeros(labels.shape, int)
    for label in np.unique(labels):
        regions, count = ndimage.label(labels == label)
        out[regions > 0] = regions[regions > 0] + out.max()
        del count
    return out


def auroc(confidence: np.ndarray, right: np.ndarray) -> float:
    """Chance that a right pixel has more confidence than a wrong one; NaN if all are right or all wrong."""
    positive = int(right.sum())
    negative = right.size - positive
    if not positive or not negative:
        return float("nan")
    order = np.argsort(confidence.ravel(), kind="stable")
    values = confidence.ravel()[order]
    ranks = np.arange(1, right.size + 1, dtype=float)
    start = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    stop = np.r_[start[1:], right.size]
    ranks = np.repeat((start + 1 + stop) / 2, stop - start)
    return float((ranks[right.ravel()[order]].sum() - positive * (positive + 1) / 2) / (positive * negative))
