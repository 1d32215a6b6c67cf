"""Labels by cluster: the cluster of a place's features, as its neighbours and the edges of the image agree."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.autoencoder.encode import scaled
from napari_ae_seg.core import filters
from napari_ae_seg.images.axes import Region

from . import smooth

if TYPE_CHECKING:
    from napari_ae_seg.features.space import FeatureSpace
    from napari_ae_seg.images.normalize import Normalizer

    from .label import Sample
    from .small_clusters import WeightedClusters

SCORES = 256 * 2**20
"""Bytes of scores above which they are kept in a temporary file."""


@dataclass(frozen=True, eq=False)
class ByCluster:
    """A place belongs to the cluster of its features; `prepared` scores all clusters on the grid of a sample."""

    space: FeatureSpace
    clusters: WeightedClusters
    normalizer: Normalizer
    device: torch.device
    grid: int
    anisotropy: tuple[float, ...]
    smoothing: float
    """How strongly neighbouring places share a cluster."""
    sharpen: bool
    """Whether borders follow the edges of the image."""
    sharpness: float
    """What scores are multiplied by to be the logarithms of probabilities."""
    whole: ClassVar[bool] = False

    @property
    def k(self) -> int:
        """Number of labels."""
        return self.clusters.k

    @property
    def strength(self) -> float:
        """How strongly neighbouring places share a label."""
        return self.smoothing

    @property
    def sigma(self) -> tuple[float, ...]:
        """Neighbourhood of the smoothing, in cells per axis."""
        return smooth.sigmas(self.grid, self.anisotropy)

    @property
    def margin(self) -> int:
        """Pixels around a block that its scores depend on, beside those that its features need: none."""
        return 0

    @property
    def halo(self) -> int:
        """Pixels around a block that its labels depend on."""
        around = self.grid * (smooth.mean_field_halo(self.sigma) + 1)
        return around + (smooth.sharpen_halo() if self.sharpen else 0)

    @property
    def parts(self) -> tuple[object, ...]:
        """The clusters."""
        return (self.clusters.clusters,)

    @property
    def settings(self) -> object:
        """Smoothing, sharpening and what favours small clusters."""
        return self.smoothing, self.sharpen, self.clusters.added, self.clusters.blunt

    @contextmanager
    def prepared(self, sample: Sample) -> Iterator[Scores]:
        """The scores of every cluster in every cell of the grid; in a temporary file if there are very many."""
        with _stored((self.k, *(-(-size // self.grid) for size in sample.space))) as scores:
            for tile, features in sample.blocks():
                space = tuple(part.stop - part.start for part in tile.outer)
                part = self._on_grid(self.scores(features), space)
                scores.write(scaled(tile.core, self.grid)[1:], part[scaled(tile.inner, self.grid)])
            yield scores

    def labels(self, known: Scores, region: Region, raw: np.ndarray, /) -> tuple[np.ndarray, np.ndarray]:
        """Labels and confidence of a region of native values `raw`: (*region) each."""
        scores = known.read(scaled(region, self.grid)[1:]).to(self.device)
        valid = torch.from_numpy(self.normalizer.valid(raw)).to(scores.device)
        data = filters.coverage(valid, [self.grid] * valid.ndim)
        weight = None if bool(valid.all()) else (data > 0).float()
        q = smooth.mean_field(scores, self.strength, self.sigma, weight)
        q = smooth.upsample(q, self.grid, raw.shape[1:])
        if self.sharpen:
            image = torch.from_numpy(self.normalizer.standard(raw)).to(q.device).mean(0)
            q = self.sharpened(q, image)
        label = q.max(0).indices
        confidence = self._calibrated(scores, weight, raw.shape[1:]).gather(0, label[None])[0]
        labels = torch.where(valid, label + 1, 0).to(torch.int32)
        return labels.cpu().numpy(), (confidence.clamp(0, 1) * valid).cpu().numpy()

    def probabilities(self, known: Scores, region: Region, raw: np.ndarray) -> np.ndarray:
        """Probability of every label in a region of native values `raw`, (K, *region); 0 where there is no data."""
        scores = known.read(scaled(region, self.grid)[1:]).to(self.device)
        valid = torch.from_numpy(self.normalizer.valid(raw)).to(scores.device)
        weight = None if bool(valid.all()) else (filters.coverage(valid, [self.grid] * valid.ndim) > 0).float()
        found: np.ndarray = (self._calibrated(scores, weight, raw.shape[1:]).clamp(0, 1) * valid).cpu().numpy()
        return found

    def _calibrated(self, scores: Tensor, weight: Tensor | None, space: Sequence[int]) -> Tensor:
        """Probabilities (K, *space): before mean-field, which makes memberships 0 or 1 almost everywhere."""
        q = filters.smooth(torch.softmax(self.sharpness * scores, 0), self.sigma, weight)
        return smooth.upsample(q, self.grid, space)

    def scores(self, features: Tensor) -> Tensor:
        """Log memberships (K, *grid) of features (F, *grid)."""
        return self.clusters.scores(features)

    def sharpened(self, memberships: Tensor, image: Tensor) -> Tensor:
        """Memberships (K, *space) whose borders follow the edges of `image` (*space)."""
        return self.clusters.blunted(smooth.sharpen(memberships, image, self.anisotropy), memberships)

    def _on_grid(self, scores: Tensor, space: tuple[int, ...]) -> Tensor:
        """Scores are found where the features are and interpolated to the grid, so that borders stay smooth."""
        ndim = len(space)
        return filters.resample(scores, [self.space.grid] * ndim, [self.grid] * ndim, space)


class Scores(Protocol):
    """Scores (K, *grid) of one sample."""

    def read(self, region: Region) -> Tensor:
        """The scores of a region of the grid."""

    def write(self, region: Region, scores: Tensor) -> None:
        """Keeps the scores of a region of the grid."""


@dataclass
class _InMemory:
    whole: Tensor

    def read(self, region: Region) -> Tensor:
        return self.whole[(slice(None), *region)]

    def write(self, region: Region, scores: Tensor) -> None:
        if scores.shape == self.whole.shape:
            self.whole = scores
        else:
            self.whole[(slice(None), *region)] = scores


@dataclass
class _OnDisk:
    array: Any

    def read(self, region: Region) -> Tensor:
        return torch.from_numpy(np.asarray(self.array[(slice(None), *region)]))

    def write(self, region: Region, scores: Tensor) -> None:
        self.array[(slice(None), *region)] = scores.cpu().numpy()


@contextmanager
def _stored(size: tuple[int, ...]) -> Iterator[Scores]:
    if 4 * math.prod(size) <= SCORES:
        yield _InMemory(torch.zeros(size))
        return
    import zarr

    with tempfile.TemporaryDirectory(prefix="napari-ae-seg-") as folder:
        chunks = (size[0], *(min(s, 128) for s in size[1:]))
        yield _OnDisk(zarr.create_array(folder, shape=size, chunks=chunks, dtype="float32"))
