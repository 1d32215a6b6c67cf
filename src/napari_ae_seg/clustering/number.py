"""How many clusters? What tells good numbers from bad was learnt on generated scenes, whose classes are known.

Every number of clusters is tried, and figures say how it went: what another cluster gains, how far apart and how large
the clusters are, whether other places would give the same ones, and, from places and their neighbours, whether they
are regions, scattered specks or rings along the borders of others. A small model of these figures gives each number
its probability, one cluster included (`encoder/number.py` fits it, `weights/rules.json` keeps it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ae_seg.core.rules import rules

from .hdbscan import dense
from .kmeans import kmeans
from .match import rand_index
from .prototypes import assign

if TYPE_CHECKING:
    from typing import Any

    from torch import Tensor

    from napari_ae_seg.config import SegmentationConfig

PLACES = 2000
STARTS = 3
LIKELY = 0.1
"""Probability from which a number is worth being offered, and how many are at most."""
OFFERED = 3
FIGURES = (
    "gained",
    "to gain",
    "left",
    "contrast",
    "agreement",
    "smallest",
    "apart",
    "torn",
    "ring",
    "rings",
    "number",
)
"""Of every number of clusters: ln of the inertia less than with one fewer, and with one more; ln of the inertia left of
that of one cluster; mean contrast between nearest and second center; agreement of clusterings of two halves; ln of the
smallest share; least distance between centers in deviations; neighbors of different clusters, over chance; the largest
and the mean share of a cluster's places that lie between two others; ln of the number."""
AMONG = [FIGURES.index(name) for name in ("gained", "to gain", "contrast", "agreement", "apart")]
STEPS = [FIGURES.index(name) for name in ("contrast", "agreement", "apart", "torn", "ring")]
"""Figures that are also compared with those of all numbers, and with those of one more and of one fewer."""
FAR = 4.0
"""Deviations from the mean of the scenes at which figures are cut off."""
_TINY = 1e-9


@dataclass(frozen=True)
class Number:
    """The number of clusters chosen, and why."""

    k: int
    curve: dict[int, float]
    """Probability of each number of clusters."""
    sentence: str

    @property
    def likely(self) -> tuple[int, ...]:
        """The likeliest numbers, the chosen one first."""
        return likeliest(self.curve)


def likeliest(curve: dict[int, float]) -> tuple[int, ...]:
    """The two or three numbers most probable by `curve`, the likeliest first.

    >>> likeliest({1: 0.02, 2: 0.6, 3: 0.25, 4: 0.12, 5: 0.01})
    (2, 3, 4)
    """
    order = sorted(curve, key=lambda k: -curve[k])[:OFFERED]
    return tuple(k for place, k in enumerate(order) if place < 2 or curve[k] >= LIKELY)


def choose_k(
    x: np.ndarray, config: SegmentationConfig, method: str = "kmeans", trios: np.ndarray | None = None
) -> Number:
    """The number of clusters of places `x` (n, F), between 1 and `config.max_clusters`, the same for every `method`.

    `trios` (m, 3, F) are places, each with the neighbors on its two sides. Only HDBSCAN finds its own number.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> x = np.random.default_rng(0).normal(size=(900, 2)) + 9 * np.eye(3, 2)[np.arange(900) % 3]
    >>> choose_k(x, SegmentationConfig()).k
    3
    """
    places = _places(x, config.seed)
    if method == "hdbscan":
        found = int(dense(places.numpy()).max()) + 1
        return Number(min(max(found, 2), config.max_clusters), {}, f"HDBSCAN found {found} dense groups.")
    distinct = len(torch.unique(places, dim=0))
    if distinct == 1:
        return Number(1, {1: 1.0}, "All places look the same: one segment.")
    figures = evidence(places, min(config.max_clusters, distinct), method == "spherical", trios, config.seed)
    chances = probabilities(figures, rules()["number"])
    curve = {k: round(float(p), 4) for k, p in enumerate(chances, 1)}
    best = max(curve, key=lambda k: curve[k])
    return Number(best, curve, _sentence(best, curve))


def evidence(
    places: Tensor, most: int, spherical: bool = False, trios: np.ndarray | None = None, seed: int = 0
) -> np.ndarray:
    """`FIGURES` (most, 11) of 1 .. `most` clusters of `places` (n, F); the first row is of no clusters at all."""
    x = places
    if spherical:
        x = (x - x.mean(0)) / x.std(0, correction=0).clamp_min(_TINY)
        x = x / x.norm(dim=1, keepdim=True).clamp_min(_TINY)
    beside = None if trios is None or not len(trios) else torch.from_numpy(np.ascontiguousarray(trios, np.float32))
    if beside is not None and spherical:
        beside = (beside - places.mean(0)) / places.std(0, correction=0).clamp_min(_TINY)
        beside = beside / beside.norm(dim=2, keepdim=True).clamp_min(_TINY)
    one = float((x - x.mean(0)).square().sum()) + _TINY
    tried = [kmeans(x, k, seed=seed, n_init=STARTS) for k in range(2, min(most + 1, len(torch.unique(x, dim=0))) + 1)]
    inertia = [one, *(max(part.inertia, _TINY * one) for part in tried)]
    rows = np.zeros((most, len(FIGURES)))
    for k in range(2, most + 1):
        part = tried[k - 2]
        left, more = inertia[k - 1], inertia[min(k, len(inertia) - 1)]
        rows[k - 1] = [
            math.log(inertia[k - 2] / left),
            math.log(left / more),
            math.log(left / one),
            _contrast(x, part.centers),
            _agreement(x, k, seed),
            math.log(float(torch.bincount(part.labels, minlength=k).min()) / len(x) + 1e-3),
            min(6.0, float(torch.pdist(part.centers).min()) / math.sqrt(left / len(x) + _TINY)),
            *_neighborhood(beside, part.centers),
            math.log(k),
        ]
    return rows


