"""What fitting and labelling will cost, before they start."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import torch

from napari_ae_seg.autoencoder.encode import BLOCK, TILE
from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.autoencoder.training import begun_from

from .fit import BUDGET
from .label import IN_MEMORY

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.nets import Net
    from napari_ae_seg.config import NetworkConfig
    from napari_ae_seg.images.stack import Stack

STARTING, FITTING, LABELLING = 3.0, 8.0, 8.0
"""Seconds to load libraries; fitting and labelling a pixel, in passes of it through the network."""
LAYERS = 8
"""Layers as wide as the first that are there while a tile passes the network, as measured."""
EACH = 0.06
"""Seconds that an image takes however small it is: reading, looking for drift, writing."""
PROCESS = 400 * 2**20
"""Bytes of the process with its libraries."""


def cost(stack: Stack, network: NetworkConfig, clusters: int) -> tuple[float, int]:
    """About how many seconds and bytes it takes to fit and label `stack`; no pixel is read.

    A tile is timed through the network; the other work is a multiple of that, as measured.
    """
    begun = begun_from(network, stack.ndim)
    net = begun.net if begun else build(network.but(latents=network.latents or 16), stack.channels, stack.ndim).eval()
    side = TILE[stack.ndim] // 2
    x = torch.zeros((1, net.channels, *[side] * stack.ndim)).to(memory_format=net.memory_format)
    with torch.inference_mode():
        net.encode(x)
        start = time.perf_counter()
        net.encode(x)
    voxel = (time.perf_counter() - start) / side**stack.ndim
    fitted = min(stack.voxels, BUDGET)
    count = sum(image.shape[0] for image in stack.images)
    seconds = STARTING + EACH * count + voxel * (FITTING * fitted + LABELLING * stack.voxels)
    block = min(stack.voxels, BLOCK[stack.ndim] ** stack.ndim)
    held = min(max(math.prod((i.shape[0], *i.shape[2:])) for i in stack.images), IN_MEMORY)
    kept = _kept(net, net.codes)
    size = PROCESS + 4 * held * (stack.channels + 3 + kept + 3 * clusters) + 4 * fitted * (stack.channels + _kept(net))
    size += max(4 * block * (stack.channels + 6 + 3 * clusters), _passing(net, stack))
    return seconds, int(size)


def _kept(net: Net, last: int = 0) -> float:
    """Numbers a voxel that the `last` levels of the network hold, or all."""
    levels = zip(net.level_channels, net.level_strides, strict=True)
    return float(sum(channels / stride**net.ndim for channels, stride in [*levels][-last:]))


def _passing(net: Net, stack: Stack) -> int:
    """Bytes that a tile takes on its way through the finest layers, several of which are there at a time."""
    side = (net.tile or TILE[net.ndim]) + 2 * net.halo
    tile = max(math.prod(min(side, s) for s in image.shape[2:]) for image in stack.images)
    return int(4 * LAYERS * tile * net.level_channels[0] / net.level_strides[0] ** net.ndim)
