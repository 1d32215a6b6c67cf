"""Strokes on images: kept, followed, saved, and learnt from together."""

import numpy as np
import pytest

import napari_ae_seg as ae

from ..scenes import TRUTH, scene


def test_strokes_are_kept_and_the_rest_follows(model, stack):
    fitted = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=2))
    prepared = fitted.prepare(stack)
    strokes = np.zeros(TRUTH.shape, np.int32)
    strokes[10:14, 20:40] = 1
    strokes[50:54, 30:50] = 2
    strokes[60:90, 130:134] = 3
    guided = fitted.guided(prepared, strokes, names={3: "stripe"})
    found = guided.label(prepared)
    assert (found.labels[strokes > 0] == strokes[strokes > 0]).all()
    assert (found.labels == TRUTH).mean() > 0.95  # no stroke says what a border looks like
    assert found.names[3] == "stripe"
    assert np.array_equal(guided.apply(stack).labels, found.labels)


def test_what_strokes_taught_is_saved_and_applies_to_other_images(model, stack, tmp_path):
    fitted = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=2))
    strokes = np.zeros(TRUTH.shape, np.int32)
    strokes[10:14, 20:40] = 1
    strokes[32:78, 30:34] = strokes[32:78, 70:74] = 9
    guided = fitted.guided(fitted.prepare(stack), strokes)
    guided.save(tmp_path / "g.aeseg")
    loaded = ae.Segmenter.load(tmp_path / "g.aeseg")
    other = ae.read(scene(seed=8))
    assert np.array_equal(loaded.apply(other).labels, guided.apply(other).labels)
    assert (loaded.apply(other).labels[TRUTH == 2] == 9).mean() > 0.8


def test_strokes_on_several_images_teach_together(model):
    images = [scene(1), scene(2, (90, 130))]
    stack = ae.read(images)
    fitted = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=2))
    ground, square = (np.zeros(image.shape, np.int32) for image in images)
    ground[5:9, 20:60] = 1
    square[40:44, 30:60] = 4
    prepared = [fitted.prepare(one) for one in stack]
    guided = fitted.guided(prepared, [ground, square])
    first, second = guided.apply(stack)
    assert (first.labels[ground > 0] == 1).all()
    assert (second.labels[square > 0] == 4).all()
    assert (first.labels[TRUTH == 2] == 4).mean() > 0.9
    with pytest.raises(ValueError, match="got 2 images and 1 arrays"):
        fitted.guided(prepared, [ground])


def test_guided_labels_block_by_block_equal_the_whole(fitted, stack, monkeypatch):
    strokes = np.zeros(TRUTH.shape, np.int32)
    strokes[50:54, 30:50] = 4
    strokes[5:9, 30:50] = 1
    guided = fitted.guided(fitted.prepare(stack), strokes)
    whole = guided.apply(stack).labels
    monkeypatch.setattr("napari_ae_seg.autoencoder.encode.BLOCK", {2: 48, 3: 32})
    out = np.zeros(whole.shape, np.int32)
    guided.apply(stack, out=out)
    assert np.array_equal(out, whole)


def test_segments_merged_after_guidance_are_the_same_in_memory_and_from_a_file(fitted, stack):
    prepared = fitted.prepare(stack)
    strokes = np.zeros(TRUTH.shape, np.int32)
    strokes[50:54, 30:50] = 4
    guided = fitted.guided(prepared, strokes)
    guided.label(prepared)
    merged = guided.merge(1, 4)
    assert np.array_equal(merged.label(prepared).labels, merged.apply(stack).labels)


def test_learning_again_from_the_same_strokes_gives_the_same(fitted, stack):
    prepared = fitted.prepare(stack)
    labels = fitted.label(prepared).labels
    strokes = np.zeros(TRUTH.shape, np.int32)
    strokes[::20] = np.roll(labels, 30, axis=1)[::20]
    once = fitted.guided(prepared, strokes)
    assert once.guided(prepared, strokes).guide.accepted == once.guide.accepted < 1


@pytest.mark.parametrize("strokes", [np.zeros((120, 150), int), np.ones((3, 3), int), np.ones((120, 150))])
def test_strokes_that_teach_nothing_are_one_clear_sentence(fitted, stack, strokes):
    with pytest.raises(ValueError, match=r"strokes|stroke to learn"):
        fitted.guided(fitted.prepare(stack), strokes)


def test_numbers_chosen_without_looking_at_the_segments_may_be_the_other_way_round(model):
    image = np.where(TRUTH == 2, 1.0, 0.0)
    stack = ae.read((image + np.random.default_rng(0).normal(0, 0.1, image.shape)).astype(np.float32))
    fitted = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=2))
    strokes = np.zeros(TRUTH.shape, np.int32)
    strokes[5:8, 20:60] = strokes[90:94, 20:60] = strokes[20:60, 110:113] = 2
    strokes[40:44, 30:60] = strokes[60:64, 30:60] = 1
    labels = fitted.guided(fitted.prepare(stack), strokes, corrections=False).apply(stack).labels
    assert (labels == np.where(TRUTH == 2, 1, 2)).mean() > 0.95
