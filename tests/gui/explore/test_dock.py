"""The Explore latents dock: a lasso lights up the image, the image lights up the plane, and both make clusters."""

import itertools

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtTest import QTest

from napari_ae_seg.gui.session import current

from ..conftest import blobs, press, settle


@pytest.fixture
def docks(viewer, segment_dock, dock, qtbot):
    """Both docks, an image segmented into two clusters and explored."""
    viewer.add_image(blobs(), name="cells", scale=(0.5, 0.5))
    explore = dock("Explore latents")
    segment_dock.forms[0].write({"n_clusters": 2})
    press(qtbot, segment_dock.button)
    rest(qtbot, segment_dock, explore)
    explore.resize(340, 800)
    yield segment_dock, explore
    rest(qtbot, segment_dock, explore)
    current().update(result=None)


def rest(qtbot, *widgets):
    """Wait until all docks are at rest and nothing new begins."""
    for _ in range(4):
        for widget in widgets:
            settle(qtbot, widget)


def draw(explore, corners, closed=True):
    """Draw a lasso with the mouse through (column, row) corners of the plane."""
    view = explore.plane
    places = [view.position(corner).toPoint() for corner in [*corners, corners[0]]]
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=places[0])
    for before, after in itertools.pairwise(places):
        for share in np.linspace(0.25, 1, 4):
            QTest.mouseMove(view, (QPointF(before) + (QPointF(after) - QPointF(before)) * share).toPoint())
    if closed:
        QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=places[-1])


def make(qtbot, segment, explore):
    """Make a cluster of what is selected, although hardly anything of another may be left."""
    press(qtbot, explore.make_button)
    rest(qtbot, segment, explore)
    if not explore.asking.isHidden():
        press(qtbot, explore.agree_button)
        rest(qtbot, segment, explore)


def around(explore, inside, reach=1.2):
    """Corners of a box round the places of the pixels `inside` on the plane."""
    rows, columns = np.divmod(explore.look.plane.bins[0][inside], 512)
    (top, low), (left, right) = (np.percentile(axis, (10, 90)) for axis in (rows, columns))
    middle = np.array([(left + right) / 2, (top + low) / 2])
    corners = np.array([(left - 5, top - 5), (right + 5, top - 5), (right + 5, low + 5), (left - 5, low + 5)])
    return [tuple(corner) for corner in np.clip(middle + reach * (corners - middle), 2, 509)]


def test_it_says_what_is_missing_until_an_image_is_segmented(viewer, dock, qtbot):
    current().update(result=None)
    explore = dock("Explore latents")
    assert "Segment an image first" in explore.nothing.text()
    assert explore.body.isHidden()


def test_a_lasso_on_the_plane_lights_up_its_pixels_in_the_image(viewer, docks, qtbot):
    _, explore = docks
    bright = viewer.layers["cells"].data > 1000
    draw(explore, around(explore, bright))
    lit = viewer.layers["selection"]
    expected = explore.look.plane.inside(explore.plane.corners)[0]
    assert expected.any()
    assert ((lit.data > 0) == expected).all()
    np.testing.assert_allclose(lit.scale, (0.5, 0.5))
    assert viewer.layers.selection.active is not lit
    press(qtbot, explore.clear_button)
    assert not viewer.layers["selection"].data.any()
    assert not explore.make_button.isEnabled()
    assert "lasso" in explore.make_button.toolTip()


def test_pixels_light_up_while_the_lasso_is_drawn(viewer, docks, qtbot):
    _, explore = docks
    draw(explore, [(5, 5), (500, 5), (500, 500), (5, 500)], closed=False)
    qtbot.waitUntil(lambda: "selection" in viewer.layers and viewer.layers["selection"].data.any())
    QTest.mouseRelease(explore.plane, Qt.MouseButton.LeftButton)


def test_painting_in_the_selection_lights_up_the_plane(viewer, docks, qtbot):
    _, explore = docks
    draw(explore, [(5, 5), (500, 5), (500, 500), (5, 500)])
    press(qtbot, explore.clear_button)
    layer = viewer.layers["selection"]
    layer.brush_size = 5
    layer.paint((40, 40), 1)
    qtbot.waitUntil(lambda: explore.plane._light is not None)
    light = explore.plane._light
    shown = {(x, y) for x in range(512) for y in range(512) if light.pixelColor(x, y).alpha()}
    column, row = explore.look.plane.at(0, (40, 40))
    assert any(abs(x - column) < 4 and abs(y - row) < 4 for x, y in shown)
    assert explore.make_button.isEnabled()


