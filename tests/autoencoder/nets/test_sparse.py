"""Few latents active at each place."""

import pytest
import torch

from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.autoencoder.nets.losses import objective
from napari_ae_seg.autoencoder.nets.sparse import sparsity_report
from napari_ae_seg.autoencoder.nets.statistics import gather_statistics
from napari_ae_seg.config import NetworkConfig, TrainingConfig


def waves(count=8, side=16):
    generator = torch.Generator().manual_seed(0)
    across = torch.arange(side) * (0.3 + torch.rand(count, 1, 1, 1, generator=generator))
    return torch.sin(across + 0.5 * torch.arange(side)[:, None])


def zeros_after_training(sparsity, beta, steps=20):
    net = build(NetworkConfig(sparsity=sparsity, levels=2, width=2, latents=8), 1, 2)
    x, generator = waves(), torch.Generator().manual_seed(0)
    config = TrainingConfig(beta=beta, learning_rate=1e-2)
    optimizer = torch.optim.AdamW(net.parameters(), config.learning_rate)
    for _ in range(steps):
        loss, _ = objective(net, net(x, generator), x, config)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return sparsity_report(gather_statistics(net, [x]).encode(x).z).zeros, net


@pytest.mark.parametrize("sparsity", ["l1", "l0"])
def test_raising_beta_raises_the_share_of_zeros(sparsity):
    shares = [zeros_after_training(sparsity, beta)[0] for beta in (0.0, 0.02, 0.5)]
    assert shares[0] < shares[1] < shares[2]


def test_a_high_price_closes_gates_for_good():
    zeros, net = zeros_after_training("l0", beta=0.03)
    gates = net.code.gates()
    closed = gates == 0
    assert 0 < int(closed.sum()) < 8
    assert zeros == pytest.approx(float(closed.float().mean()))
    z = net.encode(torch.randn(2, 1, 16, 16)).z
    assert (z[:, closed] == 0).all()
    assert (z[:, ~closed] != 0).all()


def test_gates_are_drawn_while_training_and_fixed_afterwards():
    net = build(NetworkConfig(sparsity="l0", levels=2), 1, 2)
    z, generator = torch.ones(200, 16, 1, 1), torch.Generator().manual_seed(0)
    with torch.no_grad():
        net.code.gate.fill_(0.0)
    drawn = net.code(z, generator).detach()
    assert not torch.equal(drawn, net.code(z, generator))
    assert 0 < float((drawn == 0).float().mean()) < 1
    # the price is the number of gates that are not zero in such draws
    assert net.code.penalty(z).item() == pytest.approx(float((drawn != 0).float().sum(1).mean()), rel=0.03)
    net.eval()
    assert torch.equal(net.code(z), net.code(z))


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize(("active", "expected"), [(0, 3), (5, 5), (12, 12)])
def test_topk_leaves_exactly_k_latents_at_every_place(active, expected, ndim):
    net = build(NetworkConfig(sparsity="topk", latents=12, active=active, levels=2), 1, ndim)
    for training in (True, False):
        z = net.train(training).encode(torch.randn(2, 1, *[8] * ndim)).z
        assert ((z != 0).sum(1) == expected).all()


def test_topk_keeps_the_largest():
    code = build(NetworkConfig(sparsity="topk", latents=4, active=2), 1, 2).code
    z = torch.tensor([0.5, -3.0, 1.0, 0.1]).reshape(1, 4, 1, 1)
    assert code(z).flatten().tolist() == [0.0, -3.0, 1.0, 0.0]


def test_the_report_counts_zeros_usage_and_dead_units():
    z = torch.zeros(1, 3, 2, 2)
    z[0, 0], z[0, 1, 0, 0] = 1.0, -2.0
    report = sparsity_report(z)
    assert report.usage == (1.0, 0.25, 0.0)
    assert report.dead == (2,)
    assert report.zeros == pytest.approx(7 / 12)
