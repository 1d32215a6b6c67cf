"""The encoder's latents are clustered, unless another space promises clearer classes."""

import torch

from napari_ae_seg.autoencoder.maps import Maps
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core.rules import rules
from napari_ae_seg.features import select
from napari_ae_seg.features.fit import fit_space
from napari_ae_seg.features.select import Branch, choose_space, decide, judge

RULE = {"texture": {"mean": [0.0] * 12, "scale": [1.0] * 12, "weights": [1.0, 0, 0, 0, -1.0, *[0] * 7, -0.1]}}


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def block(raw, level, tone_weight=0.5):
    valid = torch.ones(raw.shape, dtype=torch.bool)
    return Maps(raw[None], [level], [1], valid, tone_weight=tone_weight)


def halves(*, apart):
    level = 0.1 * noise(2, 80, 80, seed=1)
    level[0, :, 40:] += apart
    return level


def test_the_latents_are_clustered_with_brightness_beside_them():
    space, method, choice = choose_space(SegmentationConfig(), [block(0.1 * noise(80, 80), halves(apart=1.0))])
    assert (space.name, method) == ("latent", "kmeans")
    assert space.sources == {"raw", "0"}
    assert "latents were clustered" in choice.sentence


def test_latents_and_brightness_stand_on_the_scales_that_the_network_learnt():
    maps = block(3 * noise(40, 40), halves(apart=1.0)[:, :40, :40])
    features = fit_space(SegmentationConfig(features="latent"), [maps]).transform(maps)
    torch.testing.assert_close(features[:2], maps.levels[0])
    assert 0.3 < features[2].abs().max() / (0.5 * 3) < 1.5  # the weight, and a little smoothing
    assert not features[2].isnan().any()


def test_with_a_network_that_learnt_no_such_weight_brightness_is_clustered_where_it_forms_regions():
    raw = 0.1 * noise(80, 80)
    raw[20:40, 20:60] += 3
    space, method, choice = choose_space(SegmentationConfig(), [block(raw, noise(3, 80, 80), tone_weight=None)])
    assert space.sources == {"raw"}
    assert method == "kmeans"
    assert "Brightness" in choice.sentence


def test_and_texture_where_only_the_network_sees_regions():
    level = 0.3 * noise(2, 96, 96, seed=1)
    level[0, :, 48:] += 2
    space, method, _ = choose_space(SegmentationConfig(), [block(noise(96, 96), level, tone_weight=None)])
    assert (space.name, method) == ("texture", "spherical")


def test_and_a_mixture_of_brightnesses_where_nothing_forms_regions():
    maps = [block(noise(80, 80), noise(2, 80, 80, seed=1), tone_weight=None)]
    space, method, _ = choose_space(SegmentationConfig(), maps)
    assert (space.name, method) == ("corrected", "gmm")


def test_another_space_is_taken_where_the_rule_expects_a_gain(monkeypatch):
    always = {"texture": {**RULE["texture"], "weights": [0.0] * 12 + [1.0]}}
    monkeypatch.setattr(select, "rules", lambda: {"features": always})
    space, method, choice = choose_space(SegmentationConfig(), [block(noise(80, 80), halves(apart=1.0))])
    assert (space.name, method) == ("texture", "spherical")
    assert "Texture was clustered" in choice.sentence


def test_the_rule_weighs_the_figures_of_the_spaces():
    clear, vague = Branch(0.9, 0.8, 0.1, 1.0), Branch(0.2, 0.4, 0.1, 1.0)
    assert decide({"latent": vague, "intensity": vague, "texture": clear}, RULE) == "texture"
    assert decide({"latent": clear, "intensity": clear, "texture": vague}, RULE) == "latent"
    assert decide({"latent": clear, "intensity": clear}, {}) == "latent"


def test_groups_have_a_gap_and_noise_has_none():
    grouped, blurred = block(noise(60, 60), halves(apart=3.0)), block(noise(60, 60), noise(2, 80, 80))
    spaces = [fit_space(SegmentationConfig(features="latent"), [one]) for one in (grouped, blurred)]
    clear, none = (judge(space, [one]) for space, one in zip(spaces, (grouped, blurred), strict=True))
    assert clear.gap > none.gap + 0.1
    assert clear.fragmentation < 0.8 * none.fragmentation


def test_of_a_constant_image_only_the_brightness_is_looked_at_for_the_network_sees_its_rim():
    rim = torch.zeros(2, 30, 30)
    rim[:, 0] = 1
    space, _, choice = choose_space(SegmentationConfig(), [block(torch.ones(30, 30), rim)])
    assert space.sources == {"raw"}
    assert choice.sentence == ""


def test_the_same_seed_makes_the_same_choice():
    maps = [block(noise(60, 60), noise(2, 60, 60, seed=1))]
    first, second = (choose_space(SegmentationConfig(), maps, seed=4)[2] for _ in range(2))
    assert first == second


def test_the_rules_that_come_with_the_encoders_know_every_figure():
    for numbers in rules()["features"].values():
        assert len(numbers["mean"]) == len(numbers["scale"]) == 12
        assert len(numbers["weights"]) == 13
    assert rules()["confidence"]["sharpness"] > 0


def test_pairs_of_places_without_data_are_not_counted():
    level = torch.zeros(1, 64, 64)
    level[:, :, 32:] = 2
    level[:, :, :32] = 5 * noise(1, 64, 32)
    valid = torch.zeros(64, 64, dtype=torch.bool)
    valid[:, 34:] = True
    level[:, :20, 34:] += 1
    maps = Maps(torch.zeros(1, 64, 64), [level], [1], valid, tone_weight=0.1)
    assert judge(fit_space(SegmentationConfig(features="latent"), [maps]), [maps]).fragmentation < 0.2
