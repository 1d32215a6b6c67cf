"""What a person made is never overwritten, and what was trained or saved is offered, not forced on anybody."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from ..conftest import blobs, press, settle, slide
from .test_edits import select


@pytest.fixture
def counted(segmented, qtbot, viewer):
    """Objects of the brightest cluster are shown."""
    dock, _ = segmented
    select(dock.table, 2)
    press(qtbot, dock.results.count)
    qtbot.waitUntil(lambda: "image objects" in viewer.layers, timeout=20_000)
    return dock, viewer.layers["image objects"]


def again(qtbot, dock):
    press(qtbot, dock.results.count)
    settle(qtbot, dock)


def test_objects_that_nobody_touched_are_counted_anew_in_place_and_that_can_be_undone(counted, qtbot, viewer):
    dock, objects = counted
    before, table = objects.data.copy(), objects.features.copy()
    dock.objects.form.write({"min_size": 150})
    again(qtbot, dock)
    assert [layer.name for layer in viewer.layers if "objects" in layer.name] == ["image objects"]
    assert objects.data.max() < before.max()
    objects.undo()
    assert (objects.data == before).all()
    assert objects.features.equals(table)


def test_objects_corrected_by_hand_stay_as_they_are(counted, qtbot, viewer):
    dock, objects = counted
    objects.paint((3, 3), 99)
    before = objects.data.copy()
    dock.objects.form.write({"min_size": 150})
    again(qtbot, dock)
    assert (objects.data == before).all()
    assert len([layer for layer in viewer.layers if "objects" in layer.name]) == 2


def test_objects_with_class_examples_keep_their_numbers(counted, qtbot, viewer, dock):
    segment, objects = counted
    classify = dock("Classify")
    classify.add_class("round")
    classify.about.objects.choose(objects)
    classify.name_item(objects, 1)
    before = objects.data.copy()
    segment.objects.form.write({"min_size": 150})
    again(qtbot, segment)
    assert (objects.data == before).all()
    assert classify.given.of([objects])[objects] == {1: "round"}


def test_a_layer_of_the_person_with_that_name_is_left_alone(segmented, qtbot, viewer):
    dock, _ = segmented
    mine = viewer.add_labels(np.full((96, 96), 7), name="image objects")
    picture = viewer.add_image(np.full((96, 96), 7.0), name="image confidence")
    press(qtbot, dock.results.count)
    settle(qtbot, dock)
    dock.results.shows["confidence"].trigger()
    settle(qtbot, dock)
    assert mine in viewer.layers
    assert (mine.data == 7).all()
    assert (picture.data == 7).all()


def test_a_model_is_offered_in_docks_opened_after_its_training(viewer, train_dock, dock, qtbot, image):
    viewer.add_image(image, name="cells")
    press(qtbot, train_dock.train_button)
    settle(qtbot, train_dock, 120_000)
    assert dock("Segment").models.model.name == "trained on cells"
    models = dock("Classify").about.models
    assert "trained on cells" in [models.itemText(row) for row in range(models.count())]


def test_saving_changes_nothing_but_the_list_and_says_where_the_file_is(segmented, qtbot, viewer, tmp_path):
    dock, _ = segmented
    before = dock.models.model
    path = tmp_path / "elsewhere" / "kept.aeseg"
    path.parent.mkdir()
    dock.save(str(path))
    settle(qtbot, dock)
    assert dock.models.model == before
    assert str(path) in dock.runner.text.text()
    assert "kept" in [dock.models.itemText(row) for row in range(dock.models.count())]
    viewer.add_image(blobs(seed=5), name="next")
    dock.image.choose(viewer.layers["next"])
    slide(dock, "n_clusters", 2)
    press(qtbot, dock.button)
    settle(qtbot, dock)
    assert viewer.layers["next segments"].data.max() == 2


def test_a_model_with_clusters_asks_whether_they_are_wanted(segmented, qtbot, viewer, tmp_path):
    dock, _ = segmented
    dock.save(str(tmp_path / "kept.aeseg"))
    settle(qtbot, dock)
    assert not dock.clusters.isVisibleTo(dock)
    dock.models.open(tmp_path / "kept.aeseg")
    assert dock.clusters.isVisibleTo(dock)
    assert dock.clusters.currentText() == "those of the model"
    viewer.add_image(blobs(seed=5), name="next")
    dock.image.choose(viewer.layers["next"])
    assert dock.request().refit is False
    slide(dock, "n_clusters", 2)
    assert dock.clusters.currentText() == "found anew"
    assert dock.request().refit is True
    dock.clusters.choose("own")
    assert dock.config().n_clusters == 3
    assert dock.request().refit is False


def test_objects_are_what_is_told_apart_not_clusters_or_strokes(viewer, segmented, qtbot, dock):
    segment_dock, layer = segmented
    objects = dock("Classify").about.objects
    assert objects.layer is layer
    press(qtbot, segment_dock.results.count)
    qtbot.waitUntil(lambda: any(layer.name.endswith("objects") for layer in viewer.layers), timeout=60_000)
    segment_dock.paint_strokes()
    assert objects.layer.name.endswith("objects")
    qtbot.keyClick(objects, Qt.Key.Key_End)  # what a person chooses stands
    chosen = objects.layer
    viewer.add_labels(layer.data.copy(), name="another")
    assert objects.layer is chosen
    assert not chosen.name.endswith("objects")


def test_a_model_that_cannot_look_at_the_image_is_not_the_one_chosen(viewer, train_dock, dock, qtbot, image):
    gray = viewer.add_image(image, name="gray")
    press(qtbot, train_dock.train_button)
    settle(qtbot, train_dock, 120_000)
    color = viewer.add_image(np.stack([blobs(seed=seed) for seed in (1, 2, 3)], -1).astype(np.uint8), name="color")
    viewer.layers.selection.active = color
    segment = dock("Segment")
    assert segment.image.layer is color
    assert segment.models.model.name == "ready to use"
    segment.image.choose(gray)
    assert segment.models.model.name == "trained on gray"
    segment.image.choose(color)
    assert segment.models.model.name == "ready to use"
    assert segment.button.isEnabled()


def test_a_model_that_was_chosen_for_another_kind_of_image_says_why_it_cannot_be_used(viewer, segment_dock, image):
    gray = viewer.add_image(image, name="gray")
    color = viewer.add_image(np.stack([image] * 3, -1).astype(np.uint8), name="color")
    segment_dock.image.choose(color)
    assert segment_dock.models.model.name == "tiny"
    assert not segment_dock.button.isEnabled()
    assert "1 channel, the image has 3" in segment_dock.why.text()
    assert segment_dock.train_button.isEnabled()
    segment_dock.options.channels.pick((1,))
    assert segment_dock.button.isEnabled()
    segment_dock.options.channels.pick(())
    segment_dock.image.choose(gray)
    assert segment_dock.button.isEnabled()
    assert segment_dock.why.text() == ""
    volume = viewer.add_image(np.stack([image] * 12), name="volume", axis_labels=("z", "y", "x"))
    segment_dock.image.choose(volume)
    assert "slices, the image is taken as a volume" in segment_dock.why.text()
    segment_dock.options.extent.choose("slices")
    assert segment_dock.button.isEnabled()


def test_an_image_whose_axes_nobody_can_guess_is_chosen_beside_a_model_without_an_error(viewer, segment_dock, image):
    viewer.add_image(image, name="gray")
    odd = viewer.add_image(np.zeros((2, 2, 2, 2, 8, 8)), name="odd")
    segment_dock.image.choose(odd)  # an exception in a slot fails the test
    assert segment_dock.models.model.name == "tiny"
    assert segment_dock.image.layer is odd


def test_a_model_file_that_is_gone_is_not_offered_any_more(segment_dock, tmp_path, tiny_model):
    path = tmp_path / "going.aeseg"
    path.write_bytes(tiny_model.read_bytes())
    segment_dock.models.open(path)
    path.unlink()
    segment_dock.models.showPopup()
    segment_dock.models.hidePopup()
    assert "going" not in [segment_dock.models.itemText(row) for row in range(segment_dock.models.count())]
