"""One fit gives every granularity, coarse and fine nested."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import is_valid_linkage

from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.segment.cluster import Clusters, fit_clusters


@pytest.fixture(scope="module")
def clusters() -> Clusters:
    x = np.random.default_rng(0).normal(size=(3000, 3)).astype(np.float32) * [3, 2, 1]
    return fit_clusters(x, SegmentationConfig(restarts=2), "kmeans", 5)


def test_cut_at_the_number_of_clusters_is_the_clusters(clusters):
    tree = clusters.tree
    assert tree.leaves == 64
    assert np.array_equal(tree.cut(5), tree.owner)
    assert np.array_equal(tree.cut_colours(5), tree.owner)


def test_every_cut_has_as_many_groups_as_asked_and_lies_within_the_coarser_one(clusters):
    coarser = clusters.tree.cut(1)
    for groups in range(2, 65):
        finer = clusters.tree.cut(groups)
        assert sorted(set(finer)) == list(range(groups))
        assert len(set(zip(finer, coarser, strict=True))) == groups
        coarser = finer


def test_a_finer_cut_renames_one_group_only(clusters):
    for groups in range(1, 64):
        before, after = clusters.tree.cut_colours(groups), clusters.tree.cut_colours(groups + 1)
        assert len(set(after[before != after])) == 1


def test_leaves_stay_inside_labels_that_were_smoothed_or_edited(clusters):
    features = torch.randn(3, 40, 50, generator=torch.Generator().manual_seed(1))
    labels = clusters.assign(features)
    labels[:10] = 3
    labels[20] = -1
    leaf = clusters.tree.descend(features, labels)
    assert torch.equal(leaf < 0, labels < 0)
    owner = torch.from_numpy(clusters.tree.owner)
    assert torch.equal(owner[leaf[labels >= 0]], labels[labels >= 0])


def test_the_merges_are_a_linkage_and_a_cut_takes_no_time(clusters):
    assert is_valid_linkage(clusters.tree.linkage)
    clusters.tree.cut(9)
    start = time.perf_counter()
    clusters.tree.cut(33)
    assert time.perf_counter() - start < 0.02


def test_few_places_have_as_many_leaves():
    clusters = fit_clusters(np.array([[0.0], [0.0], [1.0], [7.0]]), SegmentationConfig(), "kmeans", 2)
    assert clusters.tree.leaves == 3
    assert clusters.tree.cut(64).tolist() == [0, 2, 1]
