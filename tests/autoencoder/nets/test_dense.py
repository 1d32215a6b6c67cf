"""The dense network on patches and on images."""

import numpy as np
import pytest
import torch

from napari_ae_seg.autoencoder.encode import encode
from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.autoencoder.nets.losses import activate, objective
from napari_ae_seg.autoencoder.training import Fit, collapsed
from napari_ae_seg.config import NetworkConfig, TrainingConfig

SMALL = {"kind": "dense", "window": 8, "latents": 6, "hidden": (12,)}


@torch.no_grad()
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_the_latents_of_a_place_are_those_of_the_window_around_it(ndim, stride):
    net = build(NetworkConfig(**SMALL), 2, ndim).eval().at(stride)
    image = torch.randn(1, 2, *[16] * ndim)
    z = net.encode(image).z
    assert z.shape[2:] == (16 // stride,) * ndim
    place = 8 // stride
    corner = place * stride - (8 - stride) // 2
    patch = image[(..., *[slice(corner, corner + 8)] * ndim)]
    torch.testing.assert_close(z[(..., *[place] * ndim)], net(patch).z.flatten(1), rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("ndim", [2, 3])
def test_an_image_is_the_mean_of_the_windows_that_cover_a_pixel(ndim):
    net = build(NetworkConfig(**SMALL), 1, ndim).eval().at(4)
    z = torch.randn(1, 6, *[4] * ndim)
    windows = net._patches(z.flatten(2).transpose(1, 2).flatten(0, 1).reshape(-1, 6, *[1] * ndim))
    total, count = torch.zeros([20] * ndim), torch.zeros([20] * ndim)  # 2 pixels beyond the image at either end
    for number, place in enumerate(torch.cartesian_prod(*[torch.arange(4)] * ndim).tolist()):
        inside = tuple(slice(4 * p, 4 * p + 8) for p in place)
        total[inside] += windows[number, 0]
        count[inside] += 1
    expected = (total / count)[(slice(2, 18),) * ndim]
    torch.testing.assert_close(net.decode(z)[0, 0], expected, rtol=1e-4, atol=1e-5)


def test_a_window_smaller_than_the_usual_stride_moves_by_less():
    net = build(NetworkConfig(kind="dense", window=3, latents=2), 1, 2)
    assert net.stride == 2
    assert net.decode(net.encode(torch.randn(1, 1, 8, 8)).z).shape == (1, 1, 8, 8)


def test_strides_beyond_the_window_are_refused():
    with pytest.raises(ValueError, match="got stride 9"):
        build(NetworkConfig(**SMALL), 1, 2).at(9)


def test_it_learns_patches_with_the_sigmoid_and_cross_entropy():
    generator = torch.Generator().manual_seed(0)
    net = build(NetworkConfig(kind="dense", window=8, latents=8), 1, 2)
    patches = (torch.rand(1, 1, 8, 1, generator=generator) > 0.5).float().expand(32, 1, 8, 8).clone()
    patches[16:] = patches[:16].transpose(2, 3)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(60):
        output = net(patches - 0.5)
        loss, _ = objective(net, output, patches, TrainingConfig(loss="bce"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert ((activate(net(patches - 0.5).reconstruction, "bce") > 0.5) == (patches > 0.5)).float().mean() > 0.99


def test_a_batch_is_counted_in_patches_of_the_window():
    dense = NetworkConfig(kind="dense", window=14)
    fit = Fit.on(np.eye(32), TrainingConfig(steps=1, batch=32), dense)
    assert (fit.batch, fit.learner.net.batch_shape(32, 0)) == (32, (32, 14, 14))
    assert Fit.on(np.eye(32), TrainingConfig(steps=1), dense).batch == 8 * 21  # as many as cover 8 patches of 64 x 64
    assert Fit.on(np.eye(32), TrainingConfig(steps=1), NetworkConfig(kind="conv")).batch == 8


def test_an_epoch_sees_as_many_pixels_as_the_image_has():
    dense = NetworkConfig(kind="dense", window=8)
    assert Fit.on(np.eye(64), TrainingConfig(epochs=3, batch=16), dense).training.steps == 12


def test_rectified_latents_are_never_negative_and_silent_ones_are_said():
    dense = NetworkConfig(kind="dense", window=8, latents=6, activation="relu")
    fit = Fit.on(np.eye(32), TrainingConfig(steps=1), dense)
    with torch.no_grad():
        last = fit.learner.net.encoder[0] if len(fit.learner.net.encoder) else fit.learner.net.look
        last.bias[2:4] = -1e6
    model = fit.model
    assert (encode(model, np.eye(32)).array >= 0).all()
    assert model.info["sparsity"]["dead"] == [2, 3]
    assert collapsed(model) == (
        "2 of 6 latents are silent: 4 would do; to use them, lower the learning rate, or let negative latents be leaky."
    )
