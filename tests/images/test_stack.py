"""Stacks: several images, channels, spacing, regions of interest, every kind of number, and laziness."""

import warnings

import dask
import dask.array as da
import numpy as np
import pytest
import zarr
from dask import delayed
from PIL import Image as Picture

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.images.stack import Stack, read


def whole(image, n=0):
    return image.block(n, tuple(slice(0, size) for size in image.shape[2:]))


NUMBERS = ["?", "u1", "i1", "u2", ">u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f8", "g"]


@pytest.mark.parametrize("dtype", NUMBERS)
def test_every_kind_of_number_becomes_native_float32(dtype):
    values = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    block = whole(read(values).image)
    assert block.dtype == np.float32
    assert block.dtype.isnative
    assert block.flags["C_CONTIGUOUS"]
    assert block.tolist() == [[[0, 1, 1], [1, 0, 1]]]


def test_read_only_reversed_and_strided_arrays_are_read_as_they_look():
    values = np.arange(48).reshape(6, 8)[::-1, ::2]
    values.flags.writeable = False
    assert np.array_equal(whole(read(values).image)[0], values)


def test_masked_places_are_no_numbers():
    values = np.ma.masked_equal(np.array([[1, 2], [3, 4]]), 3)
    assert np.isnan(whole(read(values).image)).tolist() == [[[False, False], [True, False]]]


def test_numbers_beyond_float32_become_infinite_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isinf(whole(read(np.full((2, 2), 1e300)).image)).all()


@pytest.mark.parametrize(
    "wrong", [np.ones((4, 4), complex), np.full((4, 4), "a"), np.full((4, 4), None), np.zeros((4, 4), "M8[s]")]
)
def test_what_is_no_real_number_is_refused(wrong):
    with pytest.raises(ImageReadError, match="real numbers, got an array of dtype"):
        read(wrong)


def test_a_dask_array_that_does_not_know_its_shape_is_refused():
    with pytest.raises(ImageReadError, match="compute_chunk_sizes"):
        read(da.arange(9)[da.arange(9) > 4][:, None] * da.ones((1, 5)))


@pytest.mark.parametrize("shape", [(0, 5), (0,), (3, 0, 4)])
def test_an_empty_array_is_refused(shape):
    with pytest.raises(ImageReadError, match="empty"):
        read(np.zeros(shape))


def test_nothing_and_unknown_things_are_refused():
    with pytest.raises(ImageReadError, match="list of images is empty"):
        read([])
    with pytest.raises(ImageReadError, match="cannot read a dict"):
        read({})


def test_reading_computes_no_chunk_and_a_block_only_its_own():
    computed = []

    def chunk(number):
        computed.append(number)
        return np.full((4, 4), number)

    parts = [da.from_delayed(delayed(chunk)(number), (4, 4), dtype=float) for number in range(4)]
    stack = read(da.concatenate(parts, axis=1), roi=np.ones((4, 16)))
    assert (stack.shape, stack.image.chunks, computed) == ((1, 1, 4, 16), (4, 4), [])
    with dask.config.set(scheduler="synchronous"):
        block = stack.image.block(0, (slice(0, 2), slice(5, 7)))
    assert (computed, block.tolist()) == ([1], [[[1, 1], [1, 1]]])


def test_zarr_arrays_are_read_by_region_and_tell_their_chunks():
    array = zarr.create_array({}, shape=(2, 8, 8), chunks=(1, 4, 4), dtype="u2", dimension_names=("c", "y", "x"))
    array[:] = np.arange(128).reshape(2, 8, 8)
    image = read(array).image
    assert (image.axes, image.chunks) == ("CYX", (4, 4))
    assert np.array_equal(image.block(0, (slice(2, 5), slice(1, 8))), array[:, 2:5, 1:8])


def test_transparency_is_left_out_and_said():
    image = read(np.arange(48, dtype=np.uint8).reshape(4, 3, 4)).image
    assert image.shape == (1, 3, 4, 3)
    assert "transparency" in image.assumed
    assert read(np.zeros((4, 3, 4), np.uint8), axes="YXC").channels == 4


def test_channels_are_picked_in_order():
    image = read(np.arange(3 * 4).reshape(3, 2, 2), axes="CYX", channels=[2, 0]).image
    assert whole(image)[:, 0, 0].tolist() == [8, 0]
    assert image.channel_names == ("channel 2", "channel 0")
    with pytest.raises(ValueError, match="channels 0 to 2, got 3"):
        read(np.zeros((3, 2, 2)), axes="CYX", channels=[3])


