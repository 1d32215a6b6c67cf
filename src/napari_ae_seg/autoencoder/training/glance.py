"""A look at what a network makes of a patch, in the middle of its training."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from .fit import Fit


@dataclass(frozen=True)
class Glance:
    """A patch (channels, y, x) within 0 to 1, and its reconstruction."""

    before: np.ndarray
    after: np.ndarray


def glance(fit: Fit) -> Glance:
    """A patch with much to see, and what the network makes of it; the training is left as it is."""
    net = copy.deepcopy(fit.learner.net).eval()
    fit.learner.normalize_as_learning(net)
    patch = _patch(fit.material.blocks[0].data, net.batch_shape(1, fit.training.patch)[1:])
    with torch.no_grad():
        seen = torch.from_numpy(patch)[None].to(fit.learner.device)
        drawn = net(seen).reconstruction[0].float().cpu().numpy()
    if fit.training.loss == "bce":
        patch = patch * fit.material.normalizer.deviation + _column(fit.material.normalizer.mean, patch.ndim)
        drawn = 1 / (1 + np.exp(-drawn))
    if fit.material.normalizer.channels == 1:  # the shipped encoder takes a channel three times
        patch, drawn = (x.mean(0, keepdims=True) for x in (patch, drawn))
    low, high = np.percentile(patch, (0.5, 99.5))
    before, after = ((_plane(x) - low) / max(high - low, 1e-6) for x in (patch, drawn))
    return Glance(before.clip(0, 1), after.clip(0, 1))


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