def test_the_mouse_over_the_image_marks_the_place_of_its_pixel(viewer, docks, qtbot):
    _, explore = docks

    class Event:
        position = (20.0, 15.0)

    for callback in viewer.mouse_move_callbacks:
        callback(viewer, Event)
    assert explore.plane.cross == explore.look.plane.at(0, (40, 30))
    Event.position = (-500.0, 0.0)
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, Event)
    assert explore.plane.cross is None


def test_a_label_that_is_picked_and_a_shape_that_is_drawn_light_up(viewer, docks, qtbot):
    segment, explore = docks
    labels = segment.view.layers[0]
    viewer.layers.selection.active = labels
    labels.selected_label = 2
    assert ((viewer.layers["selection"].data > 0) == (labels.data == 2)).all()
    shapes = viewer.add_shapes(name="box", scale=(0.5, 0.5))
    viewer.layers.selection.active = shapes
    shapes.add_rectangles([[10, 10], [10, 30], [30, 30], [30, 10]])
    chosen = viewer.layers["selection"].data > 0
    assert chosen[15:25, 15:25].all()
    assert not chosen[50:].any()
    assert explore.plane._light is not None


def test_a_label_chosen_to_paint_with_lights_up_nothing(viewer, docks, qtbot):
    segment, explore = docks
    labels = segment.view.layers[0]
    viewer.layers.selection.active = labels
    for mode in ("paint", "fill", "erase"):
        labels.mode = mode
        labels.selected_label = 2 if labels.selected_label == 1 else 1
        labels.paint((40, 40), labels.selected_label)
        rest(qtbot, segment, explore)
    assert "selection" not in viewer.layers
    labels.mode = "pick"
    labels.selected_label = 3 - labels.selected_label
    assert viewer.layers["selection"].data.any()


def test_a_lasso_that_would_take_all_of_other_clusters_asks_first(viewer, docks, qtbot):
    segment, explore = docks
    labels = segment.view.layers[0]
    before = labels.data.copy()
    explore.of.choose("features")
    rest(qtbot, explore)
    second = explore.look.exploration.segments.names[2]
    draw(explore, around(explore, viewer.layers["cells"].data > 1700))  # the brighter of two clusters, all but its rim
    press(qtbot, explore.make_button)
    rest(qtbot, segment, explore)
    assert not explore.asking.isHidden()
    assert f"nearly all of {second}." in explore.question.text()
    assert (labels.data == before).all()
    press(qtbot, explore.leave_button)
    rest(qtbot, segment, explore)
    assert explore.asking.isHidden()
    assert current().segmenter.clusters.k == 2
    press(qtbot, explore.make_button)
    rest(qtbot, segment, explore)
    press(qtbot, explore.agree_button)
    rest(qtbot, segment, explore)
    assert explore.asking.isHidden()
    assert current().segmenter.clusters.k == 3


def test_a_lasso_makes_a_cluster_and_ctrl_z_undoes_it(viewer, docks, qtbot):
    segment, explore = docks
    labels = segment.view.layers[0]
    before = labels.data.copy()
    explore.of.choose("features")
    rest(qtbot, explore)
    brightest = viewer.layers["cells"].data > 1700
    draw(explore, around(explore, brightest))
    asked = viewer.layers["selection"].data > 0
    make(qtbot, segment, explore)
    assert (labels.data == 3).any()
    assert (asked & (labels.data == 3)).sum() > 0.5 * asked.sum()
    assert "lasso 3" in list(labels.features["name"])
    assert current().segmenter.clusters.k == 3
    assert "% of the selection" in explore.runner.text.text()
    assert len(explore.strip.rows) == 3
    segment.copy_menu.menu().actions()[0].trigger()
    labels.undo()
    rest(qtbot, segment, explore)
    assert (labels.data == before).all()
    assert current().segmenter.clusters.k == 2
    assert len(explore.strip.rows) == 2
    labels.redo()
    rest(qtbot, segment, explore)
    assert len(explore.strip.rows) == 3


