"""Every labels layer keeps what belongs to it: its table, settings, strokes and undo."""

import numpy as np
import pytest

from napari_ae_seg.gui.session import current

from ..conftest import blobs, press, settle, slide
from .test_edits import select
from .test_refine import key


@pytest.fixture
def two(viewer, segment_dock, qtbot):
    """Images a and b with two and three clusters; b was segmented last."""
    for seed, name, clusters in ((1, "a", 2), (2, "b", 3)):
        layer = viewer.add_image(blobs(seed=seed), name=name)
        segment_dock.image.choose(layer)
        slide(segment_dock, "n_clusters", clusters)
        settle(qtbot, segment_dock)
        press(qtbot, segment_dock.button)
        settle(qtbot, segment_dock)
    return segment_dock, viewer.layers["a segments"], viewer.layers["b segments"]


def test_another_image_gets_labels_of_its_own(two):
    _, a, b = two
    assert a.data.max() == 2
    assert b.data.max() == 3


def test_the_active_labels_bring_their_table_and_sliders_back(two, viewer):
    dock, a, b = two
    viewer.layers.selection.active = a
    assert dock.table.rowCount() == 2
    assert dock.config().n_clusters == 2
    assert dock.image.layer is viewer.layers["a"]
    assert current().layer is a
    viewer.layers.selection.active = b
    assert dock.table.rowCount() == 3


def test_choosing_an_image_brings_its_result_back(two, viewer):
    dock, _, _ = two
    dock.image.choose(viewer.layers["a"])
    assert dock.table.rowCount() == 2
    dock.image.choose(viewer.layers["b"])
    assert dock.config().n_clusters == 3


def test_keys_act_on_the_layer_that_is_active(two, viewer, qtbot):
    dock, a, b = two
    before = b.data.copy()
    viewer.layers.selection.active = a
    select(dock.table, 0, 1)
    key(qtbot, dock, a, "M")
    assert (b.data == before).all()
    assert set(np.unique(a.data)) == {1}
    a.undo()
    assert set(np.unique(a.data)) == {1, 2}


def test_a_changed_number_of_clusters_leaves_other_images_alone(two, viewer, qtbot):
    dock, a, b = two
    before = a.data.copy()
    slide(dock, "n_clusters", 4)
    settle(qtbot, dock)
    assert b.data.max() == 4
    assert (a.data == before).all()
    viewer.layers.selection.active = a
    slide(dock, "n_clusters", 3)
    settle(qtbot, dock)
    assert a.data.max() == 3
    assert b.data.max() == 4
    b.undo()
    assert b.data.max() == 3


def test_a_change_under_way_reaches_the_labels_it_was_asked_for(two, viewer, qtbot):
    dock, a, b = two
    slide(dock, "n_clusters", 4)
    viewer.layers.selection.active = a
    settle(qtbot, dock)
    assert (a.data.max(), b.data.max()) == (2, 4)
    assert dock.table.rowCount() == 2


def test_strokes_belong_to_the_labels_they_were_painted_for(two, viewer, qtbot):
    dock, a, b = two
    viewer.layers.selection.active = a
    press(qtbot, dock.results.strokes)
    viewer.layers["a strokes"].paint((40, 40), 1)
    qtbot.waitUntil(dock.learn_button.isEnabled)
    viewer.layers.selection.active = b
    qtbot.waitUntil(lambda: not dock.learn_button.isEnabled())
    viewer.layers.selection.active = viewer.layers["a strokes"]
    qtbot.waitUntil(dock.learn_button.isEnabled)
    assert dock.table.rowCount() == 2


def test_closing_and_opening_the_dock_loses_nothing(two, viewer, dock, qtbot):
    first, a, b = two
    b.paint((5, 5), 3)
    settle(qtbot, first)
    viewer.window.remove_dock_widget(viewer.window._wrapped_dock_widgets["Segment (napari-ae-seg)"])
    again = dock("Segment")
    viewer.layers.selection.active = a
    assert again.table.rowCount() == 2
    viewer.layers.selection.active = b
    assert again.table.rowCount() == 3
    assert again.discard.isVisibleTo(again)
    slide(again, "n_clusters", 4)
    settle(qtbot, again)
    assert b.data.max() == 4
    assert first.table.rowCount() == 3


