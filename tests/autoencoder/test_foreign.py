"""A network made elsewhere is the encoder of everything that follows."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import napari_ae_seg as ae


class Tokens(nn.Module):
    """As a vision transformer gives it: a token of the image first, then one for each 14 x 14 pixels, in rows."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 14, 14)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return {"last_hidden_state": torch.cat([tokens.mean(1, keepdim=True), tokens], 1)}


class Levels(nn.Module):
    """As a pyramid gives it: maps at strides 2 and 4."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 2, 2), nn.Conv2d(4, 8, 2, 2)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        fine = self.first(x)
        return [fine, self.second(fine)]


class Mean(nn.Module):
    """No weights at all: the mean of each 4 x 4 pixels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool2d(x, 4)


@pytest.fixture
def halves():
    image = np.random.default_rng(0).normal(size=(96, 128)).astype(np.float32)
    image[:, 64:] += 20
    return image


def test_what_it_says_is_clustered(halves):
    labels = ae.segment(halves, 2, model=ae.Autoencoder.of(Mean()), features="latent").labels
    assert len(np.unique(labels[:, :56])) == len(np.unique(labels[:, 72:])) == 1
    assert labels[0, 0] != labels[0, -1]


def test_its_latents_are_what_the_module_gives_of_the_normalized_image(halves):
    image = np.stack([halves, halves[::-1], halves[:, ::-1]])
    stack = ae.read(image, axes="CYX")
    model = ae.Autoencoder.of(nn.Conv2d(3, 5, 8, 8), channels=3).suited_to(stack)
    expected = model.net.module(torch.from_numpy(model.normalizer.apply(image))[None])[0]
    assert np.allclose(ae.encode(model, stack).array[0], expected.numpy(), atol=1e-5)


def test_tokens_are_taken_as_a_map_without_those_of_the_whole_image(halves):
    model = ae.Autoencoder.of(Tokens())
    assert (model.net.latents, model.net.stride, model.net.align) == (6, 8, 56)
    x = torch.randn(1, 3, 112, 168)
    tokens = model.net.module.patches(x)
    at_14 = nn.functional.interpolate(tokens, (14, 21), mode="bilinear", align_corners=False)
    assert torch.allclose(model.net.encode(x).z, at_14, atol=1e-6)
    assert ae.encode(model, halves).array.shape == (1, 6, 12, 16)


def test_several_levels_are_all_there(halves):
    model = ae.Autoencoder.of(Levels())
    assert ae.encode(model, halves, features="multiscale").array.shape == (1, 12, 96, 128)
    assert ae.segment(halves, 2, model=model, features="multiscale").labels.max() == 2


def test_a_volume_has_a_network_of_its_own(halves):
    volume = np.stack([halves[:32, 48:80]] * 16)
    model = ae.Autoencoder.of(nn.Conv3d(1, 4, 4, 4), ndim=3, channels=1)
    labels = ae.segment(volume, 2, model=model, features="latent", axes="ZYX").labels
    assert labels.shape == (16, 32, 32)
    assert labels[0, 0, 0] != labels[0, 0, -1]


def test_a_torchscript_file_is_such_a_network(tmp_path, halves):
    module = Levels()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of its own end, in several ways
        torch.jit.trace(module, torch.zeros(1, 3, 32, 32)).save(tmp_path / "levels.pt")
    found = ae.encode(ae.Autoencoder.of(tmp_path / "levels.pt"), halves).array
    assert np.allclose(found, ae.encode(ae.Autoencoder.of(module), halves).array, atol=1e-6)


def test_it_classifies_objects_and_shows_itself(halves):
    model = ae.Autoencoder.of(Mean())
    objects = np.zeros(halves.shape, np.int32)
    for number, x in enumerate((4, 24, 70, 100), 1):
        objects[10:26, x : x + 16] = number
    found = ae.classify(ae.read(halves, axes="YX"), {1: "dark", 3: "bright"}, objects, model=model)
    assert [found.table["class"][i] for i in (1, 3)] == ["dark", "bright"]
    assert "Mean" in model._repr_html_()


def test_what_it_cannot_do_is_said(tmp_path, halves):
    model = ae.Autoencoder.of(Mean())
    for doing in (
        lambda: model.save(tmp_path / "a.aeseg"),
        lambda: ae.reconstruct(model, halves),
        lambda: ae.train(halves, ae.TrainingConfig(steps=1), model=model),
    ):
        with pytest.raises(ValueError, match="Mean"):
            doing()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (nn.Flatten(), "no map"),
        (nn.Conv2d(3, 4, 9, 9), "no map"),
        (nn.LSTM(4, 4, batch_first=True), None),
    ],
    ids=["one vector an image", "places that do not divide the image", "another kind of input"],
)
def test_a_module_that_gives_something_else_is_refused(module, said):
    with pytest.raises((ValueError, RuntimeError, TypeError), match=said):
        ae.Autoencoder.of(module)


def test_a_file_of_weights_alone_is_refused_in_one_sentence(tmp_path):
    torch.save(Levels().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ValueError, match="holds no TorchScript"):
        ae.Autoencoder.of(tmp_path / "weights.pt")
