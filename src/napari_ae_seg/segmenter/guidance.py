"""Guidance: strokes with labels teach a small forest on the features, and the rest of the image follows.

Features are made once and nothing is trained anew. Labels that nobody painted stay what they were, wherever a place is
unlike every stroke.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.clustering.forest import Forest, fit_forest
from napari_ae_seg.core.state import stored
from napari_ae_seg.features.fit import fit_space
from napari_ae_seg.features.space import FeatureSpace
from napari_ae_seg.images.stack import Stack

from . import smooth
from .clustered import ByCluster
from .edits import MOST, Label, Share
from .fit import fit_normalizer, fitting_maps
from .label import Prepared

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.config import SegmentationConfig
    from napari_ae_seg.core.progress import Report
    from napari_ae_seg.images.stack import Image

OTHERS = 4000
"""Places drawn anywhere, whose labels stay if they are unlike every stroke."""
SMOOTHING = 0.15
"""Share of the smoothing of clusters that suits guided labels: the forest's probabilities are less torn."""

BLUR = (0.0, 1.0, 2.0, 4.0, 8.0)
NETWORK = (2.0, 6.0)
"""Sigmas in pixels at which a guide looks at the image, and at the principal channels of the network's levels."""

TRUSTED, CORRECTED = 0.65, 0.5
"""Weight of the cluster of a place beside the forest; and where the person corrects what the clusters say."""

_MOST = 4000  # painted places a forest is fitted on
_SURE = 1e-3  # least probability
_UNPAINTED = 0.5  # weight of a cluster's own label beside painted ones
_EVER = (0.05, 0.0025)  # of any label in any cluster: where strokes speak for clusters, and where these are accepted
_ALIKE = 0.95  # share of a stroke's own places that count as like it
_OVER = 0.2  # share of a stroke that lies in a segment from which this counts as painted over
_APART = 0.8  # share of the spread that two clear groups explain: of evenly spread values it is .75
_FEW = 500


@stored("guide")
@dataclass(frozen=True)
class Guide:
    """What strokes taught: how likely each label is at places of given features."""

    labels: tuple[Label, ...]
    """The labels it tells apart, ascending"""
    painted: tuple[Label, ...]
    """Those of them that strokes were painted in; the others keep their places unless these are like a stroke."""
    forest: Forest
    places: Annotated[np.ndarray, "float32 n F"]
    """(n, F) features of the clusters at painted places"""
    named: Annotated[np.ndarray, "int32 n"]
    """(n,) their labels"""
    accepted: Share = 0.0
    """How far the labels that were there before are right where nobody painted, 0 to 1"""
    trusted: Share = CORRECTED
    """Weight of the cluster of a place beside what the forest says of it"""

    def scores(self, features: Tensor) -> Tensor:
        """Log probabilities (len(labels), *grid) at `features` (F, *grid), as the forest sees them."""
        flat = features.flatten(1).detach().cpu().numpy()
        found = torch.from_numpy(self.forest.probabilities(flat)).to(features.device)
        return found.clamp_min(_SURE).reshape(-1, *features.shape[1:]).log()

    def chances(self, memberships: np.ndarray, lookup: np.ndarray) -> np.ndarray:
        """How likely each label is in each cluster, (K, labels): rows sum to 1.

        `memberships` (K, n) of the painted places; `lookup` (K + 1,) the present label of each cluster 0..K, which
        speaks for the labels that nobody painted, and for the others as far as it is accepted.
        """
        columns = []
        for label in self.labels:
            before = (lookup[1:] == label).astype(float)
            if label not in self.painted:
                columns.append(_UNPAINTED * before)
                continue
            strokes = memberships[:, self.named == label].mean(1)
            share = self.accepted if before.any() else 0.0
            columns.append((1 - share) * strokes + share * before)
        table = np.stack(columns, axis=1) + np.interp(self.accepted, (0, 1), _EVER)
        return np.asarray(table / table.sum(1, keepdims=True))

    def check(self) -> None:
        """ValueError unless its labels ascend, the forest tells them apart, and those painted have places."""
        if list(self.labels) != sorted(set(self.labels)) or len(self.labels) != self.forest.shares.shape[1]:
            raise ValueError(f"the forest tells {self.forest.shares.shape[1]} labels apart, not {self.labels}")
        if not {*self.painted} <= {*self.labels} or {*self.painted} != {*self.named.tolist()}:
            raise ValueError("painted labels are among those told apart, and have places")


