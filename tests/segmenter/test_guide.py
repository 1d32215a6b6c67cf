"""Guidance: strokes teach, the rest of the image follows, and what nobody painted stays."""

import time

import numpy as np
import pytest
import torch

from napari_ae_seg.core import state
from napari_ae_seg.segmenter.guidance import Guide, fit_guide, painted_places

RNG = np.random.default_rng(0)
CENTERS = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])


def blobs(count, of):
    """`count` places around each of the given centres, and which centre (1-based) each belongs to."""
    which = np.repeat(of, count)
    return (CENTERS[which - 1] + 0.5 * RNG.standard_normal((len(which), 2))).astype(np.float32), which


def share(guide, x, label):
    found = guide.scores(torch.from_numpy(x.T)).argmax(0).numpy()
    return np.mean(np.array(guide.labels)[found] == label)


def test_three_strokes_name_the_whole_image():
    guide = fit_guide(*blobs(10, [1, 2, 3]))
    for label in (1, 2, 3):
        assert share(guide, blobs(200, [label])[0], label) > 0.95


def test_a_label_painted_ten_times_as_much_does_not_swallow_the_other():
    x, which = blobs(20, [1, 2])
    many = blobs(200, [1])
    guide = fit_guide(np.concatenate([x, many[0]]), np.concatenate([which, many[1]]))
    assert share(guide, blobs(200, [2])[0], 2) > 0.95


def test_clusters_that_nobody_painted_stay_and_a_new_label_takes_only_what_is_like_it():
    sample, present = blobs(400, [1, 2, 3, 4])
    present = np.minimum(present, 3)  # cluster 3 holds two kinds of places
    strokes = blobs(20, [4])[0]
    guide = fit_guide(strokes, np.full(20, 9), others=(sample, present))
    assert guide.labels == (1, 2, 3, 9)
    assert guide.painted == (9,)
    assert share(guide, blobs(200, [4])[0], 9) > 0.9
    for label in (1, 2, 3):
        assert share(guide, blobs(200, [label])[0], label) > 0.9


def test_a_cluster_speaks_for_what_was_painted_in_it_or_for_its_own_label():
    x, labels = np.zeros((4, 3), np.float32), np.array([7, 7, 7, 7])
    guide = fit_guide(x, labels, others=(np.ones((50, 3), np.float32), np.full(50, 2)), own=3)
    inside_the_first_cluster = np.array([[1.0] * 4, [0.0] * 4])
    chances = guide.chances(inside_the_first_cluster, lookup=np.array([0, 1, 2]))
    assert guide.labels == (2, 7)
    assert chances.argmax(1).tolist() == [1, 0]
    assert np.allclose(chances.sum(1), 1)


def test_strokes_are_read_on_the_grid_of_the_features():
    features = torch.arange(12.0).reshape(1, 3, 4)
    strokes = np.zeros((6, 7), int)
    strokes[5, 6], strokes[0, 1] = 2, 1
    x, labels = painted_places(features, strokes, grid=2)
    assert x.tolist() == [[0.0], [11.0]]
    assert labels.tolist() == [1, 2]


def test_a_saved_guide_says_the_same():
    guide = fit_guide(*blobs(20, [1, 2, 4]))
    again = state.unpack(Guide, *state.pack(guide))
    x = torch.from_numpy(blobs(50, [1, 2, 3])[0].T)
    assert again.labels == guide.labels
    assert torch.equal(again.scores(x), guide.scores(x))


def test_the_features_of_a_million_pixels_are_guided_within_a_second():
    x = RNG.standard_normal((900, 45)).astype(np.float32)
    labels = RNG.integers(1, 4, 900)
    x[:, :6] += 2 * labels[:, None]
    features = torch.from_numpy(RNG.standard_normal((45, 512, 512)).astype(np.float32))
    features[:6] += 4
    start = time.process_time()
    fit_guide(x, labels).scores(features)
    assert time.process_time() - start < 2.0  # a second alone; twice that on a busy machine


@pytest.mark.parametrize("labels", [[0, 1], [1]])
def test_strokes_without_a_label_for_each_place_are_refused(labels):
    with pytest.raises(ValueError, match="a guide learns from"):
        fit_guide(np.zeros((2, 3)), np.array(labels))


def test_who_corrects_what_is_wrong_accepts_the_rest():
    sample, present = blobs(100, [1, 2])
    corrected, under = blobs(8, [1, 2])
    lookup, sure = np.array([0, 1, 2]), np.stack([under == 1, under == 2]).astype(float)
    guide = fit_guide(corrected, 3 - under, (sample, present), under, own=2)
    assert guide.chances(sure, lookup).argmax(1).tolist() == [0, 1]
    kept = state.unpack(Guide, *state.pack(guide))
    assert np.array_equal(kept.chances(sure, lookup), guide.chances(sure, lookup))
    over = fit_guide(corrected[under == 1], np.full(8, 2), (sample, present), np.ones(8, int), own=2)
    assert over.accepted == 0


def test_strokes_over_other_clusters_correct_them():
    x = np.linspace(0, 1, 40)[:, None]
    before = np.where(x[:, 0] < 0.5, 1, 2)

    def corrects(painted, **more):
        return fit_guide(x, painted, (x, before), before, own=1, **more).corrects

    assert corrects(3 - before)
    assert not corrects(before)
    assert not corrects(3 - before, corrections=False)