def compared(figures: np.ndarray) -> np.ndarray:
    """`figures` (..., most, 11) beside their place among all numbers, and their steps to the next: (..., most, 26)."""
    tried = figures[..., 1:, :]
    high, low = tried.max(-2, keepdims=True), tried.min(-2, keepdims=True)
    among = (figures - high) / (high - low + 1e-6)
    after = np.concatenate([figures[..., 1:, :], figures[..., -1:, :]], -2) - figures
    before = figures - np.concatenate([figures[..., :1, :], figures[..., :-1, :]], -2)
    return np.concatenate([figures, among[..., AMONG], after[..., STEPS], before[..., STEPS]], -1)


def probabilities(figures: np.ndarray, rule: dict[str, Any]) -> np.ndarray:
    """Probability (most,) of each number of clusters by its `figures` (most, 11).

    That of one cluster is judged by how two clusters would look.
    """
    z = ((compared(figures) - np.array(rule["mean"])) / np.array(rule["scale"])).clip(-FAR, FAR)
    scores = _judged(z, rule["number"])
    scores[0] = _judged(z[1:2], rule["one"])[0] if len(z) > 1 else 0.0
    shifted = np.exp(scores - scores.max())
    chances: np.ndarray = shifted / shifted.sum()
    return chances


def _judged(z: np.ndarray, layers: dict[str, Any]) -> np.ndarray:
    """Scores (n,) of figures (n, 26) by a network of one hidden layer."""
    hidden = np.tanh(z @ np.array(layers["weights"]) + np.array(layers["bias"]))
    scores: np.ndarray = hidden @ np.array(layers["out"]) + layers["last"]
    return scores


def _contrast(x: Tensor, centers: Tensor) -> float:
    """Mean over places of 1 - distance to the nearest center / distance to the second."""
    near = torch.cdist(x, centers).topk(2, largest=False).values
    return float((1 - near[:, 0] / near[:, 1].clamp_min(_TINY)).mean())


def _agreement(x: Tensor, k: int, seed: int) -> float:
    """Adjusted Rand index of the clusterings that the two halves of the places give of all."""
    halves = x[::2], x[1::2]
    if min(len(torch.unique(half, dim=0)) for half in halves) < k:
        return 0.0
    one, other = (assign(x, kmeans(half, k, seed=seed, n_init=1).centers)[0].numpy() for half in halves)
    return rand_index(one, other, k)


def _neighborhood(trios: Tensor | None, centers: Tensor) -> tuple[float, float, float]:
    """How torn the clusters are, and the largest and the mean share of a cluster that lies between two others."""
    if trios is None:
        return 0.5, 0.1, 0.05
    k = len(centers)
    labels = assign(trios.flatten(0, 1), centers)[0].view(-1, 3)
    own, left, right = labels.T
    counts = torch.bincount(own, minlength=k).float()
    chance = 1 - float((counts / counts.sum()).square().sum())
    torn = float(((own != left).float() + (own != right).float()).mean()) / 2 / max(chance, 1e-3)
    between = (own != left) & (own != right) & (left != right)
    shares = torch.bincount(own[between], minlength=k) / counts.clamp_min(10)
    return min(torn, 2.0), float(shares.max()), float(shares.mean())


def _places(x: np.ndarray, seed: int) -> Tensor:
    """A sample of the places, around their mean."""
    places = torch.from_numpy(np.ascontiguousarray(x, np.float32))
    places = places[places.isfinite().all(1)]
    if not len(places):
        raise ValueError("there is nothing to cluster: no place has a finite value in every feature")
    picked = torch.randperm(len(places), generator=torch.Generator().manual_seed(seed))[:PLACES]
    return places[picked] - places[picked].mean(0)


def _sentence(best: int, curve: dict[int, float]) -> str:
    if best == 1:
        return "Nothing here but noise: one segment."
    others = [f"{k} ({100 * curve[k]:.0f} %)" for k in likeliest(curve)[1:]]
    also = f"; next likely: {' and '.join(others)}" if others else ""
    return f"{best} clusters were chosen ({100 * curve[best]:.0f} % likely{also})."
