"""The fitted whole: one image or many, in memory or block by block, saved and loaded, changed by a person."""

import warnings

import numpy as np
import pytest
import torch

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.maps import Maps
from napari_ae_seg.segmenter import segmenter
from napari_ae_seg.segmenter.fit import choose

from ..scenes import TRUTH, scene


def test_labels_are_numbered_by_brightness(segments):
    assert (segments.labels == TRUTH).mean() > 0.97
    assert segments.labels.dtype.kind == "i"


def test_the_shipped_encoder_answers_without_a_model(stack):
    segments = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=3)).apply(stack)
    assert (segments.labels == TRUTH).mean() > 0.97


def test_the_number_of_clusters_is_found_with_its_curve(model):
    stack = ae.read(scene(noise=0.3))
    found = ae.Segmenter.fit(model, stack)
    assert found.clusters.k == 3
    assert sorted(found.clusters.curve) == list(range(1, 11))
    assert found.clusters.likely[0] == 3
    assert "3 clusters" in found.apply(stack).sentence


@pytest.fixture
def small_blocks(monkeypatch):
    """Images are labelled in blocks of 48 pixels where they are not labelled in one piece."""
    monkeypatch.setattr("napari_ae_seg.autoencoder.encode.BLOCK", {2: 48, 3: 32})


def block_by_block(fitted, stack):
    """Labels of an image that is written block by block, with its table."""
    out = np.zeros(stack.image.label_shape, np.int32)
    return out, fitted.apply(stack, out=out).table


FEATURES = ["intensity", "corrected", "mixed", "texture", "latent", "multiscale", "decoder"]


@pytest.mark.parametrize("features", FEATURES)
def test_block_by_block_equals_the_whole(model, stack, features, request):
    config = ae.SegmentationConfig(n_clusters=3, features=features, min_size=9, fill_holes=5, majority=1)
    fitted = ae.Segmenter.fit(model, stack, config)
    whole = fitted.apply(stack)
    request.getfixturevalue("small_blocks")
    labels, table = block_by_block(fitted, stack)
    assert np.array_equal(labels, whole.labels)
    assert table["size"] == whole.table["size"]


@pytest.mark.parametrize("features", ["intensity", "latent", "texture"])
@pytest.mark.parametrize("change", ["cut", "split", "both"])
def test_finer_segments_block_by_block_equal_the_whole(model, stack, features, change, request):
    fitted = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=3, features=features))
    fitted = fitted if change == "cut" else fitted.split(1).merge(2, 3)
    fitted = fitted if change == "split" else fitted.cut(8)
    whole = fitted.apply(stack)
    request.getfixturevalue("small_blocks")
    labels, table = block_by_block(fitted, stack)
    assert np.array_equal(labels, whole.labels)
    assert table["index"] == whole.table["index"]
    assert len(table["index"]) == {"cut": 8, "split": 3}.get(change, len(whole.table["index"]))


def test_regions_written_to_an_array_equal_those_returned(model, stack, small_blocks):
    fitted = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=3, method="regions", min_size=9))
    changed = fitted.split(2).merge(1, 3)
    assert np.array_equal(block_by_block(changed, stack)[0], changed.apply(stack).labels)


def test_specks_at_the_seams_of_blocks_go_as_they_do_in_the_whole(model, small_blocks):
    y, x = np.mgrid[:120, :150]
    specks = ((y + 3) % 24 < 6) & ((x + 3) % 24 < 6)  # every other row and column of them lies across a seam
    stack = ae.read(np.where(specks, 2.0, scene()).astype(np.float32))
    config = ae.SegmentationConfig(n_clusters=3, features="intensity", smoothing=0, sharpen=False, min_size=40)
    fitted = ae.Segmenter.fit(model, stack, config)
    whole = fitted.apply(stack).labels
    assert (fitted.recluster(min_size=0).apply(stack).labels != whole).sum() > 500
    assert np.array_equal(block_by_block(fitted, stack)[0], whole)


