"""What a training will cost, before it starts."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_ae_seg.autoencoder.nets import KINDS, Net, build
from napari_ae_seg.config import MOST_LATENTS, NetworkConfig, TrainingConfig
from napari_ae_seg.core import devices
from napari_ae_seg.images.normalize import Normalizer
from napari_ae_seg.images.sample import BUDGET, Block, normalized
from napari_ae_seg.images.stack import Images, as_stack

from .finish import JUDGED
from .fit import Fit
from .material import GATHERED, Material
from .schedule import check_every, steps_of, usual
from .start import begun_from

if TYPE_CHECKING:
    from napari_ae_seg.images.stack import Stack

_STEPS = 5
"""Steps that are tried out; all but the first count."""
_SAMPLING = 1e-7
"""Seconds to read, normalise and look at one value of the sample."""
_EXTRA = 100 * 2**20
"""Bytes that libraries take when first used, and that lie idle between allocations."""
_UNKNOWN = 400 * 2**20
"""Bytes of a process that has loaded torch, where the system does not say."""


@dataclass(frozen=True)
class Estimate:
    """What a training will probably take; printed, it is a sentence.

    Parameters
    ----------
    seconds : float
        Time.
    bytes : int
        Main memory of the whole process at its peak.
    device_bytes : int
        Memory on the GPU, 0 if there is none.
    device : str
        Where it is trained.

    Examples
    --------
    >>> print(Estimate(12.3, 2**30, 0, "cpu"))
    about 12 s and 1.0 GiB of memory, on cpu
    """

    seconds: float
    bytes: int
    device_bytes: int
    device: str

    def __str__(self) -> str:
        gpu = f" and {self.device_bytes / 2**30:.1f} GiB on the GPU" if self.device_bytes else ""
        return f"about {self.seconds:.0f} s and {self.bytes / 2**30:.1f} GiB of memory{gpu}, on {self.device}"


def estimate(images: Images, training: TrainingConfig | None = None, network: NetworkConfig | None = None) -> Estimate:
    """Time and memory that training a network on images takes, from a few steps on noise; no pixel is read.

    Parameters
    ----------
    images : Stack, array, path, layer, or list of them
        What is to be learnt from.
    training : TrainingConfig, optional
        How it is to be learnt.
    network : NetworkConfig, optional
        The shape of the network.

    Returns
    -------
    Estimate
        Seconds and bytes.

    Raises
    ------
    TypeError
        If a configuration stands in the place of another.

    Examples
    --------
    >>> import napari_ae_seg as ae
    >>> ae.estimate(np.eye(32), ae.TrainingConfig(steps=10), ae.NetworkConfig(levels=2)).seconds > 0
    True
    """
    training, network, stack = TrainingConfig.of(training), NetworkConfig.of(network), as_stack(images)
    stack = stack.with_ndim(network.ndim) if network.ndim else stack
    network = network.but(ndim=stack.ndim, latents=network.latents or MOST_LATENTS)
    before = _resident()
    brief = training.but(steps=_STEPS, epochs=0, validation=0, max_minutes=0)
    fit = _tried(stack.channels, stack.ndim, brief, network)
    training = training.but(steps=steps_of(training, fit.learner.net, min(stack.voxels, BUDGET // stack.channels)))
    with _Kept() as kept:
        times = [step.seconds for step in fit]
    values = min(stack.voxels * stack.channels, BUDGET)
    checks = training.steps / check_every(training) if training.validation else 0
    passes, pixels = _gathering(stack, network)
    seen = math.prod(fit.learner.net.batch_shape(JUDGED, training.patch)) + passes * pixels
    step, pixel = float(np.median(np.diff(times))), _seconds_per_pixel(fit)
    seconds = step * (training.steps + checks / 3) + pixel * seen + _SAMPLING * values
    weights = sum(weight.numel() for weight in fit.learner.net.parameters())
    working = max(kept.bytes // _STEPS * 3 // 2 + 4 * 4 * weights, _passing(fit.learner.net, pixels))
    device = fit.learner.device
    if device.type == "cuda":
        own, on_gpu = 0, torch.cuda.max_memory_allocated(device)
    else:
        own, on_gpu = working, 0
    # Four copies of the sample while it is normalised, two while it is learnt from.
    sample = 4 * max(4 * values, 2 * values + own // 4)
    return Estimate(seconds, before + _EXTRA + sample, on_gpu, device.type)


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
    begun = begun_from(network, ndim)
    net = build(network, channels, ndim) if begun is None else begun.net
    channels = channels if begun is None else begun.net.channels
    side = net.batch_shape(1, training.patch)[1]
    data = np.random.default_rng(0).random((channels, *[side + side // 2] * ndim), dtype=np.float32)
    block = Block(0, 0, (0,) * ndim, data, np.ones(data.shape[1:], bool))
    normalizer = Normalizer.fit([block])
    material = Material(normalized([block], normalizer), normalizer, ndim, {})
    of_shipped = begun is not None and net.settles
    fit = Fit(material, usual(training, of_shipped), net, threads)
    if of_shipped and training.stay:
        fit.learner.follow(copy.deepcopy(net))
    return fit


def _gathering(stack: Stack, network: NetworkConfig) -> tuple[int, int]:
    """How often statistics are gathered, and from how many pixels: images of several sizes take a pass per layer."""
    if network.kind == "shipped" or not KINDS[network.kind].has_statistics:
        return 0, 0
    pixels = min(stack.voxels, GATHERED[stack.ndim])
    alike = len({image.shape[2:] for image in stack.images}) == 1
    return (1 if alike or pixels < stack.voxels else 2 * network.levels), pixels


@torch.inference_mode()
def _seconds_per_pixel(fit: Fit) -> float:
    """Time of a pass through the network, in 32 bits as when it is used."""
    net = fit.learner.net.eval()
    x = torch.zeros((1, net.channels, *net.batch_shape(1, fit.training.patch)[1:]), device=fit.learner.device)
    net(x)
    start = time.perf_counter()
    float(net(x).reconstruction.sum())
    return (time.perf_counter() - start) / x[0, 0].numel()


def _passing(net: Net, pixels: int) -> int:
    """Bytes that one pass over `pixels` takes: the levels that are kept, and as much again on the way down and up."""
    kept = sum(c / s**net.ndim for c, s in zip(net.level_channels, net.level_strides, strict=True))
    return int(3 * 4 * kept * pixels)


def _resident() -> int:
    """Bytes that this process holds in memory now."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return _UNKNOWN
    pages = int(statm.read_text().split()[1])
    return pages * 4096
