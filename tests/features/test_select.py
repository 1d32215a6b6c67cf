"""What is clustered is chosen by how the candidates fall into groups, by a rule learnt on generated scenes."""

import numpy as np
import pytest
import torch

from napari_ae_seg.autoencoder.maps import Maps
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core.rules import rules
from napari_ae_seg.features import select
from napari_ae_seg.features.fit import fit_space
from napari_ae_seg.features.select import CANDIDATES, METHODS, REASONS, choose_space, evidence, likelihoods


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def block(raw, level, tone_weight=0.5):
    valid = torch.ones(raw.shape, dtype=torch.bool)
    return Maps(raw[None], [level], [1], valid, tone_weight=tone_weight)


def halves(*, apart):
    level = 0.1 * noise(2, 80, 80, seed=1)
    level[0, :, 40:] += apart
    return level


def spaces(maps, *names):
    return {name: fit_space(SegmentationConfig(features=name), maps) for name in names}


def always(name):
    """A rule that takes one candidate whatever it sees."""
    figures = len(rules()["features"]["2D, encoder"]["mean"])
    weights = {one: [0.0] * figures + [float(one == name)] for one in CANDIDATES}
    return {"mean": [0.0] * figures, "scale": [1.0] * figures, "weights": weights}


def test_latents_and_brightness_stand_on_the_scales_that_the_network_learnt():
    maps = block(3 * noise(40, 40), halves(apart=1.0)[:, :40, :40])
    features = fit_space(SegmentationConfig(features="latent"), [maps]).transform(maps)
    torch.testing.assert_close(features[:2], maps.levels[0])
    assert 0.3 < features[2].abs().max() / (0.5 * 3) < 1.5  # the weight, and a little smoothing
    assert not features[2].isnan().any()


def test_mixed_features_are_latents_and_brightness_to_equal_parts():
    maps = block(noise(80, 80), halves(apart=5.0))
    space = fit_space(SegmentationConfig(features="mixed"), [maps])
    features = space.transform(maps).flatten(1)
    bright, latents = features[:1].var(1).sum(), features[1:].var(1).sum()
    assert latents == pytest.approx(1, rel=0.1)
    assert 0.5 < bright < 1.2


@pytest.mark.parametrize("name", CANDIDATES)
def test_the_likeliest_candidate_is_clustered_and_the_sentence_says_which(monkeypatch, name):
    monkeypatch.setattr(select, "rules", lambda: {"features": {"2D, encoder": always(name)}})
    asked = SegmentationConfig(n_clusters=2)
    space, method, choice = choose_space(asked, [block(noise(80, 80), halves(apart=1.0))])
    assert (space.name, method) == (name, METHODS.get(name, "kmeans"))
    assert choice.sentence == REASONS[name]
    assert max(choice.chances, key=choice.chances.get) == name


def test_in_nothing_but_noise_no_network_looks_for_patterns():
    space, method, _ = choose_space(SegmentationConfig(), [block(noise(80, 80), halves(apart=1.0))])
    assert (space.name, method) == ("intensity", "kmeans")


def test_where_only_the_network_sees_two_halves_its_latents_are_clustered():
    space, _, choice = choose_space(SegmentationConfig(n_clusters=2), [block(noise(80, 80), halves(apart=1.0))])
    assert "0" in space.sources
    assert sum(choice.chances.values()) == pytest.approx(1)


def test_groups_that_explain_what_another_space_sees_are_told_from_those_that_do_not():
    level = halves(apart=4.0)
    same, other = block(level[0], level), block(noise(80, 80), level)
    names = ("latent", "intensity")
    agree, disagree = (evidence(spaces([one], *names), [one], 2)[-2] for one in (same, other))
    assert agree > 0.8  # what intensity explains of the latents
    assert disagree < 0.2


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


@pytest.mark.parametrize("rule", ["2D, encoder", "2D, other networks", "3D, other networks"])
def test_the_rules_that_come_with_the_encoders_know_every_figure_and_candidate(rule):
    maps = [block(noise(40, 40), noise(2, 40, 40, seed=1))]
    figures = evidence(spaces(maps, *CANDIDATES), maps)
    numbers = rules()["features"][rule]
    assert np.shape(numbers["mean"]) == np.shape(numbers["scale"]) == figures.shape
    assert set(likelihoods(figures, numbers)) == set(numbers["weights"]) <= set(CANDIDATES)
    assert len(numbers["weights"]) >= 3
    assert set(rules()["smoothing"][rule]) == set(rules()["sharpness"][rule]) == set(CANDIDATES)


def test_pairs_of_places_without_data_are_not_counted():
    level = torch.zeros(1, 64, 64)
    level[:, :, 32:] = 2
    level[:, :, :32] = 5 * noise(1, 64, 32)
    valid = torch.zeros(64, 64, dtype=torch.bool)
    valid[:, 34:] = True
    level[:, :20, 34:] += 1
    maps = [Maps(torch.zeros(1, 64, 64), [level], [1], valid, tone_weight=0.1)]
    torn = evidence(spaces(maps, "latent"), maps)[2]
    assert torn < 0.2