def test_blocks_larger_than_memory_give_the_same(fitted, stack, segments, monkeypatch):
    monkeypatch.setattr("napari_ae_seg.segmenter.clustered.SCORES", 0)
    out = np.zeros(segments.labels.shape, np.int32)
    streamed = fitted.apply(stack, out=out)
    assert np.array_equal(out, segments.labels)
    assert streamed.table == segments.table


def test_saved_and_loaded_it_labels_the_same(fitted, stack, segments, tmp_path):
    changed = fitted.merge(1, 2).rename(1, "cells").recolor(3, (1, 0, 0))
    changed.save(tmp_path / "a.aeseg")
    loaded = ae.Segmenter.load(tmp_path / "a.aeseg").apply(stack)
    assert np.array_equal(loaded.labels, np.where(segments.labels == 2, 1, segments.labels))
    assert loaded.names == {1: "cells", 3: "cluster 3"}
    assert loaded.colors[3] == (1.0, 0.0, 0.0)


def test_the_autoencoder_of_a_segmenter_file_can_be_used_alone(fitted, tmp_path):
    fitted.save(tmp_path / "a.aeseg")
    assert ae.Autoencoder.load(tmp_path / "a.aeseg").channels == 1


def test_a_file_without_clusters_is_no_segmenter(model, tmp_path):
    model.save(tmp_path / "a.aeseg")
    with pytest.raises(ae.ModelFileError, match="holds an autoencoder, no segmenter: fit a Segmenter on it first"):
        ae.Segmenter.load(tmp_path / "a.aeseg")


def test_the_same_label_means_the_same_in_another_image(fitted):
    other = scene(seed=5)[::-1].copy()
    assert (fitted.apply(ae.read(other)).labels == TRUTH[::-1]).mean() > 0.97


def test_several_images_give_a_list(fitted):
    found = fitted.apply(ae.read([scene(1), scene(2, (90, 130))]))
    assert [one.labels.shape for one in found] == [(120, 150), (90, 130)]


def test_labels_have_the_shape_of_the_source_without_channels(model):
    rgb = np.repeat((scene()[..., None] * 80).clip(0, 255).astype(np.uint8), 3, -1)
    found = ae.Segmenter.fit(None, ae.read(rgb[None], axes="TYXC"), ae.SegmentationConfig(n_clusters=2))
    assert found.apply(ae.read(rgb[None], axes="TYXC")).labels.shape == (1, 120, 150)


def test_no_data_is_label_0(fitted):
    image = scene()
    image[10:20, 10:20] = np.nan
    labels = fitted.apply(ae.read(image)).labels
    assert (labels[10:20, 10:20] == 0).all()
    assert (labels == 0).sum() == 100


@pytest.mark.parametrize(
    "image",
    [np.zeros((40, 40), np.float32), np.ones((1, 1), np.uint8), np.eye(3, dtype=bool), scene().astype(">u2")],
    ids=["constant", "one pixel", "bool", "big-endian"],
)
def test_odd_images_get_labels(image):
    stack = ae.read(image)
    labels = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=3)).apply(stack).labels
    assert labels.shape == image.shape
    assert labels.min() >= 1


def test_an_image_of_nothing_is_one_clear_sentence():
    with pytest.raises(ValueError, match="no finite value"):
        ae.Segmenter.fit(None, ae.read(np.full((20, 20), np.nan, np.float32)))


def test_a_hundred_channels_are_segmented():
    image = np.stack([scene(seed) for seed in range(100)])[:, :60, :60]
    stack = ae.read(image, axes="CYX")
    assert ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=2)).apply(stack).labels.max() == 2


@pytest.mark.parametrize("method", ["kmeans", "gmm", "bayes", "ward", "spherical", "regions", "joint"])
def test_every_method_gives_as_many_labels_as_asked(model, stack, method):
    config = ae.SegmentationConfig(n_clusters=3, method=method, refine_steps=2)
    found = ae.Segmenter.fit(model, stack, config).apply(stack)
    assert np.unique(found.labels).tolist() == [1, 2, 3]
    assert 0 <= found.confidence.min() <= found.confidence.max() <= 1


