"""Probabilities of every segment at every pixel, and how values beyond a model's range are dealt with."""

import numpy as np
import pytest

import napari_ae_seg as ae
from napari_ae_seg.core.errors import DriftWarning
from napari_ae_seg.core.rules import rules

from ..scenes import TRUTH, scene


def test_probabilities_add_up_to_one_and_the_likeliest_is_the_label_away_from_borders(segments):
    chances = segments.probabilities
    assert chances.dtype == np.float16
    assert chances.shape == (3, *TRUTH.shape)
    np.testing.assert_allclose(chances.sum(0, dtype=float), 1, atol=0.01)
    assert (chances.argmax(0) + 1 == segments.labels).mean() > 0.95


def test_the_confidence_is_the_probability_of_the_label(segments):
    own = np.take_along_axis(segments.probabilities, segments.labels[None] - 1, 0)[0]
    np.testing.assert_allclose(own, segments.confidence, atol=0.01)


def test_probabilities_made_block_by_block_are_those_of_the_whole(fitted, stack, segments, monkeypatch):
    whole = segments.probabilities
    monkeypatch.setattr("napari_ae_seg.autoencoder.encode.BLOCK", {2: 48, 3: 32})
    np.testing.assert_allclose(fitted.apply(stack).probabilities, whole, atol=0.005)


def test_merged_segments_have_the_sum_of_their_probabilities(fitted, stack, segments):
    merged = fitted.merge(2, 3).apply(stack).probabilities
    assert len(merged) == 2
    np.testing.assert_allclose(merged[1], segments.probabilities[1:].sum(0), atol=0.01)


def test_there_is_no_probability_where_there_is_no_data(fitted):
    image = scene()
    image[:20, :20] = np.nan
    chances = fitted.apply(ae.read(image)).probabilities
    assert not chances[:, :20, :20].any()
    assert chances[:, 30:, 30:].max() > 0.5


def test_regions_have_none_and_say_so(model, stack):
    regions = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=3, method="regions")).apply(stack)
    with pytest.raises(ValueError, match="regions have no probabilities"):
        _ = regions.probabilities


def test_sharper_scores_make_surer_probabilities(fitted, stack, monkeypatch):
    sure = fitted.apply(stack).confidence.mean()
    blunt = {**rules(), "sharpness": {rule: dict.fromkeys(known, 0.01) for rule, known in rules()["sharpness"].items()}}
    monkeypatch.setattr("napari_ae_seg.segmenter.segmenter.rules", lambda: blunt)
    assert fitted.apply(stack).confidence.mean() < sure - 0.1


def test_an_image_beyond_the_range_of_the_model_is_said_in_one_sentence(fitted):
    with pytest.warns(DriftWarning, match="outside the range of brightness") as said:
        fitted.apply(ae.read(scene() + 1000))
    assert len(said) == 1


def test_images_of_other_brightness_are_fitted_together_when_each_has_its_own_range(model):
    bright, dim = scene(0), scene(1) * 0.1 + 7
    stack = ae.read([bright, dim])
    together = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=3, normalize="image"))
    for segments in together.apply(stack):
        assert (segments.labels == TRUTH).mean() > 0.97


def test_a_constant_image_and_noise_are_one_segment_and_one_sentence():
    constant = ae.segment(np.full((60, 60), 5.0, np.float32))
    assert constant.sentence == "All places look the same: one segment."
    assert set(np.unique(constant.labels)) == {1}
    for shape in ((64, 64), (128, 128), (160, 160)):
        noise = ae.segment(np.random.default_rng(0).normal(size=shape).astype(np.float32))
        assert noise.sentence == "Nothing here but noise: one segment."


def test_the_likeliest_numbers_of_clusters_come_with_the_segments(model):
    segments = ae.Segmenter.fit(model, ae.read(scene(noise=0.3))).apply(ae.read(scene(noise=0.3)))
    likely = segments.metadata["likely"]
    assert 2 <= len(likely) <= 3
    assert likely[0] == len(segments.table["index"])
