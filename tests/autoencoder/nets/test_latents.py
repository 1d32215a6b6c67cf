"""The number of latents, chosen from the image."""

import pytest
import torch

from napari_ae_seg.autoencoder.nets.latents import choose_latents
from napari_ae_seg.config import NetworkConfig


def patches_of(image, side=64):
    tiles = image.unfold(2, side, side).unfold(3, side, side)  # (1, C, rows, columns, side, side)
    return tiles.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)


def texture(period, angle, generator):
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    along = torch.cos(torch.tensor(angle)) * x + torch.sin(torch.tensor(angle)) * y
    other = torch.cos(torch.tensor(angle + 1.0)) * x + torch.sin(torch.tensor(angle + 1.0)) * y
    return (
        torch.sin(along * 6.28 / period)
        + 0.5 * torch.sin(other * 6.28 / (period * 1.7))
        + 0.1 * torch.randn(128, 128, generator=generator)
    )


@pytest.fixture(scope="module")
def mosaic():
    generator = torch.Generator().manual_seed(0)
    rows = [texture(4 + 3 * i, 0.6 * i, generator) for i in range(5)]
    return patches_of(torch.cat(rows, 1)[None, None])


def normal(x):
    return (x - x.mean()) / x.std().clamp_min(1e-6)


@pytest.mark.parametrize("noise", [0.0, 1.0], ids=["constant", "only noise"])
def test_a_flat_image_needs_fewer_than_five_textures(mosaic, noise):
    flat = noise * torch.randn(mosaic.shape, generator=torch.Generator().manual_seed(1))
    config = NetworkConfig(kind="conv", latents=0)
    few, _ = choose_latents(normal(flat), config)
    many, sentence = choose_latents(normal(mosaic), config)
    assert few < many
    assert sentence.startswith(f"{many} latents: the image varies in ")


def test_volumes_and_channels_count_too():
    generator = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.avg_pool3d(torch.randn(4, 1, 34, 34, 34, generator=generator), 3, 1)
    one = choose_latents(normal(smooth), NetworkConfig(kind="conv", latents=0))[0]
    twice = torch.cat([smooth, smooth.flip(0)], 1)
    assert choose_latents(normal(twice), NetworkConfig(kind="conv", latents=0))[0] >= one > 4


def test_there_are_at_least_as_many_as_stay_active():
    flat = torch.zeros(4, 1, 32, 32)
    assert choose_latents(flat, NetworkConfig(latents=0, sparsity="topk", active=24))[0] == 24
