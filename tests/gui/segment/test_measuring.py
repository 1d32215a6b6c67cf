"""Measures in the dock: a table of what is shown now, that sorts, copies, saves and leads back to the image."""

import csv

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from ..conftest import blobs, press, settle, slide


def table_of(dock):
    return dock.measures.table


def test_clusters_are_measured_as_they_are_painted_now(segmented, qtbot):
    dock, layer = segmented
    layer.data_setitem((np.array([0, 0]), np.array([0, 1])), np.uint8(9))
    dock.results.measures["clusters"].trigger()
    settle(qtbot, dock)
    table = table_of(dock).table
    assert table["index"] == [1, 2, 3, 9]
    assert table["name"] == ["cluster 1", "cluster 2", "cluster 3", None]
    assert table["size"] == [int((layer.data == label).sum()) for label in (1, 2, 3, 9)]


def test_objects_are_measured_once_they_are_counted_and_a_row_leads_to_its_object(segmented, viewer, qtbot, tmp_path):
    dock, _ = segmented
    dock.results.measures["objects"].trigger()
    assert "Count objects" in dock.runner.text.text()
    dock.table.choose(3)
    press(qtbot, dock.results.count)
    settle(qtbot, dock)
    dock.results.measures["objects"].trigger()
    settle(qtbot, dock)
    shown, objects = table_of(dock), viewer.layers[-1]
    assert objects.name.endswith("objects")
    assert "solidity" in shown.table
    place = list(shown.table).index("size")
    shown.view.sortByColumn(place, Qt.SortOrder.DescendingOrder)
    shown.view.setCurrentIndex(shown.view.model().index(0, 0))
    largest = int(np.argmax(shown.table["size"]))
    assert objects.selected_label == shown.table["index"][largest]
    middle = (shown.table["first y"][largest] + shown.table["last y"][largest]) // 2
    assert getattr(viewer, "scene", viewer).camera.center[-2] == middle
    shown.copy()
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].split("\t") == list(shown.table)
    assert int(lines[1].split("\t")[place]) == max(shown.table["size"])
    shown.save(str(tmp_path / "m.csv"))
    with (tmp_path / "m.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == shown.table.count + 1
    shown.save(str(tmp_path / "m.txt"))
    assert ".csv or .parquet" in shown.says.text()


def test_objects_of_a_movie_keep_their_number_and_their_tracks_are_shown(viewer, segment_dock, qtbot):
    movie = np.stack([np.roll(blobs(), 2 * t, axis=1) for t in range(3)])
    viewer.add_image(movie, axis_labels=("t", "y", "x"))
    slide(segment_dock, "n_clusters", 2)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    for _ in range(2):  # counted again, the layers are those that there are
        press(qtbot, segment_dock.results.count)
        settle(qtbot, segment_dock)
    tracks = [layer for layer in viewer.layers if "tracks" in layer.name]
    objects = [layer for layer in viewer.layers if "objects" in layer.name]
    assert (len(tracks), len(objects)) == (1, 1)
    assert list(objects[0].features["frames"]).count(3) >= 4
    assert np.array_equal(np.unique(tracks[0].data[:, 0]), np.unique(objects[0].data[objects[0].data > 0]))
