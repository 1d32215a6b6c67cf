"""Which features an image calls for: the encoder's latents, intensities, or texture.

Every candidate is clustered, and figures say how clear its groups are, how torn, and how much of what the others see
they explain. Which candidate is right most often under such figures was learnt on generated scenes, whose classes are
known (`encoder/choose.py` fits it, `weights/rules.json` keeps it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ae_seg.clustering.kmeans import kmeans
from napari_ae_seg.clustering.prototypes import assign
from napari_ae_seg.core.rules import rule_name, rules

from .fit import fit_space, pick
from .noise import white

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from torch import Tensor

    from napari_ae_seg.autoencoder.maps import Maps
    from napari_ae_seg.config import SegmentationConfig

    from .space import FeatureSpace

ASSUMED_K = 4
"""Groups that every candidate is tried with while the number of clusters is not known."""
CANDIDATES = ("latent", "mixed", "intensity", "corrected", "texture")
METHODS = {"latent": "tied", "mixed": "tied", "texture": "spherical"}
"""Methods of the candidates that k-means is not best for on generated scenes."""
REASONS = {
    "latent": "The encoder's latents were clustered: here they promise more than brightness.",
    "mixed": "The encoder's latents and brightness were clustered: here the two together promise most.",
    "intensity": "Brightness was clustered: here it promises more than the encoder's latents.",
    "corrected": "Brightness less its background was clustered: here it promises more than the encoder's latents.",
    "texture": "Texture was clustered: what the encoder says over large scales promises most here.",
}
TRAINED = {
    "latent": "The latents of the encoder that was trained on your images were clustered.",
    "mixed": "The latents of the encoder that was trained on your images, and brightness, were clustered.",
    "texture": "Texture, as the encoder that was trained on your images sees it over large scales, was clustered.",
}
"""Candidates where a person trained the encoder further, which is not left unused, and the sentence for each."""
FAR = 2.0
"""Deviations from the mean of the scenes at which figures are cut off: beyond them the rule knows nothing."""
_SAMPLES, _PLACES = 2000, 8000
_TINY = 1e-9


@dataclass(frozen=True)
class Choice:
    """What was chosen, and one sentence for the person."""

    features: str
    method: str
    chances: dict[str, float]
    """How likely each candidate is to be the best."""
    sentence: str


def choose_space(
    config: SegmentationConfig,
    maps: Sequence[Maps],
    anisotropy: Sequence[float] | None = None,
    seed: int = 0,
    own: bool = False,
) -> tuple[FeatureSpace, str, Choice]:
    """The space of features that `maps` call for, fitted, the method for it, and why.

    `maps` that are a person's `own`, of an encoder trained further, are used in any case.

    Of an image that is the same everywhere there is nothing to choose: a network would only show where it ends. Nor of
    nothing but noise, unless so many clusters are asked for: it would find patterns where there are none.
    """
    flat = all(bool((block.raw[:, block.valid] == block.raw[:, block.valid][:, :1]).all()) for block in maps)
    if flat or (not config.n_clusters and white(maps)):
        space = fit_space(config.but(features="intensity"), maps, anisotropy)
        return space, "kmeans", Choice("intensity", "kmeans", {}, "")
    rule = rule_name(len(maps[0].space), maps[0].tone_weight is not None)
    spaces = {name: fit_space(config.but(features=name), maps, anisotropy) for name in CANDIDATES}
    chances = likelihoods(evidence(spaces, maps, config.n_clusters, seed), rules()["features"][rule])
    reasons = TRAINED if own else REASONS
    name = max((name for name in chances if name in reasons), key=lambda one: chances[one])
    method = METHODS.get(name, "kmeans")
    return spaces[name], method, Choice(name, method, chances, reasons[name])


def likelihoods(figures: np.ndarray, rule: dict[str, Any]) -> dict[str, float]:
    """How likely each candidate is to be the best by all `figures`.

    >>> rule = {"mean": [0.0], "scale": [1.0], "weights": {"latent": [1.0, 0.0], "texture": [-1.0, 0.0]}}
    >>> {name: round(chance, 2) for name, chance in likelihoods(np.array([2.0]), rule).items()}
    {'latent': 0.98, 'texture': 0.02}
    """
    z = np.append((figures - np.array(rule["mean"])) / np.array(rule["scale"]), 1.0).clip(-FAR, FAR)
    scores = np.array([z @ np.array(weights) for weights in rule["weights"].values()])
    shares = np.exp(scores - scores.max())
    return dict(zip(rule["weights"], (shares / shares.sum()).tolist(), strict=True))


def evidence(spaces: dict[str, FeatureSpace], maps: Sequence[Maps], k: int = 0, seed: int = 0) -> np.ndarray:
    """What is seen when each of `spaces` is clustered into `k` groups (`ASSUMED_K` for 0), all in one row.

    Of every space: how much clearer than Gaussian draws its groups are, what they explain, how torn they are, the
    features' variance, the smallest group; of every pair, which share of what the second's groups explain of the
    second the first's explain; and the number of groups.
    """
    grid = max(space.grid for space in spaces.values())
    groups, views = {}, {}
    for name, space in spaces.items():
        features = [space.transform(block).cpu() for block in maps]
        valid = [block.cells(space.grid).cpu() for block in maps]
        if METHODS.get(name) == "spherical":
            features = _directions(features, valid)
        groups[name] = _Groups.of(features, valid, k or ASSUMED_K, seed)
        step = (slice(None), *[slice(None, None, grid // space.grid)] * len(maps[0].space))
        views[name] = [part[step] for part in features]
    there = [block.cells(grid).cpu() for block in maps]
    places = {
        name: pick([p[:, t].T for p, t in zip(parts, there, strict=True)], _PLACES, seed)
        for name, parts in views.items()
    }
    labels = {name: assign(places[name], groups[name].centers)[0] for name in spaces}
    own = {name: _explained(places[name], labels[name]) for name in spaces}
    row = [value for name in spaces for value in groups[name].figures]
    row += [
        min(_explained(places[seen], labels[by]) / max(own[seen], 0.02), 2.0)
        for by in spaces
        for seen in spaces
        if by != seen
    ]
    return np.array([*row, math.log(k or ASSUMED_K)])


@dataclass(frozen=True)
class _Groups:
    centers: Tensor
    figures: tuple[float, ...]

    @classmethod
    def of(cls, features: Sequence[Tensor], valid: Sequence[Tensor], k: int, seed: int) -> _Groups:
        x = pick([f[:, v].T for f, v in zip(features, valid, strict=True)], _SAMPLES, seed)
        k = min(k, len(torch.unique(x, dim=0)))
        if k < 2:
            return cls(x[:1], (0.0, 0.0, 0.0, math.log(1e-3), 0.0))
        found = kmeans(x, k, seed=seed, n_init=3)
        gauss = _gaussian_like(x, seed)
        left = _left(x, found.inertia)
        gap = math.log((_left(gauss, kmeans(gauss, k, seed=seed, n_init=2).inertia) + _TINY) / (left + _TINY))
        variance = math.log(float(x.var(0, correction=0).sum()) + 1e-3)
        least = math.log(float(torch.bincount(found.labels, minlength=k).min()) / len(x) + 1e-3)
        return cls(found.centers, (gap, 1 - left, _fragmentation(features, valid, found.centers), variance, least))


def _directions(features: Sequence[Tensor], valid: Sequence[Tensor]) -> list[Tensor]:
    """Features (F, *grid) as spherical k-means sees them: standardized, and of length 1."""
    rows = torch.cat([f[:, v] for f, v in zip(features, valid, strict=True)], 1)
    mean, deviation = rows.mean(1), rows.std(1, correction=0).clamp_min(_TINY)
    column = (-1, *(1,) * (features[0].ndim - 1))
    parts = [(f - mean.view(column)) / deviation.view(column) for f in features]
    return [f / f.norm(dim=0, keepdim=True).clamp_min(_TINY) for f in parts]


def _explained(x: Tensor, labels: Tensor) -> float:
    """Share of the variance of rows `x` that groups `labels` explain."""
    k = int(labels.max()) + 1
    sums = torch.zeros(k, x.shape[1]).index_add_(0, labels, x)
    means = sums / torch.bincount(labels, minlength=k).clamp(min=1)[:, None]
    total = float((x - x.mean(0)).square().sum())
    return 1 - float((x - means[labels]).square().sum()) / total if total > 0 else 0.0


def _left(x: Tensor, inertia: float) -> float:
    total = float(((x - x.mean(0)) ** 2).sum())
    return inertia / total if total > 0 else 1.0


def _gaussian_like(x: Tensor, seed: int) -> Tensor:
    values, vectors = np.linalg.eigh(np.cov(x.numpy().T.astype(np.float64)).reshape(x.shape[1], x.shape[1]))
    draws = np.random.default_rng(seed).standard_normal(x.shape)
    return torch.from_numpy((draws * np.sqrt(np.maximum(values, 0))) @ vectors.T).float()


def _fragmentation(features: Sequence[Tensor], valid: Sequence[Tensor], centers: Tensor) -> float:
    """Share of neighboring places with different labels, over that of labels strewn at random."""
    different, pairs = 0, 0
    counts = torch.zeros(len(centers))
    for block, inside in zip(features, valid, strict=True):
        labels = assign(block.flatten(1).T, centers)[0].view(block.shape[1:])
        counts += torch.bincount(labels[inside], minlength=len(centers))
        for axis in range(labels.ndim):
            n = labels.shape[axis] - 1
            both = inside.narrow(axis, 0, n) & inside.narrow(axis, 1, n)
            different += int(((labels.diff(dim=axis) != 0) & both).sum())
            pairs += int(both.sum())
    chance = 1 - float(((counts / counts.sum()) ** 2).sum())
    return different / max(1, pairs) / max(chance, _TINY)
