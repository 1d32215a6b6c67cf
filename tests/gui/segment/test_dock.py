"""The Segment dock, driven by its controls."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QPushButton, QWidget

from napari_ae_seg.gui.parts.jobs import Job
from napari_ae_seg.gui.session import current

from ..conftest import blobs, labels_of, press, settle, slide


def test_a_button_called_segment_gives_labels_where_the_image_lies(viewer, segment_dock, qtbot, image):
    button = next(b for b in segment_dock.findChildren(QPushButton) if b.text() == "Segment")
    assert not button.isEnabled()
    assert "Open an image" in button.toolTip()
    assert "Open an image" in segment_dock.why.text()
    viewer.add_image(image, name="cells", scale=(0.5, 0.25), translate=(3, 4), rotate=20, units="um")
    assert button.isEnabled()
    press(qtbot, button)
    settle(qtbot, segment_dock)
    labels = labels_of(viewer)
    source = viewer.layers["cells"]
    assert labels.name == "cells segments"
    assert labels.data.shape == image.shape
    assert set(np.unique(labels.data)) == set(range(1, labels.data.max() + 1))
    for name in ("scale", "translate", "rotate"):
        np.testing.assert_allclose(getattr(labels, name), getattr(source, name))
    assert labels.units == source.units
    assert list(labels.features.columns[:2]) == ["index", "name"]
    assert "sentence" in labels.metadata["napari-ae-seg"]
    assert None in labels.colormap.color_dict
    assert current().layer is labels
    assert current().segments.labels.shape == image.shape


def test_sliding_reclusters_into_the_same_layer_as_one_step(viewer, segment_dock, qtbot, image):
    viewer.add_image(image)
    slide(segment_dock, "n_clusters", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    labels = labels_of(viewer)
    before, colors = labels.data.copy(), dict(labels.colormap.color_dict)
    slide(segment_dock, "n_clusters", 3)
    settle(qtbot, segment_dock)
    assert labels_of(viewer) is labels
    assert set(np.unique(labels.data)) == {1, 2, 3}
    assert segment_dock.table.rowCount() == 3
    for label in (1, 2):
        np.testing.assert_allclose(labels.colormap.color_dict[label], colors[label])
    labels.undo()
    assert (labels.data == before).all()
    assert segment_dock.table.rowCount() == 2
    assert segment_dock.config().n_clusters == 2
    assert len(labels.features) == 2
    assert current().segmenter.config.n_clusters == 2
    labels.redo()
    assert segment_dock.config().n_clusters == 3
    assert segment_dock.table.rowCount() == 3


def test_another_method_is_what_a_new_run_would_use(viewer, segment_dock, qtbot, image):
    viewer.add_image(image)
    segment_dock.forms[1].write({"features": "mixed", "refine_steps": 2})
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    combo = segment_dock.forms[1].controls["method"].widget
    combo.setCurrentIndex(combo.findData("joint"))
    combo.activated.emit(combo.currentIndex())
    settle(qtbot, segment_dock)
    assert current().segmenter.model.info["refined"] == 2
    assert "fine-tuned" in segment_dock.says.text()


def test_previews_while_dragging_leave_no_step(viewer, segment_dock, qtbot, image):
    viewer.add_image(image)
    slide(segment_dock, "n_clusters", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    labels = labels_of(viewer)
    slider = segment_dock.forms[0].controls["n_clusters"].widget.slider
    slider.setSliderDown(True)
    for value in (3, 4, 5):
        slider.setValue(value)
        qtbot.wait(30)
    settle(qtbot, segment_dock)
    assert labels.data.max() == 5
    assert len(labels._undo_history) == 0
    slider.setSliderDown(False)
    settle(qtbot, segment_dock)
    assert len(labels._undo_history) == 1
    labels.undo()
    assert labels.data.max() == 2


def test_painted_pixels_stay_until_they_are_discarded(viewer, segment_dock, qtbot, image):
    viewer.add_image(image)
    slide(segment_dock, "n_clusters", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    labels = labels_of(viewer)
    labels.brush_size = 6
    labels.paint((10, 10), 9)
    painted = labels.data == 9
    qtbot.waitUntil(lambda: segment_dock.discard.isVisibleTo(segment_dock))
    slide(segment_dock, "n_clusters", 4)
    settle(qtbot, segment_dock)
    assert (labels.data[painted] == 9).all()
    press(qtbot, segment_dock.discard)
    assert not (labels.data == 9).any()
    qtbot.waitUntil(lambda: not segment_dock.discard.isVisibleTo(segment_dock))


def test_a_new_name_and_its_undo(viewer, segment_dock, qtbot, image):
    viewer.add_image(image)
    slide(segment_dock, "n_clusters", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    segment_dock.table.item(1, 0).setText("nuclei")
    settle(qtbot, segment_dock)
    labels = labels_of(viewer)
    assert list(labels.features["name"])[-1] == "nuclei"
    labels.undo()
    assert "nuclei" not in list(labels.features["name"])


def test_further_pictures_lie_on_the_image(viewer, segment_dock, qtbot, image):
    viewer.add_image(image, name="cells", scale=(2, 2))
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    for action in segment_dock.show_menu.menu().actions():
        action.trigger()
        settle(qtbot, segment_dock)
    for name in ("cells confidence", "cells segmented image", "cells latents as colours"):
        assert viewer.layers[name].data.shape[:2] == image.shape
        np.testing.assert_allclose(viewer.layers[name].scale, (2, 2))
    assert viewer.layers["cells confidence"].data.max() <= 1


def test_what_was_done_can_be_copied_and_does_the_same(viewer, segment_dock, qtbot, image, tiny_model):
    viewer.add_image(image, name="cells")
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    slide(segment_dock, "n_clusters", 3)
    settle(qtbot, segment_dock)
    labels = labels_of(viewer).data.copy()
    segment_dock.copy_menu.menu().actions()[0].trigger()
    lines = QApplication.clipboard().text()
    exec(lines, {"viewer": viewer})
    assert (viewer.layers[-1].data == labels).all()
    segment_dock.copy_menu.menu().actions()[1].trigger()
    command = QApplication.clipboard().text()
    assert "napari-ae-seg segment cells.tif --out cells_labels.tif" in command
    assert "--clusters 3" in command


def test_a_saved_model_labels_a_second_image_alike(viewer, segment_dock, qtbot, image, tmp_path):
    viewer.add_image(image, name="first")
    slide(segment_dock, "n_clusters", 3)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    first = labels_of(viewer).data.copy()
    segment_dock.save(str(tmp_path / "kept.aeseg"))
    settle(qtbot, segment_dock)
    segment_dock.models.open(tmp_path / "kept.aeseg")
    viewer.add_image(image.copy(), name="second")
    segment_dock.image.choose(viewer.layers["second"])
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    assert (viewer.layers["second segments"].data == first).all()


SHAPES = {
    "rgb": ((96, 96, 3), {"rgb": True}),
    "time": ((3, 64, 64), {"axis_labels": ("t", "y", "x")}),
    "singleton": ((1, 64, 64), {"axis_labels": ("z", "y", "x")}),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_stacks_and_colors_are_labeled_in_their_own_shape(viewer, dock, qtbot, kind, tiny_model):
    shape, about = SHAPES[kind]
    picture = blobs(shape[:2])[..., None].repeat(3, 2) // 8 if kind == "rgb" else blobs(shape)
    viewer.add_image(picture.astype(np.uint8) if kind == "rgb" else picture, name=kind, **about)
    widget = dock("Segment")
    if kind != "rgb":
        widget.models.open(tiny_model)
    press(qtbot, widget.button)
    settle(qtbot, widget, 120_000)
    assert viewer.layers[f"{kind} segments"].data.shape == (shape[:2] if kind == "rgb" else shape)


def test_only_the_slice_shown(viewer, segment_dock, qtbot):
    viewer.add_image(blobs((4, 64, 64)), name="stack", scale=(5, 1, 1), axis_labels=("t", "y", "x"))
    viewer.dims.set_current_step(0, 2)
    segment_dock.options.extent.choose("current")
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    labels = viewer.layers["stack segments"]
    assert labels.data.shape == (1, 64, 64)
    np.testing.assert_allclose(labels.translate, (10, 0, 0))


@pytest.mark.parametrize("lazy", ["dask", "zarr", "pyramid"])
def test_lazy_and_multiscale_images(viewer, segment_dock, qtbot, image, lazy, tmp_path):
    if lazy == "dask":
        import dask.array

        data = dask.array.from_array(image, chunks=32)
    elif lazy == "zarr":
        import zarr

        data = zarr.create_array(tmp_path / "x.zarr", shape=image.shape, dtype=image.dtype, chunks=(32, 32))
        data[:] = image
    else:
        data = [image, image[::2, ::2]]
    viewer.add_image(data, name="lazy", multiscale=lazy == "pyramid")
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    labels = viewer.layers["lazy segments"]
    assert isinstance(labels.data, np.ndarray)
    assert labels.data.shape == image.shape


def test_several_images_get_the_same_clusters(viewer, segment_dock, qtbot):
    viewer.add_image(blobs(seed=1), name="a")
    viewer.add_image(blobs((64, 80), seed=2), name="b")
    segment_dock.options.more.tick(viewer.layers["b"])
    slide(segment_dock, "n_clusters", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    assert viewer.layers["a segments"].data.shape == (96, 96)
    assert viewer.layers["b segments"].data.shape == (64, 80)


def test_strokes_on_several_images_are_learnt_from_together(viewer, segment_dock, qtbot):
    layers = [viewer.add_image(blobs(seed=seed), name=name) for seed, name in ((1, "a"), (2, "b"))]
    segment_dock.options.more.tick(layers[1])
    slide(segment_dock, "n_clusters", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    found = [viewer.layers[f"{layer.name} segments"] for layer in layers]
    painted = [tuple(np.argwhere(one.data == label)[:60].T) for one, label in zip(found, (1, 2), strict=True)]
    for one, where, number in zip(found, painted, (3, 4), strict=True):
        one.data_setitem(where, number)
    press(qtbot, segment_dock.learn_button)
    settle(qtbot, segment_dock)
    expected = [one.data.copy() for one in found]
    assert (found[0].data[painted[0]] == 3).all()
    assert (found[1].data[painted[1]] == 4).all()
    assert (found[0].data == 4).any()
    segment_dock.results.as_python.trigger()
    code = QApplication.clipboard().text()
    for one in found:
        viewer.layers.remove(one)
    exec(code, {"viewer": viewer})
    assert all((one.data == data).all() for one, data in zip(viewer.layers[-2:], expected, strict=True))


def test_train_on_this_image(viewer, dock, qtbot, image):
    viewer.add_image(image, name="cells")
    widget = dock("Segment")
    press(qtbot, widget.train_button)
    settle(qtbot, widget, 120_000)
    assert viewer.layers["cells segments"].data.shape == image.shape
    assert widget.models.model.name == "trained on cells"
    assert current().model is widget.models.model.held


def test_a_saved_model_brings_its_settings_along_and_other_clusters_can_be_asked_for(
    viewer, segment_dock, qtbot, image, tmp_path
):
    viewer.add_image(image, name="cells")
    slide(segment_dock, "n_clusters", 3)
    slide(segment_dock, "smoothing", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    segment_dock.save(str(tmp_path / "kept.aeseg"))
    settle(qtbot, segment_dock)
    segment_dock.models.setCurrentIndex(0)
    slide(segment_dock, "n_clusters", 5)
    slide(segment_dock, "smoothing", 9)
    settle(qtbot, segment_dock)
    segment_dock.models.open(tmp_path / "kept.aeseg")
    assert segment_dock.config().n_clusters == 3
    assert segment_dock.config().smoothing == 2
    slide(segment_dock, "n_clusters", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    assert labels_of(viewer).data.max() == 2


def test_channels_of_one_image_can_be_left_out(viewer, segment_dock, qtbot, image):
    from qtpy.QtCore import Qt

    channels = np.stack([image, image[::-1]])
    viewer.add_image(channels, name="two", axis_labels=("c", "y", "x"), scale=(1, 3, 3))
    assert segment_dock.options.channels.count() == 2
    segment_dock.options.channels.item(1).setCheckState(Qt.CheckState.Unchecked)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    labels = viewer.layers["two segments"]
    assert labels.data.shape == (96, 96)
    np.testing.assert_allclose(labels.scale, (3, 3))


def test_the_docks_are_in_the_menus_and_the_samples_open(viewer):
    from npe2 import PluginManager

    manager = PluginManager.instance()
    widgets = {widget.display_name for widget in manager.iter_widgets()}
    assert {"Segment", "Train autoencoder"} <= widgets
    commands = {item.command for item in manager.iter_menu("napari/layers/segment")}
    assert {"napari-ae-seg.segment", "napari-ae-seg.train"} <= commands
    for sample in manager.get_manifest("napari-ae-seg").contributions.sample_data:
        viewer.layers.clear()
        assert viewer.open_sample("napari-ae-seg", sample.key)


def test_preferences_reach_the_forms(plugin, dock):
    plugin.computing.device = "cpu"
    plugin.computing.threads = 1
    assert dock("Segment").config().device == "cpu"
    assert dock("Train autoencoder").training().threads == 1


def test_a_model_file_dropped_on_the_list_is_used(viewer, dock, tiny_model):
    from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
    from qtpy.QtGui import QDropEvent

    models = dock("Segment").models
    dragged = QMimeData()
    dragged.setUrls([QUrl.fromLocalFile(str(tiny_model))])
    button, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    models.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, dragged, button, keys))
    assert models.model.path == tiny_model


def test_what_is_folded_away_takes_no_keys(viewer, segment_dock, qtbot, image):
    from superqt import QCollapsible

    viewer.add_image(image)
    viewer.window._qt_window.show()
    for folded in segment_dock.findChildren(QCollapsible):
        inside = [one for one in folded.content().findChildren(QWidget) if one.focusPolicy() != Qt.FocusPolicy.NoFocus]
        assert inside
        assert not any(one.isVisible() for one in inside)
    advanced = next(one for one in segment_dock.findChildren(QCollapsible) if one.text() == "Advanced")
    advanced.expand()
    assert segment_dock.forms[1].controls["method"].widget.isVisible()
    advanced.collapse()
    assert not segment_dock.forms[1].controls["method"].widget.isVisible()
    viewer.window._qt_window.hide()


def test_nothing_is_counted_while_nobody_sees_it(segmented, qtbot):
    dock, _ = segmented
    slide(dock, "n_clusters", 2)
    settle(qtbot, dock)
    qtbot.wait(400)
    assert dock.objects._job is None
    assert dock.results.counted.text() == ""


def test_warming_up_waits_for_an_image_so_that_napari_has_its_units(viewer, segment_dock, qtbot, image):
    qtbot.wait(500)
    assert not segment_dock.findChildren(Job)
    viewer.add_image(image)
    qtbot.waitUntil(lambda: bool(segment_dock.findChildren(Job)), timeout=5000)
    qtbot.waitUntil(lambda: not segment_dock.findChildren(Job), timeout=60_000)


@pytest.mark.parametrize("size", [(1280, 720), (1600, 1000)])
def test_nothing_of_the_dock_is_cut(viewer, segment_dock, qtbot, size, image):
    from qtpy.QtWidgets import QScrollArea
    from superqt import QCollapsible

    viewer.window._qt_window.show()
    viewer.window.resize(*size)
    viewer.add_image(image, name="a name that is far too long to be shown in a row of a dock " * 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    for folded in segment_dock.findChildren(QCollapsible):
        folded.expand()
    area = segment_dock.findChild(QScrollArea)
    qtbot.waitUntil(lambda: area.widget().width() <= area.viewport().width(), timeout=5000)
    assert segment_dock.image.toolTip() == viewer.layers[0].name
    viewer.window._qt_window.hide()
