"""Encoding: tile by tile equals the whole, in the features a person asks for."""

import numpy as np
import pytest

import napari_ae_seg as ae


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).random((2, 70, 93), dtype=np.float32)


@pytest.fixture(scope="module")
def model(image):
    return ae.train(ae.read(image, axes="TYX"), ae.TrainingConfig(steps=2), ae.NetworkConfig(width=4, levels=3))


@pytest.mark.parametrize("features", ["latent", "multiscale", "decoder"])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_features_have_the_stride_asked_for(model, image, features, stride):
    encoded = ae.encode(model, ae.read(image, axes="TYX"), features, stride)
    channels = {"latent": 16, "multiscale": 4 + 8 + 16 + 16, "decoder": 1}[features]
    assert encoded.array.shape == (2, channels, -(-70 // stride), -(-93 // stride))


@pytest.mark.parametrize("features", ["latent", "multiscale", "decoder"])
def test_blocks_and_tiles_give_the_features_of_the_whole(model, image, features, monkeypatch):
    stack = ae.read(image, axes="TYX")
    whole = ae.encode(model, stack, features, 2).array
    monkeypatch.setattr("napari_ae_seg.autoencoder.encode.TILE", {2: 16, 3: 16})
    monkeypatch.setattr("napari_ae_seg.autoencoder.encode.BLOCK", {2: 32, 3: 32})
    np.testing.assert_allclose(ae.encode(model, stack, features, 2).array, whole, atol=1e-4)


def test_a_volume_is_encoded_tile_by_tile_too(monkeypatch):
    volume = np.random.default_rng(0).random((20, 34, 27), dtype=np.float32)
    stack = ae.read(volume, axes="ZYX")
    model = ae.train(stack, ae.TrainingConfig(steps=1, patch=16, batch=2), ae.NetworkConfig(width=2, levels=2))
    whole = ae.encode(model, stack, "multiscale", 1).array
    monkeypatch.setattr("napari_ae_seg.autoencoder.encode.TILE", {2: 8, 3: 8})
    monkeypatch.setattr("napari_ae_seg.autoencoder.encode.BLOCK", {2: 16, 3: 16})
    np.testing.assert_allclose(ae.encode(model, stack, "multiscale", 1).array, whole, atol=1e-4)


def test_other_channels_than_in_training_are_one_clear_sentence(model):
    with pytest.raises(ValueError, match="trained on 1 channel, the image has 3"):
        ae.encode(model, ae.read(np.zeros((9, 9, 3), np.uint8)))


def test_a_volume_is_no_image_to_a_flat_model(model):
    with pytest.raises(ValueError, match="ndim=2"):
        ae.encode(model, ae.read(np.zeros((9, 9, 9), np.float32), axes="ZYX"))


def test_features_of_several_sources_are_told_apart(model):
    several = ae.encode(model, ae.read([np.zeros((8, 8), np.float32), np.zeros((9, 17), np.float32)]), stride=1)
    assert [array.shape[2:] for array in several.arrays] == [(8, 8), (9, 17)]
    with pytest.raises(ValueError, match="2 sources"):
        _ = several.array


@pytest.mark.gpu
def test_the_gpu_encodes_as_the_cpu_does(model, image):
    stack = ae.read(image, axes="TYX")
    cpu, gpu = (ae.encode(model, stack, "multiscale", 2, device=device).array for device in ("cpu", "cuda"))
    np.testing.assert_allclose(gpu, cpu, atol=2e-3)


def test_latents_come_at_the_stride_of_the_network(model, image):
    features = ae.encode(model, ae.read(image, axes="TYX"))
    assert (features.stride, features.array.shape) == (4, (2, 16, 18, 24))


def test_a_stride_that_is_none_is_refused(model, image):
    with pytest.raises(ValueError, match="stride is 1, 2, 4 or the network's own, 4; got 3"):
        ae.encode(model, ae.read(image, axes="TYX"), stride=3)


@pytest.mark.parametrize("shape", [(40, 48), (48, 40, 3), (40, 48, 1)])
def test_the_shipped_encoder_takes_any_channels_and_brightness(shape):
    pixels = np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)
    axes = "YXC"[: len(shape)]
    features = ae.encode(ae.Autoencoder.shipped(2), ae.read(pixels, axes=axes))
    assert features.array.shape == (1, 16, shape[0] // 2, shape[1] // 2)
    assert features.array.std() > 0.01


def test_images_in_the_place_of_the_model_are_told_so(model, image):
    with pytest.raises(TypeError, match="an Autoencoder comes first, then the images; got a ndarray"):
        ae.encode(image, model)


def test_features_are_printed_in_few_lines(model):
    text = repr(ae.encode(model, [np.zeros((8, 8), np.float32)] * 40))
    assert len(text.splitlines()) <= 20
    assert "Features of 40 images: latent, 16 numbers per place, a place is 4 pixels wide" in text
