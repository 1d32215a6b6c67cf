"""Specks, holes and ragged borders go; clusters, no-data and everything large stay."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.segmenter.tidy import drop_small, fill_holes, majority, tidy


def picture(text: str) -> np.ndarray:
    """Labels from rows of digits."""
    return np.array([[int(digit) for digit in row] for row in text.split()], np.int32)


def test_a_speck_takes_the_label_around_it():
    assert np.array_equal(drop_small(picture("1111 1211 1112 2222"), 2), picture("1111 1111 1112 2222"))


def test_specks_side_by_side_do_not_swap_their_labels():
    before = picture("111111 123111 111111 222333 222333")
    assert np.array_equal(drop_small(before, 2), picture("111111 111111 111111 222333 222333"))


def test_the_last_region_of_a_cluster_stays_however_small():
    before = picture("1111 1211 1111")
    for change in (lambda x: drop_small(x, 99), lambda x: fill_holes(x, 99), lambda x: majority(x, 1)):
        assert set(np.unique(change(before))) == {1, 2}


def test_no_data_is_neither_changed_nor_spread():
    before = picture("0000 0200 0000 2221")
    for change in (lambda x: drop_small(x, 3), lambda x: fill_holes(x, 3), lambda x: majority(x, 1)):
        after = change(before)
        assert np.array_equal(after == 0, before == 0)
    assert drop_small(before, 3)[1, 1] == 2


def test_a_hole_is_filled_with_what_is_in_it_up_to_its_size():
    before = picture("111111222 122211222 123211222 122211333 111111333")
    assert np.array_equal(fill_holes(before, 9), picture("111111222 111111222 111111222 111111333 111111333"))
    assert np.array_equal(fill_holes(before, 8), picture("111111222 122211222 122211222 122211333 111111333"))


def test_what_lies_at_the_border_is_no_hole():
    before = picture("1211 1111 1111 2222")
    assert np.array_equal(fill_holes(before, 4), before)


def test_the_majority_rounds_ragged_borders():
    before = picture("11112222 11112222 11122222 11112222 11112222")
    assert np.array_equal(majority(before, 1), picture("11112222 11112222 11112222 11112222 11112222"))


def test_a_volume_is_filtered_as_a_whole_also_in_slabs(monkeypatch):
    labels = np.random.default_rng(0).integers(1, 4, size=(12, 20, 20))
    whole = majority(labels, 2)
    monkeypatch.setattr("napari_ae_seg.segmenter.tidy.SLAB", 1200)
    assert np.array_equal(majority(labels, 2), whole)
    specks = drop_small(labels, 30)
    from skimage.measure import label

    sizes = np.bincount(label(specks, connectivity=1).ravel())[1:]
    assert (sizes < 30).sum() <= 3


def test_all_off_leaves_the_labels_and_floats_are_refused():
    labels = picture("1211 1111")
    assert np.array_equal(tidy(labels, SegmentationConfig()), labels)
    assert tidy(labels.astype(np.uint8), SegmentationConfig(min_size=2, majority=1)).dtype == np.uint8
    with pytest.raises(TypeError, match="float64"):
        tidy(labels.astype(float), SegmentationConfig())


def test_what_is_cut_off_from_more_of_the_image_is_not_small():
    labels = np.array([[1, 1, 1, 1, 2], [1, 3, 1, 1, 2], [1, 1, 1, 1, 1]])
    whole = drop_small(labels, 3)
    assert whole.tolist() == labels.tolist()  # the largest of every label is kept
    block = drop_small(labels, 3, cut=((False, False), (False, True)))
    assert block.tolist() == [[1, 1, 1, 1, 2], [1, 1, 1, 1, 2], [1, 1, 1, 1, 1]]
