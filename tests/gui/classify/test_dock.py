"""The Classify dock, driven by its controls and by clicks on the canvas."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_ae_seg.gui.classify.pointing import object_at
from napari_ae_seg.gui.session import current

from ..conftest import press, settle


def textured(seed=0):
    """Twelve squares on a grid, flat or striped, and their numbers."""
    rng = np.random.default_rng(seed)
    image, numbers = rng.normal(100, 4, (96, 128)), np.zeros((96, 128), np.int32)
    for k in range(12):
        part = np.s_[8 + 32 * (k // 4) : 24 + 32 * (k // 4), 8 + 32 * (k % 4) : 24 + 32 * (k % 4)]
        numbers[part] = k + 1
        image[part] += 100
        if k % 2:
            image[part][::4] += 60
    return image.clip(0).astype(np.uint16), numbers


@pytest.fixture
def classify_dock(dock, viewer, qtbot, tiny_model):
    image, numbers = textured()
    viewer.add_image(image, name="cells", scale=(0.5, 0.5))
    viewer.add_labels(numbers, name="objects", scale=(0.5, 0.5))
    widget = dock("Classify")
    widget.about.models.open(tiny_model)
    widget.forms[0].write({"latents": "bottleneck"})
    yield widget
    settle(qtbot, widget)


def add(qtbot, widget, *names):
    for name in names:
        widget.typed.setText(name)
        press(qtbot, widget.add_button)


def name(qtbot, widget, number, class_name):
    """Select an object and give it a class, by the controls."""
    widget.table.choose(class_name)
    widget.about.objects.layer.selected_label = number
    press(qtbot, widget.name_button)


def learnt(qtbot, widget):
    qtbot.waitUntil(lambda: not widget._rest._hasPendingEmission and not widget.runner.running, timeout=60_000)
    settle(qtbot, widget)


def teach(qtbot, widget):
    add(qtbot, widget, "flat", "striped")
    for number in (1, 2, 3, 4, 5, 6):
        name(qtbot, widget, number, "flat" if number % 2 else "striped")
    learnt(qtbot, widget)


def test_a_few_named_objects_color_the_others_by_class(viewer, classify_dock, qtbot, tmp_path):
    assert "Add two classes" in classify_dock.why.text()
    assert not classify_dock.name_button.isEnabled()
    teach(qtbot, classify_dock)
    layer = viewer.layers["cells classes"]
    np.testing.assert_allclose(layer.scale, (0.5, 0.5))
    assert list(layer.features["class"]) == ["flat", "striped"] * 6
    assert list(layer.features["given"]) == [True] * 6 + [False] * 6
    colors = layer.colormap.color_dict
    np.testing.assert_allclose(colors[7][:3], colors[1][:3])
    assert not np.allclose(colors[8][:3], colors[1][:3])
    assert 0 < colors[7][3] < colors[1][3] < 1
    assert not viewer.layers["objects"].visible
    assert "Recognises 100%" in classify_dock.box.says.text()
    assert classify_dock.box.confusion.item(0, 0).text() == "3"
    assert "Too few examples" in classify_dock.box.warnings.text()
    assert "latents" in classify_dock.box.weights.text()
    assert classify_dock.table.item(0, 1).text() == "3"
    assert classify_dock.table.item(0, 2).text() == "6"
    assert current().classified.names[6] == "flat"
    classify_dock.export(str(tmp_path / "t.csv"))
    settle(qtbot, classify_dock)
    with (tmp_path / "t.csv").open() as file:
        assert [row["class"] for row in csv.DictReader(file)] == ["flat", "striped"] * 6


def click(viewer, place):
    """Click the canvas at a place of the image, as a person does: vispy's events reach napari's callbacks."""
    canvas = viewer.window._qt_viewer.canvas
    viewbox, _ = canvas._get_viewbox_at((50, 50))
    first, second = (np.array(canvas._map_canvas2world(at, viewbox)[-2:]) for at in ((0, 0), (100, 100)))
    at = (100 * (np.array(place) - first) / (second - first))[::-1]
    for event in (canvas._scene_canvas.events.mouse_press, canvas._scene_canvas.events.mouse_release):
        event(pos=at, button=1, modifiers=())


def test_a_click_on_an_object_names_it_and_a_second_takes_it_back(viewer, classify_dock, qtbot):
    add(qtbot, classify_dock, "flat")
    viewer.reset_view()
    click(viewer, (8, 8))
    objects = viewer.layers["objects"]
    assert classify_dock.given.of([objects])[objects] == {1: "flat"}
    assert objects.selected_label == 1
    click(viewer, (8, 24))
    assert set(classify_dock.given.of([objects])[objects]) == {1, 2}
    click(viewer, (8, 24))
    assert set(classify_dock.given.of([objects])[objects]) == {1}
    click(viewer, (1, 1))
    objects.mode = "paint"
    viewer.layers.selection.active = objects
    click(viewer, (8, 40))
    objects.mode = "pan_zoom"
    classify_dock.clicks.setChecked(False)
    click(viewer, (8, 40))
    assert set(classify_dock.given.of([objects])[objects]) == {1}


def test_an_object_is_found_along_the_line_of_sight_in_3d(viewer):
    numbers = np.zeros((12, 16, 16), np.int32)
    numbers[4:8, 2:8, 2:8] = 5
    numbers[9:11, 2:8, 2:8] = 6
    objects = viewer.add_labels(numbers, scale=(2, 1, 1))
    viewer.dims.ndisplay = 3
    event = SimpleNamespace(position=(0, 5, 5), view_direction=np.array([1.0, 0, 0]), dims_displayed=[0, 1, 2])
    assert object_at(objects, None, event) == 5
    event.position = (0, 12, 12)
    assert object_at(objects, None, event) == 0


def test_undo_takes_back_the_last_naming_and_what_followed_from_it(viewer, classify_dock, qtbot):
    teach(qtbot, classify_dock)
    name(qtbot, classify_dock, 8, "flat")
    learnt(qtbot, classify_dock)
    layer = viewer.layers["cells classes"]
    assert layer.features["class"][7] == "flat"
    press(qtbot, classify_dock.undo_button)
    learnt(qtbot, classify_dock)
    assert layer is viewer.layers["cells classes"]
    assert layer.features["class"][7] == "striped"
    assert not layer.features["given"][7]


def test_a_class_is_renamed_and_removed(viewer, classify_dock, qtbot):
    teach(qtbot, classify_dock)
    classify_dock.table.item(0, 0).setText("plain")
    learnt(qtbot, classify_dock)
    assert viewer.layers["cells classes"].features["class"][0] == "plain"
    classify_dock.table.choose("plain")
    press(qtbot, classify_dock.remove_button)
    learnt(qtbot, classify_dock)
    assert classify_dock.classes == ["striped"]
    assert classify_dock.answer is None
    assert not classify_dock.box.isVisibleTo(classify_dock)


def test_what_was_done_can_be_copied_and_does_the_same(viewer, classify_dock, qtbot):
    teach(qtbot, classify_dock)
    press(qtbot, classify_dock.copy_button)
    exec(QApplication.clipboard().text(), {"viewer": viewer})
    shown, copied = viewer.layers["cells classes"], viewer.layers[-1]
    assert copied is not shown
    assert (copied.data == shown.data).all()
    assert copied.features.equals(shown.features)
    for number, rgba in shown.colormap.color_dict.items():
        np.testing.assert_allclose(copied.colormap.color_dict[number], rgba)


def test_changed_objects_are_measured_anew(viewer, classify_dock, qtbot):
    teach(qtbot, classify_dock)
    objects = viewer.layers["objects"]
    objects.data_setitem(np.nonzero(objects.data == 12), 0)
    learnt(qtbot, classify_dock)
    layer = viewer.layers["cells classes"]
    assert len(layer.features) == 11
    assert (layer.data == objects.data).all()
    objects.visible = True
    objects.undo()
    learnt(qtbot, classify_dock)
    assert len(layer.features) == 12


def test_a_saved_classifier_recognises_the_objects_of_another_image(viewer, classify_dock, qtbot, tmp_path):
    teach(qtbot, classify_dock)
    classify_dock.save(str(tmp_path / "c.aeseg"))
    settle(qtbot, classify_dock)
    image, numbers = textured(seed=1)
    viewer.layers.clear()
    viewer.add_image(image, name="next")
    viewer.add_labels(numbers, name="next objects")
    classify_dock.open(str(tmp_path / "c.aeseg"))
    qtbot.waitUntil(lambda: classify_dock.before is not None, timeout=30_000)
    learnt(qtbot, classify_dock)
    layer = viewer.layers["next classes"]
    assert list(layer.features["class"]) == ["flat", "striped"] * 6
    assert not layer.features["given"].any()
    name(qtbot, classify_dock, 1, "flat")
    learnt(qtbot, classify_dock)
    assert classify_dock.answer.found.classifier.counts == {"flat": 4, "striped": 3}
    press(qtbot, classify_dock.copy_button)
    exec(QApplication.clipboard().text(), {"viewer": viewer})
    assert viewer.layers[-1].features.equals(layer.features)


def test_slices_are_told_apart(viewer, dock, qtbot, tiny_model):
    rng = np.random.default_rng(0)
    movie = rng.integers(90, 110, (6, 48, 48)).astype(np.uint16)
    movie[1::2, ::4] += 60
    viewer.add_image(movie, name="movie", axis_labels=("t", "y", "x"))
    widget = dock("Classify")
    widget.about.models.open(tiny_model)
    widget.about.choose("slices")
    add(qtbot, widget, "flat", "striped")
    for t in range(4):
        viewer.dims.set_current_step(0, t)
        widget.table.choose(("flat", "striped")[t % 2])
        assert widget.name_button.text() == f"Name slice {t}"
        press(qtbot, widget.name_button)
    learnt(qtbot, widget)
    assert list(viewer.layers["movie classes"].features["class"]) == ["flat", "striped"] * 3


def test_images_are_told_apart(viewer, dock, qtbot, tiny_model):
    rng = np.random.default_rng(0)
    for k in range(5):
        picture = rng.integers(90, 110, (48, 48 + k)).astype(np.uint16)
        picture[::4] += 60 * (k % 2)
        viewer.add_image(picture, name=f"p{k}")
    widget = dock("Classify")
    widget.about.models.open(tiny_model)
    widget.about.choose("images")
    add(qtbot, widget, "flat", "striped")
    for k in range(5):
        widget.about.images.tick(viewer.layers[f"p{k}"])
    for k in range(4):
        viewer.layers.selection.active = viewer.layers[f"p{k}"]
        widget.table.choose(("flat", "striped")[k % 2])
        press(qtbot, widget.name_button)
    learnt(qtbot, widget)
    assert list(viewer.layers["p4 classes"].features["class"]) == ["flat"]
    assert viewer.layers["p1 classes"].data.shape == (48, 49)


def test_it_says_what_is_missing_and_lets_go_of_what_is_gone(viewer, classify_dock, qtbot):
    teach(qtbot, classify_dock)
    viewer.layers.remove("cells classes")
    name(qtbot, classify_dock, 7, "flat")
    learnt(qtbot, classify_dock)
    assert "cells classes" in viewer.layers
    viewer.layers.remove("objects")
    settle(qtbot, classify_dock)
    assert classify_dock.answer is None
    assert "Open a Labels layer" in classify_dock.why.text() or classify_dock.about.objects.layer is not None
    viewer.layers.clear()
    assert "Open an image" in classify_dock.why.text()
    assert not classify_dock.name_button.isEnabled()


def test_classes_and_examples_of_a_dock_that_was_closed_are_there_in_the_next_one(viewer, classify_dock, dock, qtbot):
    teach(qtbot, classify_dock)
    before = len(viewer.layers)
    viewer.window.remove_dock_widget(viewer.window._wrapped_dock_widgets["Classify (napari-ae-seg)"])
    again = dock("Classify")
    assert again.classes == ["flat", "striped"]
    assert again.about.objects.layer is viewer.layers["objects"]
    assert not again.why.isVisibleTo(again)
    learnt(qtbot, again)
    assert again.answer.found.names == ["flat", "striped"] * 6
    assert len(viewer.layers) == before
    press(qtbot, again.undo_button)
    learnt(qtbot, again)
    assert again.given.counts([viewer.layers["objects"]]) == {"flat": 3, "striped": 2}


def test_classes_that_were_found_are_not_offered_as_objects(viewer, classify_dock, dock, qtbot):
    teach(qtbot, classify_dock)
    assert viewer.layers[-1].name == "cells classes"
    viewer.layers.remove("objects")
    viewer.add_labels(textured()[1], name="others")
    viewer.layers.selection.active = viewer.layers["cells classes"]
    assert dock("Explore latents").phenotyping.objects.layer is viewer.layers["others"]


def test_a_model_that_cannot_look_at_the_image_is_told_before_anything_is_learnt(viewer, classify_dock, qtbot):
    gray, numbers = viewer.layers["cells"], viewer.layers["objects"]
    rgb = np.stack([gray.data] * 3, -1).astype(np.uint8)
    color = viewer.add_image(rgb, name="color", scale=(0.5, 0.5))
    classify_dock.about.image.choose(color)
    told = "'tiny' has learnt from 1 channel, the image has 3: choose another model."
    assert classify_dock.why.text() == told
    teach(qtbot, classify_dock)
    assert classify_dock.why.text() == told
    assert classify_dock.runner.text.text() == ""
    assert classify_dock.answer is None
    assert len(classify_dock.given.of([numbers])[numbers]) == 6
    classify_dock.about.image.choose(gray)
    learnt(qtbot, classify_dock)
    assert classify_dock.why.text() == ""
    assert classify_dock.answer.final
