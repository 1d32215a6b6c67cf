"""Networks of every kind, in 2D and 3D, for any number of channels."""

import pytest
import torch

from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.config import NetworkConfig

KINDS = {
    "default": {"kind": "conv"},
    "max": {"down": "max"},
    "strided": {"down": "strided", "levels": 3},
    "unpool": {"down": "max", "up": "unpool", "levels": 3},
    "one level": {"levels": 1},
    "dense": {"kind": "dense", "latents": 12, "window": 9},
    "deep dense": {"kind": "dense", "latents": 6, "window": 9, "hidden": (20, 10)},
    "unet": {"kind": "unet", "latents": 5, "widths": (6, 8)},
    "variational unet": {"kind": "unet", "latents": 5, "widths": (6, 8), "variational": True},
    "l1": {"sparsity": "l1"},
    "topk": {"sparsity": "topk"},
    "l0": {"sparsity": "l0"},
    "variational": {"variational": True},
    "sparse variational dense": {"kind": "dense", "latents": 6, "window": 8, "variational": True, "sparsity": "l1"},
}


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_levels_and_reconstruction_have_the_size_that_the_network_states(options, ndim):
    channels = 2
    net = build(NetworkConfig(**options), channels, ndim).eval()
    x = torch.randn(1, channels, *[16] * ndim)
    encoded = net.encode(x)
    assert [level.shape[1] for level in encoded.levels] == net.level_channels
    assert [16 // level.shape[-1] for level in encoded.levels] == net.level_strides
    assert encoded.levels[-1] is encoded.z
    assert net.stride == net.level_strides[-1]
    assert net.decode(encoded.z, encoded.indices).shape == x.shape


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_every_weight_learns(options, ndim):
    net = build(NetworkConfig(**options), 1, ndim)
    count, *space = net.batch_shape(1, 16)
    x = torch.randn(min(max(count, 2), 4), 1, *space)
    output = net(x, torch.Generator().manual_seed(0))
    assert output.reconstruction.shape == x.shape
    loss = (output.reconstruction - x).square().mean() + net.sparsity_penalty(output.encoded) + net.kl(output.encoded)
    loss.backward()
    still = [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0]
    taught_by_scenes = {"unet": ["to_z.weight", "to_z.bias", "objects.weight", "objects.bias"]}
    assert set(still) <= set(taught_by_scenes.get(options.get("kind"), []))


def test_the_default_network_is_the_recipe():
    net = build(NetworkConfig(kind="conv"), 1, 2)
    assert round(sum(weight.numel() for weight in net.parameters()), -3) == 108_000
    assert net.level_channels == [8, 16, 32, 64, 16]
    assert net.level_strides == [1, 2, 4, 8, 8]


def test_the_dense_network_is_the_classic_one():
    net = build(NetworkConfig(kind="dense"), 1, 2)
    assert [tuple(weight.shape) for weight in net.parameters() if weight.ndim == 2] == [(256, 784), (784, 256)]
    assert build(NetworkConfig(kind="dense"), 2, 3).window == 9


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    one, again, other = (build(NetworkConfig(kind="conv"), 1, 2, seed) for seed in (5, 5, 6))
    assert torch.equal(torch.rand(3), expected)
    weights = [torch.cat([weight.flatten() for weight in net.parameters()]) for net in (one, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("options", [{"variational": True}, {"sparsity": "l0"}, {"dropout": 0.5}])
def test_a_generator_decides_every_random_draw(options):
    net = build(NetworkConfig(**options), 1, 2)
    x = torch.randn(2, 1, 16, 16)
    one, again, other = (net(x, torch.Generator().manual_seed(seed)).reconstruction for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_dropout_silences_latents_only_while_training():
    net = build(NetworkConfig(dropout=0.5), 1, 2)
    x = torch.randn(8, 1, 16, 16)
    silenced = (net.encode(x, torch.Generator().manual_seed(0)).z == 0).float().mean()
    assert 0.3 < float(silenced) < 0.7
    assert not (net.eval().encode(x).z == 0).any()


def test_what_cannot_be_built_is_refused():
    with pytest.raises(ValueError, match="choose_latents"):
        build(NetworkConfig(kind="conv", latents=0), 1, 2)
    with pytest.raises(ValueError, match="2 or 3 spatial axes, got 4"):
        build(NetworkConfig(kind="conv"), 1, 4)
    with pytest.raises(ValueError, match="at least one channel, got 0"):
        build(NetworkConfig(kind="conv"), 0, 2)
    with pytest.raises(ValueError, match="'shipped' is not built anew: conv, dense, unet are"):
        build(NetworkConfig(), 1, 2)


def test_channels_last_changes_the_layout_not_the_result():
    net = build(NetworkConfig(kind="conv"), 3, 2).eval()
    x = torch.randn(1, 3, 32, 32)
    plain = net(x).reconstruction
    fast = net.to(memory_format=net.memory_format)(x.to(memory_format=net.memory_format)).reconstruction
    torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-5)