@dataclass(frozen=True, eq=False)
class ByStroke(ByCluster):
    """What a place is, by its cluster and by what is like the strokes; label i is `guide.labels[i - 1]`.

    Its features are those of the clusters followed by those of the guide.
    """

    guide: Guide
    lookup: np.ndarray
    """(K + 1,) present segment of each cluster 0..K."""
    own: int
    """How many of the features are those of the clusters."""

    @property
    def k(self) -> int:
        """Number of labels."""
        return len(self.guide.labels)

    @property
    def strength(self) -> float:
        """How strongly neighbouring places share a label."""
        return self.smoothing * SMOOTHING

    @property
    def margin(self) -> int:
        """Pixels around a block that its scores depend on: those of the clusters are smoothed, too."""
        return smooth.mean_field_halo(self._cells) * self.space.grid

    @property
    def parts(self) -> tuple[object, ...]:
        """The clusters and the guide."""
        return (*super().parts, self.guide)

    @property
    def settings(self) -> object:
        """Those of the clusters, and the segment of each."""
        return super().settings, tuple(self.lookup.tolist())

    @cached_property
    def chances(self) -> Tensor:
        """(K, labels): how likely each label is in each cluster."""
        members = torch.softmax(self.clusters.scores(torch.from_numpy(self.guide.places.T.copy())), 0)
        return torch.from_numpy(self.guide.chances(members.numpy(), self.lookup).astype(np.float32))

    def scores(self, features: Tensor) -> Tensor:
        """Log probabilities (labels, *grid) of features (F, *grid)."""
        clusters = smooth.mean_field(self.clusters.scores(features[: self.own]), self.smoothing, self._cells)
        by_cluster = torch.tensordot(self.chances.T.to(clusters.device), clusters, dims=1).log()
        trusted = self.guide.trusted
        both: Tensor = trusted * by_cluster + (1 - trusted) * self.guide.scores(features)
        return both

    def sharpened(self, memberships: Tensor, image: Tensor) -> Tensor:
        """Memberships (labels, *space) whose borders follow the edges of `image`."""
        return smooth.sharpen(memberships, image, self.anisotropy)

    @property
    def _cells(self) -> tuple[float, ...]:
        """Neighbourhood of the smoothing of clusters, in cells of the features."""
        return smooth.sigmas(self.space.grid, self.anisotropy)


def checked(
    prepared: Prepared | Sequence[Prepared], strokes: np.ndarray | Sequence[np.ndarray]
) -> list[tuple[Prepared, np.ndarray]]:
    """Every source with its strokes as int32; one clear sentence if they are none."""
    sources = [prepared] if isinstance(prepared, Prepared) else [*prepared]
    arrays = [np.asarray(one) for one in ([strokes] if isinstance(prepared, Prepared) else strokes)]
    if len(sources) != len(arrays):
        raise ValueError(f"every image has an array of strokes: got {len(sources)} images and {len(arrays)} arrays")
    for one, painted in zip(sources, arrays, strict=True):
        shape = one.image.label_shape
        if painted.shape != shape or painted.dtype.kind not in "iu":
            raise ValueError(f"strokes are integers of shape {shape}, got {painted.dtype} {painted.shape}")
    if not any(painted.any() for painted in arrays):
        raise ValueError("there is no stroke to learn from: paint a few places with the number of a segment")
    return [(one, painted.astype(np.int32)) for one, painted in zip(sources, arrays, strict=True)]


def fit_guide_space(
    model: Autoencoder,
    images: Sequence[Image],
    config: SegmentationConfig,
    anisotropy: tuple[float, ...],
    grid: int,
    report: Report,
) -> FeatureSpace:
    """What a guide looks at, fitted on `images` and frozen."""
    stack = Stack(tuple(images))
    plain = config.but(stride=grid, features="mixed")
    maps = fitting_maps(model, stack, plain, grid, report, fit_normalizer(model, stack, config))
    return guide_space(
        fit_space(plain, maps, anisotropy), fit_space(plain.but(features="texture"), maps, anisotropy), anisotropy
    )


def joined(own: FeatureSpace, extra: FeatureSpace) -> FeatureSpace:
    """The features of both, those of `own` first, on the grid of `extra`."""
    first = own.n_features
    moved = tuple(replace(term, rows=(term.rows[0] + first, term.rows[1] + first)) for term in extra.terms)
    return replace(own, name="guided", grid=extra.grid, n_features=first + extra.n_features, terms=(*own.terms, *moved))


