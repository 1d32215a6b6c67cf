"""Patches: from valid places, more where there is something to see, exactly resumable, validation apart."""

import json

import numpy as np
import pytest

from napari_ae_seg.images.patches import Block, PatchSampler


def block(data, valid=None):
    data = np.asarray(data, np.float32)
    return Block(0, 0, (0,) * (data.ndim - 1), data, np.ones(data.shape[1:], bool) if valid is None else valid)


def places(*shape):
    """An image whose values tell where they are."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 3), (64, 64), (65, 200), (1, 1, 1), (3, 40, 41)])
def test_patches_of_any_image_have_their_size(shape):
    sampler = PatchSampler([block(np.ones((2, *shape)))], 32, validation=0.1)
    assert sampler.draw(3).shape == (3, 2, *(32,) * len(shape))
    assert sampler.validation(2).shape == (2, 2, *(32,) * len(shape))
    assert [pair.shape for pair in sampler.neighbors(2)] == [(2, 2, *(32,) * len(shape))] * 2
    assert (sampler.draw(3) == 1).all()


def test_a_patch_is_a_piece_of_the_image_and_every_place_is_reached():
    image = places(40, 50)
    patches = PatchSampler([block(image)], 16, focus=0.0).draw(2000)
    corners = patches[:, 0, 0, 0].astype(int)
    ys, xs = np.divmod(corners, 50)
    for patch, y, x in zip(patches[:50], ys, xs, strict=False):
        assert np.array_equal(patch[0], image[0, y : y + 16, x : x + 16])
    assert (set(ys), set(xs)) == (set(range(25)), set(range(35)))


def test_patches_come_from_large_and_small_blocks_alike_per_place():
    sampler = PatchSampler([block(np.zeros((1, 100, 100))), block(np.ones((1, 100, 300)))], 10, focus=0.0)
    assert sampler.draw(4000).mean() == pytest.approx(0.76, abs=0.04)


def test_focus_draws_where_there_is_something_to_see():
    image = np.zeros((1, 256, 256))
    image[0, 100:150, 100:150] = np.random.default_rng(0).random((50, 50))
    spread = [PatchSampler([block(image)], 32, focus=focus).draw(400).std(axis=(1, 2, 3)) for focus in (0.0, 1.0)]
    assert (spread[0] > 0).mean() < 0.3
    assert (spread[1] > 0).mean() > 0.9


def test_patches_keep_to_the_region_of_interest():
    image, valid = np.zeros((1, 200, 200)), np.zeros((200, 200), bool)
    valid[50:150, 20:120] = True
    image[0, ~valid] = 1
    assert PatchSampler([block(image, valid)], 32).draw(300).max() == 0


def test_a_region_smaller_than_a_patch_still_gives_patches_around_it():
    valid = np.zeros((100, 100), bool)
    valid[40:44, 70:75] = True
    patches = PatchSampler([block(valid[None], valid)], 32).draw(50)
    assert (patches.sum(axis=(1, 2, 3)) > 0).all()


def test_scattered_missing_pixels_do_not_narrow_the_choice():
    valid = np.random.default_rng(0).random((200, 200)) > 0.01
    corners = PatchSampler([block(places(200, 200), valid)], 32, focus=0.0).draw(500)[:, 0, 0, 0]
    assert len(np.unique(corners)) > 400


@pytest.mark.parametrize("blocks", [[(200, 100)], [(300, 300)] * 3, [(40, 40)] * 20, [(12, 60, 50)], [(30, 30)] * 2])
def test_validation_patches_share_no_place_with_those_learnt_from(blocks):
    images, first = [], 0
    for shape in blocks:
        images.append(block(places(*shape) + first))
        first += np.prod(shape)
    sampler = PatchSampler(images, 24, validation=0.1)
    learnt, kept = (np.unique(part) for part in (sampler.draw(600), sampler.validation(300)))
    assert sampler.apart
    assert not np.intersect1d(learnt, kept).size
    assert 0.05 * first < kept.size < 0.55 * first
    for pair in sampler.neighbors(200):
        assert not np.intersect1d(pair, kept).size


def test_an_image_too_small_for_two_regions_is_used_for_both():
    sampler = PatchSampler([block(places(40, 40))], 32, validation=0.1)
    assert not sampler.apart
    assert sampler.validation(2).shape == (2, 1, 32, 32)


def test_validation_patches_are_the_same_at_every_call():
    sampler = PatchSampler([block(places(200, 200))], 32, validation=0.2)
    first = sampler.validation(5)
    sampler.draw(7)
    assert np.array_equal(sampler.validation(5), first)


def test_drawing_resumes_exactly_from_its_state():
    sampler, other = (PatchSampler([block(places(99, 98))], 16, seed=seed) for seed in (3, 4))
    sampler.draw(5)
    state = json.loads(json.dumps(sampler.state()))
    expected = [sampler.draw(4), *sampler.neighbors(3)]
    other.restore(state)
    assert all(np.array_equal(a, b) for a, b in zip(expected, [other.draw(4), *other.neighbors(3)], strict=True))


def test_neighbors_overlap():
    first, second = PatchSampler([block(places(300, 300))], 32).neighbors(100)
    assert all(np.intersect1d(a, b).size >= 32 * 32 / 4 for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first, second)


def test_a_patch_of_another_dimension_is_refused():
    with pytest.raises(ValueError, match="for each of 2 axes, got"):
        PatchSampler([block(places(9, 9))], (4, 4, 4))
