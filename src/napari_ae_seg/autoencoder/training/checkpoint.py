"""A training that is interrupted, in a file: weights, optimiser, and where the drawing of patches has got to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_ae_seg.config import NetworkConfig, TrainingConfig
from napari_ae_seg.core import modelfile
from napari_ae_seg.core.errors import ModelFileError
from napari_ae_seg.images.normalize import Normalizer

if TYPE_CHECKING:
    import os

    from .fit import Fit


@dataclass(frozen=True)
class Saved:
    """What a checkpoint says."""

    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]
    network: NetworkConfig
    training: TrainingConfig
    normalizer: Normalizer

    def tensors(self, kind: str) -> dict[str, torch.Tensor]:
        """Those saved under `kind`, by name."""
        found = {name.removeprefix(f"{kind}/"): a for name, a in self.arrays.items() if name.startswith(f"{kind}/")}
        return {name: torch.tensor(array) for name, array in found.items()}


def write(path: str | os.PathLike[str], fit: Fit) -> None:
    """A checkpoint of `fit` at `path`."""
    scaling, numbers = fit.material.normalizer.state()
    meta = {
        "network": fit.learner.net.config.model_dump(mode="json"),
        "training": fit.training.model_dump(mode="json"),
        "normalizer": scaling,
        "fingerprint": fit.material.fingerprint(),
        "trained_on": fit.material.about["trained_on"],
        "threads": fit.threads,
        "precision": fit.learner.precision,
        "sampler": fit.sampler.state(),
        "optimizer": fit.learner.optimizer.count,
        "checks": fit.watch.losses,
        **{name: getattr(fit, name) for name in _PLAIN},
    }
    tensors = {f"net/{name}": tensor for name, tensor in fit.learner.net.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in fit.best.items()}
    tensors |= {f"optimizer/{number}": moment for number, moment in enumerate(fit.learner.optimizer.state)}
    arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    modelfile.write(path, {"checkpoint": meta}, {**arrays, **{f"normalizer/{name}": a for name, a in numbers.items()}})


def read(path: str | os.PathLike[str]) -> Saved:
    """The checkpoint at `path`; ModelFileError if it is none."""
    header, arrays = modelfile.read(path)
    if "checkpoint" not in header:
        raise ModelFileError(f"{path} is no checkpoint of a training, it holds: {', '.join(header) or 'nothing'}")
    meta = header["checkpoint"]
    try:
        scaling = {name.removeprefix("normalizer/"): a for name, a in arrays.items() if name.startswith("normalizer/")}
        normalizer = Normalizer.from_state(meta["normalizer"], scaling)
        return Saved(meta, arrays, NetworkConfig(**meta["network"]), TrainingConfig(**meta["training"]), normalizer)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} holds a checkpoint of another version of napari-ae-seg") from error


def restore(fit: Fit, saved: Saved) -> None:
    """Brings `fit`, new and on the same images, to where the checkpoint was written."""
    fit.learner.precision = saved.meta["precision"]
    fit.learner.net.load_state_dict(saved.tensors("net"))
    fit.best = saved.tensors("best")
    fit.sampler.restore(saved.meta["sampler"])
    fit.watch.losses = list(saved.meta["checks"])
    for name in _PLAIN:
        setattr(fit, name, saved.meta[name])
    optimizer = fit.learner.optimizer
    optimizer.count = saved.meta["optimizer"]
    for number, moment in saved.tensors("optimizer").items():
        optimizer.state[int(number)].copy_(moment)


_PLAIN = ("number", "seconds", "batch", "history", "losses", "stopped", "origin")
"""Attributes of a Fit that JSON holds as they are."""
