"""k-means of a million places of 32 features: our fit on a sample and assignment of all, beside scikit-learn."""

from __future__ import annotations

import numpy as np
import torch

from napari_ae_seg.clustering.clusters import fit_clusters
from napari_ae_seg.config import SegmentationConfig

from .timing import best

PLACES, FEATURES, K = 1_000_000, 32, 8


def main() -> None:
    """Prints the ratios of time and inertia."""
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(0)
    centers = rng.normal(0, 1.5, (K, FEATURES))
    x = (centers[rng.integers(K, size=PLACES)] + rng.normal(size=(PLACES, FEATURES))).astype(np.float32)
    features = torch.from_numpy(np.ascontiguousarray(x.T))
    config = SegmentationConfig(max_samples=50_000, n_init=5)
    found = {}

    def ours() -> None:
        clusters = fit_clusters(x, config, "kmeans", K)
        found["ours"] = clusters.assign(features).numpy()

    def theirs() -> None:
        found["theirs"] = KMeans(K, n_init=1, random_state=0).fit(x).labels_

    own, other = best(ours, times=3), best(theirs, times=2, warm=0)
    ratio = _inertia(x, found["ours"]) / _inertia(x, found["theirs"])
    print(
        f"k-means, {PLACES:,} x {FEATURES}: {own / other:.2f} of scikit-learn's time (aim 0.40), inertia x {ratio:.4f}"
    )
    print(f"  ({own:.2f} s, {config.n_init} starts, against {other:.2f} s, 1 start)")


def _inertia(x: np.ndarray, labels: np.ndarray) -> float:
    total = 0.0
    for label in np.unique(labels):
        part = x[labels == label]
        total += float(((part - part.mean(0)) ** 2).sum())
    return total
