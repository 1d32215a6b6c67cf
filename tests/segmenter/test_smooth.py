import pytest
import torch

from napari_ae_seg.core import filters
from napari_ae_seg.segmenter import smooth


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_a_tile_with_its_halo_is_smoothed_like_the_whole():
    scores = noise(3, 120, 64)
    sigma = [2.0, 2.0]
    halo = smooth.mean_field_halo(sigma)
    whole = smooth.mean_field(scores, 8.0, sigma)
    tile = smooth.mean_field(scores[:, 50 - halo : 60 + halo], 8.0, sigma)
    torch.testing.assert_close(tile[:, halo:-halo], whole[:, 50:60], rtol=1e-5, atol=1e-6)


def test_a_tile_with_its_halo_is_sharpened_like_the_whole():
    memberships, guide = torch.softmax(noise(3, 60, 40), 0), noise(60, 40, seed=1)
    halo = smooth.sharpen_halo()
    tile = smooth.sharpen(memberships[:, 20 - halo : 30 + halo], guide[20 - halo : 30 + halo])
    expected = smooth.sharpen(memberships, guide)[:, 20:30]
    torch.testing.assert_close(tile[:, halo:-halo], expected, rtol=1e-4, atol=1e-5)


def test_memberships_sum_to_one_after_every_step():
    q = smooth.mean_field(noise(4, 10, 12, 8), 8.0, [0.5, 2.0, 2.0])
    full = smooth.upsample(q, 2, (19, 24, 15))
    sharp = smooth.sharpen(full, noise(19, 24, 15), (4.0, 1.0, 1.0))
    for memberships in (q, full, sharp):
        torch.testing.assert_close(memberships.sum(0), torch.ones(memberships.shape[1:]), rtol=1e-4, atol=1e-4)


def test_speckle_joins_what_is_around_it_and_regions_stay():
    scores = torch.zeros(2, 40, 40)
    scores[1, :, :20], scores[0, :, 20:] = -2, -2
    scores[:, 10, 10] = torch.tensor([-2.0, 0.0])
    labels = smooth.mean_field(scores, 8.0, [2.0, 2.0]).argmax(0)
    assert labels[10, 10] == 0
    assert labels[:, :18].eq(0).all()
    assert labels[:, 22:].eq(1).all()


def test_no_strength_leaves_the_scores_alone():
    scores = noise(3, 9, 9)
    assert torch.equal(smooth.mean_field(scores, 0.0, [2.0, 2.0]), torch.softmax(scores, 0))


def test_places_without_data_have_no_say():
    scores = torch.zeros(2, 1, 21)
    scores[1, :, :10] = -1
    scores[0, :, 10:] = -9
    weight = torch.ones(1, 21)
    weight[:, 10:] = 0
    inside = smooth.mean_field(scores, 8.0, [0.0, 3.0], weight)[:, :, :10]
    assert inside.argmax(0).eq(0).all()


def test_borders_follow_the_edges_of_the_image():
    guide = torch.zeros(20, 20)
    guide[:, 11:] = 3
    blurred = torch.sigmoid((torch.arange(20) - 9.5) / 1.5).expand(20, 20)
    sharp = smooth.sharpen(torch.stack([1 - blurred, blurred]), guide)
    assert sharp.argmax(0)[10].tolist() == [0] * 11 + [1] * 9


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (2, 50)])
def test_images_smaller_than_the_gaussian_stay_finite(shape):
    q = smooth.mean_field(noise(2, *shape), 8.0, [4.0, 4.0])
    assert bool(torch.isfinite(smooth.sharpen(q, noise(*shape))).all())


def test_a_gaussian_mean_keeps_constants_up_to_the_border_and_around_holes():
    hole = torch.ones(30, 20)
    hole[5:25, 3:17] = 0
    flat = filters.smooth(torch.full((1, 30, 20), 2.0), [3.0, 9.0], hole)[0]
    torch.testing.assert_close(flat[hole > 0], torch.full_like(flat[hole > 0], 2.0))
    torch.testing.assert_close(filters.smooth(torch.ones(1, 5, 4), [9.0, 2.0]), torch.ones(1, 5, 4))


def test_averaging_down_ignores_what_is_masked():
    x = torch.tensor([[[1.0, 100.0], [3.0, 5.0]]])
    weight = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    assert filters.masked_resample(x, weight, [1, 1], [2, 2], (2, 2)).item() == pytest.approx(3.0)
