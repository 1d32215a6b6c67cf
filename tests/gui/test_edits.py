"""What a person changes about clusters, in the table and on the canvas; each is one step to undo."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from qtpy.QtWidgets import QTableWidgetSelectionRange

from .conftest import press, settle
from .test_segment import labels_of, slide


@pytest.fixture
def segmented(viewer, segment_dock, qtbot, image):
    """The dock with three clusters shown, and their layer."""
    viewer.add_image(image)
    slide(segment_dock, "n_clusters", 3)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    return segment_dock, labels_of(viewer)


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
