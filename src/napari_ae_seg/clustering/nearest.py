"""What is near a painted stroke: Gaussians about every stroke, of the one shape that places have within their segments.

Few strokes say little about which features matter. The image says more: directions in which places of one segment vary
tell little, and distances are measured in units of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.core.state import stored

from .kmeans import kmeans
from .mixture import roots_of
from .tied import ROUND

SOFT = 2.0
"""What squared distances are divided by: pixels of a stroke are neighbors, and look surer than they are."""
MOST = 20
"""Strokes of one class that are told apart; more are grouped."""

_CHUNK = 1 << 16
_LEAST = 1e-6


@stored("nearest")
@dataclass(frozen=True)
class Nearest:
    """Means of strokes, and the class of each."""

    root: Annotated[np.ndarray, "float32 F F"]
    """x @ root is white within segments"""
    means: Annotated[np.ndarray, "float32 S F"]
    """(S, F), white"""
    classes: Annotated[np.ndarray, "int64 S"]
    """(S,) of 0..K-1, each present"""

    @property
    def count(self) -> int:
        """How many classes it tells apart."""
        return int(self.classes.max()) + 1

    def check(self) -> None:
        """ValueError unless every class has a mean, and the shape is one of these means."""
        if self.means.shape != (len(self.classes), len(self.root)):
            raise ValueError("the strokes and their means disagree")
        there = np.unique(self.classes)
        if not len(there) or there.tolist() != list(range(len(there))):
            raise ValueError("every class that strokes teach has a mean")

    def scores(self, x: Tensor) -> Tensor:
        """Log probabilities (K, n) at features (F, n)."""
        root, means = (torch.from_numpy(part).to(x) for part in (self.root, self.means))
        shares = np.bincount(self.classes)
        out = x.new_empty((self.count, x.shape[1]))
        for start in range(0, x.shape[1], _CHUNK):
            part = slice(start, start + _CHUNK)
            near = torch.cdist(x[:, part].T @ root, means).square_().T / (-2 * SOFT)
            for one, share in enumerate(shares):
                out[one, part] = near[torch.from_numpy(self.classes == one)].logsumexp(0) - math.log(share)
        return out.log_softmax(0)


def fit_nearest(
    x: np.ndarray, classes: np.ndarray, strokes: np.ndarray, places: np.ndarray, segments: np.ndarray
) -> Nearest:
    """What is near the painted `x` (n, F), of `classes` (n,) from 0, each present, and of `strokes` (n,) numbered.

    Shapes are those of `places` (m, F) within their `segments` (m,).

    >>> painted, classes = np.array([[0.0, 0], [9, 1], [0, 1]]), np.array([0, 0, 1])
    >>> places, segments = np.array([[0.0, 0], [9, 0], [0, 1], [9, 1]]), np.array([0, 0, 1, 1])
    >>> near = fit_nearest(painted, classes, np.array([1, 2, 3]), places, segments)
    >>> near.scores(torch.tensor([[8.0, 0.0], [0.9, 0.8]])).argmax(0)
    tensor([0, 1])
    """
    points = torch.from_numpy(np.asarray(places, np.float64))
    member = torch.nn.functional.one_hot(torch.from_numpy(np.unique(segments, return_inverse=True)[1])).double()
    rest = points - member @ ((member.T @ points) / member.sum(0)[:, None])
    spread = rest.T @ rest / len(rest)
    floor = ROUND * float(spread.diagonal().mean()) if spread.numel() else 0.0
    least = _LEAST * float(points.square().mean()) if points.numel() else 0.0
    root = roots_of(spread[None], floor + least + _LEAST)[0].float()
    means, of = [], []
    for one in np.unique(classes):
        own = [x[strokes == stroke].mean(0) for stroke in np.unique(strokes[classes == one])]
        white = torch.from_numpy(np.stack(own).astype(np.float32)) @ root
        centers = kmeans(white, MOST, seed=0, n_init=1).centers if len(own) > MOST else white
        means.append(centers.numpy())
        of += [int(one)] * len(centers)
    return Nearest(root.numpy(), np.concatenate(means), np.array(of, np.int64))
