"""The number of clusters is found where there is one; one segment is an answer, too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ae_seg.clustering.clusters import fit_clusters
from napari_ae_seg.clustering.number import FIGURES, choose_k, evidence, likeliest, probabilities
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core.rules import rules

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


@pytest.mark.parametrize("k", [2, 3, 4])
def test_separate_groups_are_counted(k):
    choice = choose_k(groups(k, 6, 12.0), CONFIG)
    assert choice.k == k
    assert sorted(choice.curve) == list(range(1, 11))
    assert sum(choice.curve.values()) == pytest.approx(1, abs=1e-3)
    assert choice.likely[0] == k
    assert f"{k} clusters were chosen" in choice.sentence


def test_two_or_three_numbers_are_offered():
    assert likeliest({2: 0.9, 3: 0.06, 4: 0.04}) == (2, 3)
    assert likeliest({2: 0.4, 3: 0.3, 4: 0.2, 5: 0.1}) == (2, 3, 4)
    assert likeliest({}) == ()


def test_what_lies_between_two_clusters_is_known_for_a_ring():
    line = np.linspace(0, 2, 900)[:, None].astype(np.float32)
    step = np.clip(np.round(line), 0, 2)  # 0, then 1 as the border, then 2
    ring = np.stack([np.ones_like(step), np.zeros_like(step), 2 * np.ones_like(step)], 1)
    inside = np.stack([step, step, step], 1)
    around, apart = (evidence(torch.from_numpy(step), 3, trios=trios)[2] for trios in (ring, inside))
    place = FIGURES.index("ring")
    assert around[place] > 0.9
    assert apart[place] == 0
    assert around[FIGURES.index("torn")] > apart[FIGURES.index("torn")]


def test_scattered_specks_are_torn_and_regions_are_not():
    rng = np.random.default_rng(0)
    x = groups(2, 2, 9.0)
    regions = np.stack([x, x + 0.01, x - 0.01], 1)[:800]
    specks = np.stack([x, rng.permutation(x), rng.permutation(x)], 1)[:800]
    place = FIGURES.index("torn")
    whole, torn = (evidence(torch.from_numpy(x).float(), 2, trios=trios)[1, place] for trios in (regions, specks))
    assert whole < 0.05
    assert torn > 0.8


def test_probabilities_follow_the_figures():
    figures = np.zeros((4, len(FIGURES)))
    figures[2, 0] = 3.0
    judge = {"weights": [[1.0]] + [[0.0]] * 25, "bias": [0.0], "out": [5.0], "last": 0.0}
    never = {"weights": [[0.0]] * 26, "bias": [0.0], "out": [0.0], "last": -5.0}
    rule = {"mean": [0.0] * 26, "scale": [1.0] * 26, "number": judge, "one": never}
    chances = probabilities(figures, rule)
    assert chances.argmax() == 2
    assert chances[0] < 0.01
    assert chances.sum() == pytest.approx(1)


def test_the_rule_that_comes_with_the_encoders_knows_every_figure():
    rule = rules()["number"]
    assert [len(rule[name]) for name in ("mean", "scale")] == [26, 26]
    assert [len(rule[judge]["weights"]) for judge in ("number", "one")] == [26, 26]


def test_a_constant_image_is_one_segment_and_the_sentence_says_so():
    choice = choose_k(np.zeros((50, 3)), CONFIG)
    assert (choice.k, choice.likely) == (1, (1,))
    assert choice.sentence == "All places look the same: one segment."


def test_no_more_than_allowed_and_no_more_than_there_are():
    x = groups(6, 2, 7.0)
    assert choose_k(x, CONFIG.but(max_clusters=4)).k <= 4
    assert choose_k(np.array([[0.0], [1.0], [1.0]]), CONFIG).k <= 2
    assert choose_k(np.repeat([[0.0], [1.0], [5.0]], 60, axis=0), CONFIG).k <= 3
    with pytest.raises(ValueError, match="nothing to cluster"):
        choose_k(np.full((5, 2), np.nan), CONFIG)


def test_hdbscan_finds_its_own_number():
    x = groups(3, 2, 9.0)
    choice = choose_k(x, CONFIG, "hdbscan")
    assert choice.k == 3
    assert choice.sentence == "HDBSCAN found 3 dense groups."
    assert fit_clusters(x, CONFIG, "hdbscan", 3).k == 3