def test_a_cut_below_the_clusters_merges_and_above_splits(fitted, stack, segments):
    prepared = fitted.prepare(stack)
    coarse, fine = (fitted.cut(k).label(prepared).labels for k in (2, 7))
    assert len(np.unique(coarse)) == 2
    assert len(np.unique(fine)) == 7
    for labels, within in ((segments.labels, coarse), (fine, segments.labels)):
        assert all(len(np.unique(within[labels == label])) == 1 for label in np.unique(labels))


def test_every_cut_gives_as_many_segments_as_asked(model):
    rough = ae.read(scene(noise=0.4))
    fitted = ae.Segmenter.fit(model, rough, ae.SegmentationConfig(n_clusters=3))
    prepared = fitted.prepare(rough)
    most = fitted.cut(64).tree.leaves
    assert most > 40
    assert [len(np.unique(fitted.cut(k).label(prepared).labels)) for k in range(2, most + 1)] == [*range(2, most + 1)]


def test_a_fine_cut_means_the_same_where_a_cluster_is_missing(fitted):
    fine = fitted.cut(6)
    left = fine.apply(ae.read(scene()[:, :115])).labels
    assert np.unique(left).tolist() == np.unique(fine.apply(ae.read(scene())).labels[:, :115]).tolist()
    assert len(np.unique(left)) < 6


def test_a_cut_of_one_method_does_not_reach_another(fitted, stack):
    prepared = fitted.prepare(stack)
    fitted.cut(7).label(prepared)
    more = fitted.recluster(n_clusters=4)
    assert len(np.unique(more.cut(9).label(prepared).labels)) == 9


def test_what_was_found_of_a_prepared_image_is_not_looked_for_again(fitted, stack, monkeypatch):
    prepared = fitted.prepare(stack)
    fitted.label(prepared)
    fine = fitted.cut(7).label(prepared).labels

    def again(*_):
        raise AssertionError("looked for again")

    monkeypatch.setattr("napari_ae_seg.segmenter.clustered.ByCluster.labels", again)
    monkeypatch.setattr("napari_ae_seg.clustering.tree.Tree.leaves_of", again)
    assert np.array_equal(fitted.cut(7).merge(1, 2).label(prepared).labels, np.where(fine == 2, 1, fine))
    assert len(np.unique(fitted.cut(9).label(prepared).labels)) == 9
    assert len(np.unique(fitted.recluster(min_size=50).label(prepared).labels)) == 3
    with pytest.raises(AssertionError, match="looked for again"):
        fitted.recluster(n_clusters=4).label(prepared)


def test_clustered_again_labels_keep_their_numbers_and_colors(fitted, stack, segments):
    more = fitted.recluster(n_clusters=4).apply(stack)
    kept = [label for label in (1, 2, 3) if ((more.labels == label) & (segments.labels == label)).sum() > 1000]
    assert len(kept) >= 2
    assert all(more.colors[label] == segments.colors[label] for label in kept)


@pytest.mark.parametrize("change", [{"features": "texture"}, {"stride": 4}, {"method": "joint"}, {"method": "regions"}])
def test_what_changes_the_features_needs_a_new_fit(fitted, change):
    with pytest.raises(ValueError, match=r"Segmenter\.fit\(model, stack, config\.but\("):
        fitted.recluster(**change)


def test_regions_are_told_by_texture_only_where_their_number_is_given_and_texture_is_called_for(monkeypatch):
    monkeypatch.setattr("napari_ae_seg.features.select.likelihoods", lambda *_: {"texture": 1.0})
    generator = torch.Generator().manual_seed(0)
    level = 0.3 * torch.randn((2, 96, 96), generator=generator)
    level[0, :, 48:] += 2
    maps = [Maps(torch.randn((1, 96, 96), generator=generator), [level], [1], torch.ones(96, 96, dtype=torch.bool))]

    def features(k):
        return choose(ae.SegmentationConfig(method="regions", n_clusters=k), maps, (1.0, 1.0))[0].name

    assert (features(2), features(0)) == ("texture", "mixed")


