"""Refining in a real viewer: keys, strokes and what a saved model keeps of them."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QPushButton

import napari_ae_seg as ae

from ..conftest import press, settle, slide
from .test_edits import do, select


def key(qtbot, dock, labels, name):
    """Press `Shift` and a letter while the labels layer is active, as napari hears it."""
    next(act for keys, act in labels.keymap.items() if str(keys) == f"Shift+{name}")(labels)
    settle(qtbot, dock)


@pytest.mark.parametrize(("letter", "rows"), [("M", (1, 2)), ("S", (0,)), ("B", (0,)), ("H", (1,))])
def test_a_key_is_one_step_to_undo(segmented, qtbot, letter, rows):
    dock, labels = segmented
    picture, names, colors = labels.data.copy(), list(labels.features["name"]), dict(labels.colormap.color_dict)
    select(dock.table, *rows)
    key(qtbot, dock, labels, letter)
    changed = (labels.data != picture).any() or labels.colormap.color_dict[2][3] == 0
    assert changed
    labels.undo()
    assert (labels.data == picture).all()
    assert list(labels.features["name"]) == names
    for label in (1, 2, 3):
        np.testing.assert_allclose(labels.colormap.color_dict[label], colors[label])


def test_the_keys_act_in_the_table_as_well_and_are_told_there(segmented, qtbot):
    dock, labels = segmented
    before = labels.data.copy()
    assert "Shift+M" in dock.table.horizontalHeaderItem(0).toolTip()
    select(dock.table, 1, 2)
    qtbot.keyClick(dock.table, Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    settle(qtbot, dock)
    assert (labels.data == np.minimum(before, 2)).all()


def test_hiding_again_shows_and_undo_hides(segmented, qtbot):
    dock, labels = segmented
    for clear in (True, False):
        select(dock.table, 1)
        key(qtbot, dock, labels, "H")
        assert (labels.colormap.color_dict[2][3] == 0) == clear
    labels.undo()
    assert labels.colormap.color_dict[2][3] == 0


def test_edits_stay_when_k_changes(segmented, qtbot):
    dock, labels = segmented
    select(dock.table, 0)
    do(qtbot, dock, "Make background")
    dark = labels.data == 0
    slide(dock, "n_clusters", 4)
    settle(qtbot, dock)
    assert (labels.data == 0)[dark].mean() > 0.5
    labels.undo()
    assert ((labels.data == 0) == dark).all()


def test_what_was_made_background_comes_back(segmented, qtbot):
    dock, labels = segmented
    before = labels.data.copy()
    select(dock.table, 0)
    do(qtbot, dock, "Make background")
    do(qtbot, dock, "Bring back background")
    assert (labels.data == before).all()
    assert not any(action.text() == "Bring back background" for action in dock.table.menu().actions())
    labels.undo()
    assert ((labels.data == 0) == (before == 1)).all()


def test_a_color_is_a_step_to_undo(segmented, qtbot):
    dock, labels = segmented
    before = labels.colormap.color_dict[2]
    dock.table.edited.emit("recolor", (2, (1.0, 0.0, 0.0)))
    settle(qtbot, dock)
    np.testing.assert_allclose(labels.colormap.color_dict[2], (1, 0, 0, 1))
    labels.undo()
    np.testing.assert_allclose(labels.colormap.color_dict[2], before)


def test_learning_says_why_it_cannot_start(segmented, qtbot):
    dock, labels = segmented
    learn = next(button for button in dock.findChildren(QPushButton) if button.text() == "Learn from my edits")
    assert learn.isVisibleTo(dock)
    assert not learn.isEnabled()
    assert "Nothing is painted yet" in learn.toolTip()
    labels.paint((40, 40), 2)
    qtbot.waitUntil(learn.isEnabled)
    labels.undo()
    qtbot.waitUntil(lambda: not learn.isEnabled())


def test_a_new_number_has_a_color_before_it_is_learnt(segmented):
    _, labels = segmented
    assert labels.colormap.color_dict[4][3] == 1


def test_strokes_have_a_layer_in_the_colors_of_the_clusters(segmented, qtbot, viewer):
    dock, labels = segmented
    select(dock.table, 1)
    press(qtbot, dock.results.strokes)
    layer = viewer.layers["image strokes"]
    assert viewer.layers.selection.active is layer
    assert str(layer.mode) == "paint"
    assert layer.selected_label == 2
    for label in (1, 2, 3):
        np.testing.assert_allclose(layer.colormap.color_dict[label], labels.colormap.color_dict[label])
    press(qtbot, dock.results.strokes)
    assert len(viewer.layers) == 3


@pytest.fixture
def taught(segmented, qtbot):
    """A third of the bright pixels was painted as a new cluster, and learnt from."""
    dock, labels = segmented
    bright = np.argwhere(labels.data == 3)
    where = tuple(bright[: len(bright) // 3].T)
    before = labels.data.copy()
    labels.data_setitem(where, 5)
    press(qtbot, dock.learn_button)
    settle(qtbot, dock)
    return dock, labels, where, before


def test_what_was_learnt_is_one_step_to_undo_and_to_redo(taught):
    dock, labels, where, before = taught
    after = labels.data.copy()
    assert (after[where] == 5).all()
    assert (after == 5).sum() > len(where[0])
    labels.undo()
    painted = before.copy()
    painted[where] = 5
    assert (labels.data == painted).all()
    labels.redo()
    assert (labels.data == after).all()
    assert dock.result.segmenter.guide is not None


def test_what_was_learnt_stays_when_the_smoothing_changes(taught, qtbot):
    dock, labels, where, _ = taught
    slide(dock, "smoothing", 3)
    settle(qtbot, dock)
    assert dock.result.segmenter.guide is not None
    assert (labels.data[where] == 5).all()


def test_it_is_said_that_strokes_decide_until_they_are_forgotten(taught, qtbot):
    dock = taught[0]
    assert "What you painted decides" in dock.says.text()
    slide(dock, "n_clusters", 4)
    settle(qtbot, dock)
    assert "forget it to change the number of clusters" in dock.says.text()
    press(qtbot, dock.discard)
    settle(qtbot, dock)
    assert "What you painted" not in dock.says.text()


def test_copied_python_learns_the_same_without_the_layers(taught, viewer):
    dock, labels, _, _ = taught
    expected = labels.data.copy()
    dock.results.as_python.trigger()
    code = QApplication.clipboard().text()
    viewer.layers.remove(labels)
    exec(code, {"viewer": viewer})
    assert (viewer.layers[-1].data == expected).all()


def test_a_saved_model_keeps_what_was_learnt_and_painted(taught, qtbot, image, tmp_path):
    dock, labels, where, _ = taught
    labels.data_setitem((np.array([0, 0]), np.array([0, 1])), 0)
    dock.save(str(tmp_path / "taught.aeseg"))
    settle(qtbot, dock)
    found = ae.Segmenter.load(tmp_path / "taught.aeseg").apply(ae.read(image, axes="YX"))
    assert (found.labels[where] == 5).all()


def test_pixels_painted_on_a_layer_with_a_name_are_found_again_in_its_model(segmented, qtbot, viewer, tmp_path):
    dock, labels = segmented
    labels.data_setitem((np.array([0, 0]), np.array([0, 1])), 0)
    dock.save(str(tmp_path / "painted.aeseg"))
    settle(qtbot, dock)
    loaded = ae.Segmenter.load(tmp_path / "painted.aeseg")
    found = loaded.apply(ae.read(viewer.layers["image"]))
    assert (found.labels == labels.data).all()
    dock.results.as_python.trigger()
    assert "without the pixels that were painted" in QApplication.clipboard().text()
