"""Directions worth keeping: of largest variance (PCA), or of largest variance at large scale (MAF)."""

from __future__ import annotations

import numpy as np

RIDGE = 1e-3
"""Share of the mean variance that is added to every direction, so that no noise-free one is divided by nothing."""


class Moments:
    """Mean and covariance of rows that arrive in pieces.

    >>> moments = Moments(1)
    >>> moments.add(np.array([[1.0], [3.0]]))
    >>> moments.mean, moments.covariance
    (array([2.]), array([[1.]]))
    """

    def __init__(self, n: int) -> None:
        self.count = 0
        self._sum = np.zeros(n)
        self._products = np.zeros((n, n))

    def add(self, rows: np.ndarray) -> None:
        """Takes `rows` (n, F) into account."""
        self.count += len(rows)
        self._sum += rows.sum(0, dtype=np.float64)
        self._products += (rows.T @ rows).astype(np.float64)

    @property
    def mean(self) -> np.ndarray:
        """(F,)"""
        return self._sum / max(1, self.count)

    @property
    def covariance(self) -> np.ndarray:
        """(F, F)"""
        return self._products / max(1, self.count) - np.outer(self.mean, self.mean)


def principal(covariance: np.ndarray, keep: int) -> np.ndarray:
    """The `keep` directions of largest variance, as rows of length 1: (<= keep, F).

    >>> principal(np.diag([1.0, 9.0]), 1).round(3)
    array([[0., 1.]])
    """
    _, vectors = np.linalg.eigh(covariance)
    return _signed(vectors[:, ::-1][:, :keep].T)


def autocorrelated(covariance: np.ndarray, smoothed: np.ndarray, keep: int) -> np.ndarray:
    """Maximum autocorrelation factors: the `keep` directions that keep most of their variance under smoothing.

    `smoothed` is the covariance after smoothing, S v = lambda C v. Each direction has variance lambda^2, so that what
    lasts over large scales counts more: rows of (<= keep, F).

    >>> autocorrelated(np.eye(2), np.diag([0.1, 0.9]), 1).round(2)
    array([[0. , 0.9]])
    """
    from scipy.linalg import eigh

    n = len(covariance)
    ridge = RIDGE * np.trace(covariance) / n
    if not ridge > 0:
        return np.zeros((min(keep, n), n))
    # rounding makes the covariance of a handful of places slightly negative in some directions
    ridge += 2 * max(0.0, -float(np.linalg.eigvalsh(covariance)[0]))
    values, vectors = eigh(smoothed, covariance + ridge * np.eye(n))
    values, vectors = values[::-1][:keep], vectors[:, ::-1][:, :keep]
    factors: np.ndarray = _signed(vectors.T) * np.clip(values, 0, 1)[:, None]
    return factors


def _signed(rows: np.ndarray) -> np.ndarray:
    """Each row with its largest entry positive."""
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(1)]
    signed: np.ndarray = rows * np.where(largest < 0, -1.0, 1.0)[:, None]
    return signed
