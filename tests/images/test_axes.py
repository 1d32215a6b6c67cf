"""Axes: names, guesses, and the way from any order to (N, C, *space) and back."""

import numpy as np
import pytest

from napari_ae_seg.core.errors import AssumptionWarning
from napari_ae_seg.images.stack import read

WHOLE = {2: (slice(None),) * 2, 3: (slice(None),) * 3}


def whole(image, n=0):
    return image.block(n, tuple(slice(0, size) for size in image.shape[2:]))


@pytest.mark.parametrize(
    ("shape", "dtype", "axes", "seen"),
    [
        ((6, 5), "f4", "YX", (1, 1, 6, 5)),
        ((6, 5, 3), "u1", "YXC", (1, 3, 6, 5)),
        ((6, 5, 3), "u2", "YXC", (1, 3, 6, 5)),
        ((6, 5, 4), "u1", "YXC", (1, 3, 6, 5)),
        ((6, 5, 3), "f4", "ZYX", (6, 1, 5, 3)),
        ((8, 6, 5), "u1", "ZYX", (1, 1, 8, 6, 5)),
        ((7, 6, 5), "u1", "ZYX", (7, 1, 6, 5)),
        ((2, 8, 6, 5), "u1", "TZYX", (2, 1, 8, 6, 5)),
        ((9, 6, 5, 3), "u1", "ZYXC", (1, 3, 9, 6, 5)),
        ((2, 2, 9, 6, 5), "u2", "TCZYX", (2, 2, 9, 6, 5)),
    ],
)
def test_axes_without_names_are_guessed_and_said(shape, dtype, axes, seen):
    image = read(np.zeros(shape, dtype)).image
    assert (image.axes, image.shape) == (axes, seen)
    assert (axes in image.assumed) == (len(shape) > 2)


@pytest.mark.parametrize(
    ("shape", "axes", "seen"),
    [
        ((2, 5, 6, 7), "tcyx", (2, 5, 6, 7)),
        ((6, 7, 5), "YXC", (1, 5, 6, 7)),
        ((1, 1, 1, 6, 7), "TCZYX", (1, 1, 6, 7)),
        ((1, 3, 1, 6, 7), "TZCYX", (3, 1, 6, 7)),
        ((7, 6, 9), "XYZ", (1, 1, 9, 6, 7)),
        ((2, 3, 9, 6, 7, 3), "PTZYXS", (6, 3, 9, 6, 7)),
        ((2, 6, 7, 3), "CYXS", (1, 6, 6, 7)),
    ],
)
def test_named_axes_are_followed_in_any_order(shape, axes, seen):
    values = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    image = read(values, axes=axes).image
    assert image.shape == seen
    assert image.assumed == "" or "slice by slice" in image.assumed
    labels = np.stack([whole(image, n)[0] for n in range(image.shape[0])])
    first = values
    for axis in "SC":  # the first channel is what the labels below were read from
        if axis in axes.upper():
            first = first.take(0, axis=axes.upper().index(axis)) if axis == "S" or "S" not in axes else first
    for axis in "CS":
        first = first if first.shape == image.label_shape else first.take(0, axis=axes.upper().index(axis))
    assert np.array_equal(image.to_source(labels), first)


def test_labels_keep_the_sources_singletons():
    image = read(np.zeros((1, 3, 1, 6, 7)), axes="TCZYX").image
    assert image.label_shape == (1, 1, 6, 7)
    assert image.to_source(np.zeros((1, 6, 7))).shape == (1, 1, 6, 7)


def test_from_source_is_the_inverse_of_to_source():
    image = read(np.zeros((7, 4, 9, 6)), axes="XTZY", ndim=3).image
    labels = np.arange(np.prod((4, 9, 6, 7))).reshape(4, 9, 6, 7)
    assert np.array_equal(image.from_source(image.to_source(labels)), labels)


def test_put_writes_a_region_where_it_came_from():
    image = read(np.arange(7 * 4 * 9 * 6).reshape(7, 4, 9, 6), axes="XTZY", ndim=3).image
    out = np.zeros(image.label_shape)
    for n in range(4):
        for z in (slice(0, 5), slice(5, 9)):
            region = (z, slice(0, 6), slice(0, 7))
            image.put(out, n, region, image.block(n, region)[0])
    assert np.array_equal(out, image.sources[0].array)


@pytest.mark.parametrize(
    ("shape", "axes", "message"),
    [
        ((5, 6, 7), "YX", "axes 'YX' name 2 axes, the array has 3; try 'TYX' or 'YXC'"),
        ((5, 6, 7), "ZZX", "Y, X and each letter only once"),
        ((5, 6, 7), "ZCX", "Y, X"),
        ((6, 7), "Y1", "Y, X"),
        ((2, 2, 2, 2, 6, 7), None, "named"),
        ((6,), None, "named"),
    ],
)
def test_wrong_axes_are_named_with_what_would_work(shape, axes, message):
    with pytest.raises(ValueError, match=message):
        read(np.zeros(shape), axes=axes)


def test_ndim_overrules_the_z_axis():
    volume = np.zeros((9, 6, 5))
    assert read(volume, ndim=2).shape == (9, 1, 6, 5)
    assert read(volume[:3], ndim=3).shape == (1, 1, 3, 6, 5)
    assert read(volume).with_ndim(2).shape == (9, 1, 6, 5)
    assert "slice by slice" in read(volume[:3], axes="ZYX").assumed
    with pytest.raises(ValueError, match="ndim=3 needs a z axis, the axes are 'TYX'"):
        read(volume, axes="TYX", ndim=3)
    with pytest.raises(ValueError, match="ndim is 0, 2 or 3"):
        read(volume, ndim=4)


def test_a_letter_that_is_no_axis_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"^axes 'TQCYX': Q is no axis; use T \(time\), C"):
        read(np.zeros((1, 2, 3, 8, 8)), axes="TQCYX")


def test_real_numbers_with_three_of_them_last_are_colors_and_it_is_said():
    with pytest.warns(AssumptionWarning, match=r"taken as YXC.*axes='ZYX' takes it as a volume"):
        image = read(np.zeros((40, 48, 3), np.float32)).image
    assert (image.axes, image.shape) == ("YXC", (1, 3, 40, 48))
    assert read(np.zeros((40, 48, 3), np.float32), axes="ZYX").image.shape == (1, 1, 40, 48, 3)
