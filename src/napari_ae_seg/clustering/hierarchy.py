"""Clusters of any shape, found on a part of the sample: Ward's hierarchy and HDBSCAN."""

from __future__ import annotations

import warnings

import numpy as np

WARD_PLACES = 3000
"""Ward's hierarchy compares every pair."""
DENSITY_PLACES = 6000
"""HDBSCAN is quadratic, too."""
BAYES_PLACES = 3000
"""Variational inference takes many rounds."""


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


def variational(x: np.ndarray, k: int, covariance_type: str, seed: int, floor: float) -> tuple[np.ndarray, ...]:
    """Weights, means and roots of the precisions of a Bayesian mixture of `k` Gaussians on the places `x` (n, F).

    The prior is strengthened until no component is given up.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture

    for prior in (1 / k, 10.0, len(x) / k):
        mixture = BayesianGaussianMixture(
            n_components=k,
            covariance_type=covariance_type,
            weight_concentration_prior_type="dirichlet_distribution",
            weight_concentration_prior=prior,
            reg_covar=floor,
            random_state=seed,
            max_iter=60,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = mixture.fit_predict(x)
        if len(np.unique(labels)) == k:
            break
    roots = mixture.precisions_cholesky_
    return mixture.weights_, mixture.means_, roots[None] if covariance_type == "tied" else roots
