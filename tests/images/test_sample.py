"""The one sample of a stack: whole images while they fit, else blocks; only what is needed is read."""

import numpy as np
import pytest
import zarr

from napari_ae_seg.images.sample import sample_blocks
from napari_ae_seg.images.stack import read


class Counting:
    """An array of ones that keeps count of what is read of it."""

    def __init__(self, shape, chunks=None, dtype="u1"):
        self.shape, self.chunks, self.dtype, self.regions = shape, chunks, np.dtype(dtype), []

    def __getitem__(self, index):
        part = np.broadcast_to(np.ones((), self.dtype), self.shape)[index]
        self.regions.append((index, part.size))
        return part


def total(blocks):
    return sum(block.data.size for block in blocks)


def test_images_that_fit_are_taken_whole():
    blocks = sample_blocks(read([np.zeros((9, 6, 5)), np.ones((4, 5))], ndim=2))
    assert [(block.image, block.n, block.data.shape) for block in blocks] == [
        *((0, n, (1, 6, 5)) for n in range(9)),
        (1, 0, (1, 4, 5)),
    ]


@pytest.mark.parametrize(
    ("shape", "axes", "chunks", "budget"),
    [
        ((10**6, 10**6, 3), "YXC", None, 10**6),
        ((10**5, 10**5, 3), "YXC", (512, 512, 3), 10**7),
        ((10**4, 10**4), "YX", (10**4, 10**4), 10**6),
        ((4000, 5000, 5000), "ZYX", (64, 64, 64), 4 * 10**6),
        ((100000, 64, 64), "TYX", None, 10**6),
        ((300, 301), "YX", (100, 1), 5000),
        ((3, 4), "YX", None, 1),
    ],
)
def test_a_huge_image_is_sampled_within_the_budget_and_nothing_else_is_read(shape, axes, chunks, budget):
    array = Counting(shape, chunks)
    blocks = sample_blocks(read(array, axes=axes), budget=budget)
    assert budget / 3 <= total(blocks) <= budget
    assert sum(size for _, size in array.regions) == total(blocks)
    assert len(blocks) >= min(8, budget)
    assert len({(block.n, block.origin) for block in blocks}) == len(blocks)


def test_blocks_keep_to_the_chunks():
    image = read(Counting((5000, 5000), (700, 300))).image
    for block in sample_blocks(read(image), budget=2 * 10**6):
        assert all(start % chunk == 0 for start, chunk in zip(block.origin, (700, 300), strict=True))


def test_blocks_hold_what_lies_at_their_place():
    values = np.arange(2 * 300 * 400).reshape(2, 300, 400)
    array = zarr.create_array({}, shape=values.shape, chunks=(1, 64, 64), dtype="i4")
    array[...] = values
    for block in sample_blocks(read(array, axes="CYX"), budget=10**5):
        assert np.array_equal(block.data, values[(slice(None), *block.region)])


def test_every_image_has_its_share_and_a_small_one_is_taken_whole():
    stack = read([Counting((3000, 3000)), np.ones((50, 50)), Counting((9000, 1000))])
    blocks = sample_blocks(stack, budget=10**6)
    shares = [sum(block.data.size for block in blocks if block.image == i) for i in range(3)]
    assert shares[1] == 2500
    assert min(shares[0], shares[2]) > 3 * 10**5
    assert sum(shares) <= 10**6


def test_the_same_seed_gives_the_same_sample():
    stack = read(Counting((3000, 3000)))
    first, again, other = (sample_blocks(stack, budget=10**5, seed=seed) for seed in (1, 1, 2))
    assert [block.origin for block in first] == [block.origin for block in again]
    assert [block.origin for block in first] != [block.origin for block in other]


def test_only_the_region_of_interest_is_valid_and_read():
    array, roi = Counting((3000, 3000)), np.zeros((3000, 3000), bool)
    roi[1000:1300, 2000:2200] = True
    blocks = sample_blocks(read(array, roi=roi), budget=10**5)
    assert 0 < sum(block.valid.sum() for block in blocks) <= 300 * 200
    assert sum(size for _, size in array.regions) == total(blocks)
    for block in blocks:
        assert np.array_equal(block.valid, roi[block.region])


def test_a_tiny_region_in_a_huge_image_is_found():
    array, roi = Counting((50, 2000, 2000)), np.zeros((50, 2000, 2000), bool)
    roi[33, 1500:1510, 700:710] = True
    blocks = sample_blocks(read(array, axes="TYX", roi=roi), budget=10**5)
    assert {block.n for block in blocks} == {33}
    assert sum(block.valid.sum() for block in blocks) == 100


def test_a_small_image_among_large_ones_stays_in_one_piece():
    blocks = sample_blocks(read([Counting((3000, 3000)), np.ones((500, 500))]), budget=10**6)
    assert [block.data.shape for block in blocks if block.image == 1] == [(1, 500, 500)]


def test_places_without_a_number_are_not_valid():
    values = np.ones((2, 4, 4))
    values[1, 2, 3] = np.nan
    assert np.argwhere(~sample_blocks(read(values, axes="CYX"))[0].valid).tolist() == [[2, 3]]


@pytest.mark.parametrize("stack", [read(np.full((4, 4), np.nan)), read(np.ones((4, 4)), roi=np.zeros((4, 4)))])
def test_nothing_to_learn_from_is_said(stack):
    with pytest.raises(ValueError, match="no finite value to learn from"):
        sample_blocks(stack)
