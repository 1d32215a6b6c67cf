"""Stability is high where groups are clear, and places between groups are the unstable ones."""

from __future__ import annotations

import numpy as np
import torch

from napari_ae_seg.clustering.clusters import fit_clusters
from napari_ae_seg.clustering.stability import resampled, stability, unstable
from napari_ae_seg.config import SegmentationConfig

CONFIG = SegmentationConfig(n_init=2)


def test_clear_groups_are_stable_and_their_number_matters():
    rng = np.random.default_rng(0)
    x = (np.repeat([[0, 0], [9, 0], [0, 9]], 200, axis=0) + rng.normal(size=(600, 2))).astype(np.float32)
    figures = {k: stability(resampled(fit_clusters(x, CONFIG, "kmeans", k), CONFIG)) for k in (3, 6)}
    assert figures[3] > 0.95
    assert figures[6] < 0.9


def test_resampled_fits_keep_the_ids_of_the_first_for_every_method():
    x = np.concatenate([np.random.default_rng(i).normal(size=(150, 2)) + 8 * i for i in range(3)]).astype(np.float32)
    for method in ("kmeans", "gmm", "ward"):
        clusters = fit_clusters(x, CONFIG, method, 3)
        for fit in resampled(clusters, CONFIG, rounds=2):
            assert (fit.sample_labels == clusters.sample_labels).mean() > 0.97


def test_the_unstable_places_lie_between_the_groups():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(-2, 1, 300), rng.normal(2, 1, 300)]).astype(np.float32)[:, None]
    clusters = fit_clusters(x, CONFIG, "kmeans", 2)
    ramp = torch.linspace(-4, 4, 801)[None]
    doubt = unstable(ramp, clusters, resampled(clusters, CONFIG))
    assert doubt.max() > 0
    assert ramp[0][doubt > 0].abs().max() < 1
