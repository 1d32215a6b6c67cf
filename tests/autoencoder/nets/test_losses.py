"""What training makes small."""

import pytest
import torch

from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.autoencoder.nets.losses import activate, contrastive, objective, reconstruction
from napari_ae_seg.config import NetworkConfig, TrainingConfig


@pytest.mark.parametrize(("loss", "expected"), [("mse", 4.0), ("l1", 2.0), ("huber", 1.5)])
def test_each_loss_measures_an_error_of_two(loss, expected):
    x = torch.full((1, 1, 2, 2), 2.0)
    assert float(reconstruction(x, torch.zeros_like(x), loss)) == pytest.approx(expected)


def test_cross_entropy_is_least_where_the_sigmoid_is_the_image():
    target = torch.tensor([0.1, 0.5, 0.9]).reshape(1, 1, 1, 3)
    x = torch.logit(target).requires_grad_()
    reconstruction(x, target, "bce").backward()
    assert x.grad.abs().max() < 1e-6
    torch.testing.assert_close(activate(x, "bce"), target)
    assert activate(x, "mse") is x


def test_cross_entropy_clips_what_lies_outside_the_unit_range():
    x = torch.tensor([3.0, -3.0]).reshape(1, 1, 1, 2)
    outside, clipped = torch.tensor([1.7, -0.4]).reshape(1, 1, 1, 2), torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
    assert float(reconstruction(x, outside, "bce")) == float(reconstruction(x, clipped, "bce"))


def test_hidden_places_count_eleven_times_as_much():
    target = torch.zeros(1, 2, 1, 2)
    mask = torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
    hidden, shown = mask.expand_as(target), 1 - mask.expand_as(target)
    ratio = reconstruction(hidden, target, "mse", mask) / reconstruction(shown, target, "mse", mask)
    assert float(ratio) == pytest.approx(11)


def test_the_objective_is_the_weighted_sum_of_its_parts():
    net = build(NetworkConfig(sparsity="l1", variational=True, levels=2), 1, 2)
    x = torch.randn(2, 1, 16, 16)
    config = TrainingConfig(alpha=2.0, beta=0.5, kl=0.25)
    loss, parts = objective(net, net(x, torch.Generator().manual_seed(0)), x, config)
    assert set(parts) == {"reconstruction", "sparsity", "kl"}
    torch.testing.assert_close(loss, 2 * parts["reconstruction"] + 0.5 * parts["sparsity"] + 0.25 * parts["kl"])
    assert set(objective(build(NetworkConfig(kind="conv"), 1, 2), net(x), x, config)[1]) == {"reconstruction"}


def test_contrast_pulls_neighbors_together():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(6, 4, 2, 2, generator=generator, requires_grad=True)
    b = torch.randn(6, 4, 2, 2, generator=generator)
    before = contrastive(a, b)
    before.backward()
    assert contrastive(a - 0.5 * a.grad, b) < before
    assert contrastive(b, b) < contrastive(b.flip(0), b)