@pytest.mark.filterwarnings("ignore::napari_ae_seg.core.errors.AssumptionWarning")
def test_the_copied_lines_make_the_same_cluster(viewer, docks, qtbot):
    from qtpy.QtWidgets import QApplication

    segment, explore = docks
    explore.of.choose("features")
    rest(qtbot, explore)
    draw(explore, around(explore, viewer.layers["cells"].data > 1700))
    make(qtbot, segment, explore)
    segment.copy_menu.menu().actions()[0].trigger()
    lines = QApplication.clipboard().text()
    assert ".separate(ae.Exploration.of(segmenter, stack).parted([(" in lines
    made = segment.view.layers[0].data.copy()
    exec(lines, {"viewer": viewer})
    assert (viewer.layers[-1].data == made).mean() > 0.99


def test_objects_units_and_colors(viewer, docks, qtbot):
    _, explore = docks
    explore.points.choose("objects")
    rest(qtbot, explore)
    assert 3 <= explore.look.plane.counts.sum() < 200
    before = explore.look.picture
    explore.by.choose("confidence")
    rest(qtbot, explore)
    assert not np.array_equal(explore.look.picture, before)
    QTest.mouseClick(explore.units, Qt.MouseButton.LeftButton)
    assert viewer.layers["cells unit"].data.shape == (96, 96)
    np.testing.assert_allclose(viewer.layers["cells unit"].scale, (0.5, 0.5))


def test_clusters_that_change_in_the_segment_dock_change_here(viewer, docks, qtbot):
    segment, explore = docks
    segment.edit("rename", 2, "nuclei")
    rest(qtbot, segment, explore)
    assert explore.strip.rows[1].name == "nuclei"
    viewer.layers.remove(segment.view.layers[0])
    rest(qtbot, segment, explore)
    assert explore.look is None
    assert not explore.nothing.isHidden()


def test_closing_the_dock_takes_the_selection_along(viewer, docks, qtbot):
    _, explore = docks
    draw(explore, [(5, 5), (500, 5), (500, 500), (5, 500)])
    assert "selection" in viewer.layers
    viewer.window.remove_dock_widget(explore.parent() if hasattr(explore.parent(), "widget") else explore)
    qtbot.waitUntil(lambda: "selection" not in viewer.layers)


def test_the_report_button_writes_a_page(viewer, docks, qtbot, tmp_path, monkeypatch):
    from qtpy.QtWidgets import QFileDialog

    _, explore = docks
    path = tmp_path / "cells.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    press(qtbot, explore.report_button)
    rest(qtbot, explore)
    assert "Segmentation of cells" in path.read_text(encoding="utf-8")
    assert str(path) in explore.runner.text.text()


def test_of_several_images_the_labels_segmented_last_are_those_that_are_picked(viewer, segment_dock, dock, qtbot):
    explore = dock("Explore latents")
    a, b = (viewer.add_image(blobs(seed=seed), name=name) for seed, name in ((1, "a"), (2, "b")))
    segment_dock.image.choose(a)
    segment_dock.options.more.tick(b)
    segment_dock.forms[0].write({"n_clusters": 2})
    press(qtbot, segment_dock.button)
    rest(qtbot, segment_dock, explore)
    viewer.layers["b segments"].name = "mine"  # its name is the person's
    viewer.add_labels(np.zeros((96, 96), int), name="b segments")
    explore.which.choose(1)
    rest(qtbot, segment_dock, explore)
    labels = viewer.layers["mine"]
    viewer.layers.selection.active = labels
    labels.selected_label = 2
    assert ((viewer.layers["selection"].data > 0) == (labels.data == 2)).all()
    rest(qtbot, segment_dock, explore)


def test_labels_are_explored_after_their_image_was_removed(viewer, docks, qtbot):
    segment, explore = docks
    viewer.layers.remove("cells")
    rest(qtbot, segment, explore)
    assert explore.nothing.isHidden()
    explore.by.choose("confidence")
    rest(qtbot, segment, explore)
    assert explore.look.wish.by == "confidence"
