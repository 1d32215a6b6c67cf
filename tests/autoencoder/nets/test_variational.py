"""Variational networks, from which images are drawn."""

import pytest
import torch

from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.autoencoder.nets.statistics import gather_statistics
from napari_ae_seg.autoencoder.nets.variational import Gaussian, divergence, reparameterize
from napari_ae_seg.config import NetworkConfig


def test_latents_are_drawn_while_training_and_the_mean_afterwards():
    net = build(NetworkConfig(variational=True, levels=2), 1, 2)
    x = torch.randn(2, 1, 16, 16)
    encoded = net.encode(x, torch.Generator().manual_seed(0))
    assert not torch.equal(encoded.z, encoded.mu)
    still = net.eval().encode(x)
    assert torch.equal(still.z, still.mu)


def test_a_draw_has_the_mean_and_deviation_asked_for():
    mu, logvar = torch.full((1, 1, 200, 200), 2.0), torch.full((1, 1, 200, 200), 1.4)
    z = reparameterize(mu, logvar, torch.Generator().manual_seed(0))
    assert float(z.mean()) == pytest.approx(2.0, abs=0.05)
    assert float(z.var().log()) == pytest.approx(1.4, abs=0.05)


def test_the_divergence_is_that_of_torch():
    mu, logvar = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    normal = torch.distributions.Normal
    each = torch.distributions.kl_divergence(normal(mu, torch.exp(logvar / 2)), normal(0.0, 1.0))
    torch.testing.assert_close(divergence(mu, logvar), each.sum(1).mean())


def test_draws_follow_the_latents_of_the_training_images():
    gaussian = Gaussian(2)
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(4000, 1, generator=generator)
    mu = torch.cat([one + 3, 2 * one], 1)
    gaussian.fit(mu, torch.full_like(mu, -4.0))
    drawn = gaussian.draw(10, (20, 20), generator).transpose(0, 1).flatten(1)
    torch.testing.assert_close(drawn.mean(1), torch.tensor([3.0, 0.0]), rtol=0, atol=0.15)
    assert float(torch.corrcoef(drawn)[0, 1]) > 0.95


@pytest.mark.parametrize("options", [{"levels": 2}, {"kind": "dense", "window": 8, "latents": 4, "hidden": (6,)}])
@pytest.mark.parametrize("ndim", [2, 3])
def test_images_of_any_size_are_drawn_by_seed(options, ndim):
    net = build(NetworkConfig(variational=True, **options), 2, ndim)
    gather_statistics(net, [torch.randn(2, 2, *[16] * ndim)])
    space = (13, 10, 9)[:ndim]
    one, again, other = (net.sample(3, space, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert one.shape == (3, 2, *space)
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)
    assert not torch.allclose(one[0], one[1])


def test_a_dense_network_draws_windows_side_by_side():
    net = build(NetworkConfig(kind="dense", window=4, latents=3, variational=True), 2, 2).eval()
    image = net.sample(1, (8, 8), torch.Generator().manual_seed(0))
    z = net.gaussian.draw(1, (2, 2), torch.Generator().manual_seed(0))
    lower_left = net._patches(z[:, :, 1:, :1])
    torch.testing.assert_close(image[..., 4:, :4], lower_left)


def test_by_default_it_draws_images_of_its_training_size():
    assert build(NetworkConfig(variational=True, width=2), 1, 2).eval().sample(1).shape == (1, 1, 64, 64)
    assert build(NetworkConfig(variational=True, kind="dense", latents=4), 1, 2).eval().sample(1).shape == (
        1,
        1,
        28,
        28,
    )


def test_other_kinds_say_that_they_cannot():
    with pytest.raises(ValueError, match="only a variational network can draw images"):
        build(NetworkConfig(kind="conv"), 1, 2).sample(1)
