"""Which features an image calls for: the encoder's latents, unless others promise clearer classes.

How much another space gains over the latents was learnt on generated scenes, whose classes are known, from how well the
places of both, and of plain intensity, fall into groups (`encoder/choose.py` fits it, `weights/rules.json` keeps it).
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ae_seg.clustering.kmeans import kmeans
from napari_ae_seg.clustering.prototypes import assign
from napari_ae_seg.core.rules import rules

from .fit import fit_space, pick
from .plain import Branch, decided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_ae_seg.autoencoder.maps import Maps
    from napari_ae_seg.config import SegmentationConfig

    from .space import FeatureSpace

ASSUMED_K = 4
"""Groups that every space is tried with, whatever number of clusters is wanted."""
BESIDE = ("latent", "intensity")
"""Spaces whose figures the rule looks at beside those of another."""
METHODS = {"texture": "spherical"}
"""Methods of the spaces that k-means is not best for."""
REASONS = {
    "latent": "The encoder's latents were clustered, with brightness beside them.",
    "texture": "Texture was clustered: what the encoder says that lasts over large scales forms clearer regions here.",
}
_SAMPLES = 2000
_TINY = 1e-9


@dataclass(frozen=True)
class Choice:
    """What was chosen, the numbers behind it, and one sentence for the person."""

    features: str
    method: str
    branches: dict[str, Branch]
    sentence: str


def choose_space(
    config: SegmentationConfig, maps: Sequence[Maps], anisotropy: Sequence[float] | None = None, seed: int = 0
) -> tuple[FeatureSpace, str, Choice]:
    """The space of features that `maps` call for, fitted, the method for it, and why.

    Of an image that is the same everywhere there is nothing to choose: a network would only show where it ends.
    """
    if all(bool((block.raw[:, block.valid] == block.raw[:, block.valid][:, :1]).all()) for block in maps):
        return (
            fit_space(config.but(features="intensity"), maps, anisotropy),
            "kmeans",
            Choice("intensity", "kmeans", {}, ""),
        )
    if maps[0].tone_weight is None:
        return _without_weight(config, maps, anisotropy, seed)
    names = ("latent", "intensity", *rules()["features"])
    spaces = {name: fit_space(config.but(features=name), maps, anisotropy) for name in names}
    branches = {name: judge(space, maps, seed) for name, space in spaces.items()}
    name = decide(branches, rules()["features"])
    method = METHODS.get(name, "kmeans")
    return spaces[name], method, Choice(name, method, branches, REASONS[name])


def _without_weight(
    config: SegmentationConfig, maps: Sequence[Maps], anisotropy: Sequence[float] | None, seed: int
) -> tuple[FeatureSpace, str, Choice]:
    """The choice where the network learnt no weight for the brightness beside its latents."""
    spaces: dict[str, FeatureSpace] = {}
    branches: dict[str, Branch] = {}

    def judged(name: str) -> Branch:
        spaces[name] = fit_space(config.but(features=name), maps, anisotropy)
        branches[name] = judge(spaces[name], maps, seed)
        return branches[name]

    name, method, why = decided(judged)
    if name not in spaces:
        spaces[name] = fit_space(config.but(features=name), maps, anisotropy)
    return spaces[name], method, Choice(name, method, branches, why)


def decide(branches: dict[str, Branch], rule: dict[str, dict[str, list[float]]]) -> str:
    """The space that promises most: the latents unless `rule` expects another to gain over them.

    >>> weights = [0, 0, 0, 1.0, *[0] * 8, -2.0]
    >>> rule = {"texture": {"mean": [0.0] * 12, "scale": [1.0] * 12, "weights": weights}}
    >>> both = {"latent": Branch(0.5, 0.8, 0.1, 0.3), "intensity": Branch(0.1, 0.6, 0.6, 1.0)}
    >>> decide({**both, "texture": Branch(0.2, 0.4, 0.1, 3.0)}, rule)
    'texture'
    >>> decide({**both, "texture": Branch(0.2, 0.4, 0.1, 0.5)}, rule)
    'latent'
    """
    beside = [figure for name in BESIDE for figure in astuple(branches[name])]
    gains = {name: _gain([*astuple(branches[name]), *beside], numbers) for name, numbers in rule.items()}
    best = max(gains, key=lambda name: gains[name], default="latent")
    return best if gains.get(best, 0.0) > 0 else "latent"


def judge(space: FeatureSpace, maps: Sequence[Maps], seed: int = 0) -> Branch:
    """How well the features of `space` fall into a few groups, and how torn these are."""
    features = [space.transform(block) for block in maps]
    valid = [block.cells(space.grid) for block in maps]
    x = pick([f[:, v].T for f, v in zip(features, valid, strict=True)], _SAMPLES, seed)
    k = min(ASSUMED_K, len(torch.unique(x, dim=0)))
    if k < 2:
        return Branch(0.0, 0.0, 0.0, 0.0)
    found = kmeans(x, k, seed=seed, n_init=3)
    gauss = _gaussian_like(x, seed)
    left = _left(x, found.inertia)
    gap = math.log((_left(gauss, kmeans(gauss, k, seed=seed, n_init=2).inertia) + _TINY) / (left + _TINY))
    variance = float(x.var(0, correction=0).sum())
    return Branch(gap, 1 - left, _fragmentation(features, valid, found.centers), variance)


def _gain(figures: list[float], numbers: dict[str, list[float]]) -> float:
    """What accuracy a space is expected to gain over the latents."""
    z = (np.array(figures) - np.array(numbers["mean"])) / np.array(numbers["scale"])
    return float(np.append(z, 1.0) @ np.array(numbers["weights"]))


def _left(x: Tensor, inertia: float) -> float:
    total = float(((x - x.mean(0)) ** 2).sum())
    return inertia / total if total > 0 else 1.0


def _gaussian_like(x: Tensor, seed: int) -> Tensor:
    values, vectors = np.linalg.eigh(np.cov(x.numpy().T.astype(np.float64)).reshape(x.shape[1], x.shape[1]))
    draws = np.random.default_rng(seed).standard_normal(x.shape)
    return torch.from_numpy((draws * np.sqrt(np.maximum(values, 0))) @ vectors.T).float()


def _fragmentation(features: Sequence[Tensor], valid: Sequence[Tensor], centers: Tensor) -> float:
    different, pairs = 0, 0
    counts = torch.zeros(len(centers))
    for block, there in zip(features, valid, strict=True):
        labels = assign(block.flatten(1).T.cpu(), centers)[0].view(block.shape[1:])
        inside = there.cpu()
        counts += torch.bincount(labels[inside], minlength=len(centers))
        for axis in range(labels.ndim):
            n = labels.shape[axis] - 1
            both = inside.narrow(axis, 0, n) & inside.narrow(axis, 1, n)
            different += int(((labels.diff(dim=axis) != 0) & both).sum())
            pairs += int(both.sum())
    chance = 1 - float(((counts / counts.sum()) ** 2).sum())
    return different / max(1, pairs) / max(chance, _TINY)
