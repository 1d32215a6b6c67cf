from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import napari_ae_seg as ae
from napari_ae_seg import samples
from napari_ae_seg.autoencoder.encode import encode
from napari_ae_seg.autoencoder.model import SHIPPED
from napari_ae_seg.images.sample import sample_blocks

WEIGHTS = resources.files("napari_ae_seg") / "weights"
AXES = {2: "CYX", 3: "CZYX"}


def stack_of(channels: int, ndim: int) -> ae.Stack:
    side = {2: 32, 3: 16}[ndim]
    return ae.read(np.random.default_rng(channels).random((channels, *[side] * ndim)), axes=AXES[ndim])


def fitted(stack: ae.Stack) -> ae.Autoencoder:
    return ae.Autoencoder.shipped(stack.ndim, sample_blocks(stack))


@pytest.mark.parametrize("ndim", SHIPPED)
def test_a_shipped_encoder_is_small_and_its_card_names_all_it_was_trained_on(ndim):
    card = (WEIGHTS / "README.md").read_text(encoding="utf-8")
    sources = ae.Autoencoder.shipped(ndim).info["trained_on"]
    assert len((WEIGHTS / SHIPPED[ndim]).read_bytes()) < 3e6
    assert sources
    assert [
        name for name in sources if f"`{name.removeprefix('skimage.data.')}`" not in card and name not in card
    ] == []


@pytest.mark.parametrize("ndim", SHIPPED)
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels_is_encoded_the_same_every_time(ndim, channels):
    stack = stack_of(channels, ndim)
    first, again = (encode(fitted(stack), stack, stride=4).array for _ in range(2))
    assert np.isfinite(first).all()
    assert first.std() > 0.01
    assert (first == again).all()


def test_one_channel_is_repeated():
    (seen,) = _seen(1)
    assert (seen[0] == seen[1]).all()
    assert (seen[0] == seen[2]).all()


def test_two_channels_are_followed_by_their_mean():
    (seen,) = _seen(2)
    np.testing.assert_allclose(seen[2], (seen[0] + seen[1]) / 2, atol=1e-6)


def test_three_channels_are_taken_as_they_are():
    stack = stack_of(3, 2)
    (block,) = sample_blocks(stack)
    normalizer = fitted(stack).normalizer
    np.testing.assert_allclose(normalizer.apply(block.data), normalizer.standard(block.data), atol=1e-6)


def test_more_than_three_channels_become_their_first_three_principal_components():
    (seen,) = _seen(5)
    covariance = np.cov(seen.reshape(3, -1))
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=0.01)
    assert covariance[0, 0] >= covariance[1, 1] >= covariance[2, 2] > 0


def test_textures_fall_apart_with_the_shipped_encoder():
    image, truth, *_ = samples.draw("textures")
    config = ae.SegmentationConfig(n_clusters=len(np.unique(truth)), features="texture")
    labels = ae.Segmenter.fit(None, ae.read(image), config).apply(ae.read(image)).labels
    assert _agreement(truth, labels) > 0.95


def test_a_volume_of_nuclei_is_segmented_without_any_training():
    sample = samples.draw("volume")
    stack = ae.read(sample.image, axes=sample.axes, spacing=sample.spacing)
    segmenter = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=2))
    assert segmenter.model.info["trained_on"] == ae.Autoencoder.shipped(3).info["trained_on"]
    assert _agreement(sample.truth, segmenter.apply(stack).labels) > 0.9


def _seen(channels: int) -> list[np.ndarray]:
    stack = stack_of(channels, 2)
    normalizer = fitted(stack).normalizer
    return [normalizer.apply(block.data) for block in sample_blocks(stack)]


def _agreement(truth: np.ndarray, labels: np.ndarray) -> float:
    """Share of places whose label is that of their class, one label for each class."""
    counts = np.zeros((truth.max() + 1, labels.max() + 1))
    np.add.at(counts, (truth, labels), 1)
    rows, columns = linear_sum_assignment(-counts)
    return float(counts[rows, columns].sum() / counts.sum())