def test_deleted_labels_do_not_come_back_during_an_update(two, viewer, qtbot):
    dock, _, b = two
    slide(dock, "n_clusters", 5)
    viewer.layers.remove(b)
    settle(qtbot, dock)
    assert [layer.name for layer in viewer.layers] == ["a", "a segments", "b"]


def test_labels_that_come_back_bring_their_result(two, viewer):
    dock, _, b = two
    viewer.layers.remove(b)
    assert not dock.results.isVisibleTo(dock)
    viewer.add_layer(b)
    assert dock.table.rowCount() == 3


def test_a_second_viewer_loses_nothing(two, make_napari_viewer, qtbot):
    dock, _, _ = two
    other = make_napari_viewer()
    second = other.window.add_plugin_dock_widget("napari-ae-seg", "Segment")[1]
    assert current().result is dock.result
    other.window.remove_dock_widget(other.window._wrapped_dock_widgets["Segment (napari-ae-seg)"])
    assert current().edit == dock.edit
    assert second.result is None


def test_labels_that_are_activated_after_another_viewer_was_used_are_what_is_explored(
    two, viewer, make_napari_viewer, qtbot
):
    dock, _, b = two
    other = make_napari_viewer()
    second = other.window.add_plugin_dock_widget("napari-ae-seg", "Segment")[1]
    other.add_image(blobs(seed=4), name="c")
    press(qtbot, second.button)
    settle(qtbot, second)
    assert current().result is second.result
    viewer.layers.selection.active = viewer.layers["b"]
    viewer.layers.selection.active = b
    assert current().result is dock.result


