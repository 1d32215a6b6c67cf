import torch

from napari_ae_seg.autoencoder.maps import Maps
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.features.select import Branch, choose_space, decide


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def block(raw, level):
    return Maps(raw[None], [level], [1], torch.ones(raw.shape, dtype=torch.bool))


def test_objects_on_a_background_are_told_by_intensity():
    raw = 0.1 * noise(80, 80)
    raw[20:40, 20:60] += 3
    space, method, choice = choose_space(SegmentationConfig(), [block(raw, noise(3, 80, 80))], k=2)
    assert space.sources == {"raw"}
    assert method == "kmeans"
    assert choice.branches["intensity"].fragmentation < 0.4
    assert "Intensity" in choice.sentence


def test_uneven_light_is_taken_out_of_the_intensities():
    y, x = torch.meshgrid(torch.arange(240), torch.arange(240), indexing="ij")
    spots = ((y % 24 - 12) ** 2 + (x % 24 - 12) ** 2 < 60).float()
    raw = spots + y / 200 + 0.05 * noise(240, 240)
    space, method, choice = choose_space(SegmentationConfig(), [block(raw, noise(1, 240, 240))], k=2)
    assert (space.name, choice.features, method) == ("corrected", "corrected", "kmeans")
    features = space.transform(block(raw, noise(1, 240, 240)))[0]
    inside = spots[::2, ::2] > 0
    assert features[inside].quantile(0.25) > features[~inside].quantile(0.95)


def test_large_bright_areas_are_not_hollowed_out():
    raw = 0.05 * noise(240, 240)
    raw[:, 120:] += 3
    _, _, choice = choose_space(SegmentationConfig(), [block(raw, noise(1, 240, 240))], k=2)
    assert choice.features == "intensity"


def test_regions_that_only_the_network_sees_are_told_by_texture():
    level = 0.3 * noise(2, 96, 96, seed=1)
    level[0, :, 48:] += 2
    space, method, choice = choose_space(SegmentationConfig(), [block(noise(96, 96), level)], k=2)
    assert (space.name, method) == ("texture", "spherical")
    assert choice.branches["texture"].gap > choice.branches["intensity"].gap


def test_noise_through_and_through_goes_to_a_mixture():
    space, method, _ = choose_space(SegmentationConfig(), [block(noise(80, 80), noise(2, 80, 80, seed=1))], k=3)
    assert (space.name, method) == ("corrected", "gmm")


def test_a_constant_image_gets_features_too():
    space, _, choice = choose_space(SegmentationConfig(), [block(torch.zeros(30, 30), torch.zeros(2, 30, 30))])
    assert space.sources == {"raw"}
    assert choice.branches["intensity"].gap == 0


def test_intensities_that_form_no_clear_groups_are_corrected_whatever_the_gap():
    flat, clear = Branch(gap=0.2, fragmentation=0.1), Branch(gap=0.9, fragmentation=0.1)
    worse = Branch(gap=-0.1, fragmentation=0.2)
    assert decide({"intensity": flat, "corrected": worse})[0] == "corrected"
    assert decide({"intensity": clear, "corrected": worse})[0] == "intensity"


def test_the_same_seed_makes_the_same_choice():
    maps = [block(noise(60, 60), noise(2, 60, 60, seed=1))]
    first, second = (choose_space(SegmentationConfig(), maps, k=3, seed=4)[2] for _ in range(2))
    assert first == second


def test_pairs_of_places_without_data_are_not_counted():
    raw = torch.zeros(64, 64)
    raw[:, 32:] = 2
    raw[:, :32] = 5 * noise(64, 32)
    valid = torch.zeros(64, 64, dtype=torch.bool)
    valid[:, 34:] = True
    raw[:20, 34:] += 1
    maps = Maps(raw[None], [noise(2, 64, 64)], [1], valid)
    _, _, choice = choose_space(SegmentationConfig(), [maps], k=2)
    assert choice.branches["intensity"].fragmentation < 0.2
