"""What the Train dock does in the background: train step by step, glance at a patch, finish, estimate."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.core.progress import Progress
from napari_ae_seg.gui.parts.models import Model
from napari_ae_seg.gui.segment import work

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.training import Fit
    from napari_ae_seg.config import NetworkConfig, TrainingConfig
    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.sources import Images
    from napari_ae_seg.images.stack import Stack

GLANCES = 40
"""Looks at the reconstruction over a whole training."""


@dataclass(frozen=True)
class Plan:
    """What to train, on what, from which model on if from any."""

    images: Images
    stack: Stack
    training: TrainingConfig
    network: NetworkConfig
    start: Model | None = None


@dataclass(frozen=True)
class Glance:
    """A patch (channels, y, x) within 0 to 1, and its reconstruction."""

    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True)
class Forecast:
    """What the machine says about a plan: the device and why, the devices there are, and what training will cost."""

    device: str
    reason: str
    devices: tuple[str, ...]
    words: str


def begin(plan: Plan, report: Reporter) -> Fit:
    """Start a training; it is sent as soon as it stands, so that it can be paused."""
    report(Progress("loading", 0, 0))
    from napari_ae_seg.autoencoder.training import Fit

    if plan.start is None:
        fit = Fit.on(plan.stack, plan.training, plan.network, report=report)
    else:
        model, _ = work.load(plan.start)
        fit = Fit.on(plan.stack, plan.training, model=model, report=report)
    report.send(fit)
    return go_on(fit, report)


def go_on(fit: Fit, report: Reporter) -> Fit:
    """Train until the end or until somebody stops; every step is sent, now and then a glance."""
    every = max(1, fit.training.steps // GLANCES)
    for step in fit:
        report.send(step)
        if step.number % every == 0 or fit.finished:
            report.send(glance(fit))
        report(Progress("training", step.number, step.steps, left(step.eta)))
    return fit


def finish(fit: Fit, report: Reporter) -> Any:
    """The best that was learnt, ready for use."""
    report(Progress("finishing", 0, 0))
    return fit.model


def forecast(plan: Plan | None, device: str, report: Reporter) -> Forecast:
    """The device and why, and what `plan` will cost."""
    report.check()
    from napari_ae_seg.core import devices

    found = devices.resolve(device)
    name, reason = str(found.device), found.reason
    there = ["auto", *(one.name for one in devices.listing() if one.usable)]
    if plan is None:
        return Forecast(name, reason, tuple(there), "")
    from napari_ae_seg.autoencoder.training import estimate

    report.check()
    cost = estimate(plan.stack, plan.training, plan.network)
    return Forecast(name, reason, tuple(there), f"About {duration(cost.seconds)} and {memory(cost.bytes)} of memory.")


def glance(fit: Fit) -> Glance:
    """A patch with much to see, and what the network makes of it; the training is left as it is."""
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    net = copy.deepcopy(fit.learner.net).eval()
    for module in net.modules():
        if isinstance(module, _BatchNorm):
            module.train()  # until training ends their statistics are those of the batch
    patch = _patch(fit.material.blocks[0].data, net.batch_shape(1, fit.training.patch)[1:])
    with torch.no_grad():
        seen = torch.from_numpy(patch)[None].to(fit.learner.device)
        drawn = net(seen).reconstruction[0].float().cpu().numpy()
    if fit.training.loss == "bce":
        patch = patch * fit.material.normalizer.deviation + _column(fit.material.normalizer.mean, patch.ndim)
        drawn = 1 / (1 + np.exp(-drawn))
    low, high = np.percentile(patch, (0.5, 99.5))
    before, after = ((_plane(x) - low) / max(high - low, 1e-6) for x in (patch, drawn))
    return Glance(before.clip(0, 1), after.clip(0, 1))


def left(seconds: float) -> str:
    """Time left, in words."""
    return f"{duration(seconds)} left" if seconds >= 1 else "almost done"


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(4.2), duration(75), duration(5400)
    ('4 s', '1 min 15 s', '1 h 30 min')
    """
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def memory(count: float) -> str:
    """Bytes as a person says them.

    >>> memory(3e8), memory(2.5e9)
    ('300 MB', '2.5 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 1):.0f} MB"


def _patch(data: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Of some places spread over `data` (channels, *space), the patch that varies most."""
    size = [min(side, have) for side, have in zip(shape, data.shape[1:], strict=True)]
    found = []
    for part in np.linspace(0.1, 0.9, 5):
        for other in np.linspace(0.1, 0.9, 5):
            shares = [0.5] * (len(size) - 2) + [part, other]
            start = [int((have - s) * share) for have, s, share in zip(data.shape[1:], size, shares, strict=True)]
            found.append(data[(slice(None), *(slice(a, a + s) for a, s in zip(start, size, strict=True)))])
    best = max(found, key=lambda patch: float(patch.std()))
    padding = [(0, 0), *((0, want - have) for want, have in zip(shape, best.shape[1:], strict=True))]
    return np.ascontiguousarray(np.pad(best, padding, mode="edge"), np.float32)


def _plane(patch: np.ndarray) -> np.ndarray:
    """(channels, y, x) of (channels, *space): the middle of a volume."""
    return patch[:, patch.shape[1] // 2] if patch.ndim == 4 else patch


def _column(values: np.ndarray, ndim: int) -> np.ndarray:
    return np.asarray(values).reshape(-1, *[1] * (ndim - 1))