def test_regions_that_were_asked_for_mean_the_same_in_every_image(model, stack, tmp_path):
    ae.Segmenter.fit(model, stack, ae.SegmentationConfig(method="regions", n_clusters=3)).save(tmp_path / "r.aeseg")
    found = ae.Segmenter.load(tmp_path / "r.aeseg")
    assert (found.apply(stack).labels == TRUTH).mean() > 0.95
    turned = ae.read(scene(seed=5)[::-1, ::-1].copy())
    assert (found.apply(turned).labels == TRUTH[::-1, ::-1]).mean() > 0.95
    coarse, same, fine = (found.cut(k).apply(stack).labels for k in (2, 3, 6))
    assert np.array_equal(same, found.apply(stack).labels)
    assert all(len(np.unique(coarse[same == label])) == 1 for label in (1, 2, 3))
    assert all(len(np.unique(same[fine == label])) == 1 for label in np.unique(fine))
    assert np.isin((1, 2, 3), fine).all()


def test_the_confidence_of_many_regions_is_found_part_by_part(model, stack, monkeypatch):
    fitted = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(method="regions", superpixels=200)).cut(50)
    whole = fitted.apply(stack).confidence
    monkeypatch.setattr("napari_ae_seg.segmenter.regions.HELD", 50 * 150 * 7)
    np.testing.assert_allclose(fitted.apply(stack).confidence, whole, atol=1e-6)
    assert 0.1 < whole.mean() < 1


def test_whether_regions_are_counted_or_found_needs_a_new_fit(model, stack):
    found = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(method="regions", n_clusters=3))
    assert found.recluster(n_clusters=4).config.n_clusters == 4
    with pytest.raises(ValueError, match="n_clusters=0 needs other features"):
        found.recluster(n_clusters=0)


def test_joint_tunes_the_encoder_only_where_the_features_ask_it(model, stack):
    def fit(features):
        config = ae.SegmentationConfig(n_clusters=3, method="joint", refine_steps=2, features=features)
        return ae.Segmenter.fit(model, stack, config)

    asked, idle = fit("mixed"), fit("intensity")
    assert asked.model.info["refined"] == 2
    assert "fine-tuned for it in 2 steps" in asked.sentence
    assert idle.model is model
    assert "nothing to do" in idle.sentence


def test_background_is_label_0(fitted, stack, segments):
    assert ((fitted.background(1).apply(stack).labels == 0) == (segments.labels == 1)).all()


def test_the_table_counts_every_pixel(segments):
    assert sum(segments.table["size"]) == segments.labels.size
    assert sum(segments.table["share"]) == pytest.approx(1, abs=1e-5)
    assert segments.table["mean channel 0"] == pytest.approx([0, 1, 2], abs=0.1)


def test_physical_sizes_come_with_a_unit(model):
    from napari_ae_seg.images.stack import read

    layer = type("Layer", (), {"data": scene(), "scale": (0.5, 0.5), "units": ("um", "um"), "name": "cells"})()
    layer.rgb = layer.multiscale = False
    found = ae.Segmenter.fit(model, read(layer), ae.SegmentationConfig(n_clusters=3)).apply(read(layer))
    column = next(name for name in found.table if name.startswith("size ("))
    assert found.table[column] == [size / 4 for size in found.table["size"]]
    assert found.layer["scale"] == (0.5, 0.5)


def test_the_table_is_written_as_csv(segments, tmp_path):
    segments.to_csv(tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines[0].startswith("index,name,size,share,confidence")
    assert len(lines) == 4


def test_an_image_unlike_the_others_is_said(fitted):
    noise = np.random.default_rng(0).choice([0.0, 2.0], (120, 150)).astype(np.float32)
    with pytest.warns(ae.DriftWarning, match="unlike"):
        fitted.apply(ae.read(noise))


def test_other_pixel_sizes_are_said_and_rescaled(model):
    fitted = ae.Segmenter.fit(model, ae.read(scene()), ae.SegmentationConfig(n_clusters=3))
    double = np.repeat(np.repeat(scene(), 2, 0), 2, 1)
    other = ae.read(double, spacing=(0.5, 0.5))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fitted.apply(other)
    assert any("--rescale" in str(one.message) for one in told if one.category is ae.AssumptionWarning)
    rescaled = fitted.apply(other, rescale=True)
    assert rescaled.labels.shape == double.shape
    assert (rescaled.labels == np.repeat(np.repeat(TRUTH, 2, 0), 2, 1)).mean() > 0.95


def test_a_region_of_interest_limits_what_is_learnt_not_what_is_labeled(model):
    roi = np.zeros((120, 150), bool)
    roi[:, :110] = True
    stack = ae.read(scene(), roi=roi)
    fitted = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=2))
    labels = fitted.apply(stack).labels
    assert (labels[TRUTH == 1] == 1).mean() > 0.95
    assert (labels[TRUTH == 2] == 2).mean() > 0.95


