"""Guidance: strokes on an image steer a fitted segmenter, on features made once and without training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.features.fit import fit_space
from napari_ae_seg.features.space import FeatureSpace
from napari_ae_seg.images.stack import Stack

from . import smooth
from .fit import fit_normalizer, fitting_maps
from .guide import Guide, fit_guide, guide_space, painted_places
from .label import Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.config import SegmentationConfig
    from napari_ae_seg.core.progress import Report
    from napari_ae_seg.images.stack import Image

    from .edits import Edits
    from .small_clusters import Survivors

OTHERS = 4000
"""Places drawn anywhere, whose labels stay if they are unlike every stroke."""


@dataclass(frozen=True)
class Guided:
    """Clusters with a guide on top: what a place is, by its cluster and by what is like the strokes.

    Features are those of the clusters followed by those of the guide.
    """

    survivors: Survivors
    guide: Guide
    lookup: np.ndarray
    """(K + 1,) label of each cluster 0..K."""
    own: int
    """How many features are the clusters'."""
    smoothing: float
    sigma: tuple[float, ...]
    """Neighbourhood of the smoothing, in cells."""

    @property
    def k(self) -> int:
        """Number of labels."""
        return len(self.guide.labels)

    @property
    def halo(self) -> int:
        """Cells around a place that its scores depend on."""
        return smooth.mean_field_halo(self.sigma)

    @cached_property
    def chances(self) -> Tensor:
        """(K, labels): how likely each label is in each cluster."""
        members = torch.softmax(self.survivors.scores(torch.from_numpy(self.guide.places.T.copy())), 0)
        return torch.from_numpy(self.guide.chances(members.numpy(), self.lookup).astype(np.float32))

    def scores(self, features: Tensor) -> Tensor:
        """Log probabilities (labels, *grid) of features (F, *grid)."""
        clusters = smooth.mean_field(self.survivors.scores(features[: self.own]), self.smoothing, self.sigma)
        by_cluster = torch.tensordot(self.chances.T.to(clusters.device), clusters, dims=1).log()
        trusted = self.guide.trusted
        both: Tensor = trusted * by_cluster + (1 - trusted) * self.guide.scores(features)
        return both

    def sharpened(self, memberships: Tensor, guide: Tensor, anisotropy: Sequence[float]) -> Tensor:
        """Memberships (labels, *space) whose borders follow the edges of `guide`."""
        return smooth.sharpen(memberships, guide, anisotropy)


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


def painted_on(edits: Edits, image: Image) -> np.ndarray | None:
    """What was painted on `image`, (N, *space), -1 where nothing was; None if nothing was at all."""
    painted = edits.painted.get(identity(image)) if edits.painted else None
    if painted is None:
        return None
    return image.from_source(painted.apply(np.full(painted.shape, -1, np.int32)))