def test_undoing_one_of_several_images_undoes_all(viewer, segment_dock, qtbot):
    layers = [viewer.add_image(blobs(seed=seed), name=name) for seed, name in ((1, "a"), (2, "b"))]
    segment_dock.options.more.tick(layers[1])
    slide(segment_dock, "n_clusters", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    slide(segment_dock, "n_clusters", 3)
    settle(qtbot, segment_dock)
    a, b = viewer.layers["a segments"], viewer.layers["b segments"]
    b.undo()
    assert (a.data.max(), b.data.max()) == (2, 2)
    a.redo()
    assert (a.data.max(), b.data.max()) == (3, 3)
    assert segment_dock.config().n_clusters == 3


def test_a_new_press_brings_labels_for_every_image(viewer, segment_dock, qtbot):
    layers = [viewer.add_image(blobs(seed=seed), name=name) for seed, name in ((1, "a"), (2, "b"))]
    segment_dock.options.more.tick(layers[1])
    slide(segment_dock, "n_clusters", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    viewer.layers.remove("b segments")
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    shown = {layer.name for layer in segment_dock.view.layers if layer in viewer.layers}
    assert len(shown) == 2
    assert {name[0] for name in shown} == {"a", "b"}


def both(viewer, dock, qtbot, clusters=2):
    """Images a and b segmented together."""
    layers = [viewer.add_image(blobs(seed=seed), name=name) for seed, name in ((1, "a"), (2, "b"))]
    dock.image.choose(layers[0])
    dock.options.more.tick(layers[1])
    slide(dock, "n_clusters", clusters)
    press(qtbot, dock.button)
    settle(qtbot, dock)
    return [viewer.layers["a segments"], viewer.layers["b segments"]]


def labels_in(viewer):
    return [layer.name for layer in viewer.layers if "segments" in layer.name]


@pytest.fixture
def alone(viewer, segment_dock, qtbot):
    """Image a segmented alone, with b there and ticked for the next press."""
    a, b = (viewer.add_image(blobs(seed=seed), name=name) for seed, name in ((1, "a"), (2, "b")))
    segment_dock.image.choose(a)
    slide(segment_dock, "n_clusters", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    segment_dock.options.more.tick(b)
    return segment_dock, viewer.layers["a segments"]


def test_further_images_update_the_labels_of_the_first(alone, viewer, qtbot):
    dock, before = alone
    before.opacity = 0.4
    slide(dock, "n_clusters", 3)
    settle(qtbot, dock)
    press(qtbot, dock.button)
    settle(qtbot, dock)
    assert sorted(labels_in(viewer)) == ["a segments", "b segments"]
    after = viewer.layers["a segments"]
    assert after.opacity == 0.4
    assert list(viewer.layers).index(after) == 2  # where it was
    slide(dock, "n_clusters", 4)
    settle(qtbot, dock)
    assert [layer.data.max() for layer in dock.view.layers] == [4, 4]


@pytest.mark.parametrize("how", ["painted", "renamed", "strokes"])
def test_labels_corrected_by_hand_stay_beside_those_of_further_images(alone, viewer, qtbot, how):
    dock, before = alone
    if how == "painted":
        before.paint((5, 5), 2)
    elif how == "renamed":
        dock.edit("rename", 2, "nuclei")
    else:
        press(qtbot, dock.results.strokes)
    settle(qtbot, dock)
    kept = before.data.copy()
    press(qtbot, dock.button)
    settle(qtbot, dock)
    assert before in viewer.layers
    assert (before.data == kept).all()
    assert sorted(labels_in(viewer)) == ["a segments", "a segments [1]", "b segments"]


def test_an_image_segmented_alone_leaves_the_labels_of_several_as_they_are(viewer, segment_dock, qtbot):
    a, b = both(viewer, segment_dock, qtbot)
    segment_dock.options.more.tick(viewer.layers["b"], False)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    assert a in viewer.layers
    assert b in viewer.layers


@pytest.mark.parametrize("active", ["a", "b", "a segments", "b segments"])
def test_labels_whose_image_was_removed_are_named_or_left_alone(two, viewer, qtbot, active):
    dock, a, b = two
    viewer.layers.selection.active = viewer.layers[active]
    viewer.layers.remove("a")
    before = {"a": a.data.copy(), "b": b.data.copy()}
    slide(dock, "n_clusters", 4)
    settle(qtbot, dock)
    changed = [name for name, layer in (("a", a), ("b", b)) if not np.array_equal(layer.data, before[name])]
    assert changed == [dock.image.currentText().removesuffix(" (removed)")]


def test_labels_whose_image_was_removed_bring_their_name_along(two, viewer, qtbot):
    dock, a, _ = two
    viewer.layers.remove("a")
    viewer.layers.selection.active = viewer.layers["b"]
    dock.image.choose(viewer.layers["b"])
    assert dock.table.rowCount() == 3
    viewer.layers.selection.active = a
    assert dock.image.currentText() == "a (removed)"
    assert dock.table.rowCount() == 2
    assert not dock.button.isEnabled()
    assert "'a' was removed" in dock.why.text()
    dock.image.choose(viewer.layers["b"])
    assert dock.image.findText("a (removed)") == -1
    assert dock.table.rowCount() == 3
    assert dock.button.isEnabled()
    assert dock.why.text() == ""


def test_removing_the_labels_of_a_removed_image_turns_to_what_is_left(two, viewer):
    dock, a, _ = two
    viewer.layers.selection.active = a
    viewer.layers.remove("a")
    assert dock.image.currentText() == "a (removed)"
    viewer.layers.remove(a)
    assert dock.image.layer is viewer.layers["b"]
    assert dock.image.count() == 1
    assert dock.table.rowCount() == 3


def test_clusters_selected_for_other_labels_are_not_what_a_key_acts_on(two, viewer, qtbot):
    dock, a, b = two
    viewer.layers.remove("a")
    viewer.layers.selection.active = a
    dock.image.choose(viewer.layers["b"])
    select(dock.table, 0, 1)
    before = a.data.copy(), b.data.copy()
    key(qtbot, dock, a, "M")
    assert (a.data == before[0]).all()
    assert (b.data == before[1]).all()
    assert dock.image.currentText() == "a (removed)"
    assert dock.table.selected() == []
