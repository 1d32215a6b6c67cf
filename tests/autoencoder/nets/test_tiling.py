"""A tile with the network's halo gives exactly what the whole image gives there."""

import pytest
import torch

from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.autoencoder.nets.statistics import gather_statistics
from napari_ae_seg.config import NetworkConfig

NETS = [
    {"kind": "conv"},
    {"down": "max", "levels": 3},
    {"down": "strided", "levels": 2},
    {"down": "max", "up": "unpool", "levels": 3},
    {"sparsity": "topk", "levels": 2},
    {"kind": "dense", "window": 12, "latents": 8, "hidden": (10,)},
    {"kind": "dense", "window": 9, "latents": 8},
    {"kind": "unet", "widths": (4, 6), "latents": 5},
]


def ready(options, ndim, side):
    net = build(NetworkConfig(**options), 1, ndim)
    image = torch.randn(1, 1, *[side] * ndim, generator=torch.Generator().manual_seed(1))
    return gather_statistics(net, [image]), image


def region(start, stop, stride=1):
    return (..., *(slice(a // stride, b // stride) for a, b in zip(start, stop, strict=True)))


def outer(start, stop, halo, side):
    return [max(a - halo, 0) for a in start], [min(b + halo, side) for b in stop]


@torch.no_grad()
@pytest.mark.parametrize(("ndim", "side"), [(2, 192), (3, 40)])
@pytest.mark.parametrize("options", NETS, ids=str)
def test_every_level_of_a_tile_is_that_of_the_whole_image(options, ndim, side):
    if ndim == 3 and options.get("kind") != "dense":
        options = {**options, "levels": 2}
    if options.get("kind") == "unet":
        side = 96  # its halo is wider
    net, image = ready(options, ndim, side)
    whole = net.encode(image)
    for start, stop in (([side // 2 // 8 * 8] * ndim, [side // 2 // 8 * 8 + 8] * ndim), ([0] * ndim, [8] * ndim)):
        first, last = outer(start, stop, net.halo, side)
        assert any(a > 0 or b < side for a, b in zip(first, last, strict=True))
        tile = net.encode(image[region(first, last)])
        for stride, mine, theirs in zip(net.level_strides, tile.levels, whole.levels, strict=True):
            inner = region(
                [a - f for a, f in zip(start, first, strict=True)],
                [b - f for b, f in zip(stop, first, strict=True)],
                stride,
            )
            torch.testing.assert_close(mine[inner], theirs[region(start, stop, stride)], rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("options", NETS, ids=str)
def test_a_reconstruction_needs_the_latents_within_its_own_halo(options):
    net, image = ready(options, 2, 192)
    whole = net.decode(*(lambda e: (e.z, e.indices))(net.encode(image)))
    start, stop = [96, 80], [104, 96]
    first, last = outer(start, stop, net.halo + net.decode_halo, 192)
    encoded = net.encode(image[region(first, last)])
    tile = net.decode(encoded.z, encoded.indices)
    inner = region(
        [a - f for a, f in zip(start, first, strict=True)], [b - f for b, f in zip(stop, first, strict=True)]
    )
    torch.testing.assert_close(tile[inner], whole[region(start, stop)], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_smaller_halo_is_not_enough():
    net, image = ready({"kind": "conv"}, 2, 192)
    near = slice(96 - net.halo + net.align, 104 + net.halo - net.align)
    tile = net.encode(image[..., near, near]).z[..., net.halo // 8 - 1, net.halo // 8 - 1]
    assert (tile - net.encode(image).z[..., 12, 12]).abs().max() > 1e-4
