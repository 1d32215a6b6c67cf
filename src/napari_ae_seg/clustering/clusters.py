"""Places become clusters: one table of methods, one fitted thing that scores any features chunk by chunk.

Clusters are numbered by increasing value of their first feature, unless the caller renumbers them (`reorder`) or a
previous fit is given, whose ids and colours are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.core.state import stored

from . import bayes, hdbscan, kmeans, match, mixture, spherical, tied, ward
from .lasso import Parted, lassoed
from .method import Method, Model, drawn
from .number import likeliest
from .tree import Tree, grow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ae_seg.config import SegmentationConfig

CHUNK = 1 << 17
MOST = 4096
"""Clusters, and the numbers of their colors, that a file may hold."""
KEPT = 500
"""Lassoed places that join the sample of the clusters, at most."""
LEFT = 0.03
"""Share of a cluster's places that a lasso must leave it, or it takes in all of it."""

METHODS: dict[str, Method] = {
    "kmeans": kmeans.fit,
    "tied": tied.fit,
    "gmm": mixture.fit,
    "bayes": bayes.fit,
    "ward": ward.fit,
    "hdbscan": hdbscan.fit,
    "spherical": spherical.fit,
}
"""How places become clusters; regions and joint refinement start from images and networks, and live elsewhere."""


@stored("clusters")
@dataclass(frozen=True)
class Clusters:
    """A fitted clustering of places; labels are cluster index + 1."""

    method: str
    model: Model
    sample: Annotated[np.ndarray, "float32 n F"]
    """(n, F) float32, the places it was fitted on."""
    colors: tuple[Annotated[int, (0, MOST)], ...]
    """A colour index per cluster, kept when clusters are matched to those of an earlier fit."""
    quality: dict[str, float] = field(default_factory=dict)
    curve: dict[int, float] = field(default_factory=dict)
    """Probability of each number of clusters, when that was chosen from the data."""
    note: str = ""
    """One sentence on what could not be as asked; empty otherwise."""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return self.model.k

    @property
    def likely(self) -> tuple[int, ...]:
        """The two or three likeliest numbers of clusters, the likeliest first; none where the number was given."""
        return likeliest(self.curve)

    def scores(self, features: Tensor) -> Tensor:
        """Log memberships (K, *grid) of `features` (F, *grid): unnormalised, the largest is the label."""
        flat = features.reshape(len(features), -1)
        model = self.model.to(features.device)
        out = torch.empty(self.k, flat.shape[1], device=features.device)
        for start in range(0, flat.shape[1], CHUNK):
            out[:, start : start + CHUNK] = model.memberships(flat[:, start : start + CHUNK].T.float()).T
        return out.reshape(self.k, *features.shape[1:])

    def assign(self, features: Tensor) -> Tensor:
        """Cluster index 0 .. K-1 of each place, (*grid), of `features` (F, *grid); scores are not stored."""
        flat = features.reshape(len(features), -1)
        model = self.model.to(features.device)
        parts = [model.memberships(part.T.float()).argmax(1) for part in flat.split(CHUNK, dim=1)]
        return torch.cat(parts).reshape(features.shape[1:])

    @cached_property
    def sample_labels(self) -> np.ndarray:
        """(n,) cluster index of each place of the sample."""
        return np.asarray(self.assign(torch.from_numpy(self.sample.T)))

    @cached_property
    def centers(self) -> np.ndarray:
        """(K, F) mean features of each cluster's places in the sample."""
        return _means(self.sample, self.sample_labels, self.k)

    def tree(self, seed: int = 0) -> Tree:
        """The clusters split into leaves and merged into one: cut it at any number of segments."""
        return grow(self.sample, self.sample_labels, self.k, seed=seed)

    def permuted(self, order: Sequence[int]) -> Clusters:
        """The same clusters in another order: number i is what was number `order[i]`."""
        picked = torch.tensor(order, device=self.model.device)
        return replace(self, model=self.model.permuted(picked), colors=tuple(self.colors[i] for i in order))

    def separated(self, parted: Parted, seed: int = 0) -> Clusters:
        """The clusters and one more, the last, that holds what is like the places inside a lasso.

        >>> from napari_ae_seg.config import SegmentationConfig
        >>> x = np.repeat([[0.0], [1.0], [5.0]], 20, axis=0)
        >>> two = fit_clusters(x, SegmentationConfig(), "kmeans", 2)
        >>> three = two.separated(Parted(x[20:40], np.delete(x, slice(20, 40), 0)))
        >>> three.assign(torch.tensor([[0.0, 1.0, 5.0]])).tolist()
        [0, 2, 1]
        """
        model = lassoed(self.model, parted, seed)
        keep = np.random.default_rng(seed).permutation(len(parted.inside))[:KEPT]
        more = replace(
            self,
            model=model,
            sample=np.concatenate([self.sample, np.asarray(parted.inside[keep], np.float32)]),
            colors=(*self.colors, max(self.colors) + 1),
        )
        before = np.bincount(self.sample_labels, minlength=self.k)
        *left, new = np.bincount(more.sample_labels, minlength=more.k)
        emptied = np.flatnonzero(left <= LEFT * before)
        if len(emptied):
            raise ValueError(f"the lasso takes in all of cluster {emptied[0] + 1}: give that one a name instead")
        if not new:
            raise ValueError("what the lasso holds cannot be told from what it does not: draw it round another place")
        return more

    def check(self) -> None:
        """ValueError unless its parts agree."""
        if not 1 <= self.k == len(self.colors) <= MOST:
            raise ValueError(f"{self.k} clusters have {len(self.colors)} colors")
        if not len(self.sample) or self.sample.shape[1] != self.model.features:
            raise ValueError(f"clusters of {self.model.features} features have a sample of shape {self.sample.shape}")


