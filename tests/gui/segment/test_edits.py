"""What a person changes about clusters, in the table and on the canvas; each is one step to undo."""

from types import SimpleNamespace

import numpy as np
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from qtpy.QtWidgets import QTableWidgetSelectionRange

from ..conftest import press, settle, slide


def select(table, *rows):
    table.clearSelection()
    for row in rows:
        table.setRangeSelected(QTableWidgetSelectionRange(row, 0, row, 2), True)


def do(qtbot, dock, text):
    """Choose from the table's menu."""
    action = next(one for one in dock.table.menu().actions() if one.text().startswith(text))
    assert action.isEnabled(), action.toolTip()
    action.trigger()
    settle(qtbot, dock)


def test_merged_clusters_come_apart_again_with_one_undo(segmented, qtbot):
    dock, labels = segmented
    before = labels.data.copy()
    select(dock.table, 1, 2)
    do(qtbot, dock, "Merge")
    assert (labels.data == np.minimum(before, 2)).all()
    assert dock.table.rowCount() == 2
    labels.undo()
    assert (labels.data == before).all()
    assert dock.table.rowCount() == 3


def test_a_merge_stays_when_the_smoothing_changes(segmented, qtbot):
    dock, labels = segmented
    select(dock.table, 1, 2)
    do(qtbot, dock, "Merge")
    slide(dock, "smoothing", 2)
    settle(qtbot, dock)
    assert set(np.unique(labels.data)) == {1, 2}


def test_background_is_label_0(segmented, qtbot):
    dock, labels = segmented
    before = labels.data.copy()
    select(dock.table, 0)
    do(qtbot, dock, "Make background")
    assert ((labels.data == 0) == (before == 1)).all()
    labels.undo()
    assert (labels.data == before).all()


def test_a_name_stays_when_the_clusters_change(segmented, qtbot):
    dock, labels = segmented
    dock.table.item(2, 0).setText("nuclei")
    settle(qtbot, dock)
    slide(dock, "smoothing", 3)
    settle(qtbot, dock)
    assert "nuclei" in list(labels.features["name"])


def test_the_menu_says_what_is_missing(segmented):
    dock, _ = segmented
    select(dock.table, 0)
    merge = next(one for one in dock.table.menu().actions() if one.text().startswith("Merge"))
    assert not merge.isEnabled()
    assert merge.toolTip() == "Select two clusters or more."
    select(dock.table, 1)  # the background, in row 0, is hidden
    again = next(one for one in dock.table.menu().actions() if one.text() == "Show again")
    assert not again.isEnabled()
    assert again.toolTip() == "Select a cluster that is hidden."


def test_a_click_in_the_image_selects_the_row(segmented):
    dock, labels = segmented
    y, x = np.argwhere(labels.data == 3)[0]

    def click(place, *modifiers):
        event = SimpleNamespace(pos=(100, 100), position=place, modifiers=modifiers, handled=False)
        event.view_direction, event.dims_displayed = None, [0, 1]
        steps = {"mouse_press": mouse_press_callbacks, "mouse_release": mouse_release_callbacks}
        for event.type, callbacks in steps.items():
            callbacks(labels, event)

    click((y, x))
    assert dock.table.selected() == [3]
    click(tuple(np.argwhere(labels.data == 1)[0]), "Shift")
    assert dock.table.selected() == [1, 3]


def test_a_split_cluster_comes_together_again_with_one_undo(segmented, qtbot):
    dock, labels = segmented
    before = labels.data.copy()
    select(dock.table, 0)
    do(qtbot, dock, "Split")
    assert dock.table.rowCount() == 4
    assert (labels.data[before != 1] == before[before != 1]).all()
    labels.undo()
    assert (labels.data == before).all()


def test_a_hidden_cluster_is_clear_and_keeps_its_places(segmented, qtbot):
    dock, labels = segmented
    before = labels.data.copy()
    select(dock.table, 1)
    do(qtbot, dock, "Hide")
    assert labels.colormap.color_dict[2][3] == 0
    assert (labels.data == before).all()
    labels.undo()
    assert labels.colormap.color_dict[2][3] == 1


