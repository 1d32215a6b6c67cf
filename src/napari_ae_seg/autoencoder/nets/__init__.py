"""The networks: what turns an image into levels of features and a latent map, and that map back into an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .conv import ConvNet
from .dense import DenseNet
from .net import Encoded, Net, Output
from .unet import UNet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from napari_ae_seg.config import NetworkConfig

__all__ = ["KINDS", "Encoded", "Net", "Output", "UNet", "build", "rebuilt"]

KINDS: dict[str, type[Net]] = {"conv": ConvNet, "dense": DenseNet, "unet": UNet}
"""Every kind of network by the name that `NetworkConfig.kind` gives it."""


def build(config: NetworkConfig, channels: int, ndim: int, seed: int = 0) -> Net:
    """A network for images of `channels` channels and `ndim` axes, its first weights drawn from `seed`.

    >>> from napari_ae_seg.config import NetworkConfig
    >>> net = build(NetworkConfig(kind="conv"), channels=1, ndim=2)
    >>> net.stride, sum(weight.numel() for weight in net.parameters()) // 1000
    (8, 108)
    """
    _check(config, channels, ndim)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach the GPUs' generators, too
        return KINDS[config.kind](config, channels, ndim)


def rebuilt(config: NetworkConfig, channels: int, ndim: int, weights: Mapping[str, Tensor]) -> Net:
    """The network of these `weights`, by name; ValueError if they are those of another one.

    It takes no memory before they are known to fit: what a stranger's file claims may be of any size.
    """
    _check(config, channels, ndim)
    if len(config.hidden) >= len(weights):
        raise ValueError(f"{len(weights)} weights are too few for {len(config.hidden)} hidden layers")
    with torch.device("meta"):
        net = KINDS[config.kind](config, channels, ndim)
    wanted = net.state_dict()
    for name in sorted({*wanted, *weights}):
        if name not in wanted or name not in weights or wanted[name].shape != weights[name].shape:
            sizes = [tuple(one[name].shape) if name in one else "nothing" for one in (weights, wanted)]
            raise ValueError(f"the weights {name} are {sizes[0]}, a network of these settings has {sizes[1]}")
        if name.endswith("running_var") and weights[name].min() < 0:
            raise ValueError(f"the variances {name} are below 0")
    net.load_state_dict({name: weights[name].to(like.dtype) for name, like in wanted.items()}, assign=True)
    return net


def _check(config: NetworkConfig, channels: int, ndim: int) -> None:
    if channels < 1:
        raise ValueError(f"an image has at least one channel, got {channels}")
    if ndim not in (2, 3):
        raise ValueError(f"networks are for 2 or 3 spatial axes, got {ndim}")
    if config.kind not in KINDS:
        raise ValueError(f"a network of kind {config.kind!r} is not built anew: {', '.join(KINDS)} are")
    if not config.latents:
        raise ValueError("latents=0 is chosen from the data, by nets.latents.choose_latents, before a network is built")
