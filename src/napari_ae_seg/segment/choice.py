"""Which features an image calls for: its intensities, their mix with what the network says, or texture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ae_seg.segment.features import draw, fit_space
from napari_ae_seg.segment.kmeans import assign, kmeans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ae_seg.config import SegmentationConfig
    from napari_ae_seg.segment.maps import Maps
    from napari_ae_seg.segment.space import FeatureSpace

ASSUMED_K = 4
"""Clusters assumed while their number is still to be found."""
STRUCTURED, UNGROUPED, GROUPED = 0.1, 0.0, 0.3
"""Gaps above which texture is considered, below which intensities form no groups, and above which they say it all."""
_SAMPLES = 3000
_TINY = 1e-9


@dataclass(frozen=True)
class Branch:
    """How well one space of features falls into groups."""

    gap: float
    """ln of the variance that k-means leaves in Gaussian draws of the same covariance, over what it leaves here."""
    fragmentation: float
    """Share of neighbours with different labels, over that of labels strewn at random."""

    @property
    def score(self) -> float:
        """The larger, the more these features speak of regions."""
        return self.gap - self.fragmentation / 2


@dataclass(frozen=True)
class Choice:
    """What was chosen, the numbers behind it, and one sentence for the person."""

    features: str
    method: str
    branches: dict[str, Branch]
    sentence: str


def choose_space(
    config: SegmentationConfig,
    maps: Sequence[Maps],
    anisotropy: Sequence[float] | None = None,
    k: int = 0,
    seed: int = 0,
) -> tuple[FeatureSpace, str, Choice]:
    """The space of features that `maps` call for, fitted, the method for it ("kmeans" or "gmm"), and why."""
    k = k or ASSUMED_K
    spaces = {name: fit_space(config.but(features=name), maps, anisotropy) for name in ("intensity", "texture")}
    branches = {name: judge(space, maps, k, seed) for name, space in spaces.items()}
    features, method, why = decide(branches["intensity"], branches["texture"])
    if features not in spaces:
        spaces[features] = fit_space(config.but(features=features), maps, anisotropy)
    return spaces[features], method, Choice(features, method, branches, why)


def decide(intensity: Branch, texture: Branch) -> tuple[str, str, str]:
    """Features, method and a sentence that says why.

    >>> decide(Branch(gap=0.5, fragmentation=0.2), Branch(gap=0.05, fragmentation=0.1))[0]
    'intensity'
    """
    if texture.gap > STRUCTURED and texture.score > intensity.score:
        return "texture", "kmeans", "Texture was chosen: it forms clearer regions than intensity does."
    if intensity.gap < UNGROUPED:
        return "intensity", "gmm", "Intensity with a Gaussian mixture was chosen: the intensities form no clear groups."
    if intensity.gap < GROUPED:
        return "mixed", "kmeans", "Intensity mixed with the network was chosen: intensity alone is not clear enough."
    return "intensity", "kmeans", "Intensity was chosen: it falls into clear groups."


def judge(space: FeatureSpace, maps: Sequence[Maps], k: int, seed: int = 0) -> Branch:
    """How well the features of `space` fall into `k` groups, and how torn these are."""
    x = torch.from_numpy(draw(space, maps, _SAMPLES, seed))
    k = min(k, len(torch.unique(x, dim=0)))
    if k < 2:
        return Branch(0.0, 1.0)
    found = kmeans(x, k, seed=seed, restarts=4)
    gauss = _gaussian_like(x, seed)
    shuffled = kmeans(gauss, k, seed=seed, restarts=4)
    gap = math.log((_left(gauss, shuffled.inertia) + _TINY) / (_left(x, found.inertia) + _TINY))
    return Branch(gap, _fragmentation(space, maps, found.centres))


def _left(x: torch.Tensor, inertia: float) -> float:
    total = float(((x - x.mean(0)) ** 2).sum())
    return inertia / total if total > 0 else 1.0


def _gaussian_like(x: torch.Tensor, seed: int) -> torch.Tensor:
    values, vectors = np.linalg.eigh(np.cov(x.numpy().T.astype(np.float64)).reshape(x.shape[1], x.shape[1]))
    draws = np.random.default_rng(seed).standard_normal(x.shape)
    return torch.from_numpy((draws * np.sqrt(np.maximum(values, 0))) @ vectors.T).float()


def _fragmentation(space: FeatureSpace, maps: Sequence[Maps], centres: torch.Tensor) -> float:
    torn = pairs = 0
    counts = torch.zeros(len(centres))
    for block in maps:
        features = space.transform(block)
        labels = assign(features.flatten(1).T, centres)[0].view(features.shape[1:])
        counts += torch.bincount(labels.flatten(), minlength=len(centres))
        for axis in range(labels.ndim):
            differ = labels.diff(dim=axis) != 0
            torn, pairs = torn + int(differ.sum()), pairs + differ.numel()
    chance = 1 - float(((counts / counts.sum()) ** 2).sum())
    return torn / max(1, pairs) / max(chance, _TINY)
