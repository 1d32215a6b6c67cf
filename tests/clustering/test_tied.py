"""Gaussians of one shape find small clusters beside large ones, and look past what varies in all of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ae_seg.clustering.clusters import fit_clusters
from napari_ae_seg.clustering.tied import gaussians
from napari_ae_seg.config import SegmentationConfig

CONFIG = SegmentationConfig()


def found(x, k, method="tied"):
    return fit_clusters(np.asarray(x, np.float32), CONFIG, method, k).sample_labels


def right(labels, truth):
    """Share of places whose cluster is that of their class, clusters matched by majority."""
    return sum((truth[labels == i] == np.bincount(truth[labels == i]).argmax()).sum() for i in set(labels)) / len(truth)


def test_a_small_cluster_beside_a_large_one_is_found_where_k_means_cuts_the_large_one():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], [1900, 100])
    x = rng.normal(size=(2000, 2)) + np.array([[0, 0], [4.5, 0]])[truth]
    assert (found(x, 2) == truth).mean() > 0.97
    assert right(found(x, 2, "kmeans"), truth) < right(found(x, 2), truth)


def test_a_direction_in_which_all_clusters_are_broad_does_not_part_them():
    rng = np.random.default_rng(1)
    truth = np.repeat([0, 1], 1000)
    x = rng.normal(size=(2000, 2)) * [0.5, 2.5] + np.array([[-2, -1.5], [2, 1.5]])[truth]
    assert right(found(x, 2), truth) > 0.98
    assert right(found(x, 2, "kmeans"), truth) < 0.9


def test_the_likelihood_rises_each_round(monkeypatch):
    x = torch.from_numpy(np.random.default_rng(2).normal(size=(600, 3)).astype(np.float32))
    seen = []
    for rounds in range(1, 8):
        monkeypatch.setattr("napari_ae_seg.clustering.tied.ROUNDS", rounds)
        monkeypatch.setattr("napari_ae_seg.clustering.tied.TOLERANCE", -1.0)
        seen.append(gaussians(x, x[:3], floor=1e-6).likelihood)
    assert np.all(np.diff(seen) > -1e-5)


@pytest.mark.parametrize("x", [[[0.0], [0.0], [1.0], [1.0]], [[0.0, 1e6], [1.0, 1e6], [9.0, 1e6]]])
def test_few_places_that_are_alike_in_much_still_make_two_clusters(x):
    assert sorted(set(found(x, 2))) == [0, 1]


def test_places_moved_far_away_are_parted_alike():
    x = np.random.default_rng(3).normal(size=(300, 2)) + np.array([[0, 0], [6, 1]])[np.arange(300) % 2]
    assert (found(x, 2) == found(x + 1000, 2)).all()
