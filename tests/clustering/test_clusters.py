"""Places become clusters: the methods, their memberships, their numbering, and what they do with little data."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from napari_ae_seg.clustering.clusters import METHODS, Clusters, fit_clusters, matched, reorder
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core import state

CONFIG = SegmentationConfig(max_samples=2000)


@pytest.fixture
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """600 places in three well separated groups of directions and positions, and their groups."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=600)
    centers = np.array([[-6.0, 0, 1], [0, 7, 0], [6, -6, 2]])
    return (centers[truth] + rng.normal(size=(600, 3))).astype(np.float32), truth


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_separate_groups_and_gives_k_labels(method, blobs):
    x, truth = blobs
    clusters = fit_clusters(x, CONFIG, method, 3)
    assert clusters.k == 3
    assert sorted(set(clusters.sample_labels)) == [0, 1, 2]
    assert adjusted_rand_score(clusters.sample_labels, truth) > 0.95


@pytest.mark.parametrize("method", METHODS)
def test_k_labels_even_where_there_are_no_groups(method):
    x = np.random.default_rng(1).normal(size=(500, 2)).astype(np.float32)
    clusters = fit_clusters(x, CONFIG, method, 6)
    seen = len(set(clusters.sample_labels))
    assert seen == clusters.k
    assert seen == 6 or (method == "hdbscan" and seen <= 6)


@pytest.mark.parametrize("method", METHODS)
def test_clusters_survive_saving(method, blobs):
    x, _ = blobs
    clusters = fit_clusters(x, CONFIG, method, 3)
    again = state.unpack(Clusters, *state.pack(clusters))
    features = torch.from_numpy(x.T.copy()).reshape(3, 20, 30)
    assert torch.equal(again.scores(features), clusters.scores(features))
    assert again.colors == clusters.colors
    assert again.quality == clusters.quality


@pytest.mark.parametrize("method", METHODS)
def test_labels_are_the_highest_scores_wherever_the_chunks_end(method, blobs, monkeypatch):
    x, _ = blobs
    clusters = fit_clusters(x, CONFIG, method, 3)
    features = torch.from_numpy(x.T.copy()).reshape(3, 20, 30)
    whole = clusters.scores(features)
    monkeypatch.setattr("napari_ae_seg.clustering.clusters.CHUNK", 77)
    assert torch.allclose(clusters.scores(features), whole, atol=1e-4)
    assert torch.equal(clusters.assign(features), whole.argmax(0))


def test_the_unit_of_the_scores_is_the_samples_mean_squared_distance(blobs):
    x, _ = blobs
    clusters = fit_clusters(x, CONFIG, "kmeans", 3)
    best = clusters.scores(torch.from_numpy(x.T.copy())).max(0).values
    assert float(best.mean()) == pytest.approx(-1, abs=1e-3)


def test_clusters_are_numbered_by_their_first_feature_then_by_what_is_asked(blobs):
    x, _ = blobs
    clusters = fit_clusters(x, CONFIG, "kmeans", 3)
    assert np.all(np.diff(clusters.centers[:, 0]) > 0)
    assert np.all(np.diff(reorder(clusters, -clusters.centers[:, 1]).centers[:, 1]) < 0)


def test_one_more_cluster_leaves_the_ids_and_colors_of_the_others_alone(blobs):
    x, _ = blobs
    three = reorder(fit_clusters(x, CONFIG, "kmeans", 3), np.array([2, 0, 1]))
    four = matched(fit_clusters(x, CONFIG, "kmeans", 4), three)
    kept = [i for i in range(3) if np.linalg.norm(four.centers[i] - three.centers[i]) < 1e-3]
    assert len(kept) == 2
    assert four.colors == (0, 1, 2, 3)
    two = matched(fit_clusters(x, CONFIG, "kmeans", 2), four)
    assert set(two.colors) < {0, 1, 2, 3}


def test_the_same_seed_gives_the_same_clusters(blobs):
    x, _ = blobs
    first, second = (fit_clusters(x, CONFIG, "kmeans", 5) for _ in range(2))
    assert np.array_equal(first.centers, second.centers)


@pytest.mark.parametrize("method", METHODS)
def test_too_few_distinct_places_give_that_many_clusters_and_say_so(method):
    x = np.array([[1.0, 2.0], [1.0, 2.0], [5.0, 5.0]])
    clusters = fit_clusters(x, CONFIG, method, 4)
    assert clusters.k <= 2
    assert "2 distinct places" in clusters.note


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 40])
def test_constant_places_are_one_cluster(method, count):
    clusters = fit_clusters(np.full((count, 2), 3.0), CONFIG, method, 3)
    assert clusters.k == 1
    assert torch.isfinite(clusters.scores(torch.full((2, 4), 3.0))).all()


def test_places_without_data_are_left_out_and_none_at_all_is_an_error(blobs):
    x, truth = blobs
    holed = np.concatenate([x, np.full((5, 3), np.nan, np.float32)])
    assert adjusted_rand_score(fit_clusters(holed, CONFIG, "kmeans", 3).sample_labels, truth) > 0.95
    with pytest.raises(ValueError, match="nothing to cluster"):
        fit_clusters(np.full((5, 3), np.nan), CONFIG, "kmeans", 2)
    with pytest.raises(ValueError, match="there are kmeans"):
        fit_clusters(x, CONFIG, "regions", 2)


def test_a_single_feature_has_no_direction():
    x = np.array([[1.0], [1.1], [5.0], [5.1], [9.0], [9.1]])
    clusters = fit_clusters(x, CONFIG, "spherical", 3)
    assert clusters.sample_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert "no direction" in clusters.note


def test_spherical_clusters_are_directions_that_places_between_them_do_not_pull_at():
    rng = np.random.default_rng(0)
    arms = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]])
    truth = np.repeat(np.arange(4), 400)
    x = arms[truth] * rng.uniform(0.2, 1, 1600)[:, None] * [5, 1, 0.2] + rng.normal(0, 0.02, (1600, 3)) * [5, 1, 0.2]
    spherical, positions = (fit_clusters(x, CONFIG, method, 4) for method in ("spherical", "kmeans"))
    assert adjusted_rand_score(spherical.sample_labels, truth) > 0.97
    assert adjusted_rand_score(positions.sample_labels, truth) < 0.8


@pytest.mark.gpu
def test_on_a_gpu_the_fit_and_the_scores_are_those_of_the_cpu(blobs):
    x, _ = blobs
    features = torch.from_numpy(x.T.copy())
    here, there = (fit_clusters(torch.from_numpy(x).to(d), CONFIG, "kmeans", 3) for d in ("cpu", "cuda"))
    assert torch.allclose(here.scores(features), there.scores(features.cuda()).cpu(), rtol=1e-3, atol=1e-2)
