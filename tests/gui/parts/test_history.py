"""Undo and redo of the labels layer, and the pixels the person painted."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_ae_seg.gui.parts import history
from napari_ae_seg.gui.parts.history import History


@pytest.fixture(params=[4_000_000, 0], ids=["by index", "compressed"])
def painted(request, monkeypatch):
    """A layer of ones with state "one", and the list of states that undo and redo told of."""
    monkeypatch.setattr(history, "BY_INDEX", request.param)
    layer = Labels(np.ones((6, 8), np.int32))
    told = []
    return layer, History(layer, "one", told.append), told


def test_a_change_is_one_step_that_undo_and_redo_walk(painted):
    layer, kept, told = painted
    new = np.ones((6, 8), np.int32)
    new[2:4, 3:7] = 2
    kept.write(new, "two")
    assert (layer.data == new).all()
    layer.undo()
    assert (layer.data == 1).all()
    assert told == ["one"]
    layer.redo()
    assert (layer.data == new).all()
    assert told == ["one", "two"]


def test_previews_leave_no_step(painted):
    layer, kept, told = painted
    for label in (2, 3, 4):
        kept.preview(np.full((6, 8), label))
    assert (layer.data == 4).all()
    kept.write(np.full((6, 8), 5), "five")
    layer.undo()
    assert (layer.data == 1).all()
    assert told == ["one"]


def test_painted_pixels_stay_until_they_are_given_up(painted):
    layer, kept, _ = painted
    layer.data_setitem((np.array([0, 1]), np.array([0, 1])), 7)
    kept.write(np.full((6, 8), 2), "two")
    assert layer.data[0, 0] == layer.data[1, 1] == 7
    assert (layer.data == 2).sum() == 46
    kept.write(np.full((6, 8), 2), "two", keep_painted=False)
    assert (layer.data == 2).all()
    layer.undo()
    assert layer.data[0, 0] == 7
    assert kept.painted.sum() == 2


def test_an_undone_brush_stroke_no_longer_counts_as_painted(painted):
    layer, kept, told = painted
    kept.write(np.full((6, 8), 2), "two")
    layer.brush_size = 1
    layer.paint((2, 2), 9)
    assert kept.painted.sum() == 1
    layer.undo()
    assert not kept.painted.any()
    assert told == []
    layer.redo()
    assert kept.painted[2, 2]


def test_a_new_name_is_a_step_too(painted):
    layer, kept, told = painted
    kept.note("renamed")
    kept.write(np.full((6, 8), 2), "two")
    layer.undo()
    layer.undo()
    assert told == ["renamed", "one"]


def test_an_undo_during_a_preview_goes_back_from_the_picture_before_it(painted):
    layer, kept, told = painted
    kept.write(np.full((6, 8), 2), "two")
    new = np.full((6, 8), 2)
    new[3] = 3
    kept.write(new, "three")
    kept.preview(np.full((6, 8), 4))
    layer.undo()
    assert (layer.data == 2).all()
    assert told == ["two"]
    kept.preview(np.full((6, 8), 4))
    layer.redo()
    assert (layer.data == new).all()


def test_data_of_another_shape_are_left_alone(painted):
    layer, kept, told = painted
    kept.preview(np.full((6, 8), 2))
    layer.data = np.zeros((20, 30), np.int32)
    layer.paint((15, 25), 3)
    kept.forget_preview()
    assert not kept.alive
    assert layer.data[15, 25] == 3
    assert told == []
    assert not kept.painted.any()
