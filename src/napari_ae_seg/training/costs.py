"""What a training will cost, before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .. import devices
from ..config import NetworkConfig, TrainingConfig
from ..images.normalise import Normaliser
from ..images.sample import BUDGET, Block, normalised
from ..nets import Net, build
from .fit import Fit
from .material import GATHERED, Material
from .schedule import check_every

if TYPE_CHECKING:
    from ..images.stack import Stack

_STEPS = 4
"""Steps that are tried out; the fastest but the first counts."""
_UNKNOWN = 400 * 2**20
"""Bytes of a process that has loaded torch, where the system does not say."""
_GUESSED = 32
"""Latents assumed where they are chosen from the data."""


@dataclass(frozen=True)
class Estimate:
    """What a training will probably take."""

    seconds: float
    bytes: int
    """Main memory of the whole process at its peak."""
    device_bytes: int
    """Memory on the GPU, 0 if there is none."""
    device: str

    def __str__(self) -> str:
        gpu = f" and {self.device_bytes / 2**30:.1f} GiB on the GPU" if self.device_bytes else ""
        return f"about {self.seconds:.0f} s and {self.bytes / 2**30:.1f} GiB of memory{gpu}, on {self.device}"


def estimate(stack: Stack, training: TrainingConfig | None = None, network: NetworkConfig | None = None) -> Estimate:
    """Time and memory that training a network on `stack` takes, from a few steps on noise; no pixel is read."""
    training, network = training or TrainingConfig(), network or NetworkConfig()
    stack = stack.with_ndim(network.ndim) if network.ndim else stack
    network = network.but(ndim=stack.ndim, latents=network.latents or _GUESSED)
    before = _resident()
    fit = _tried(stack.channels, stack.ndim, training.but(steps=_STEPS, validation=0, max_minutes=0), network)
    device = fit.learner.device
    with _Kept() as kept:
        times = [step.seconds for step in fit]
    step = float(min(np.diff(times)))
    seen = math.prod(fit.learner.net.batch_shape(training.batch, training.patch))
    gathered = min(GATHERED, stack.voxels)
    passes = 0 if network.kind == "dense" else 1 if stack.voxels <= GATHERED and stack.voxels == _largest(stack) else 2
    checks = training.steps / check_every(training) if training.validation else 0
    forward = step / 3
    seconds = step * training.steps + forward * (checks + passes * gathered / seen)
    working = kept.bytes // (_STEPS) + 3 * 4 * sum(p.numel() for p in fit.learner.net.parameters())
    working = max(3 * working // 2, _passing(fit.learner.net, gathered) if passes else 0)
    sample = 2 * 4 * min(stack.voxels * stack.channels, BUDGET)
    on_gpu = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return Estimate(seconds, before + sample + (working if device.type == "cpu" else 0), on_gpu, device.type)


class _Kept:
    """Counts the bytes that the forward passes inside keep for their backward passes."""

    def __init__(self) -> None:
        self.bytes = 0
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._count, lambda tensor: tensor)

    def __enter__(self) -> _Kept:
        self._hooks.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._hooks.__exit__(*failure)

    def _count(self, tensor: torch.Tensor) -> torch.Tensor:
        self.bytes += tensor.nbytes
        return tensor


def _tried(channels: int, ndim: int, training: TrainingConfig, network: NetworkConfig) -> Fit:
    """A training on noise."""
    threads = devices.use_threads(training.threads)
    net = build(network, channels, ndim)
    side = net.batch_shape(1, training.patch)[1]
    data = np.random.default_rng(0).random((channels, *[side + side // 2] * ndim), dtype=np.float32)
    block = Block(0, 0, (0,) * ndim, data, np.ones(data.shape[1:], bool))
    normaliser = Normaliser.fit([block])
    material = Material(normalised([block], normaliser), normaliser, ndim, {})
    precision = devices.precision(training.precision, devices.resolve(training.device).device)
    return Fit(material, training, net, threads, precision)


def _passing(net: Net, pixels: int) -> int:
    """Bytes that one pass over `pixels` takes: the levels that are kept, and as much again on the way down and up."""
    kept = sum(c / s**net.ndim for c, s in zip(net.level_channels, net.level_strides, strict=True))
    return int(3 * 4 * kept * pixels)


def _largest(stack: Stack) -> int:
    return max(math.prod(image.shape[2:]) for image in stack.images)


def _resident() -> int:
    """Bytes that this process holds in memory now."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return _UNKNOWN
    pages = int(statm.read_text().split()[1])
    return pages * 4096
