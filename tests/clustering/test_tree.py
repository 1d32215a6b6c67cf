"""One fit gives every granularity, coarse and fine nested."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import is_valid_linkage

from napari_ae_seg.clustering.clusters import Clusters, fit_clusters
from napari_ae_seg.clustering.tree import Tree
from napari_ae_seg.config import SegmentationConfig


@pytest.fixture(scope="module")
def clusters() -> Clusters:
    x = np.random.default_rng(0).normal(size=(3000, 3)).astype(np.float32) * [3, 2, 1]
    return fit_clusters(x, SegmentationConfig(n_init=2), "kmeans", 5)


@pytest.fixture(scope="module")
def tree(clusters) -> Tree:
    return clusters.tree()


def test_cut_at_the_number_of_clusters_is_the_clusters(tree):
    assert tree.leaves == 64
    assert np.array_equal(tree.cut(5), tree.owner)
    assert np.array_equal(tree.cut_colors(5), tree.owner)


def test_every_cut_has_as_many_groups_as_asked_and_lies_within_the_coarser_one(tree):
    coarser = tree.cut(1)
    for groups in range(2, 65):
        finer = tree.cut(groups)
        assert sorted(set(finer)) == list(range(groups))
        assert len(set(zip(finer, coarser, strict=True))) == groups
        coarser = finer


def test_a_finer_cut_renames_one_group_only(tree):
    for groups in range(1, 64):
        before, after = tree.cut_colors(groups), tree.cut_colors(groups + 1)
        assert len(set(after[before != after])) == 1


def test_leaves_stay_inside_labels_that_were_smoothed_or_edited(clusters, tree):
    features = torch.randn(3, 40, 50, generator=torch.Generator().manual_seed(1))
    labels = clusters.assign(features)
    labels[:10] = 3
    labels[20] = -1
    leaf = tree.descend(features, labels)
    assert torch.equal(leaf < 0, labels < 0)
    owner = torch.from_numpy(tree.owner)
    assert torch.equal(owner[leaf[labels >= 0]], labels[labels >= 0])


def test_the_merges_are_a_linkage(tree):
    assert is_valid_linkage(tree.linkage)


def test_leaves_that_are_dropped_leave_the_rest_as_it_was(tree):
    keep = np.random.default_rng(0).random(64) < 0.5
    keep[tree.owner == 2] = False
    left = tree.pruned(keep)
    keep[np.flatnonzero(tree.owner == 2)[0]] = True
    assert np.array_equal(left.centers, tree.centers[keep])
    assert is_valid_linkage(left.linkage)
    assert np.array_equal(left.cut(5), tree.cut(5)[keep])
    assert tree.pruned(np.ones(64, bool)) is tree
    coarser = left.cut(1)
    for groups in range(2, left.leaves + 1):
        finer = left.cut(groups)
        assert sorted(set(finer)) == list(range(groups))
        assert len(set(zip(finer, coarser, strict=True))) == groups
        coarser = finer


def test_few_places_have_as_many_leaves():
    tree = fit_clusters(np.array([[0.0], [0.0], [1.0], [7.0]]), SegmentationConfig(), "kmeans", 2).tree()
    assert tree.leaves == 3
    assert tree.cut(64).tolist() == [0, 2, 1]
