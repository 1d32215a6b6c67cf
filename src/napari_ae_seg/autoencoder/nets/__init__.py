"""The networks: what turns an image into levels of features and a latent map, and that map back into an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .conv import ConvNet
from .dense import DenseNet
from .net import Encoded, Net, Output
from .unet import UNet

if TYPE_CHECKING:
    from napari_ae_seg.config import NetworkConfig

__all__ = ["KINDS", "Encoded", "Net", "Output", "build"]

KINDS: dict[str, type[Net]] = {"conv": ConvNet, "dense": DenseNet, "unet": UNet}
"""Every kind of network by the name that `NetworkConfig.kind` gives it."""


def build(config: NetworkConfig, channels: int, ndim: int, seed: int = 0) -> Net:
    """A network for images of `channels` channels and `ndim` axes, its first weights drawn from `seed`.

    >>> from napari_ae_seg.config import NetworkConfig
    >>> net = build(NetworkConfig(), channels=1, ndim=2)
    >>> net.stride, sum(weight.numel() for weight in net.parameters()) // 1000
    (8, 108)
    """
    if channels < 1:
        raise ValueError(f"an image has at least one channel, got {channels}")
    if ndim not in (2, 3):
        raise ValueError(f"networks are for 2 or 3 spatial axes, got {ndim}")
    if not config.latents:
        raise ValueError("latents=0 is chosen from the data, by nets.latents.choose_latents, before a network is built")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach the GPUs' generators, too
        return KINDS[config.kind](config, channels, ndim)
