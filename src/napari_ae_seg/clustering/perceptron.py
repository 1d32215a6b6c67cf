"""A small perceptron: what a few painted places teach at once, and what answers for a million others in a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.core.state import stored

HIDDEN = 32
DECAY = 30.0
"""Pull of the weights towards zero, per place that is learnt from: few strokes say little about many features."""
FEW = 200
"""Places below which the pull grows no further."""
ROUNDS = 100

_CHUNK = 1 << 16
_DEAD = 1e-6


@stored("perceptron")
@dataclass(frozen=True)
class Perceptron:
    """Standardized features through one hidden layer to a probability of each class."""

    mean: Annotated[np.ndarray, "float32 F"]
    scale: Annotated[np.ndarray, "float32 F"]
    """1 / deviation, 0 for a feature that never varies"""
    inner: Annotated[np.ndarray, "float32 H G"]
    """(hidden, F + 1), the last column is added"""
    outer: Annotated[np.ndarray, "float32 K I"]
    """(K, hidden + 1)"""

    @property
    def features(self) -> int:
        """How many features it knows."""
        return len(self.mean)

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return len(self.outer)

    def check(self) -> None:
        """ValueError unless its layers fit together."""
        if self.inner.shape[1] != self.features + 1 or self.outer.shape[1] != len(self.inner) + 1:
            raise ValueError("the layers of a perceptron do not fit together")

    def scores(self, x: Tensor) -> Tensor:
        """Log probabilities (K, n) at features (F, n)."""
        inner, outer = (torch.from_numpy(part).to(x) for part in (self.inner, self.outer))
        scale, mean = (torch.from_numpy(part).to(x) for part in (self.scale, self.mean))
        first = inner[:, :-1] * scale  # standardizing is part of the first layer
        shift = (inner[:, -1] - first @ mean)[:, None]
        out = x.new_empty((len(outer), x.shape[1]))
        for start in range(0, x.shape[1], _CHUNK):
            part = x[:, start : start + _CHUNK]
            hidden = torch.addmm(shift, first, part).clamp_min_(0)
            out[:, start : start + _CHUNK] = torch.addmm(outer[:, -1:], outer[:, :-1], hidden)
        return out.log_softmax(0)


def fit_perceptron(x: np.ndarray, classes: np.ndarray, weights: np.ndarray | None = None, seed: int = 0) -> Perceptron:
    """A perceptron that tells apart the `classes` (n,) of 0..K-1, each present, of the places `x` (n, F).

    >>> learnt = fit_perceptron(np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]]), np.array([0, 0, 0, 1, 1, 1]))
    >>> learnt.scores(torch.tensor([[0.1, 5.1]])).argmax(0)
    tensor([0, 1])
    """
    from scipy.optimize import minimize

    mean, deviation = x.mean(0), x.std(0)
    scale = np.where(deviation > _DEAD, 1 / np.maximum(deviation, _DEAD), 0.0)
    places = torch.from_numpy(((x - mean) * scale).astype(np.float32))
    target = torch.from_numpy(np.asarray(classes, np.int64))
    share = torch.ones(len(x)) if weights is None else torch.from_numpy(np.asarray(weights, np.float32))
    share = share / share.sum()
    k, n, features = int(target.max()) + 1, *places.shape
    shapes = [(HIDDEN, features + 1), (k, HIDDEN + 1)]
    sizes = [a * b for a, b in shapes]
    rng = np.random.default_rng(seed)
    start = [rng.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape)) for shape in shapes]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        at = torch.from_numpy(flat.astype(np.float32)).requires_grad_()
        inner, outer = (part.reshape(shape) for part, shape in zip(at.split(sizes), shapes, strict=True))
        hidden = (places @ inner[:, :-1].T + inner[:, -1]).clamp_min(0)
        wrong = torch.nn.functional.cross_entropy(hidden @ outer[:, :-1].T + outer[:, -1], target, reduction="none")
        pull = inner[:, :-1].square().sum() + outer[:, :-1].square().sum()
        total = (wrong * share).sum() + DECAY / (2 * max(n, FEW)) * pull
        total.backward()
        assert at.grad is not None
        return float(total.detach()), at.grad.double().numpy()

    found = minimize(
        loss, np.concatenate([part.ravel() for part in start]), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS}
    )
    inner, outer = (
        part.reshape(shape).astype(np.float32) for part, shape in zip(np.split(found.x, sizes[:1]), shapes, strict=True)
    )
    return Perceptron(mean.astype(np.float32), scale.astype(np.float32), inner, outer)
