"""Edits: what a person changed is a value; labels follow, numbers last, undo is the value before."""

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_ae_seg.core import state
from napari_ae_seg.segmenter.edits import Edits

LABELS = np.array([[0, 1, 2], [3, 4, 5]])


def test_a_merged_segment_has_the_smallest_number_and_the_others_keep_theirs():
    assert Edits().merge(4, 2, 5).apply(LABELS).tolist() == [[0, 1, 2], [3, 2, 2]]


def test_merging_what_was_merged_joins_all_of_it():
    edits = Edits().merge(4, 3).merge(5, 4).merge(1, 5)
    assert edits.apply(LABELS).tolist() == [[0, 1, 2], [1, 1, 1]]


def test_background_and_back():
    edits = Edits().merge(1, 2).background(2)
    assert edits.apply(LABELS).tolist() == [[0, 0, 0], [3, 4, 5]]
    assert edits.foreground(1).apply(LABELS).tolist() == [[0, 1, 1], [3, 4, 5]]


def test_hidden_segments_keep_their_label():
    edits = Edits().hide(3)
    assert edits.hidden == {3}
    assert np.array_equal(edits.apply(LABELS), LABELS)
    assert edits.show(3) == Edits()


def test_a_split_gives_the_nearer_part_and_new_numbers_above_all_others():
    features = np.array([[[0, 0, 0.1], [0, 0.9, 0.2]]])
    labels = np.array([[2, 1, 2], [2, 2, 7]])
    edits = Edits().split(2, np.array([[0.0], [1.0]]), most=7)
    assert edits.apply(labels, features).tolist() == [[2, 1, 2], [2, 8, 7]]
    again = edits.split(2, np.array([[0.0], [0.1]]), most=7)
    assert again.splits[1].parts == (2, 9)
    assert again.apply(labels, features).tolist() == [[2, 1, 9], [2, 8, 7]]


def test_parts_of_a_split_can_be_merged_with_others():
    features = np.array([[0.0, 1.0, 0.0]])
    edits = Edits().split(2, np.array([[0.0], [1.0]]), most=2).merge(1, 3)
    assert edits.apply(np.array([2, 2, 1]), features).tolist() == [2, 1, 1]


def test_painted_pixels_are_kept_and_later_strokes_win():
    first, second = np.full((2, 3), -1), np.full((2, 3), -1)
    first[0, :2], second[0, 1], second[1, 0] = 5, 0, 7
    painted = Edits().paint("a.tif", first).paint("a.tif", second).painted["a.tif"]
    assert painted.apply(LABELS).tolist() == [[5, 0, 2], [7, 4, 5]]


def test_what_was_painted_on_another_shape_is_refused():
    painted = Edits().paint("a", np.zeros((2, 2), int)).painted["a"]
    with pytest.raises(ValueError, match="painted on an image of shape"):
        painted.apply(LABELS)


def test_all_of_it_survives_a_file():
    edits = (
        Edits()
        .merge(1, 2)
        .rename(1, "nuclei")
        .recolor(3, (1, 0.5, 0))
        .background(4)
        .hide(5)
        .split(3, np.array([[0.25, 1], [2, 3]]), most=5)
        .paint("a", np.array([[-1, 2], [0, -1]]))
    )
    values, arrays = state.pack(edits)
    again = state.unpack(Edits, json.loads(json.dumps(values)), arrays)
    assert again == edits
    assert again != replace(edits, painted={})


@pytest.mark.parametrize("labels", [(1,), (1, 1), (0, 1)])
def test_merging_one_segment_or_background_is_refused(labels):
    with pytest.raises(ValueError, match="two or more different"):
        Edits().merge(*labels)
