"""What lies near a stroke, in units of what varies within segments."""

import numpy as np
import pytest
import torch

from napari_ae_seg.clustering.nearest import MOST, Nearest, fit_nearest
from napari_ae_seg.core import state

RNG = np.random.default_rng(0)


def scene(count):
    """Two segments that differ by 1 in the second direction and vary as much in the first."""
    segments = np.repeat([1, 2], count)
    places = RNG.standard_normal((2 * count, 2)) * [1, 0.01]
    places[:, 1] += segments
    return places.astype(np.float32), segments


def found(nearest, x):
    return nearest.scores(torch.from_numpy(np.asarray(x, np.float32).T)).argmax(0).tolist()


def test_one_place_a_class_is_enough_where_segments_say_what_matters():
    places, segments = scene(500)
    painted = np.array([[-0.8, 1], [0.8, 2]], np.float32)
    learnt = fit_nearest(painted, np.array([0, 1]), np.array([1, 2]), places, segments)
    flat = fit_nearest(painted, np.array([0, 1]), np.array([1, 2]), RNG.standard_normal((99, 2)), np.ones(99, int))

    x = [[0.6, 1], [-0.6, 2]]
    assert found(flat, x) == [1, 0]  # without, the broad direction decides
    assert found(learnt, x) == [0, 1]


def test_a_class_of_two_looks_keeps_both():
    around = RNG.standard_normal((200, 2)) * 0.3
    painted = np.array([[0.0, 0], [8, 0], [4, 0]], np.float32)
    learnt = fit_nearest(painted, np.array([0, 0, 1]), np.array([1, 2, 3]), around, np.ones(200, int))

    assert found(learnt, [[0.5, 0], [7.5, 0], [4.2, 0]]) == [0, 0, 1]


def test_many_strokes_are_grouped():
    x = RNG.standard_normal((300, 3)).astype(np.float32)
    learnt = fit_nearest(x, np.repeat([0, 1], 150), np.arange(300), x, np.ones(300, int))

    assert np.bincount(learnt.classes).tolist() == [MOST, MOST]


@pytest.mark.parametrize("features", [0, 1, 4])
def test_features_that_never_vary_tell_nothing(features):
    x = np.ones((6, features), np.float32)
    learnt = fit_nearest(x, np.array([0, 0, 1, 1, 2, 2]), np.arange(6), x, np.ones(6, int))

    chances = learnt.scores(torch.ones(features, 4)).exp()
    assert torch.allclose(chances, torch.full((3, 4), 1 / 3))


def test_kept_and_read_again_it_says_the_same():
    places, segments = scene(40)
    learnt = fit_nearest(places[:8], np.repeat([0, 1], 4), np.arange(8), places, segments)
    again = state.unpack(Nearest, *state.pack(learnt))

    x = torch.from_numpy(places.T)
    assert torch.equal(again.scores(x), learnt.scores(x))


def test_strokes_of_no_class_are_refused():
    fits = Nearest(np.eye(2, dtype=np.float32), np.zeros((2, 2), np.float32), np.array([0, 1]))
    fits.check()
    for classes in ([0, 2], [-1, 0], [0, 2**62]):  # a number from a stranger's file is not counted up to
        with pytest.raises(ValueError, match="every class"):
            Nearest(fits.root, fits.means, np.array(classes)).check()
    with pytest.raises(ValueError, match="disagree"):
        Nearest(fits.root, fits.means[:, :1], fits.classes).check()
