"""Which features an image calls for: its intensities, grouped by k-means or by a Gaussian mixture, or texture.

Where clusters of intensity form regions, intensity says it all, and learned features add only noise; what remains to
be told is whether its broad background is in the way or is what the image shows. Where they fall into pieces, something
else makes the regions: texture, if texture falls into clearer groups than intensity does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ae_seg.clustering.kmeans import kmeans
from napari_ae_seg.clustering.prototypes import assign

from .fit import fit_space, pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_ae_seg.autoencoder.maps import Maps
    from napari_ae_seg.config import SegmentationConfig

    from .space import FeatureSpace

ASSUMED_K = 4
"""Clusters assumed while their number is still to be found."""
TORN = 0.4
"""Fragmentation above which groups of intensity do not speak of regions."""
STRUCTURED = 0.1
"""Gap above which texture is considered."""
GROUPED, TOLERATED = 0.3, 0.1
"""Gap below which intensities have no clear groups to lose, and the loss of gap up to which they are corrected all the
same: uneven light and haze are the rule, and evening hurts little."""
_SAMPLES = 3000
_TINY = 1e-9


@dataclass(frozen=True)
class Branch:
    """How well one space of features falls into groups."""

    gap: float
    """ln of the variance that k-means leaves in Gaussian draws of the same covariance, over what it leaves here."""
    fragmentation: float
    """Share of neighbours with different labels, over that of labels strewn at random."""


@dataclass(frozen=True)
class Choice:
    """What was chosen, the numbers behind it, and one sentence for the person."""

    features: str
    """"intensity", "corrected" (intensity less most of its broad background) or "texture"."""
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
    """The space of features that `maps` call for, fitted, the method for it, and why."""
    k = k or ASSUMED_K
    spaces = {"intensity": fit_space(config.but(features="intensity"), maps, anisotropy)}
    spaces["corrected"] = fit_space(config.but(features="corrected"), maps, anisotropy)
    branches = {"intensity": judge(spaces["intensity"], maps, k, seed)}
    other = "corrected"
    if torn(branches["intensity"]):
        other, spaces["texture"] = "texture", fit_space(config.but(features="texture"), maps, anisotropy)
    branches[other] = judge(spaces[other], maps, k, seed)
    name, method, why = decide(branches)
    return spaces[name], method, Choice(name, method, branches, why)


def torn(intensity: Branch) -> bool:
    """Whether groups of intensity fall into so many pieces that they do not speak of regions."""
    return intensity.fragmentation > TORN


def decide(branches: dict[str, Branch]) -> tuple[str, str, str]:
    """The features that the branches speak for, the method for them, and a sentence that says why.

    >>> decide({"intensity": Branch(gap=0.5, fragmentation=0.2), "corrected": Branch(gap=0.1, fragmentation=0.2)})[0]
    'intensity'
    >>> decide({"intensity": Branch(gap=-0.1, fragmentation=0.6), "texture": Branch(gap=0.4, fragmentation=0)})[0]
    'texture'
    """
    intensity = branches["intensity"]
    if not torn(intensity):
        if intensity.gap < GROUPED or branches["corrected"].gap > intensity.gap - TOLERATED:
            return "corrected", "kmeans", "Intensity, corrected for its broad background, was chosen: it forms regions."
        return (
            "intensity",
            "kmeans",
            "Intensity was chosen: it forms regions, clearer ones than without its background.",
        )
    if branches["texture"].gap > max(STRUCTURED, intensity.gap):
        why = "Texture was chosen: groups of intensity are torn to pieces, texture forms regions."
        return "texture", "spherical", why
    return (
        "corrected",
        "gmm",
        "Intensity with a Gaussian mixture was chosen: neither it nor texture forms clear regions.",
    )


def judge(space: FeatureSpace, maps: Sequence[Maps], k: int, seed: int = 0) -> Branch:
    """How well the features of `space` fall into `k` groups, and how torn these are."""
    features = [space.transform(block) for block in maps]
    valid = [block.cells(space.grid) for block in maps]
    x = pick([f[:, v].T for f, v in zip(features, valid, strict=True)], _SAMPLES, seed)
    k = min(k, len(torch.unique(x, dim=0)))
    if k < 2:
        return Branch(0.0, 0.0)
    found = kmeans(x, k, seed=seed, n_init=4)
    gauss = _gaussian_like(x, seed)
    shuffled = kmeans(gauss, k, seed=seed, n_init=4)
    gap = math.log((_left(gauss, shuffled.inertia) + _TINY) / (_left(x, found.inertia) + _TINY))
    return Branch(gap, _fragmentation(features, valid, found.centers))


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