def learn(
    lessons: Sequence[tuple[Tensor, np.ndarray, np.ndarray]], own: int, grid: int, corrections: bool, seed: int
) -> Guide:
    """A guide from `lessons`: features (F, *grid), strokes (*space; 0 is not painted) and what is there so far."""
    places = [painted_places(features, strokes, grid) for features, strokes, _ in lessons]
    x, painted = (np.concatenate(parts) for parts in zip(*places, strict=True))
    rng, few = np.random.default_rng(seed), OTHERS // len(lessons) + 1
    extra, present = [], []
    for features, _, labels in lessons:
        cells = labels[(slice(None, None, grid),) * labels.ndim].ravel()
        drawn = rng.permutation(len(cells))[:few]
        extra.append(features.flatten(1)[:, torch.from_numpy(drawn)].T.cpu().numpy())
        present.append(cells[drawn])
    under = np.concatenate([labels[strokes > 0] for _, strokes, labels in lessons])
    return fit_guide(x, painted, (np.concatenate(extra), np.concatenate(present)), under, own, corrections, seed)


def identity(image: Image) -> str:
    """What tells `image` from others of its name: the name and a digest of the pixels in its middle."""
    middle = tuple(slice(max(0, size // 2 - 16), size // 2 + 16) for size in image.shape[2:])
    digest = hashlib.blake2b(image.block(0, middle).tobytes(), digest_size=8).hexdigest()
    return f"{image.name} {'x'.join(map(str, image.shape))} {digest}"


def fit_guide(
    x: np.ndarray,
    labels: np.ndarray,
    others: tuple[np.ndarray, np.ndarray] | None = None,
    under: np.ndarray | None = None,
    own: int = 0,
    corrections: bool = True,
    seed: int = 0,
) -> Guide:
    """A guide from painted places: features `x` (n, F) and their labels (n,) of 1 or more.

    `others`, features (m, F) and present labels (m,) of places drawn anywhere, lets the labels that nobody painted
    stay; without it the painted labels share the whole image. `under` (n,) are the labels that were painted over. The
    first `own` features are those that clusters are made of.

    >>> guide = fit_guide(np.array([[0.0], [0.1], [4.0], [4.1]]), np.array([2, 2, 7, 7]))
    >>> guide.labels, guide.scores(torch.tensor([[4.2, 0.0]])).argmax(0).tolist()
    ((2, 7), [1, 0])
    """
    x, labels = np.asarray(x, dtype=np.float32), np.asarray(labels)
    if x.ndim != 2 or labels.shape != x.shape[:1]:
        raise ValueError(f"a guide learns from rows of features and a label for each, got {x.shape} and {labels.shape}")
    if not len(x) or labels.min() < 1 or labels.max() > MOST:
        raise ValueError(f"a guide learns from at least one painted place, of label 1 to {MOST}")
    picked = _spread_out(labels, _MOST, seed)
    under = np.zeros(len(x), int) if under is None else np.asarray(under)
    x, labels, under = x[picked], labels[picked], under[picked]
    painted, places, named = tuple(int(label) for label in np.unique(labels)), x[:, :own], labels.astype(np.int32)
    accepted, corrects = 0.0, False
    if others is not None:
        accepted, corrects = agreement(labels, under, np.asarray(others[1]), corrections)
        extra, present = _unlike(x, labels, np.asarray(others[0], dtype=np.float32), np.asarray(others[1]), under, seed)
        x, labels = np.concatenate([x, extra]), np.concatenate([labels, present])
    names, classes = np.unique(labels, return_inverse=True)
    forest = fit_forest(x, classes, _balanced(classes), seed)
    trusted = CORRECTED if corrects else TRUSTED
    return Guide(tuple(int(name) for name in names), painted, forest, places, named, accepted, trusted)


def painted_places(features: Tensor | np.ndarray, strokes: np.ndarray, grid: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, F) and labels (n,) of the painted pixels of `strokes` (*space); `features` (F, *space / grid)."""
    where = np.nonzero(strokes)
    cells = tuple(axis // grid for axis in where)
    array = features.detach().cpu().numpy() if isinstance(features, torch.Tensor) else features
    return np.stack([channel[cells] for channel in array], axis=1), strokes[where]


def agreement(
    painted: np.ndarray, under: np.ndarray, present: np.ndarray, corrections: bool = True
) -> tuple[float, bool]:
    """How far a person who `painted` (n,) over the labels `under` (n,) accepts the `present` labels elsewhere, 0 to 1.

    And whether that person corrects them.

    Strokes that mostly say what was there before confirm it. Strokes of several labels that nowhere do are corrections:
    who paints only what is wrong accepts the rest, unless they are known to be no `corrections`. In between, what was
    there is little better than a guess.

    >>> before = np.array([1, 1, 2, 2])
    >>> [agreement(painted, before, before) for painted in (before, 3 - before, np.array([1, 2, 1, 2]))]
    [(1.0, False), (1.0, True), (0.0, False)]
    """
    there = np.unique(present[present > 0])
    known = np.intersect1d(painted, there)
    if not len(known) or len(there) < 2:
        return 0.0, False
    right, chance = np.mean([(under[painted == label] == label).mean() for label in known]), 1 / len(there)
    confirmed = max(0.0, (right - chance) / (1 - chance)) ** 2
    corrected = min(1.0, max(0.0, 2 - 2 * right / chance)) if corrections and len(known) > 1 else 0.0
    return float(max(confirmed, corrected)), bool(corrected > confirmed)


def guide_space(mixed: FeatureSpace, texture: FeatureSpace, anisotropy: Sequence[float]) -> FeatureSpace:
    """The features a guide learns from, put together from the fitted `mixed` and `texture` ones.

    The image at several blurs, the principal channels of the network's levels at two, and the texture's factors.
    """
    image, network = mixed.terms[0], mixed.terms[1:]
    channels, start = image.rows[1] - image.rows[0], 0
    terms = []
    for sigma in BLUR:
        rows = (start, start + channels)
        terms.append(replace(image, sigma=tuple(sigma / a for a in anisotropy), rows=rows))
        start += channels
    for sigma in NETWORK:
        rows = (start, start + mixed.n_features - channels)
        terms += [replace(term, sigma=tuple(sigma / a for a in anisotropy), rows=rows) for term in network]
        start = rows[1]
    for term in texture.terms:
        terms.append(replace(term, rows=(start + term.rows[0], start + term.rows[1])))
    sentence = "The intensities, what the network says of them, and texture, at several scales."
    return replace(mixed, name="guide", n_features=start + texture.n_features, terms=tuple(terms), sentence=sentence)


def _unlike(
    x: np.ndarray, labels: np.ndarray, extra: np.ndarray, present: np.ndarray, under: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Places of labels that nobody painted, without those that are like a stroke.

    A place is like a stroke if it lies as near to it as the stroke's own places do. A label that was painted over keeps
    the places that lie clearly farther off, if there are such.
    """
    painted = np.unique(labels)
    left = np.flatnonzero((present > 0) & ~np.isin(present, painted))
    left = np.random.default_rng(seed).permutation(left)
    scale = np.maximum(extra.std(0), 1e-6)
    for label in painted:
        own = torch.from_numpy((x[labels == label] / scale)[:_FEW])
        rank = 1 + len(own) // 10  # pixels of a stroke are neighbours: how far it is to a tenth of them tells more
        if len(own) <= rank or not len(left):
            continue
        limit = torch.cdist(own, own).kthvalue(rank + 1, 1).values.quantile(_ALIKE)
        away = torch.cdist(torch.from_numpy(extra[left] / scale), own).kthvalue(rank, 1).values
        keep = away > limit
        for other in np.unique(under[labels == label]):
            inside = torch.from_numpy(present[left] == other)
            if inside.any() and (under[labels == label] == other).mean() > _OVER:
                keep &= ~inside | (away > _nearer(away[inside]))
        left = left[keep.numpy()]
    count = max(50, int(np.median(np.bincount(labels)[painted])))
    left = np.concatenate([left[present[left] == label][:count] for label in np.unique(present[left])] or [left])
    return extra[left], present[left]


def _nearer(away: torch.Tensor) -> float:
    """The distance that parts near places from far ones; infinite if there are no two clear groups.

    >>> _nearer(torch.tensor([1.0, 1.1, 1.2, 7.0, 7.2])), _nearer(torch.arange(9.0))
    (1.2000000476837158, inf)
    """
    values = away.sort().values.double()
    values = values[: max(2, int(0.99 * len(values)))]
    n = torch.arange(1, len(values), dtype=torch.float64)
    below = values.cumsum(0)[:-1]
    total, count = float(values.sum()), len(values)
    between = n * (count - n) * (below / n - (total - below) / (count - n)) ** 2 / count
    spread = float(((values - values.mean()) ** 2).sum())
    best = int(between.argmax())
    return float(values[best]) if spread > 0 and float(between[best]) / spread > _APART else float("inf")


def _spread_out(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Indices of at most `most` places, of every label as many as there are or its part."""
    if len(labels) <= most:
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    names = np.unique(labels)
    return np.sort(np.concatenate([order[labels[order] == name][: max(1, most // len(names))] for name in names]))


def _balanced(classes: np.ndarray) -> np.ndarray:
    """A weight for each place, so that every class counts the same."""
    counts = np.bincount(classes)
    weights: np.ndarray = len(classes) / len(counts) / counts[classes]
    return weights
