"""The number of clusters is found where there is one, and stays at two where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ae_seg.clustering.clusters import fit_clusters
from napari_ae_seg.clustering.number import choose_k
from napari_ae_seg.config import SegmentationConfig

CONFIG = SegmentationConfig()


def groups(k: int, features: int, apart: float, seed: int = 0) -> np.ndarray:
    """3000 places in `k` round groups of random sizes whose centres lie at least `apart` deviations apart."""
    rng = np.random.default_rng(seed)
    centers: list[np.ndarray] = []
    while len(centers) < k:
        new = rng.uniform(-apart, apart, size=features) * 1.5
        if all(np.linalg.norm(new - old) > apart for old in centers):
            centers.append(new)
    which = rng.choice(k, size=3000, p=rng.dirichlet(np.full(k, 8.0)))
    return np.stack(centers)[which] + rng.normal(size=(3000, features))


@pytest.mark.parametrize("k", [2, 3, 4, 6])
def test_separate_groups_are_counted(k):
    choice = choose_k(groups(k, 2, 7.0), CONFIG)
    assert choice.k == k
    assert sorted(choice.curve) == list(range(2, 11))


def test_a_long_tail_is_no_second_group():
    rng = np.random.default_rng(0)
    dark, bright = rng.normal(0, 0.05, 2400), 1 + rng.gamma(2, 1, 600)
    assert choose_k(np.concatenate([dark, bright])[:, None], CONFIG).k == 2


def test_one_heap_is_split_in_two_and_the_sentence_says_that_there_are_no_groups():
    choice = choose_k(np.random.default_rng(0).normal(size=(3000, 3)), CONFIG)
    assert choice.k == 2
    assert "no clear groups" in choice.sentence


def test_no_more_than_allowed_and_no_more_than_there_are():
    x = groups(6, 2, 7.0)
    assert choose_k(x, CONFIG.but(max_clusters=4)).k <= 4
    assert choose_k(np.array([[0.0], [1.0], [1.0]]), CONFIG).k == 2
    assert choose_k(np.zeros((50, 3)), CONFIG).k == 1
    assert choose_k(np.repeat([[0.0], [1.0], [5.0]], 60, axis=0), CONFIG).k <= 3
    with pytest.raises(ValueError, match="nothing to cluster"):
        choose_k(np.full((5, 2), np.nan), CONFIG)


def test_hdbscan_finds_its_own_number():
    x = groups(3, 2, 9.0)
    choice = choose_k(x, CONFIG, "hdbscan")
    assert choice.k == 3
    assert choice.sentence == "HDBSCAN found 3 dense groups."
    assert fit_clusters(x, CONFIG, "hdbscan", 3).k == 3
