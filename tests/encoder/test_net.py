import pytest
import torch
from encoder.net import Encoder


@pytest.fixture(params=[2, 3])
def net(request):
    torch.manual_seed(0)
    net = Encoder(request.param, widths=(4, 6, 8))
    x = torch.randn(4, 3, *[24] * request.param)
    for _ in range(3):
        net(x)  # statistics other than those of the start
    return net.eval()


@torch.no_grad()
def test_tile_by_tile_equals_the_whole(net):
    size, align, halo = 16, net.align, net.halo
    sides = (2 * halo + 40, 30, 12)[: net.ndim]
    x = torch.randn(1, 3, *sides)
    whole = net(x)
    for start in range(0, sides[0], size):
        low, high = max(0, start - halo) // align * align, min(sides[0], start + size + halo)
        parts = net(x[:, :, low:high])
        for full, part, stride in zip(whole, parts, (2, 1, 1), strict=True):
            a, b = start // stride, -(-min(sides[0], start + size) // stride)
            torch.testing.assert_close(part[:, :, a - low // stride : b - low // stride], full[:, :, a:b])


def test_nothing_from_beyond_the_halo_reaches_a_place():
    torch.manual_seed(0)
    net = Encoder(widths=(4, 6, 8)).eval()
    x = torch.randn(1, 3, 8, 4 * net.halo, requires_grad=True)
    middle = 2 * net.halo
    net(x)[1][..., middle].square().sum().backward()
    reached = x.grad.abs().sum((0, 1, 2)).nonzero()[:, 0]

    assert middle - net.halo <= int(reached.min())
    assert int(reached.max()) <= middle + net.halo
    assert int(reached.max() - reached.min()) > net.halo / 2


@torch.no_grad()
def test_weights_on_disk_compute_what_was_trained(net, tmp_path):
    net.save(tmp_path / "net.safetensors", steps=7)
    x = torch.randn(1, 3, *[16] * net.ndim)
    for a, b in zip(net(x), Encoder.load(tmp_path / "net.safetensors")(x), strict=True):
        torch.testing.assert_close(a, b)


def test_saving_leaves_a_training_as_it_was(tmp_path):
    net = Encoder(widths=(4, 6)).train()
    net.save(tmp_path / "net.safetensors")

    assert all(module.training for module in net.modules())


@torch.no_grad()
def test_a_frozen_network_trains_as_it_infers(net):
    x = torch.randn(2, 3, *[16] * net.ndim)
    net.freeze()
    expected = net.eval()(x)[0]

    torch.testing.assert_close(net.train()(x)[0], expected)


@torch.no_grad()
def test_features_are_in_the_ball_and_as_many_as_pixels(net):
    space = (21, 18, 15)[: net.ndim]
    z = net.features(torch.randn(2, 3, *space))

    assert z.shape == (2, 2 * net.latents + 6, *space)
    assert z[:, : net.latents].norm(dim=1).max() <= 1


def test_the_default_networks_keep_their_size():
    assert sum(p.numel() for p in Encoder(2).parameters()) * 4 < 2.5e6
    assert sum(p.numel() for p in Encoder(3).parameters()) * 4 < 1.5e6