def test_the_rest_follows_what_was_painted(segmented, qtbot, viewer):
    dock, labels = segmented
    assert not dock.learn_button.isEnabled()
    assert "Nothing is painted yet" in dock.learn_button.toolTip()
    before = labels.data.copy()
    bright = np.argwhere(before == 3)
    labels.data_setitem(tuple(bright[: len(bright) // 3].T), 2)
    painted = tuple(bright[: len(bright) // 3].T)
    press(qtbot, dock.learn_button)
    settle(qtbot, dock)
    assert (labels.data[painted] == 2).all()
    assert (labels.data == 2).sum() > (before == 2).sum() + len(painted[0])
    assert dock.result.segmenter.guide is not None
    labels.undo()
    assert (labels.data[painted] == 2).all()
    assert dock.result.segmenter.guide is None


def test_strokes_on_a_layer_of_their_own_teach_as_well(segmented, qtbot, viewer):
    dock, labels = segmented
    press(qtbot, dock.results.strokes)
    layer = viewer.layers["image strokes"]
    assert str(layer.mode) == "paint"
    assert not layer.data.any()
    bright = np.argwhere(labels.data == 3)[::4]
    layer.data_setitem(tuple(bright.T), 1)
    qtbot.waitUntil(dock.learn_button.isEnabled)
    press(qtbot, dock.learn_button)
    settle(qtbot, dock)
    assert (labels.data[tuple(bright.T)] == 1).all()
    dock.results.as_python.trigger()
    from qtpy.QtWidgets import QApplication

    exec(QApplication.clipboard().text(), {"viewer": viewer})
    assert (viewer.layers[-1].data == labels.data).all()
    press(qtbot, dock.discard)
    settle(qtbot, dock)
    assert dock.result.segmenter.guide is None
    assert (labels.data[tuple(bright.T)] == 3).any()


def test_objects_are_counted_and_shown(segmented, qtbot, viewer):
    from scipy import ndimage

    dock, labels = segmented
    viewer.window._qt_window.show()
    dock.objects_fold.expand()
    select(dock.table, 2)
    qtbot.waitUntil(lambda: "object" in dock.objects.count.text(), timeout=20_000)
    count = ndimage.label(labels.data == 3)[1]
    assert dock.objects.count.text().startswith(f"{count} object")
    press(qtbot, dock.objects.button)
    objects = viewer.layers["image objects"]
    assert objects.data.max() == count
    assert len(objects.features) == count
    dock.objects.form.write({"min_size": 5000})
    qtbot.waitUntil(lambda: "object" in dock.objects.count.text(), timeout=20_000)
    assert dock.objects.count.text().startswith("0 objects")
    viewer.window._qt_window.hide()


def test_a_plain_background_is_left_clear_and_no_object_is_counted_in_it(segmented, qtbot, viewer):
    from scipy import ndimage

    dock, labels = segmented
    assert labels.colormap.color_dict[1][3] == 0
    assert (labels.data == 1).any()
    press(qtbot, dock.results.count)
    qtbot.waitUntil(lambda: "image objects" in viewer.layers, timeout=20_000)
    objects = viewer.layers["image objects"]
    assert not objects.data[labels.data == 1].any()
    assert objects.data.max() == ndimage.label(labels.data > 1)[1]
    assert f"{objects.data.max()} objects" in dock.results.counted.text()


def test_the_background_is_shown_on_request_and_that_can_be_undone(segmented, qtbot):
    dock, labels = segmented
    assert not dock.results.background.isChecked()
    dock.results.background.setChecked(True)
    settle(qtbot, dock)
    assert labels.colormap.color_dict[1][3] == 1
    labels.undo()
    assert labels.colormap.color_dict[1][3] == 0
    assert not dock.results.background.isChecked()
