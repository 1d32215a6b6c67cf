"""What the Train dock does in the background: train step by step, finish, estimate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari_ae_seg.core.progress import Progress
from napari_ae_seg.gui.parts.models import load

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.autoencoder.training import Fit
    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Plan

GLANCES = 40
"""Looks at the reconstruction over a whole training."""


@dataclass(frozen=True)
class Forecast:
    """What the machine says about a plan: the device and why, the devices there are, and what training will cost."""

    device: str
    reason: str
    devices: tuple[str, ...]
    words: str


@dataclass(frozen=True)
class Left:
    """A training, or what came of it, when its dock was closed."""

    plan: Plan
    fit: Fit | None
    model: Autoencoder | None
    saved: Path | None
    steps: list[tuple[int, float, float | None]]
    """Number, loss and check of every step so far."""


def begin(plan: Plan, report: Reporter) -> Fit:
    """Start a training; it is sent as soon as it stands, so that it can be paused."""
    report(Progress("loading", 0, 0))
    from napari_ae_seg.autoencoder.training import Fit

    if plan.start is None:
        fit = Fit.on(plan.stack, plan.training, plan.network, report=report)
    else:
        model, _ = load(plan.start)
        fit = Fit.on(plan.stack, plan.training, model=model, report=report)
    report.send(fit)
    return go_on(fit, report)


def go_on(fit: Fit, report: Reporter) -> Fit:
    """Train until the end or until somebody stops; every step is sent, now and then a glance."""
    from napari_ae_seg.autoencoder.training.glance import glance

    every = max(1, fit.training.steps // GLANCES)
    with _TURNS.setdefault(fit, Lock()):  # a dock that was closed may be in the middle of its last step
        for step in fit:
            report.send(step)
            if step.number % every == 0 or fit.finished:
                report.send(glance(fit))
            report(Progress("training", step.number, step.steps, left(step.eta)))
    return fit


def finish(fit: Fit, report: Reporter) -> tuple[Autoencoder, str]:
    """The best that was learnt, ready for use, and what there is to say of it."""
    report(Progress("finishing", 0, 0))
    from napari_ae_seg.autoencoder.training import collapsed

    model = fit.model
    return model, collapsed(model)


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


_TURNS: WeakKeyDictionary[Fit, Lock] = WeakKeyDictionary()
"""Who trains a fit at present: one at a time."""
