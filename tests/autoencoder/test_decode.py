"""Decoding: encode, decode and reconstruct fit together, and what does not fit is refused."""

import numpy as np
import pytest

import napari_ae_seg as ae
from napari_ae_seg import samples

NETWORKS = {
    "conv": ae.NetworkConfig(width=4, levels=3),
    "max": ae.NetworkConfig(width=4, levels=3, down="max", up="unpool"),
    "dense": ae.NetworkConfig(kind="dense", latents=8, window=8),
}


@pytest.fixture(scope="module")
def image():
    y, x = np.mgrid[:64, :48]
    return (1000 + 500 * np.sin(y / 5) + 400 * np.cos(x / 7)).astype(np.uint16)


@pytest.fixture(scope="module", params=NETWORKS)
def model(request, image):
    return ae.train(image, ae.TrainingConfig(steps=30), NETWORKS[request.param])


def test_latents_are_drawn_as_the_network_redraws_the_image(model, image):
    drawn, redrawn = ae.decode(model, ae.encode(model, image)), ae.reconstruct(model, image)
    assert drawn.shape == redrawn.shape == image.shape
    np.testing.assert_allclose(drawn[16:-16, 16:-16], redrawn[16:-16, 16:-16], rtol=0.02)


def test_a_reconstruction_has_the_range_of_its_source(model, image):
    drawn = ae.reconstruct(model, image)
    assert 0 <= drawn.min() <= drawn.max() <= 65535
    assert np.corrcoef(drawn.ravel(), image.ravel())[0, 1] > 0.5


def test_tiles_are_drawn_like_the_whole(model, image, monkeypatch):
    features = ae.encode(model, image)
    whole = ae.decode(model, features), ae.reconstruct(model, image)
    monkeypatch.setattr("napari_ae_seg.autoencoder.encode.TILE", {2: 16, 3: 16})
    monkeypatch.setattr("napari_ae_seg.autoencoder.encode.BLOCK", {2: 24, 3: 24})
    for tiled, one in zip((ae.decode(model, features), ae.reconstruct(model, image)), whole, strict=True):
        np.testing.assert_allclose(tiled, one, rtol=1e-3, atol=0.5)


@pytest.fixture(scope="module")
def colors():
    pixels = np.random.default_rng(0).integers(0, 256, (45, 37, 3)).astype(np.uint8)
    return ae.train(pixels, ae.TrainingConfig(steps=2), NETWORKS["conv"]), pixels


def test_channels_and_odd_sides_come_back_where_they_were(colors):
    model, pixels = colors
    assert ae.decode(model, ae.encode(model, pixels)).shape == (45, 37, 3)
    assert ae.reconstruct(model, ae.read(pixels.transpose(2, 0, 1), axes="CYX")).shape == (3, 45, 37)
    assert ae.reconstruct(model, ae.read(list(pixels.transpose(2, 0, 1)), together="channels")).shape == (3, 45, 37)


def test_several_images_give_several(colors):
    model, pixels = colors
    drawn = ae.decode(model, ae.encode(model, [pixels, pixels[:20]]))
    assert [one.shape for one in drawn] == [(45, 37, 3), (20, 37, 3)]
    assert [one.shape for one in ae.reconstruct(model, [pixels, pixels[:20]])] == [(45, 37, 3), (20, 37, 3)]


def test_drawn_colors_stay_within_what_the_source_can_hold(colors):
    model, pixels = colors
    features = ae.encode(model, pixels)
    far = ae.Features((100 * features.array,), features.stride, "latent", features.images, features.normalizer)
    drawn = ae.decode(model, far)
    assert 0 <= drawn.min() <= drawn.max() <= 255


def test_the_shipped_encoder_redraws_a_gray_image_also_from_its_latents_alone():
    model, nuclei = ae.Autoencoder.shipped(2), samples.draw("nuclei").image[:200, :150]
    drawn, redrawn = ae.decode(model, ae.encode(model, nuclei)), ae.reconstruct(model, nuclei)
    assert drawn.shape == redrawn.shape == nuclei.shape
    assert np.corrcoef(drawn.ravel(), nuclei.ravel())[0, 1] > 0.8
    assert np.corrcoef(redrawn.ravel(), nuclei.ravel())[0, 1] > 0.9


def test_an_array_of_latents_is_drawn_in_whole_places_or_cropped_as_asked(colors):
    model, pixels = colors
    z = ae.encode(model, pixels).array
    assert ae.decode(model, z).shape == (1, 3, 48, 40)
    assert ae.decode(model, z, space=(45, 37)).shape == (1, 3, 45, 37)
    with pytest.raises(
        ValueError, match=r"an image of \(90, 74\) has other latents than \(12, 10\) places of 4 pixels"
    ):
        ae.decode(model, z, space=(90, 74))


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"stride": 1}, "draws of places 4 pixels wide, these are 1 wide"),
        ({"features": "multiscale"}, "latents are decoded, these are multiscale features"),
    ],
)
def test_features_that_cannot_be_drawn_are_refused(colors, options, refusal):
    model, pixels = colors
    with pytest.raises(ValueError, match=refusal):
        ae.decode(model, ae.encode(model, pixels, **options))


def test_latents_of_another_network_are_refused(colors, image):
    model, pixels = colors
    other = ae.train(image, ae.TrainingConfig(steps=1), NETWORKS["conv"])
    with pytest.raises(ValueError, match="another network"):
        ae.decode(other, ae.encode(model, pixels))


def test_a_model_is_shown_with_its_loss_and_printed_in_two_lines(colors):
    model, _ = colors
    assert repr(model).startswith(
        "Autoencoder: conv, 2D, 3 channels, 16 latents of 4 x 4 pixels\n  trained on image, 2 s"
    )
    page = model._repr_html_()
    assert 'src="data:image/png;base64,' in page
    model.info["trained_on"] = ["<b>"]
    assert "<b>trained" not in model._repr_html_()
    assert "&lt;b&gt;" in model._repr_html_()


def test_a_network_for_a_training_is_told_its_name(image):
    with pytest.raises(TypeError, match=r"pass it by name, as network=\.\.\."):
        ae.train(image, ae.NetworkConfig())


def test_a_training_is_printed_in_one_line(image):
    fit = ae.Fit.on(image, ae.TrainingConfig(steps=2), NETWORKS["conv"])
    assert repr(fit) == "Fit: step 0 of 2, conv network, 2D"
    list(fit)
    assert repr(fit).startswith("Fit: step 2 of 2, loss ")
