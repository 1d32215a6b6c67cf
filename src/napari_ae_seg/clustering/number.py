"""The number of clusters: the fewest whose criterion on held-back places is nearly as high as that of any number.

Each number gets a Gaussian mixture, fitted to one half of the places and judged on the other: the mean log-likelihood
less the mean entropy of the memberships (the integrated completed likelihood). Unlike the likelihood, the BIC or the
gap statistic it rewards no second cluster for the tail of a first, for places between two clusters cost entropy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from .hdbscan import dense
from .kmeans import kmeans
from .mixture import fit_mixture

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ae_seg.config import SegmentationConfig

PLACES = 4000
DIRECTIONS = 3
"""Principal directions that are looked at: in more, Gaussians find ever more structure within one kind of place."""
WORTH = 0.1
"""What a larger number must gain in all, in nats per place, to be preferred."""
PATIENCE = 8
"""Numbers tried beyond the one that stands, without a gain."""


@dataclass(frozen=True)
class Number:
    """The number of clusters chosen, and why."""

    k: int
    curve: dict[int, float]
    """Criterion per number of clusters, in nats per place above that of one cluster."""
    sentence: str


def choose_k(x: np.ndarray, config: SegmentationConfig, method: str = "kmeans") -> Number:
    """The number of clusters of places `x` (n, F), between 2 and `config.max_clusters`, the same for every `method`.

    Only HDBSCAN finds its own.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> x = np.random.default_rng(0).normal(size=(900, 2)) + 9 * np.eye(3, 2)[np.arange(900) % 3]
    >>> choose_k(x, SegmentationConfig()).k
    3
    """
    places = _places(x, config.seed)
    if method == "hdbscan":
        found = int(dense(places.numpy()).max()) + 1
        return Number(min(max(found, 2), config.max_clusters), {}, f"HDBSCAN found {found} dense groups.")
    most = min(config.max_clusters, len(torch.unique(places, dim=0)))
    if most < 3:
        return Number(max(most, 1), {}, f"There are {most} clusters, for there are no more distinct places.")
    base, curve, best = _criterion(places, 1, config.seed), {}, 2
    for k in range(2, most + 1):
        value = _criterion(places, k, config.seed)
        if value is None or base is None or k > best + PATIENCE:
            break
        curve[k] = value - base
        best = min(i for i in curve if curve[i] >= max(curve.values()) - WORTH)
    return Number(best, curve, _sentence(best, curve))


def _criterion(places: Tensor, k: int, seed: int) -> float | None:
    """Mean log-likelihood less entropy of each half under the mixture of the other; None if a half lacks a cluster."""
    labels = kmeans(places, k, seed=seed, n_init=3).labels
    halves = slice(0, len(places) // 2), slice(len(places) // 2, None)
    values = []
    for fitted, judged in (halves, halves[::-1]):
        if len(torch.unique(labels[fitted])) < k:
            return None
        mixture = fit_mixture(places[fitted], labels[fitted], k, iterations=30)
        joint = mixture.joint(places[judged])
        memberships = joint.log_softmax(1)
        sure = (memberships.exp() * memberships).sum(1).mean()
        values.append(float(joint.logsumexp(1).mean() + sure))
    return sum(values) / 2


def _places(x: np.ndarray, seed: int) -> Tensor:
    """A sample of the places in their principal directions."""
    places = torch.from_numpy(np.ascontiguousarray(x, np.float32))
    places = places[places.isfinite().all(1)]
    if not len(places):
        raise ValueError("there is nothing to cluster: no place has a finite value in every feature")
    picked = torch.randperm(len(places), generator=torch.Generator().manual_seed(seed))[:PLACES]
    places = places[picked] - places[picked].mean(0)
    values, directions = torch.linalg.eigh((places.T @ places).double())
    leading: Tensor = directions[:, values.argsort(descending=True)[:DIRECTIONS]].float()
    return places @ leading


def _sentence(best: int, curve: dict[int, float]) -> str:
    if not curve or max(curve.values()) < WORTH:
        return f"{best} clusters were chosen, the fewest there can be: the places form no clear groups."
    return f"{best} clusters were chosen: fewer fit the image clearly worse; more fit hardly better, or overlap."
