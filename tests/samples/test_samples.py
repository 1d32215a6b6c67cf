from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_ae_seg import samples
from napari_ae_seg.samples import photographs
from napari_ae_seg.samples.noise import banded
from napari_ae_seg.samples.objects import blobs, strewn, tiling
from napari_ae_seg.samples.scenes import SCENES
from napari_ae_seg.samples.stacks import VOLUMES
from napari_ae_seg.samples.textures import TEXTURES, five, mosaic


@pytest.fixture(scope="module")
def drawn():
    return {name: samples.draw(name) for name in samples.SAMPLES}


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_a_sample_is_the_same_every_time_and_says_how_it_lies_in_space(drawn, name):
    sample = drawn[name]
    again = samples.draw(name)
    assert (sample.image == again.image).all()
    assert (sample.truth == again.truth).all()
    assert len(sample.axes) == sample.image.ndim
    assert len(sample.spacing) == len([axis for axis in sample.axes if axis in "ZYX"])
    shape = dict(zip(sample.axes, sample.image.shape, strict=True))
    assert sample.truth.shape == tuple(shape[axis] for axis in sample.axes if axis != "C")


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_every_class_of_a_sample_covers_a_visible_part(drawn, name):
    share = np.bincount(drawn[name].truth.ravel())[1:] / drawn[name].truth.size
    assert len(share) >= 2
    assert share.min() > 0.03


def test_nuclei_are_brighter_than_the_ground(drawn):
    for name in ("nuclei", "volume", "divisions"):
        image, truth, *_ = drawn[name]
        assert np.median(image[truth == 2]) > 2 * np.median(image[truth == 1]) - 100


def test_brightness_alone_does_not_tell_the_five_textures_apart(drawn):
    image, truth, *_ = drawn["textures"]
    means = [image[truth == k].mean() for k in range(1, 6)]
    assert np.ptp(means) < 0.3 * image.std()


def test_an_unknown_sample_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="no sample 'cats'; there are nuclei, tissue"):
        samples.draw("cats")


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_napari_can_add_a_sample_as_it_is(drawn, name):
    opener = getattr(samples, f"open_{name}")
    [(image, options, kind)] = opener()
    axes = image.ndim - bool(options.get("rgb")) - ("channel_axis" in options)
    assert kind == "image"
    assert (image == drawn[name].image).all()
    assert len(options["scale"]) == len(options["units"]) == len(options["axis_labels"]) == axes


@pytest.mark.parametrize("name", SCENES)
def test_scenes_differ_by_seed_and_only_by_seed(name):
    first, classes = SCENES[name](np.random.default_rng(1), 64)
    again, _ = SCENES[name](np.random.default_rng(1), 64)
    other, _ = SCENES[name](np.random.default_rng(2), 64)
    assert (first == again).all()
    assert np.abs(first - other).mean() > 0.01
    assert first.dtype == np.float32
    assert 0 <= first.min() < first.max() <= 1
    assert first.shape[:2] == classes.shape == (64, 64)
    assert classes.min() >= 1


@pytest.mark.parametrize("name", TEXTURES)
def test_a_texture_has_contrast_everywhere(name):
    image = TEXTURES[name](np.random.default_rng(4), 128)
    quarters = [image[:64, :64], image[:64, 64:], image[64:, :64], image[64:, 64:]]
    assert min(part.std() for part in quarters) > 0.3 * image.std() > 0


def test_random_textures_and_scenes_come_in_many_kinds():
    rng = np.random.default_rng(0)
    textures = np.stack([samples.random_texture(rng, 48).ravel() for _ in range(12)])
    likeness = np.corrcoef(textures) - np.eye(12)
    assert np.abs(likeness).max() < 0.5
    assert {samples.random_scene(rng, 48)[0].ndim for _ in range(24)} == {2, 3}


@pytest.mark.parametrize("name", VOLUMES)
def test_volumes_of_every_kind_show_their_classes(name):
    picture, classes = VOLUMES[name](np.random.default_rng(3), (24, 32, 32), np.array([0.5, 1, 1]))
    again, _ = VOLUMES[name](np.random.default_rng(3), (24, 32, 32), np.array([0.5, 1, 1]))
    assert picture.shape == classes.shape == (24, 32, 32)
    assert (picture == again).all()
    assert len(np.unique(classes)) >= 2


def test_random_volumes_come_in_many_kinds():
    rng = np.random.default_rng(0)
    drawn = [samples.random_volume(rng, (12, 24, 24))[0] for _ in range(12)]
    likeness = np.corrcoef([volume.ravel() for volume in drawn]) - np.eye(12)
    assert np.abs(likeness).max() < 0.6
    assert all(volume.dtype == np.float32 and 0 <= volume.min() < volume.max() <= 1 for volume in drawn)


def test_a_mosaic_shows_each_texture_where_it_says():
    rng = np.random.default_rng(0)
    _, classes = mosaic(rng, 96, five(rng, 96))
    assert set(np.unique(classes)) == {1, 2, 3, 4, 5}


def test_banded_noise_has_the_wavelength_asked_for():
    spectrum = np.abs(np.fft.rfft2(banded(np.random.default_rng(0), 128, wavelength=8, bandwidth=0.2)))
    fy, fx = np.meshgrid(np.fft.fftfreq(128), np.fft.rfftfreq(128), indexing="ij")
    strongest = spectrum.argmax()
    assert 1 / np.hypot(fy, fx).flat[strongest] == pytest.approx(8, rel=0.25)


def test_strewn_places_keep_their_distance():
    places = strewn(np.random.default_rng(0), (100, 100), 12, count=20)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(20)
    assert len(places) == 20
    assert apart.min() >= 12


def test_a_blob_lies_around_its_place_and_is_deepest_there():
    numbers, depth = blobs(
        np.random.default_rng(0), (60, 60), np.array([[30.0, 20.0]]), np.array([[10.0, 10.0]]), rough=0.0
    )
    assert numbers[30, 20] == 1
    assert depth[30, 20] == depth.max()
    assert numbers.sum() == pytest.approx(np.pi * 10**2, rel=0.05)


def test_a_blob_outside_of_the_picture_draws_nothing():
    numbers, _ = blobs(np.random.default_rng(0), (20, 20), np.array([[9.0, 9.0], [9.0, -40.0]]), np.full((2, 2), 5.0))
    assert set(np.unique(numbers)) == {0, 1}


def test_tiles_fill_the_plane_and_meet_at_distance_zero():
    numbers, border = tiling(np.random.default_rng(0), (64, 64), 16.0, bend=0.0)
    seams = numbers[:, 1:] != numbers[:, :-1]
    assert numbers.min() >= 1
    assert border[:, 1:][seams].max() < 1.5


def test_even_a_tiny_picture_can_be_drawn():
    for seed in range(12):
        picture, _ = samples.random_scene(np.random.default_rng(seed), 16)
        assert np.isfinite(picture).all()


@pytest.mark.parametrize("name", photographs.NAMES)
def test_real_samples_are_small_named_with_their_source_and_open_in_napari(name):
    [(image, options, kind)] = getattr(photographs, f"open_{name}")()
    folder = Path(photographs.__file__).parent
    assert (kind, options["rgb"], np.ptp(image) > 50) == ("image", image.ndim == 3, True)
    assert f"`{name}.png` | {options['metadata']['source']}" in (folder / "SOURCES.md").read_text(encoding="utf-8")
    assert sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) < 1.5e6