def test_progress_is_told_and_stops_the_work(model, stack):
    seen = []

    def report(progress):
        seen.append(progress.stage)
        if progress.stage == "label":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ae.Segmenter.fit(model, stack, report=report).apply(stack, report=report)
    assert {"encode", "cluster", "label"} <= set(seen)


def test_the_image_may_be_normalized_by_itself(model, stack, segments):
    config = ae.SegmentationConfig(n_clusters=3, normalize="image")
    fitted = ae.Segmenter.fit(model, stack, config)
    dimmed = fitted.apply(ae.read(scene() * 0.2 + 5))
    assert (dimmed.labels == segments.labels).mean() > 0.99


def test_what_is_too_large_for_memory_is_labeled_block_by_block(fitted, stack, segments, monkeypatch):
    monkeypatch.setattr(segmenter, "IN_MEMORY", 100)
    assert np.array_equal(fitted.apply(stack).labels, segments.labels)
    assert fitted.cut(9).apply(stack).labels.max() == 9
    regions = ae.Segmenter.fit(fitted.model, stack, ae.SegmentationConfig(method="regions"))
    with pytest.raises(ValueError, match=r"too large for its regions .*: give out='labels.zarr'"):
        regions.apply(stack)


def test_a_volume_is_segmented_as_one():
    volume = np.stack([scene(z)[:60, :80] for z in range(12)])
    stack = ae.read(volume, axes="ZYX")
    model = ae.train(stack, ae.TrainingConfig(steps=1, batch=1, patch=16), ae.NetworkConfig(width=2, levels=2))
    labels = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=2)).apply(stack).labels
    assert (labels == np.stack([TRUTH[:60, :80]] * 12)).mean() > 0.95


@pytest.mark.gpu
def test_the_gpu_labels_as_the_cpu_does(model, stack, segments):
    config = ae.SegmentationConfig(n_clusters=3, device="cuda")
    found = ae.Segmenter.fit(model, stack, config).apply(stack).labels
    assert (found == segments.labels).mean() > 0.999


def test_a_split_segment_keeps_its_number_for_its_larger_part(fitted, stack):
    merged = fitted.merge(1, 2)
    parted = merged.split(1)
    labels = parted.apply(stack).labels
    assert np.unique(labels).tolist() == [1, 3, 4]
    assert ((labels == 3) == (merged.apply(stack).labels == 3)).all()
    assert (labels[TRUTH == 2] == 4).mean() > 0.95


def test_what_cannot_be_split_says_so(stack, model):
    flat = ae.read(np.where(TRUTH == 1, 0, 1).astype(np.float32))
    fitted = ae.Segmenter.fit(model, flat, ae.SegmentationConfig(n_clusters=2, features="intensity", smoothing=0))
    with pytest.raises(ValueError, match="too few different places"):
        fitted.split(1, into=5000)


def test_a_dark_surround_takes_the_label_it_touches():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:120, :120]
    disc = np.hypot(y - 60, x - 60) < 50
    image = np.where(disc[..., None], [150, 90, 60], 0) + rng.integers(0, 12, (120, 120, 3)) * disc[..., None]
    image[50:70, 50:70] = [240, 200, 180]
    stack = ae.read(image.astype(np.uint8))
    fitted = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=2))
    labels = fitted.apply(stack).labels
    assert labels[3, 3] == labels[60, 20]
    assert (labels[52:68, 52:68] == 2).all()
    assert np.array_equal(block_by_block(fitted, stack)[0], labels)
