"""What a network costs: the arithmetic that throughput is measured against."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.nets import Net


def flops(net: Net, shape: tuple[int, ...], training: bool = False) -> int:
    """Multiplications and additions of one pass over images of `shape` (B, C, *space): encoder and decoder,
    backwards too if `training`. Convolutions and matrix products only, counted as they are executed.

    >>> from napari_ae_seg.config import NetworkConfig
    >>> from napari_ae_seg.autoencoder.nets import build
    >>> flops(build(NetworkConfig(kind="conv"), 1, 2), (1, 1, 64, 64)) // 10**6
    45
    """
    net = copy.deepcopy(net).to("meta").train(training)  # there, nothing is computed
    x = torch.zeros(shape, device="meta")
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(training):
        reconstruction = net(x).reconstruction
        if training:
            torch.autograd.grad(reconstruction.sum(), list(net.parameters()), allow_unused=True)
    return int(counter.get_total_flops())
