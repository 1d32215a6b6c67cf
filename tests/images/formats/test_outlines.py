"""Outlines for QuPath and ImageJ: exact to the pixel, with names and colors, as their own libraries read them."""

import json

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.images.formats import geojson, rois
from napari_ae_seg.images.formats.read import read_legend
from napari_ae_seg.images.formats.write import write_labels
from napari_ae_seg.images.legend import Legend
from napari_ae_seg.images.outlines import filled, outlines
from napari_ae_seg.images.stack import read

LEGEND = Legend(
    {1: "ring", 2: "two/parts"},
    {1: (1.0, 0.0, 0.0), 2: (0.0, 0.2, 1.0)},
    {"index": [1, 2], "name": ["ring", "x"], "size": [15, 3]},
)
LABELS = np.array([[1, 1, 1, 1, 0], [1, 0, 1, 1, 2], [1, 1, 0, 1, 0], [1, 1, 1, 1, 2], [0, 0, 0, 0, 2]])
"""A ring with two holes that touch at a corner, and a label of two parts."""


def shapes(polygons):
    shapely = pytest.importorskip("shapely")
    return shapely.MultiPolygon([shapely.Polygon(outer, holes) for outer, *holes in polygons])


@settings(deadline=None, max_examples=60)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 2)))
def test_outlines_are_valid_and_hold_the_same_pixels(plane):
    again = np.zeros(plane.shape, int)
    for label, polygons in outlines(plane):
        drawn = shapes(polygons)
        assert (drawn.is_valid, drawn.area) == (True, (plane == label).sum())
        for polygon in polygons:
            again[filled(polygon, plane.shape)] = label
    assert np.array_equal(again, plane)


def test_qupath_gets_annotations_with_classes_and_colors(tmp_path):
    shapely = pytest.importorskip("shapely")
    write_labels(tmp_path / "l.geojson", LABELS, None, LEGEND)
    features = json.loads((tmp_path / "l.geojson").read_text())["features"]
    drawn = [shapely.from_geojson(json.dumps(feature["geometry"])) for feature in features]
    assert [(shape.geom_type, shape.is_valid, shape.area) for shape in drawn] == [
        ("Polygon", True, (LABELS == 1).sum()),
        ("MultiPolygon", True, (LABELS == 2).sum()),
    ]
    assert features[0]["properties"] == {
        "objectType": "annotation",
        "name": "ring",
        "classification": {"name": "ring", "color": [255, 0, 0]},
        "metadata": {"label": "1"},
        "measurements": {"size": 15.0},
    }
    assert "plane" not in features[0]["geometry"]


def test_objects_are_detections_and_planes_are_told(tmp_path):
    movie = np.stack([LABELS, 0 * LABELS, LABELS])
    image = read(movie, axes="TYX").image
    write_labels(tmp_path / "l.geojson", movie, image, Legend(LEGEND.names, LEGEND.colors, objects=True))
    features = json.loads((tmp_path / "l.geojson").read_text())["features"]
    assert [feature["geometry"].get("plane", {}).get("t", 0) for feature in features] == [0, 0, 2, 2]
    assert (features[2]["properties"]["objectType"], features[2]["properties"]["name"]) == ("detection", "ring 1")
    assert np.array_equal(geojson.labels(tmp_path / "l.geojson")[:, 0], movie)


def test_measurements_of_objects_say_their_unit(tmp_path):
    table = {"index": [1], "size": [4], "measure": [1.0], "centroid y": [0.25]}
    tifffile.imwrite(
        tmp_path / "i.tif",
        np.ones((2, 2), np.uint8),
        imagej=True,
        resolution=(1 / 0.65, 1 / 0.65),
        metadata={"unit": "um"},
    )
    image = read(tmp_path / "i.tif").image
    assert image.spacing == (0.65, 0.65)
    legend = Legend({1: "cell"}, {1: (255, 0, 0)}, table, objects=True)
    write_labels(tmp_path / "l.geojson", np.ones((2, 2), int), image, legend)
    feature = json.loads((tmp_path / "l.geojson").read_text())["features"][0]
    assert feature["properties"]["measurements"] == {
        "size": 4.0,
        "area (micrometer^2)": 1.0,
        "centroid y (micrometer)": 0.25,
    }


