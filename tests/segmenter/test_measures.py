"""Measures: figures whose values are known by hand, in units, for objects and clusters, in 2D, 3D and over time."""

import math

import numpy as np
import pytest

import napari_ae_seg as ae
from napari_ae_seg.segmenter.measures import measure, shares
from napari_ae_seg.segmenter.objects import find_objects

from .test_objects import balls


def test_a_rectangle_has_its_sides_area_and_place_in_units():
    labels = np.zeros((40, 60), int)
    labels[10:20, 20:50] = 7
    stack = ae.read(np.ones((40, 60)), spacing=0.5)
    table = measure(labels, stack)
    assert table["index"] == [7]
    assert table["size"] == [300]
    assert table["area"] == [75.0]
    assert (table["centroid y"], table["centroid x"]) == ([7.25], [17.25])
    assert (table["first y"], table["last y"], table["first x"], table["last x"]) == ([10], [19], [20], [49])
    assert table["extent"] == table["solidity"] == [1.0]
    assert table["elongation"][0] == pytest.approx(3, abs=0.02)
    assert abs(table["orientation (degree)"][0]) == pytest.approx(90)
    assert table["major axis"][0] == pytest.approx(4 * 15 / math.sqrt(12), rel=0.01)


def test_a_disc_is_round_and_a_ball_is_a_sphere_however_thick_the_slices():
    disc = balls((60, 60), [(30, 30)], 20)
    table = measure(disc, np.zeros((60, 60)))
    assert table["circularity"][0] == pytest.approx(1, abs=0.1)
    assert table["equivalent diameter"][0] == pytest.approx(40, abs=0.5)
    spacing = (2.0, 1.0, 1.0)
    ball = balls((26, 50, 50), [(25, 25, 25)], 18, spacing)
    table = measure(ball, ae.read(np.zeros(ball.shape), axes="ZYX", spacing=spacing))
    assert table["volume"][0] == pytest.approx(4 / 3 * math.pi * 18**3, rel=0.02)
    assert 0.87 < table["sphericity"][0] <= 1  # steps of the surface count
    for axis in ("major axis", "middle axis", "minor axis"):
        assert table[axis][0] == pytest.approx(36, rel=0.02)


def test_units_that_are_known_stand_in_the_heading():
    from napari.layers import Image

    layer = Image(np.ones((32, 32)), scale=(0.5, 0.5), units=("um", "um"))
    table = measure(np.eye(32, dtype=int), layer)
    assert {"area (micrometer^2)", "centroid y (micrometer)", "perimeter (micrometer)"} <= set(table)


def test_intensities_are_those_of_every_channel_and_leave_out_what_has_no_value():
    labels = np.array([[1, 1, 1, 2]])
    image = np.stack([[[1.0, 2.0, 6.0, np.nan]], [[5, 5, np.inf, 3]]])
    table = measure(labels, ae.read(image, axes="CYX"))
    assert [table[f"{word} channel 0"][0] for word in ("mean", "median", "min", "max", "sum")] == [3, 2, 1, 6, 9]
    assert table["deviation channel 0"][0] == pytest.approx(np.std([1, 2, 6]))
    assert np.isnan(table["mean channel 0"][1])
    assert table["mean channel 1"] == [5.0, 3.0]


def test_large_whole_numbers_keep_their_last_digit():
    image = np.full((1, 4), 1_000_000_001, np.int64)
    assert measure(np.ones((1, 4), int), image)["min channel 0"] == [1_000_000_001]


def test_neighbours_are_those_that_touch_and_the_nearest_may_be_apart():
    labels = np.zeros((9, 30), int)
    labels[2:6, 2:6], labels[2:6, 6:10], labels[2:6, 20:24] = 3, 5, 9
    table = measure(labels, np.zeros((9, 30)))
    assert table["neighbours"] == [1, 1, 0]
    assert table["touching"] == [0.25, 0.25, 0.0]
    assert table["nearest"] == [5, 3, 5]
    assert table["nearest distance"] == [4.0, 4.0, 14.0]


def test_clusters_tell_with_whom_they_share_their_border():
    image = np.ones((30, 1)) * np.repeat([0, 1, 2], 10)
    segments = ae.segment(image, n_clusters=3, smoothing=0)
    table = measure(segments, image)
    assert table["name"] == segments.table["name"]
    assert table["share"] == pytest.approx([1 / 3] * 3)
    middle = segments.labels[0, 15]
    assert sorted(table[f"beside {middle}"]) == [0.0, 1.0, 1.0]
    assert "solidity" not in table


def test_each_sample_of_a_movie_has_rows_of_its_own():
    movie = np.zeros((2, 1, 8, 8), int)
    movie[0, 0, 1:3, 1:3], movie[1, 0, 4:8, 4:8] = 1, 1
    table = measure(movie[:, 0], ae.read(np.zeros((2, 8, 8)), axes="TYX"))
    assert list(table)[:3] == ["index", "sample", "size"]
    assert table["sample"] == [0, 1]
    assert table["size"] == [4, 16]


def test_objects_say_of_which_cluster_they_are():
    labels = np.array([[2, 2, 0, 5]])
    assert measure(find_objects(labels), np.zeros((1, 4)))["cluster"] == [2, 5]


def test_nothing_single_pixels_and_huge_numbers_are_measured_like_anything_else():
    assert measure(np.zeros((4, 4), int), np.zeros((4, 4))).count == 0
    pixel = measure(np.array([[2**40]]), np.array([[3]]))
    assert (pixel["index"], pixel["size"], pixel["neighbours"], pixel["nearest"]) == ([2**40], [1], [0], [-1])
    volume = measure(np.pad([[[1]]], 3), ae.read(np.zeros((7, 7, 7)), axes="ZYX", ndim=3))
    assert volume["volume"] == [1.0]


def test_channels_of_one_name_have_columns_of_their_own():
    from napari.layers import Image

    layers = [Image(np.full((4, 4), value), name="dye") for value in (1.0, 2.0)]
    table = measure(np.ones((4, 4), int), ae.Image.of([ae.read(layer).image.sources[0] for layer in layers]))
    assert [table["mean dye (0)"], table["mean dye (1)"]] == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("labels", "error", "says"),
    [
        (np.zeros((4, 4)), TypeError, "integers, got float64"),
        (np.zeros((3, 4), int), ValueError, r"its shape \(4, 4\), got \(3, 4\)"),
    ],
)
def test_labels_that_cannot_be_those_of_the_image_are_refused(labels, error, says):
    with pytest.raises(error, match=says):
        measure(labels, np.zeros((4, 4)))


@pytest.mark.filterwarnings("ignore::napari_ae_seg.core.errors.DriftWarning")
def test_shares_of_images_lie_side_by_side_also_where_a_cluster_is_missing():
    image = np.ones((30, 1)) * np.repeat([0, 1, 2], 10)
    segmenter = ae.Segmenter.fit(None, image, ae.SegmentationConfig(n_clusters=3, smoothing=0)).rename(3, "cluster 1")
    some = segmenter.apply(np.ones((30, 1)) * np.repeat([0, 1], 15))
    table = shares([segmenter.apply(image), some])
    assert list(table) == ["image", "cluster 1 (1)", "cluster 2", "cluster 1 (3)"]
    assert table["cluster 1 (3)"] == [pytest.approx(1 / 3), 0.0]
