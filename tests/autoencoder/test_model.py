import json
from importlib import resources

import numpy as np
import pytest
import torch

from napari_ae_seg import Autoencoder, ModelFileError, NetworkConfig, TrainingConfig
from napari_ae_seg.autoencoder.model import has_shipped, provenance
from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.core import modelfile, state
from napari_ae_seg.images.normalize import Normalizer
from napari_ae_seg.images.sample import Block

NETWORK = NetworkConfig(width=4, levels=2, latents=3, ndim=2)


def block(channels: int = 1, seed: int = 0) -> Block:
    data = np.random.default_rng(seed).gamma(2.0, 100.0, (channels, 24, 20)).astype(np.float32)
    return Block(0, 0, (0, 0), data, np.ones((24, 20), bool))


def model(channels: int = 1, network: NetworkConfig = NETWORK, **training) -> Autoencoder:
    return Autoencoder(
        build(network, channels, 2).eval(),
        Normalizer.fit([block(channels)]),
        network,
        TrainingConfig(**training),
        ndim=2,
        spacing=(0.5, 0.25),
        units=("um", "um"),
        axes="YX",
        history=[{"step": 10, "loss": 0.5}],
        info=provenance(),
    )


def test_a_loaded_model_is_the_saved_one(tmp_path):
    saved = model(2)
    saved.save(tmp_path / "m.aeseg")
    loaded = Autoencoder.load(tmp_path / "m.aeseg")
    x = torch.from_numpy(saved.normalizer.apply(block(2, seed=1).data))[None]
    assert torch.equal(loaded.reconstruct(x), saved.reconstruct(x))
    assert (loaded.network, loaded.training, loaded.channels) == (saved.network, saved.training, 2)
    assert (loaded.spacing, loaded.units, loaded.axes) == ((0.5, 0.25), ("um", "um"), "YX")
    assert (loaded.history, loaded.info) == (saved.history, saved.info)
    assert set(loaded.info["versions"]) >= {"napari-ae-seg", "torch", "numpy", "python"}


def rewritten(path, **changes):
    header, arrays = modelfile.read(path)
    modelfile.write(path, {**header, **changes}, arrays)


@pytest.mark.parametrize(
    "changes",
    [
        {"network": {"kind": "conv", "hoped_for": 1}},
        {"network": {"kind": "conv", "width": 16}},
        {"normalizer": {}},
        {"ndim": 4},
        {"training": None},
    ],
)
def test_a_model_that_cannot_be_rebuilt_is_one_clear_error(tmp_path, changes):
    model().save(tmp_path / "m.aeseg")
    rewritten(tmp_path / "m.aeseg", **changes)
    with pytest.raises(ModelFileError, match=r"m\.aeseg holds no autoencoder that can be used: "):
        Autoencoder.load(tmp_path / "m.aeseg")


def test_a_file_without_an_autoencoder_is_named_as_such(tmp_path):
    modelfile.write(tmp_path / "m.aeseg", {"is": "clusters"}, {})
    with pytest.raises(ModelFileError, match="holds a clusters, no autoencoder"):
        Autoencoder.load(tmp_path / "m.aeseg")


def test_the_state_of_a_model_is_json_and_arrays():
    values, arrays = state.pack(model())
    again = state.unpack(Autoencoder, json.loads(json.dumps(values)), arrays)
    x = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.reconstruct(x), model().reconstruct(x))


def test_a_model_stays_itself_on_its_own_device():
    one = model()
    assert one.on("cpu") is one


def test_a_network_for_three_channels_takes_any_number_of_channels():
    three = model(3)
    for channels in (1, 2, 3, 5):
        fitted = three.fitted_to([block(channels)])
        x = fitted.normalizer.apply(block(channels).data)
        assert fitted.channels == channels
        assert fitted.errors(x[None]).shape == (1,)


def test_errors_are_those_of_the_reconstruction_in_normalized_units():
    one = model()
    patches = np.random.default_rng(3).normal(size=(11, 1, 16, 16)).astype(np.float32)
    drawn = np.concatenate([one.reconstruct(torch.from_numpy(p[None])).numpy() for p in patches])
    np.testing.assert_allclose(one.errors(patches), np.square(drawn - patches).mean((1, 2, 3)), rtol=1e-5)


def test_a_network_trained_with_bce_draws_within_the_range_of_the_image():
    one = model(loss="bce")
    unit = one.reconstruct(torch.randn(2, 1, 16, 16)) * one.normalizer.deviation + one.normalizer.mean[0]
    assert -1e-5 <= float(unit.min()) < float(unit.max()) <= 1 + 1e-5


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_shipped_encoder_loads_where_there_is_one_and_is_missed_clearly_where_not(ndim):
    if not has_shipped(ndim):
        with pytest.raises(ModelFileError, match=f"no encoder for {ndim}D images"):
            Autoencoder.shipped(ndim)
        return
    assert resources.files("napari_ae_seg").joinpath("weights").is_dir()
    data = np.random.default_rng(0).random((1, *[16] * ndim)).astype(np.float32)
    shipped = Autoencoder.shipped(ndim, [Block(0, 0, (0,) * ndim, data, np.ones(data.shape[1:], bool))])
    assert (shipped.ndim, shipped.channels, shipped.net.channels) == (ndim, 1, 3)