def test_several_images_are_samples_that_may_differ_in_size():
    stack = read([np.zeros((4, 5)), np.zeros((2, 6, 7))], ndim=2)
    assert [one.shape for one in stack] == [(1, 1, 4, 5), (2, 1, 6, 7)]
    assert (len(stack), stack.ndim, stack.channels, stack.voxels) == (2, 2, 1, 20 + 84)
    with pytest.raises(ValueError, match=r"2 images; take one of them, for instance stack\[0\]"):
        _ = stack.shape
    assert stack[-1].shape == (2, 1, 6, 7)
    assert len(stack[1:]) == 1
    with pytest.raises(IndexError, match="has 2 images"):
        stack[2]


def test_volumes_beside_flat_images_are_taken_slice_by_slice():
    stack = read([np.zeros((9, 4, 5)), np.zeros((4, 5))])
    assert (stack.ndim, "slice by slice" in stack.assumed) == (2, True)


def test_images_with_different_channels_say_so():
    stack = read([np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5))])
    with pytest.raises(ValueError, match="the images differ: 1, 3 channels"):
        _ = stack.channels


def test_several_arrays_are_channels_of_one_image():
    image = read([np.full((2, 3), 1), np.full((2, 3), 2), np.zeros((2, 3, 3), np.uint8)], together="channels").image
    assert image.shape == (1, 5, 2, 3)
    assert whole(image)[:, 0, 0].tolist() == [1, 2, 0, 0, 0]
    with pytest.raises(ValueError, match="have one size"):
        read([np.zeros((2, 3)), np.zeros((3, 3))], together="channels")


def test_spacing_is_given_for_the_spatial_axes():
    image = read(np.zeros((2, 9, 4, 5)), axes="TZYX", spacing=(2, 0.5, 0.5)).image
    assert image.spacing == (2, 0.5, 0.5)
    assert image.transform["scale"] == (1, 2, 0.5, 0.5)
    assert read(np.zeros((2, 9, 4, 5)), spacing=(2, 0.5, 0.5), ndim=2).spacing == (0.5, 0.5)
    assert read(np.zeros((4, 5))).image.transform == {}
    for wrong in [(1, 1, 1), (0, 1), (1, float("nan"))]:
        with pytest.raises(ValueError, match="spacing is one size above 0 for each of Y, X"):
            read(np.zeros((4, 5)), spacing=wrong)


def test_a_region_of_interest_follows_the_image():
    volume, roi = np.zeros((9, 4, 5)), np.zeros((9, 4, 5))
    roi[8, 0, 1] = 3
    stack = read(volume, roi=roi)
    assert stack.image.mask(stack.roi[0], 0, (slice(8, 9), slice(0, 2), slice(0, 2))).tolist() == [
        [[False, True], [False, False]]
    ]
    flat = stack.with_ndim(2)
    assert flat.image.mask(flat.roi[0], 8, (slice(0, 1), slice(0, 2))).tolist() == [[False, True]]
    plane = read(volume, roi=roi[8])
    assert plane.image.mask(plane.roi[0], 0, (slice(0, 1), slice(0, 1), slice(0, 2))).tolist() == [[[False, True]]]


def test_a_region_of_interest_may_be_a_file(tmp_path):
    Picture.fromarray(np.eye(4, dtype=np.uint8)).save(tmp_path / "roi.png")
    stack = read(np.zeros((9, 4, 4)), roi=tmp_path / "roi.png")
    assert stack.image.mask(stack.roi[0], 0, (slice(2, 3), slice(0, 2), slice(0, 2))).tolist() == [
        [[True, False], [False, True]]
    ]


def test_a_region_of_interest_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"has shape \(5, 4\), the image without channels \(4, 5\)"):
        read(np.zeros((4, 5, 3), np.uint8), roi=np.ones((5, 4)))
    with pytest.raises(ValueError, match="2 images needs as many regions of interest, got 1"):
        read([np.zeros((4, 5))] * 2, roi=[np.ones((4, 5))])


def test_reading_a_stack_again_changes_only_what_is_asked():
    stack = read(np.zeros((9, 4, 5)))
    assert read(stack, ndim=2).shape == (9, 1, 4, 5)
    assert read(stack).shape == stack.shape
    assert isinstance(read(stack.image), Stack)
