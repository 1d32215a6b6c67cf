"""Statistics that are gathered once and frozen."""

import copy

import pytest
import torch

from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.autoencoder.nets.statistics import gather_statistics
from napari_ae_seg.config import NetworkConfig


def unlike_images():
    generator = torch.Generator().manual_seed(0)
    across = torch.arange(16.0)
    return [
        torch.sin(across).expand(1, 1, 16, 16) + 2,
        0.3 * torch.randn(1, 1, 16, 16, generator=generator) - 1,
        torch.zeros(1, 1, 16, 16),
    ]


@torch.no_grad()
def test_a_frozen_network_standardizes_what_it_was_frozen_on():
    net = build(NetworkConfig(levels=2), 1, 2)
    images = unlike_images()
    gather_statistics(net, images)
    assert not net.training
    inputs = []
    last = net.encoder[1][1][1]
    last.register_forward_hook(lambda layer, args, out: inputs.append(out.clone()))
    net(torch.cat(images))
    standard = inputs[0].transpose(0, 1).flatten(1)
    torch.testing.assert_close(standard.mean(1), torch.zeros(16), rtol=0, atol=1e-4)
    torch.testing.assert_close(standard.var(1, correction=0), torch.ones(16), rtol=0, atol=1e-2)


@torch.no_grad()
def test_images_of_several_sizes_count_by_their_pixels_at_every_layer():
    together = build(NetworkConfig(levels=2), 1, 2)
    apart = copy.deepcopy(together)
    images = unlike_images()
    gather_statistics(together, [torch.cat(images)])
    # the same pixels in a different layout: one image at a time, of another size, gives nearly the same statistics
    doubled = torch.cat([torch.cat([image, image], 3) for image in images[:2]])
    gather_statistics(apart, [doubled, torch.cat([images[2], images[2]])])
    x = images[0]
    difference = (together.encode(x).z - apart.encode(x).z).square().mean()
    assert difference < 0.05 * together.encode(x).z.var()


@torch.no_grad()
def test_batches_of_one_size_are_one_batch():
    one, several = (build(NetworkConfig(levels=3, sparsity="l1"), 1, 2) for _ in range(2))
    images = unlike_images()
    gather_statistics(one, [torch.cat(images)])
    gather_statistics(several, images)
    assert all(torch.equal(a, b) for a, b in zip(one.buffers(), several.buffers(), strict=True))


@torch.no_grad()
def test_a_layer_at_a_time_equals_all_at_once():
    from napari_ae_seg.autoencoder.nets.statistics import _gather, _in_order

    one, other = (build(NetworkConfig(levels=3), 1, 2).eval() for _ in range(2))
    images = unlike_images()
    gather_statistics(one, images)
    for norm in _in_order(other, images[0]):
        _gather(other, [norm], images, ahead=True)
    for a, b in zip(one.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_nothing_to_gather_from_is_an_error():
    with pytest.raises(ValueError, match="at least one batch"):
        gather_statistics(build(NetworkConfig(kind="conv"), 1, 2), [])
