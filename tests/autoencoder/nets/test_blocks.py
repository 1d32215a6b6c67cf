"""The pieces of the convolutional network."""

import pytest
import torch
from torch import nn

from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.autoencoder.nets.blocks import DirectConv3d, Down, SliceConv3d, Unit, pool, unpool
from napari_ae_seg.config import NetworkConfig


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("layer", [SliceConv3d, DirectConv3d])
def test_a_3d_layer_equals_that_of_torch(channels, layer):
    fast, plain = layer(channels, 4, 3, padding=1), nn.Conv3d(channels, 4, 3, padding=1)
    plain.load_state_dict(fast.state_dict())
    x = torch.randn(2, channels, 5, 6, 7)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.testing.assert_close(fast(one), plain(other))
    fast(one).square().sum().backward()
    plain(other).square().sum().backward()
    torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fast.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)


def test_volumes_of_few_channels_begin_with_slices():
    first = [type(build(NetworkConfig(kind="conv"), channels, 3).encoder[0][0][0]) for channels in (1, 3, 16)]
    assert first == [SliceConv3d, SliceConv3d, DirectConv3d]


@torch.no_grad()
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("inputs", [1, 8])
def test_a_frozen_unit_is_its_layers_one_after_another(ndim, inputs):
    unit = Unit(inputs, 4, ndim)
    for _ in range(3):
        unit(torch.randn(4, inputs, *[6] * ndim) + 1)
    unit[1].weight.uniform_(0.5, 2)
    unit[1].bias.uniform_(-1, 1)
    unit.eval()
    x = torch.randn(2, inputs, *[6] * ndim) + 1
    conv, norm, relu = unit
    torch.testing.assert_close(unit(x), relu(norm(conv(x))), rtol=1e-4, atol=1e-5)
    repeated = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
    torch.testing.assert_close(unit.enlarged(x), relu(norm(conv(repeated))), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("inputs", [3, 64])
def test_an_enlarged_unit_equals_one_on_repeated_pixels(ndim, inputs):
    unit = Unit(inputs, 4, ndim)
    one = torch.randn(2, inputs, *[4] * ndim, requires_grad=True)
    other = one.detach().clone().requires_grad_()
    repeated = nn.functional.interpolate(other, scale_factor=2, mode="nearest")
    torch.testing.assert_close(unit.enlarged(one), unit(repeated), rtol=1e-4, atol=1e-5)
    weight = torch.randn(1, 4, *[8] * ndim)
    (unit.enlarged(one) * weight).sum().backward()
    (unit(repeated) * weight).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("ndim", [2, 3])
def test_pooling_agrees_with_torch_and_unpooling_puts_the_maxima_back(ndim):
    x = torch.randn(2, 3, *[4] * ndim)
    values, where = pool(x)
    expected, indices = (nn.MaxPool2d if ndim == 2 else nn.MaxPool3d)(2, return_indices=True)(x)
    assert torch.equal(values, expected)
    assert torch.equal(Down(NetworkConfig(down="max"), 3, ndim)(x)[0], expected)
    back = (nn.MaxUnpool2d if ndim == 2 else nn.MaxUnpool3d)(2)(expected, indices)
    assert torch.equal(unpool(values, where), back)


def test_a_network_that_unpools_repeats_pixels_where_it_has_no_indices():
    net = build(NetworkConfig(down="max", up="unpool", levels=2), 1, 2).eval()
    encoded = net.encode(torch.randn(1, 1, 16, 16))
    assert len(encoded.indices) == 1
    with_indices, without = net.decode(encoded.z, encoded.indices), net.decode(encoded.z)
    assert with_indices.shape == without.shape
    assert not torch.allclose(with_indices, without)
