"""The U-Net: latents at two sizes, the image redrawn, and the heads for objects."""

import numpy as np
import pytest
import torch

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.encode import encode_array
from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.autoencoder.nets.statistics import gather_statistics
from napari_ae_seg.config import NetworkConfig
from napari_ae_seg.images.normalize import Normalizer
from napari_ae_seg.images.sample import sample_blocks

SMALL = NetworkConfig(kind="unet", widths=(6, 8, 10), latents=5)


def ready(ndim, side, config=SMALL):
    net = build(config, 1, ndim)
    x = torch.randn(1, 1, *[side] * ndim, generator=torch.Generator().manual_seed(0))
    return gather_statistics(net, [x]), x


@pytest.mark.parametrize("ndim", [2, 3])
@torch.no_grad()
def test_latents_lie_within_the_unit_ball_at_full_and_at_half_size(ndim):
    net, x = ready(ndim, 32)
    _, half, full = net.encode(x).levels[-net.codes :]
    assert full.shape[2:] == (16,) * ndim
    assert half.shape[2:] == (8,) * ndim
    assert full.square().sum(1).max() < 1
    assert full.std() > 0.01


@torch.no_grad()
def test_the_latents_at_half_size_are_those_of_the_halved_image():
    net, x = ready(2, 64)
    halved = torch.nn.functional.avg_pool2d(x, 2)
    torch.testing.assert_close(net.encode(x).levels[-2], net.encode(halved).z, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_heads_say_something_of_every_pixel():
    net, x = ready(2, 48)
    encoded = net.encode(x)
    assert encoded.redrawn.shape == x.shape
    assert encoded.objects.shape == (1, 2, 48, 48)
    torch.testing.assert_close(net(x).reconstruction, encoded.redrawn, rtol=1e-3, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("ndim", [2, 3])
def test_decode_draws_of_the_latents_what_comes_nearest_to_the_reconstruction(ndim):
    net, x = ready(ndim, 32)
    drawn, redrawn = net.decode(net.encode(x).z), net(x).reconstruction
    assert (drawn - redrawn).square().mean() < 0.9 * (redrawn - redrawn.mean()).square().mean()
    assert drawn.std() > 0.1 * redrawn.std()


@pytest.mark.parametrize(("ndim", "shape"), [(2, (200, 150)), (3, (40, 72, 64))])
def test_an_image_encoded_in_tiles_is_that_encoded_whole(ndim, shape, monkeypatch):
    net = build(NetworkConfig(kind="unet", widths=(4, 6), latents=4), 1, ndim)
    image = np.random.default_rng(0).random((1, *shape)).astype(np.float32)
    stack = ae.read(image, axes="CZYX"[:1] + "ZYX"[-ndim:])
    normalizer = Normalizer.fit(sample_blocks(stack))
    x = torch.from_numpy(normalizer.apply(image))[None]
    gather_statistics(net, [x[..., : shape[-2] // 8 * 8, : shape[-1] // 8 * 8]])
    model = ae.Autoencoder(net, normalizer, net.config, ae.TrainingConfig(), ndim)
    whole = encode_array(model, image)
    monkeypatch.setattr(net, "tile", 16)
    monkeypatch.setattr("napari_ae_seg.autoencoder.encode.TILE", {2: 16, 3: 16})
    tiled = encode_array(model, image)
    assert len(whole.levels) == len(tiled.levels) == 5
    for one, other in zip(whole.levels, tiled.levels, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_it_learns_to_redraw_and_keeps_its_latents_usable():
    y, x = np.mgrid[:128, :128]
    image = (((y // 16 + x // 16) % 2) + 0.1 * np.random.default_rng(0).random((128, 128))).astype(np.float32)
    stack = ae.read(image)
    training = ae.TrainingConfig(steps=12, batch=2, patch=32, threads=1, device="cpu", precision="fp32")
    model = ae.train(stack, training, SMALL)
    assert model.history[-1]["loss"] < model.history[0]["loss"]
    assert np.isfinite(ae.encode(model, stack).array).all()
