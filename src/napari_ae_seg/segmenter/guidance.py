"""Guidance: strokes teach what is near them, a small forest and a perceptron, and the rest of the image follows.

Features are made once and no network is trained anew. Labels that nobody painted stay what they were, wherever a
place is unlike every stroke.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.clustering.forest import Forest, fit_forest
from napari_ae_seg.clustering.nearest import Nearest, fit_nearest
from napari_ae_seg.clustering.perceptron import Perceptron, fit_perceptron
from napari_ae_seg.core.state import stored
from napari_ae_seg.features.fit import fit_guide_space
from napari_ae_seg.features.space import FeatureSpace
from napari_ae_seg.images.stack import Stack

from . import smooth
from .clustered import ByCluster
from .edits import MOST, Label, Share
from .fit import fitting_maps
from .label import Prepared

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.config import SegmentationConfig
    from napari_ae_seg.core.progress import Report
    from napari_ae_seg.images.stack import Image

    from .small_clusters import WeightedClusters

OTHERS = 4000
"""Places drawn anywhere, whose labels stay if they are unlike every stroke."""
SMOOTHINGS = (0.15, 0.05, 0.0)
"""Shares of the smoothing of clusters that are tried on guided labels: the first that the strokes survive is taken."""
SURVIVING = 0.98
"""Share of the painted places that keep their label under a smoothing that strokes survive, of those without any."""
WEIGHTS = (0.0, 0.15, 0.3, 0.5, 0.65, 0.8, 0.9)
"""Weights of the cluster of a place beside the strokes that are tried on strokes held back."""
AS_GOOD = 0.01
"""Differences in the share of right places, over both halves, that say nothing: then the clusters count for less, for
strokes lie deep inside what they mark, where the clusters are right more often than elsewhere."""
CORRECTED = 0.5
"""The most of them where the person corrects what the clusters say."""

_MOST = 4000  # painted places that are learnt from
_SURE = 0.02  # least probability
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
    """Parts sharply by a few features; the perceptron weighs all of them: together they err less than either"""
    perceptron: Perceptron
    nearest: Nearest
    """What lies near a stroke, in the features of the clusters: half of what strokes say"""
    places: Annotated[np.ndarray, "float32 n F"]
    """(n, F) features of the clusters at painted places"""
    named: Annotated[np.ndarray, "int32 n"]
    """(n,) their labels"""
    accepted: Share = 0.0
    """How far the labels that were there before are right where nobody painted, 0 to 1"""
    corrects: bool = False
    """Whether the strokes correct what was there"""
    trusted: Share = CORRECTED
    """Weight of the cluster of a place beside what is learnt of it"""
    smoothing: Share = SMOOTHINGS[0]
    """How strongly neighbouring places share a label, as a share of the smoothing of clusters"""

    def scores(self, features: Tensor) -> Tensor:
        """Log probabilities (len(labels), *grid) at `features` (F, *grid), by what strokes taught alone."""
        flat = features.flatten(1)
        trees = torch.from_numpy(self.forest.probabilities(flat.detach().cpu().numpy())).to(flat)
        both = trees.clamp_min(_SURE).log() + self.perceptron.scores(flat).clamp_min(math.log(_SURE))
        near = self.nearest.scores(flat[: self.places.shape[1]]).clamp_min(math.log(_SURE))
        return (near / 2 + both / 4).reshape(-1, *features.shape[1:])

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

    def of_clusters(self, clusters: WeightedClusters, lookup: np.ndarray) -> Tensor:
        """How likely each label is in each of `clusters`, (K, labels), as `chances` says."""
        members = torch.softmax(clusters.scores(torch.from_numpy(self.places.T.copy())), 0)
        return torch.from_numpy(self.chances(members.numpy(), lookup).astype(np.float32))

    def check(self) -> None:
        """ValueError unless its labels ascend, what was learnt tells them apart, and those painted have places."""
        if list(self.labels) != sorted(set(self.labels)) or len(self.labels) != self.perceptron.classes:
            raise ValueError(f"strokes taught {self.perceptron.classes} labels, not {self.labels}")
        if {self.forest.shares.shape[1], self.nearest.count} != {self.perceptron.classes}:
            raise ValueError("what strokes taught disagrees about how many labels there are")
        if not {*self.painted} <= {*self.labels} or {*self.painted} != {*self.named.tolist()}:
            raise ValueError("painted labels are among those told apart, and have places")
        if len(self.nearest.root) != self.places.shape[1]:
            raise ValueError("what lies near a stroke is told by the features of the clusters")


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
    evened: float
    """How strongly neighbouring places share a cluster, before strokes have their say."""

    @property
    def k(self) -> int:
        """Number of labels."""
        return len(self.guide.labels)

    @property
    def strength(self) -> float:
        """How strongly neighbouring places share a label."""
        return self.smoothing * self.guide.smoothing

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
        return self.guide.of_clusters(self.clusters, self.lookup)

    def scores(self, features: Tensor) -> Tensor:
        """Log probabilities (labels, *grid) of features (F, *grid)."""
        clusters = smooth.mean_field(self.clusters.scores(features[: self.own]), self.evened, self._cells)
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


def guide_space(
    model: Autoencoder,
    images: Sequence[Image],
    config: SegmentationConfig,
    anisotropy: tuple[float, ...],
    own: FeatureSpace,
    grid: int,
    report: Report,
) -> FeatureSpace:
    """What a guide looks at beside the clusters' `own` features, fitted on `images` and frozen."""
    stack = Stack(tuple(images))
    plain = config.but(stride=grid, features="mixed")
    maps = fitting_maps(model, stack, plain, grid, report)
    return fit_guide_space(plain, maps, anisotropy, own)


