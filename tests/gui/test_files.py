"""Files dropped on napari: labels open with names and colors, an OME-Zarr image with its labels, models in docks."""

import numpy as np
import zarr

from napari_ae_seg.images.formats.read import read_legend
from napari_ae_seg.images.formats.write import write_labels
from napari_ae_seg.images.legend import Legend
from napari_ae_seg.images.stack import read

from .conftest import MODEL, settle

PLUGIN = "napari-ae-seg"
LABELS = np.repeat(np.array([[0, 1, 2, 2]]), 4, axis=0)
LEGEND = Legend({1: "cell", 2: "rim"}, {1: (1.0, 0, 0), 2: (0, 1.0, 0)}, {"index": [1, 2], "size": [4, 8]})
HIDING = Legend({1: "ground", 2: "cell"}, {1: (1.0, 0, 0), 2: (0, 1.0, 0)}, LEGEND.table, hidden=frozenset({1}))


def test_labels_are_saved_and_opened_with_names_colors_and_places(viewer, tmp_path):
    image = read(np.zeros((4, 4)), spacing=0.5).image
    write_labels(tmp_path / "a_labels.tif", LABELS, image, LEGEND)
    [layer] = viewer.open(str(tmp_path / "a_labels.tif"), plugin=PLUGIN)
    assert (np.array_equal(layer.data, LABELS), tuple(layer.scale)) == (True, (0.5, 0.5))
    assert layer.get_color(1).tolist() == [1, 0, 0, 1]
    assert dict(zip(layer.features["index"], layer.features["name"], strict=True)) == {1: "cell", 2: "rim"}
    for name in ("b.tif", "b.png", "b.zarr", "b.geojson", "b.nii.gz"):
        assert layer.save(str(tmp_path / name), plugin=PLUGIN) == [str(tmp_path / name)]
        known = read_legend(tmp_path / name)
        assert (known.names, known.colors) == (LEGEND.names, LEGEND.colors)
    assert read(tmp_path / "b.zarr").spacing == (0.5, 0.5)


def test_a_hidden_label_is_clear(viewer, tmp_path):
    write_labels(tmp_path / "a_labels.tif", LABELS, None, HIDING)
    [layer] = viewer.open(str(tmp_path / "a_labels.tif"), plugin=PLUGIN)
    assert (layer.get_color(1)[3], layer.get_color(2)[3]) == (0, 1)


def test_an_ome_zarr_image_opens_with_its_labels_where_they_lie(viewer, tmp_path):
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w")
    group.create_array("0", shape=(2, 4, 4), dtype="u1")[...] = 7
    axes = [{"name": "c", "type": "channel"}, *({"name": a, "type": "space", "unit": "micrometer"} for a in "yx")]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 0.5, 0.25]}]}
    channels = [{"label": "DAPI"}, {"label": "actin"}]
    scales = [{"axes": axes, "datasets": [level]}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": scales, "omero": {"channels": channels}}
    write_labels(path / "labels" / "cells", LABELS, read(path).image, LEGEND)
    layers = viewer.open(str(path), plugin=PLUGIN)
    assert [(layer.name, tuple(layer.scale)) for layer in layers] == [
        ("DAPI", (0.5, 0.25)),
        ("actin", (0.5, 0.25)),
        ("cells", (0.5, 0.25)),
    ]
    assert (layers[2].get_color(2).tolist(), np.array_equal(layers[2].data, LABELS)) == ([0, 1, 0, 1], True)


def test_a_model_dropped_on_the_canvas_is_chosen_in_its_dock(viewer, tiny_model, qtbot):
    viewer.add_image(np.zeros((32, 32)))
    assert viewer.open(str(tiny_model), plugin=None) == []
    [widget] = [widget for name, widget in viewer.window.dock_widgets.items() if "Segment" in name]
    assert widget.models.model.name == MODEL
    settle(qtbot, widget)
