import numpy as np
import pytest

from napari_ae_seg.features.surround import dark_surround, fill_surround


def disc(size=60, radius=24, inside=0.5, outside=0.02):
    y, x = np.mgrid[:size, :size] - size / 2 + 0.5
    round_field = y**2 + x**2 < radius**2
    return np.where(round_field, inside, outside), round_field


def test_the_black_around_a_round_field_of_view_is_found():
    image, field = disc()
    surround = dark_surround(np.stack([image] * 3))
    assert (surround != field).mean() > 0.97
    assert not surround[field].any()


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_only_color_images_have_a_surround(channels):
    image, _ = disc()
    assert not dark_surround(np.stack([image] * channels)).any()


def test_dark_objects_inside_and_uneven_darkness_are_part_of_the_scene():
    inside = np.full((3, 40, 40), 0.5)
    inside[:, 10:25, 10:25] = 0.0
    assert not dark_surround(inside).any()
    image, _ = disc()
    uneven = np.stack([image] * 3)
    uneven[0, :30][uneven[0, :30] < 0.1] = 0.059
    uneven[0, 30:][uneven[0, 30:] < 0.1] = 0.0
    assert not dark_surround(uneven).any()


def test_a_sliver_is_no_surround():
    image = np.full((3, 100, 100), 0.5)
    image[:, :, 0] = 0.0
    assert not dark_surround(image).any()


def test_missing_data_is_no_surround():
    image = np.full((3, 20, 20), 0.5)
    image[:, :8] = np.nan
    assert not dark_surround(image).any()


def test_the_surround_takes_the_most_frequent_label_along_its_edge():
    labels = np.array([[1, 1, 2, 3], [1, 1, 2, 3], [1, 1, 0, 3]])
    surround = labels == 1
    assert fill_surround(labels, surround).tolist() == [[2, 2, 2, 3], [2, 2, 2, 3], [2, 2, 0, 3]]


def test_an_image_that_is_all_surround_keeps_its_labels():
    labels = np.ones((4, 4), np.uint8)
    assert fill_surround(labels, np.ones((4, 4), bool)).tolist() == labels.tolist()