def joined(own: FeatureSpace, extra: FeatureSpace) -> FeatureSpace:
    """The features of both, those of `own` first, on the grid of `extra`."""
    first = own.n_features
    moved = tuple(replace(term, rows=(term.rows[0] + first, term.rows[1] + first)) for term in extra.terms)
    count, terms = first + extra.n_features, (*own.terms, *moved)
    return replace(own, name="guided", grid=extra.grid, n_features=count, terms=terms, anisotropy=extra.anisotropy)


def learn(
    lessons: Sequence[tuple[Tensor, np.ndarray, np.ndarray]],
    clusters: WeightedClusters,
    lookup: np.ndarray,
    grid: int,
    corrections: bool,
    seed: int,
) -> Guide:
    """A guide from `lessons`: features (F, *grid), strokes (*space; 0 is not painted) and what is there so far.

    How much the `clusters` count beside the strokes is tried on strokes held back.
    """
    places = [painted_places(features, strokes, grid) for features, strokes, _ in lessons]
    x, painted = (np.concatenate(parts) for parts in zip(*places, strict=True))
    numbers, held_back = _numbers([strokes for _, strokes, _ in lessons])
    rng, few = np.random.default_rng(seed), OTHERS // len(lessons) + 1
    extra, present = [], []
    for features, _, labels in lessons:
        cells = labels[(slice(None, None, grid),) * labels.ndim].ravel()
        drawn = rng.permutation(len(cells))[:few]
        extra.append(features.flatten(1)[:, torch.from_numpy(drawn)].T.cpu().numpy())
        present.append(cells[drawn])
    under = np.concatenate([labels[strokes > 0] for _, strokes, labels in lessons])
    others, own = (np.concatenate(extra), np.concatenate(present)), clusters.clusters.model.features

    def fit(some: np.ndarray) -> Guide:
        return fit_guide(x[some], painted[some], others, under[some], own, corrections, seed, numbers[some])

    guide = fit(np.ones(len(x), bool))
    gains = np.zeros(len(WEIGHTS))
    for fold in (held_back, ~held_back):
        if {*np.unique(painted[fold])} != {*np.unique(painted[~fold])}:
            return guide  # a label of one pixel: nothing to hold back
        gains += _gains(fit(~fold), x[fold], painted[fold], clusters, lookup)
    best = min(weight for weight, gain in zip(WEIGHTS, gains, strict=True) if gain >= gains.max() - AS_GOOD)
    return replace(guide, trusted=min(best, CORRECTED) if guide.corrects else best)


