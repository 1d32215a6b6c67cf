"""A training that is interrupted, in a file: weights, optimiser, and where the drawing of patches has got to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from torch import Tensor

from napari_ae_seg.autoencoder.nets import rebuilt
from napari_ae_seg.config import NetworkConfig, TrainingConfig
from napari_ae_seg.core import modelfile
from napari_ae_seg.core.state import stored
from napari_ae_seg.images.normalize import Normalizer

from .optimizers import OPTIMIZERS

if TYPE_CHECKING:
    import os

    from .fit import Fit

Weights = dict[str, Annotated[Tensor, "any *"]]
History = list[dict[str, float | None]]


@stored("checkpoint")
@dataclass(frozen=True)
class Saved:
    """What a checkpoint says."""

    network: NetworkConfig
    training: TrainingConfig
    normalizer: Normalizer
    fingerprint: str
    trained_on: list[str]
    threads: Annotated[int, (1, 1024)]
    precision: str
    weights: Weights
    best: Weights
    """Those that did best so far; none before the first check."""
    taught: Weights
    """Those of the network whose latents it stays close to; none where it learns alone."""
    moments: tuple[Annotated[Tensor, "float32 weights"], ...]
    moved: Annotated[int, (0, 2**40)]
    """How often the optimiser has moved the weights."""
    sampler: dict[str, Any]
    checks: list[float]
    number: int
    seconds: Annotated[float, (0, 1e12)]
    batch: Annotated[int, (1, 4096)]
    history: History
    losses: list[float]
    stopped: str
    latents: str
    """How the number of latents was chosen."""
    earlier: History
    runs: list[dict[str, Any]]
    """History and runs of the model that is trained further."""

    def check(self) -> None:
        """ValueError unless training can go on from it."""
        if self.precision not in ("fp32", "mixed"):
            raise ValueError(f"there is no precision {self.precision!r}")
        if not 0 <= self.number <= self.training.steps or len(self.losses) > self.number:
            raise ValueError(f"step {self.number} of {self.training.steps} has {len(self.losses)} losses")
        for weights in filter(None, (self.best, self.taught, self.weights)):
            net = rebuilt(self.network, self.normalizer.outputs, self.network.ndim, weights)
        count = sum(weight.numel() for weight in net.parameters())
        if [len(moment) for moment in self.moments] != [count] * OPTIMIZERS[self.training.optimizer].moments:
            raise ValueError(f"the optimiser of {count} weights is another")
        if any(float(moment.min()) < 0 for moment in self.moments[1:]):
            raise ValueError("the optimiser holds squares below 0")
        generator: Any = np.random.PCG64()
        generator.state = self.sampler


def write(path: str | os.PathLike[str], fit: Fit) -> None:
    """A checkpoint of `fit` at `path`."""
    learner, origin = fit.learner, fit.origin
    saved = Saved(
        network=learner.net.config,
        training=fit.training,
        normalizer=fit.material.normalizer,
        fingerprint=fit.material.fingerprint(),
        trained_on=fit.material.about["trained_on"],
        threads=fit.threads,
        precision=learner.precision,
        weights=learner.net.state_dict(),
        best=fit.best,
        taught={} if learner.teacher is None else learner.teacher.state_dict(),
        moments=tuple(learner.optimizer.state),
        moved=learner.optimizer.count,
        sampler=fit.sampler.state(),
        checks=fit.watch.losses,
        latents=origin["latents"],
        earlier=origin["history"],
        runs=origin["runs"],
        **{name: getattr(fit, name) for name in _PLAIN},
    )
    modelfile.save(path, saved)


def read(path: str | os.PathLike[str]) -> Saved:
    """The checkpoint at `path`; ModelFileError if it is none."""
    return modelfile.load(path, Saved, "only what Fit.save wrote can be gone on with")


def restore(fit: Fit, saved: Saved) -> None:
    """Brings `fit`, new and on the same images, to where the checkpoint was written."""
    fit.learner.precision = saved.precision
    fit.learner.net.load_state_dict(saved.weights)
    if saved.taught:
        fit.learner.follow(rebuilt(saved.network, fit.learner.net.channels, fit.learner.net.ndim, saved.taught))
    fit.best = saved.best
    fit.sampler.restore(saved.sampler)
    fit.watch.losses = saved.checks
    fit.origin = {"latents": saved.latents, "history": saved.earlier, "runs": saved.runs}
    for name in _PLAIN:
        setattr(fit, name, getattr(saved, name))
    optimizer = fit.learner.optimizer
    optimizer.count = saved.moved
    for own, moment in zip(optimizer.state, saved.moments, strict=True):
        own.copy_(moment)


_PLAIN = ("number", "seconds", "batch", "history", "losses", "stopped")
"""Attributes of a Fit that a checkpoint holds as they are."""