@pytest.mark.parametrize("name", ["l.geojson", "l.zip"])
def test_outlines_are_labels_again_with_names_and_colors(tmp_path, name):
    write_labels(tmp_path / name, LABELS, None, LEGEND)
    module = geojson if name.endswith("json") else rois
    assert np.array_equal(module.labels(tmp_path / name)[0, 0], LABELS)
    known = read_legend(tmp_path / name)
    assert (known.names, known.colors) == (LEGEND.names, LEGEND.colors)


def test_what_qupath_wrote_itself_is_read(tmp_path):
    square = [[2, 1], [5, 1], [5.4, 3], [2, 3], [2, 1]]
    kind = {"name": "Tumor", "color": [200, 0, 0]}
    one = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [square]},
        "properties": {"classification": kind},
    }
    (tmp_path / "q.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [one, one]}))
    assert geojson.labels(tmp_path / "q.geojson")[0, 0].tolist() == [[0] * 6, [0, 0, 1, 1, 1, 0], [0, 0, 1, 1, 1, 0]]
    assert read_legend(tmp_path / "q.geojson").names == {1: "Tumor"}


def test_imagej_gets_regions_with_names_colors_holes_and_places(tmp_path):
    roifile = pytest.importorskip("roifile")
    volume = np.stack([0 * LABELS, LABELS])
    write_labels(tmp_path / "l.zip", volume, read(volume, axes="ZYX").image, LEGEND)
    ring, parts = roifile.roiread(tmp_path / "l.zip")
    assert (ring.name, parts.name, ring.stroke_color) == ("ring", "two/parts", b"\xff\xff\x00\x00")
    assert (ring.z_position, ring.position, ring.composite) == (2, 2, True)
    assert (ring.left, ring.top, ring.right, ring.bottom) == (0, 0, 4, 4)
    assert sorted(len(one) for one in ring.coordinates(multi=True)) == [5, 5, 5]
    write_labels(tmp_path / "s.zip", (LABELS == 2)[:2].astype(int))
    [square] = roifile.roiread(tmp_path / "s.zip")
    assert (square.roitype, square.coordinates().tolist()) == (
        roifile.ROI_TYPE.TRACED,
        [[5, 1], [5, 2], [4, 2], [4, 1]],
    )


def test_the_same_labels_give_the_same_bytes(tmp_path):
    for name in ("a.zip", "b.zip", "a.geojson", "b.geojson"):
        write_labels(tmp_path / name, LABELS, None, LEGEND)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert (tmp_path / "a.geojson").read_bytes() == (tmp_path / "b.geojson").read_bytes()


def test_files_of_something_else_are_refused_in_a_sentence(tmp_path):
    point = '{"features": [{"geometry": {"type": "Point", "coordinates": [1, 2]}}]}'
    for content in ("{", '{"features": 5}', point, "null"):
        (tmp_path / "a.geojson").write_text(content)
        with pytest.raises(ImageReadError, match=r"a\.geojson: no GeoJSON of polygons"):
            geojson.labels(tmp_path / "a.geojson")
    (tmp_path / "a.zip").write_bytes(b"nothing")
    with pytest.raises(ImageReadError, match=r"a\.zip: no set of ImageJ's regions"):
        rois.labels(tmp_path / "a.zip")
    with pytest.raises(ValueError, match="outlines lie in planes of z and t, the labels have axes PYX"):
        write_labels(tmp_path / "b.zip", np.ones((2, 3, 3), int), read(np.ones((2, 3, 3)), axes="PYX").image)