def surviving(guide: Guide, scores: Sequence[Tensor], strokes: Sequence[np.ndarray], way: ByStroke) -> Guide:
    """The guide with the strongest smoothing under which the strokes keep their labels; thin things bear none.

    `scores` (labels, *grid) and `strokes` (*space) per sample.
    """
    numbers = torch.tensor(guide.labels)
    kept = []
    for share in SMOOTHINGS:
        right: list[np.ndarray] = []
        for part, painted in zip(scores, strokes, strict=True):
            q = smooth.mean_field(part, way.smoothing * share, way.sigma) if share else part
            found, there = painted_places(numbers[q.max(0).indices.cpu()][None], painted, way.grid)
            right.append(found[:, 0] == there)
        kept.append(float(np.concatenate(right).mean()))
    chosen = next(n for n, value in enumerate(kept) if value >= SURVIVING * kept[-1])
    return replace(guide, smoothing=SMOOTHINGS[chosen])


def _gains(
    guide: Guide, x: np.ndarray, painted: np.ndarray, clusters: WeightedClusters, lookup: np.ndarray
) -> np.ndarray:
    """Share of places held back that get the right label, every label alike, for each of `WEIGHTS`."""
    features = torch.from_numpy(np.ascontiguousarray(x.T, np.float32))
    own = guide.places.shape[1]
    members = torch.softmax(clusters.scores(features[:own]).flatten(1), 0)
    chances = guide.of_clusters(clusters, lookup)
    by_cluster, by_stroke = (chances.T @ members).log(), guide.scores(features)
    at = torch.from_numpy(np.searchsorted(guide.labels, painted))
    share = torch.from_numpy(_balanced(np.unique(painted, return_inverse=True)[1])).float()
    gains = []
    for weight in WEIGHTS:
        found = (weight * by_cluster + (1 - weight) * by_stroke).argmax(0)
        gains.append(float(((found == at) * share).mean()))
    return np.array(gains)


def _numbers(painted: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Of every painted pixel the number of its stroke, and whether it is held back first.

    That is every other stroke of a label, or half of its only one.

    >>> numbers, back = _numbers([np.array([1, 1, 0, 1, 0, 2, 2])])
    >>> numbers.tolist(), back.tolist()
    ([1, 1, 2, 3, 3], [False, False, True, False, True])
    """
    from scipy import ndimage

    numbers, back, first = [], [], 0
    for strokes in painted:
        number, held = np.zeros(strokes.shape, int), np.zeros(strokes.shape, bool)
        for label in np.unique(strokes[strokes > 0]):
            parts, count = ndimage.label(strokes == label, np.ones((3,) * strokes.ndim))
            number[parts > 0] = first + parts[parts > 0]
            first += count
            if count > 1:
                held |= (parts > 0) & (parts % 2 == 0)
                continue
            where = np.nonzero(parts)
            longest = max(where, key=np.ptp)
            held[tuple(axis[longest > (longest.min() + longest.max()) / 2] for axis in where)] = True
        numbers.append(number[strokes > 0])
        back.append(held[strokes > 0])
    return np.concatenate(numbers), np.concatenate(back)


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
    strokes: np.ndarray | None = None,
) -> Guide:
    """A guide from painted places: features `x` (n, F) and their labels (n,) of 1 or more.

    `others`, features (m, F) and present labels (m,) of places drawn anywhere, lets the labels that nobody painted
    stay; without it the painted labels share the whole image. `under` (n,) are the labels that were painted over. The
    first `own` features are those that clusters are made of. `strokes` (n,) numbers the stroke of each place; without
    it a label is one stroke.

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
    numbers = labels if strokes is None else strokes
    x, labels, under, numbers = x[picked], labels[picked], under[picked], numbers[picked]
    painted, places, named = tuple(int(label) for label in np.unique(labels)), x[:, :own], labels.astype(np.int32)
    accepted, corrects, around = 0.0, False, (places, named)
    if others is not None:
        around = np.asarray(others[0], np.float32)[:, :own], np.asarray(others[1])
        accepted, corrects = agreement(labels, under, np.asarray(others[1]), corrections)
        extra, present = _unlike(x, labels, np.asarray(others[0], dtype=np.float32), np.asarray(others[1]), under, seed)
        x, labels = np.concatenate([x, extra]), np.concatenate([labels, present])
        numbers = np.concatenate([numbers, numbers.max() + present])
    names, classes = np.unique(labels, return_inverse=True)
    ways = fit_forest(x, classes, _balanced(classes), seed), fit_perceptron(x, classes, _balanced(classes), seed)
    near = fit_nearest(x[:, :own], classes, numbers, *around)
    return Guide(tuple(int(name) for name in names), painted, *ways, near, places, named, accepted, corrects)


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
