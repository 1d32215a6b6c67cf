"""Places become clusters: one table of methods, one fitted thing that scores any features chunk by chunk.

Clusters are numbered by increasing value of their first feature, unless the caller renumbers them (`reorder`) or a
previous fit is given, whose ids and colours are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from . import match
from .forest import Forest
from .hierarchy import BAYES_PLACES, DENSITY_PLACES, WARD_PLACES, density, variational, ward
from .kmeans import kmeans
from .lasso import Lassoed
from .mixture import Mixture, fit_mixture, from_precisions
from .prototypes import Prototypes, around, covering, pointing
from .tree import Tree, grow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_ae_seg.config import SegmentationConfig

CHUNK = 1 << 17
MIXTURES = 3
"""Starts of a Gaussian mixture, each from its own k-means."""


@dataclass(frozen=True)
class Fitted:
    """What a method returns: a model that gives memberships, and figures of merit."""

    model: Prototypes | Mixture
    quality: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Clusters:
    """A fitted clustering of places; labels are cluster index + 1."""

    method: str
    model: Prototypes | Mixture | Lassoed
    sample: np.ndarray
    """(n, F) float32, the places it was fitted on."""
    colors: tuple[int, ...]
    """A colour index per cluster, kept when clusters are matched to those of an earlier fit."""
    quality: dict[str, float] = field(default_factory=dict)
    curve: dict[int, float] = field(default_factory=dict)
    """Criterion per number of clusters, when that was chosen from the data."""
    note: str = ""
    """One sentence on what could not be as asked; empty otherwise."""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return self.model.k

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
        picked = torch.tensor(order, device=_device(self.model))
        return replace(self, model=self.model.permuted(picked), colors=tuple(self.colors[i] for i in order))

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Everything `from_state` needs: plain values, and arrays."""
        about, arrays = _model_state(self.model.to(torch.device("cpu")))
        meta: dict[str, Any] = {
            "method": self.method,
            "colors": list(self.colors),
            "quality": self.quality,
            "curve": {str(k): value for k, value in self.curve.items()},
            "note": self.note,
            "model": about,
        }
        return meta, {"sample": self.sample, **arrays}

    @classmethod
    def from_state(cls, meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> Clusters:
        """The clusters that `state` described."""
        model = _model_of(meta["model"], {name: value for name, value in arrays.items() if name != "sample"})
        curve = {int(k): float(value) for k, value in meta["curve"].items()}
        return cls(
            meta["method"], model, arrays["sample"], tuple(meta["colors"]), dict(meta["quality"]), curve, meta["note"]
        )


def fit_clusters(
    x: np.ndarray | Tensor, config: SegmentationConfig, method: str, k: int, previous: Clusters | None = None
) -> Clusters:
    """Clusters of the places `x` (n, F) by `method`, `k` of them, fitted where `x` lies (CPU or GPU).

    Fewer than `k` only if `x` holds fewer distinct places or HDBSCAN finds fewer groups; the note says so. Places with
    a NaN are left out; of more than `config.max_samples`, that many are drawn. `previous` lends its ids and colours to
    the clusters that match its own.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> x = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> fit_clusters(x, SegmentationConfig(), "kmeans", 2).sample_labels.tolist()
    [0, 0, 1, 1]
    """
    if method not in METHODS:
        raise ValueError(f"there is no clustering of places by {method!r}; there are {', '.join(METHODS)}")
    points = _sample(x, config)
    most = _distinct(points, k)
    note = "" if most >= k else f"the image holds {most} distinct places, too few for {k} clusters"
    k = min(k, most)
    if method == "spherical" and points.shape[1] == 1:
        method, note = "kmeans", note or "a single feature has no direction, so k-means made the clusters"
    fitted = METHODS[method](points, k, config)
    if method == "hdbscan" and fitted.model.k < k:
        note = note or f"HDBSCAN found {fitted.model.k} dense groups, of at most {k}"
    elif _seen(fitted.model, points) < k:
        fitted, note = _kmeans(points, k, config), f"{method} left some of the {k} clusters empty, so k-means made them"
    clusters = Clusters(method, fitted.model, points.cpu().numpy(), (), fitted.quality, note=note)
    clusters = replace(clusters, colors=tuple(range(clusters.k)))
    if previous is not None and previous.sample.shape[1] == points.shape[1]:
        return matched(clusters, previous)
    return reorder(clusters, clusters.centers[:, 0])


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


def _kmeans(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    found = kmeans(x, k, seed=config.seed, n_init=config.n_init)
    spread = float(x.var(0, correction=0).sum()) * len(x)
    return Fitted(around(x, found.centers), {"explained": 1 - found.inertia / max(spread, 1e-30)})


def _mixture(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    fits = []
    for seed in range(config.seed, config.seed + MIXTURES):
        start = kmeans(x, k, seed=seed, n_init=max(1, config.n_init // MIXTURES))
        fits.append(fit_mixture(x, start.labels, k, config.covariance_type))
    best = max(fits, key=lambda fit: (_seen(fit, x), fit.likelihood))
    return Fitted(best, {"likelihood": best.likelihood})


def _bayes(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    part = _part(x, BAYES_PLACES, config.seed)
    floor = 0.01 * float(part.var(0, correction=0).mean()) + 1e-12
    found = from_precisions(*variational(part.cpu().double().numpy(), k, config.covariance_type, config.seed, floor))
    mixture = found.to(x.device)
    return Fitted(mixture, {"likelihood": float(mixture.joint(x).logsumexp(1).mean())})


def _ward(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    part = _part(x, WARD_PLACES, config.seed)
    return Fitted(covering(part, torch.from_numpy(ward(part.cpu().numpy(), k)).to(x.device), config.seed))


def _density(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    part = _part(x, DENSITY_PLACES, config.seed)
    labels = torch.from_numpy(density(part.cpu().numpy(), k)).to(x.device)
    return Fitted(covering(part, labels, config.seed), {"noise": float((labels < 0).float().mean())})


def _spherical(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    # on the sphere one start in a few finds the best partition, where in space almost all do
    return Fitted(pointing(x, k, config.seed, 3 * config.n_init))


METHODS: dict[str, Callable[[Tensor, int, SegmentationConfig], Fitted]] = {
    "kmeans": _kmeans,
    "gmm": _mixture,
    "bayes": _bayes,
    "ward": _ward,
    "hdbscan": _density,
    "spherical": _spherical,
}
"""How places become clusters; regions and joint refinement start from images and networks, and live elsewhere."""


def _seen(model: Prototypes | Mixture, x: Tensor) -> int:
    """Number of clusters that some place belongs to."""
    return len(torch.unique(model.memberships(x).argmax(1)))


def _sample(x: np.ndarray | Tensor, config: SegmentationConfig) -> Tensor:
    points = x if isinstance(x, Tensor) else torch.from_numpy(np.ascontiguousarray(x, np.float32))
    if points.ndim != 2:
        raise ValueError(f"places to cluster are rows of features, (n, F); got an array of shape {tuple(points.shape)}")
    points = _part(points, config.max_samples, config.seed).float()
    whole = points.isfinite().all(1)
    points = points if bool(whole.all()) else points[whole]
    if not len(points):
        raise ValueError("there is nothing to cluster: no place has a finite value in every feature")
    return points.contiguous()


def _part(x: Tensor, most: int, seed: int) -> Tensor:
    """At most so many rows of `x`, drawn at random: its order may be that of the image."""
    if len(x) <= most:
        return x
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:most].to(x.device)]


def _distinct(x: Tensor, k: int) -> int:
    """Number of distinct rows, or any number >= k."""
    along_one_line = len(torch.unique(x[:, 0]))
    return along_one_line if along_one_line >= k else len(torch.unique(x, dim=0))


def _means(x: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    sums = np.stack([np.bincount(labels, column, k) for column in x.T.astype(np.float64)], 1)
    return np.asarray(sums / np.maximum(np.bincount(labels, minlength=k), 1)[:, None], np.float32)


def _device(model: Prototypes | Mixture | Lassoed) -> torch.device:
    if isinstance(model, Lassoed):
        return model.order.device
    return model.means.device if isinstance(model, Mixture) else model.centers.device


def _model_state(model: Prototypes | Mixture | Lassoed) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    if isinstance(model, Lassoed):
        about, arrays = _model_state(model.base)
        parts = {f"base/{name}": value for name, value in arrays.items()}
        parts |= {f"forest/{name}": value for name, value in model.forest.state()[1].items()}
        return {"kind": "lasso", "base": about}, {**parts, "order": model.order.numpy()}
    figure = {"likelihood": model.likelihood} if isinstance(model, Mixture) else {"scale": model.scale}
    kind = "mixture" if isinstance(model, Mixture) else "prototypes"
    return {"kind": kind, **figure}, {name: value.numpy() for name, value in model.tensors().items()}


def _model_of(meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> Prototypes | Mixture | Lassoed:
    def under(prefix: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}

    if meta["kind"] == "lasso":
        forest = Forest.from_state({}, under("forest/"))
        return Lassoed(_model_of(meta["base"], under("base/")), forest, torch.from_numpy(np.array(arrays["order"])))
    about = {name: value for name, value in meta.items() if name != "kind"}
    kept = {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
    kind: Callable[..., Prototypes | Mixture] = Mixture if meta["kind"] == "mixture" else Prototypes
    return kind(**kept, **about)
