"""Tiles with halos."""

import numpy as np
import pytest
from scipy import ndimage

from napari_ae_seg.images.tiles import tiles


@pytest.mark.parametrize(
    ("shape", "size", "halo", "align"), [((37, 50), 16, 5, 8), ((9, 20, 3), (4, 8, 8), 3, 2), ((1, 1), 64, 9, 16)]
)
def test_tile_by_tile_equals_the_whole(shape, size, halo, align):
    image = np.random.default_rng(0).random(shape)
    out, times = np.zeros(shape), np.zeros(shape)
    for tile in tiles(shape, size, halo, align):
        assert all(part.start % align == 0 for part in tile.outer)
        filtered = ndimage.uniform_filter(image[tile.outer], 2 * min(halo, 3) - 1, mode="nearest")
        out[tile.core] = filtered[tile.inner]
        times[tile.core] += 1
    assert np.array_equal(times, np.ones(shape))
    assert np.allclose(out, ndimage.uniform_filter(image, 2 * min(halo, 3) - 1, mode="nearest"))


def test_the_outer_part_ends_at_a_multiple_or_at_the_images_end():
    for tile in tiles((37,), 8, 3, 4):
        assert tile.outer[0].stop % 4 == 0 or tile.outer[0].stop == 37


@pytest.mark.parametrize(("size", "halo", "align"), [(0, 1, 1), (4, -1, 1), (4, 1, 0), ((4, 4, 4), 1, 1)])
def test_impossible_tiles_are_refused(size, halo, align):
    with pytest.raises(ValueError, match=r"at least|one number per axis"):
        list(tiles((8, 8), size, halo, align))
