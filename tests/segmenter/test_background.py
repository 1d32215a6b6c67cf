"""What counts as a plain background, and what does not."""

import numpy as np
import pytest

from napari_ae_seg.images.stack import read
from napari_ae_seg.segmenter.background import plain_background
from napari_ae_seg.segmenter.segments import Segments


def found(values, labels):
    image = read(values.astype(np.float32), axes="ZYX"[-values.ndim :]).image
    present, size = np.unique(labels, return_counts=True)
    return plain_background(Segments(labels, labels, {"index": present.tolist(), "size": size.tolist()}, {}, ""), image)


@pytest.fixture
def discs():
    y, x = np.mgrid[:60, :80]
    return ((y - 30) ** 2 + (x - 30) ** 2 < 150) | ((y - 20) ** 2 + (x - 60) ** 2 < 80)


def noise(shape, size=1.0):
    return np.random.default_rng(0).normal(0, size, shape)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_plain_ground_around_discs_is_a_background_be_it_dark_or_bright(discs, sign):
    assert found(sign * 20.0 * discs + noise(discs.shape), discs + 1) == 1


def test_in_a_volume_too(discs):
    volume = np.stack([discs] * 4)
    assert found(20.0 * volume + noise(volume.shape), volume + 1) == 1


def test_a_rough_ground_is_none(discs):
    assert found(20.0 * discs + noise(discs.shape, 30), discs + 1) is None


def test_the_largest_thing_in_the_middle_is_none():
    y, x = np.mgrid[:60, :60]
    disc = (y - 30) ** 2 + (x - 30) ** 2 < 27**2
    assert found(20.0 * disc + noise(disc.shape), disc + 1) is None


def test_a_level_between_others_is_none(discs):
    labels = np.where(discs, 2, 1)
    labels[:10, :10] = 3
    levels = np.array([0, 10, 20, 0])[labels]
    assert found(levels + noise(discs.shape, 0.1), labels) is None


def test_a_ground_in_pieces_is_none():
    stripes = np.add.outer(np.zeros(60, int), np.arange(60) // 10 % 2)
    assert found(20.0 * stripes + noise(stripes.shape), stripes + 1) is None


def test_a_single_label_is_none():
    assert found(noise((20, 20)), np.ones((20, 20), int)) is None
