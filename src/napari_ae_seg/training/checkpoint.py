"""A training that is interrupted, in a file: weights, optimiser, and where the drawing of patches has got to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .. import files
from ..config import NetworkConfig, TrainingConfig
from ..errors import ModelFileError
from ..images.normalise import Normaliser

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
    normaliser: Normaliser

    def tensors(self, kind: str) -> dict[str, torch.Tensor]:
        """Those saved under `kind`, by name."""
        found = {name.removeprefix(f"{kind}/"): a for name, a in self.arrays.items() if name.startswith(f"{kind}/")}
        return {name: torch.tensor(array) for name, array in found.items()}


def write(path: str | os.PathLike[str], fit: Fit) -> None:
    """A checkpoint of `fit` at `path`."""
    scaling, numbers = fit.material.normaliser.state()
    meta = {
        "network": fit.learner.net.config.model_dump(mode="json"),
        "training": fit.training.model_dump(mode="json"),
        "normaliser": scaling,
        "fingerprint": fit.material.fingerprint(),
        "trained_on": fit.material.about["trained_on"],
        "threads": fit.threads,
        "precision": fit.learner.precision,
        "sampler": fit.sampler.state(),
        "checks": fit.watch.losses,
        **{name: getattr(fit, name) for name in _PLAIN},
    }
    optimizer = fit.learner.optimizer.state_dict()["state"]
    tensors = {f"net/{name}": tensor for name, tensor in fit.learner.net.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in fit.best.items()}
    tensors |= {f"optimizer/{i}/{name}": tensor for i, one in optimizer.items() for name, tensor in one.items()}
    arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    files.write(path, {"checkpoint": meta}, {**arrays, **{f"normaliser/{name}": a for name, a in numbers.items()}})


def read(path: str | os.PathLike[str]) -> Saved:
    """The checkpoint at `path`; ModelFileError if it is none."""
    header, arrays = files.read(path)
    if "checkpoint" not in header:
        raise ModelFileError(f"{path} is no checkpoint of a training, it holds: {', '.join(header) or 'nothing'}")
    meta = header["checkpoint"]
    try:
        scaling = {name.removeprefix("normaliser/"): a for name, a in arrays.items() if name.startswith("normaliser/")}
        normaliser = Normaliser.from_state(meta["normaliser"], scaling)
        return Saved(meta, arrays, NetworkConfig(**meta["network"]), TrainingConfig(**meta["training"]), normaliser)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} holds a checkpoint of another version of napari-ae-seg") from error


def restore(fit: Fit, saved: Saved) -> None:
    """Brings `fit`, new and on the same images, to where the checkpoint was written."""
    fit.learner.net.load_state_dict(saved.tensors("net"))
    fit.best = saved.tensors("best")
    fit.sampler.restore(saved.meta["sampler"])
    fit.watch.losses = list(saved.meta["checks"])
    for name in _PLAIN:
        setattr(fit, name, saved.meta[name])
    _restore_optimizer(fit.learner.optimizer, saved.tensors("optimizer"))


_PLAIN = ("number", "seconds", "batch", "history", "losses", "stopped", "origin")
"""Attributes of a Fit that JSON holds as they are."""


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split("/")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    # Fused optimisers take weights and moments to lie in memory in the same order, which a file does not keep.
    for weight, moments in optimizer.state.items():
        for key, moment in moments.items():
            if moment.shape == weight.shape:
                moments[key] = torch.empty_like(weight).copy_(moment).detach()