def fit_clusters(x: np.ndarray | Tensor, config: SegmentationConfig, method: str, k: int) -> Clusters:
    """Clusters of the places `x` (n, F) by `method`, `k` of them, fitted where `x` lies (CPU or GPU).

    Fewer than `k` only if `x` holds fewer distinct places or HDBSCAN finds fewer groups; the note says so. Places with
    a NaN are left out; of more than `config.max_samples`, that many are drawn.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> x = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> fit_clusters(x, SegmentationConfig(), "kmeans", 2).sample_labels.tolist()
    [0, 0, 1, 1]
    """
    if method not in METHODS:
        raise ValueError(f"there is no clustering of places by {method!r}; there are {', '.join(METHODS)}")
    points = _sample(x, config)
    most = _distinct(points, k)
    note = "" if most >= k else _too_few(most, k)
    k = min(k, most)
    fitted = METHODS[method](points, k, config)
    note = note or fitted.note
    if len(torch.unique(fitted.model.memberships(points).argmax(1))) < fitted.model.k == k:
        fitted, note = (
            kmeans.fit(points, k, config),
            f"{method} left some of the {k} clusters empty, so k-means made them",
        )
    clusters = Clusters(method, fitted.model, points.cpu().numpy(), (), fitted.quality, note=note)
    clusters = replace(clusters, colors=tuple(range(clusters.k)))
    return reorder(clusters, clusters.centers[:, 0])


def _too_few(places: int, k: int) -> str:
    if places == 1:
        return "All places look the same: one segment."
    return f"The image holds {places} distinct places, too few for {k} clusters."


def reorder(clusters: Clusters, keys: np.ndarray) -> Clusters:
    """The clusters numbered (and coloured) by increasing `keys` (K,), such as the mean intensity of each."""
    order = np.argsort(keys, kind="stable")
    return replace(clusters.permuted(order.tolist()), colors=tuple(range(clusters.k)))


def matched(clusters: Clusters, previous: Clusters) -> Clusters:
    """The clusters with the ids and colours of the `previous` ones they overlap most with; new ones get new colours."""
    points = torch.from_numpy(clusters.sample.T)
    links = match.pairs(np.asarray(previous.assign(points)), clusters.sample_labels, previous.k, clusters.k)
    painted = replace(clusters, colors=tuple(match.colors(links, previous.colors, clusters.k)))
    return painted.permuted(match.order(links, clusters.k))


def _sample(x: np.ndarray | Tensor, config: SegmentationConfig) -> Tensor:
    points = x if isinstance(x, Tensor) else torch.from_numpy(np.ascontiguousarray(x, np.float32))
    if points.ndim != 2:
        raise ValueError(f"places to cluster are rows of features, (n, F); got an array of shape {tuple(points.shape)}")
    points = drawn(points, config.max_samples, config.seed).float()
    whole = points.isfinite().all(1)
    points = points if bool(whole.all()) else points[whole]
    if not len(points):
        raise ValueError("there is nothing to cluster: no place has a finite value in every feature")
    return points.contiguous()


def _distinct(x: Tensor, k: int) -> int:
    """Number of distinct rows, or any number >= k."""
    along_one_line = len(torch.unique(x[:, 0]))
    return along_one_line if along_one_line >= k else len(torch.unique(x, dim=0))


def _means(x: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    sums = np.stack([np.bincount(labels, column, k) for column in x.T.astype(np.float64)], 1)
    return np.asarray(sums / np.maximum(np.bincount(labels, minlength=k), 1)[:, None], np.float32)
