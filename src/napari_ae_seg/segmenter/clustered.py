"""Labels by cluster: the cluster of a place's features, as its neighbours and the edges of the image agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.autoencoder.encode import scaled
from napari_ae_seg.core import filters
from napari_ae_seg.images.axes import Region
from napari_ae_seg.images.tiles import padded

from . import smooth
from .label import whole_of, within

if TYPE_CHECKING:
    from napari_ae_seg.features.space import FeatureSpace
    from napari_ae_seg.images.normalize import Normalizer

    from .label import Sample
    from .small_clusters import WeightedClusters
SCORES = 256 * 2**20
"""Bytes of scores up to which those of a whole sample are kept."""


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

    def prepared(self, sample: Sample) -> Scores:
        """The scores of every cluster in every cell of the grid of a sample."""
        return Scores(self, sample)

    def labels(
        self, known: Scores, around: Region, raw: np.ndarray, region: Region, /
    ) -> tuple[np.ndarray, np.ndarray]:
        """Labels and confidence of a region, (*region) each; `raw` are the native values `around` it."""
        scores = known.read(around).to(self.device)
        valid = torch.from_numpy(self.normalizer.valid(raw)).to(scores.device)
        data = filters.coverage(valid, [self.grid] * valid.ndim)
        weight = None if bool(valid.all()) else (data > 0).float()
        sure = self._calibrated(scores, weight)
        q = smooth.mean_field(scores, self.strength, self.sigma, weight)
        # from here on only what is near counts: pixels are many, cells few
        near = padded(region, self._near, tuple(one.stop for one in around), self.grid)
        inner, cells = within(near, around), scaled(within(near, around), self.grid)
        size = tuple(one.stop - one.start for one in near)
        q, sure = (smooth.upsample(part[cells], self.grid, size) for part in (q, sure))
        if self.sharpen:
            image = torch.from_numpy(self.normalizer.standard(raw[(slice(None), *inner)])).to(q.device).mean(0)
            q = self.sharpened(q, image)
        core = within(region, near)
        q, sure, valid = q[(slice(None), *core)], sure[(slice(None), *core)], valid[inner][core]
        label = q.max(0).indices
        confidence = sure.gather(0, label[None])[0]
        labels = torch.where(valid, label + 1, 0).to(torch.int32)
        return labels.cpu().numpy(), (confidence.clamp(0, 1) * valid).cpu().numpy()

    def probabilities(self, known: Scores, region: Region, raw: np.ndarray) -> np.ndarray:
        """Probability of every label in a region of native values `raw`, (K, *region); 0 where there is no data."""
        scores = known.read(region).to(self.device)
        valid = torch.from_numpy(self.normalizer.valid(raw)).to(scores.device)
        weight = None if bool(valid.all()) else (filters.coverage(valid, [self.grid] * valid.ndim) > 0).float()
        chances = smooth.upsample(self._calibrated(scores, weight), self.grid, raw.shape[1:])
        found: np.ndarray = (chances.clamp(0, 1) * valid).cpu().numpy()
        return found

    def _calibrated(self, scores: Tensor, weight: Tensor | None) -> Tensor:
        """Probabilities (K, *grid): before mean-field, which makes memberships 0 or 1 almost everywhere."""
        return filters.smooth(torch.softmax(self.sharpness * scores, 0), self.sigma, weight)

    def scores(self, features: Tensor) -> Tensor:
        """Log memberships (K, *grid) of features (F, *grid)."""
        return self.clusters.scores(features)

    def sharpened(self, memberships: Tensor, image: Tensor) -> Tensor:
        """Memberships (K, *space) whose borders follow the edges of `image` (*space)."""
        return self.clusters.blunted(smooth.sharpen(memberships, image, self.anisotropy), memberships)

    @property
    def _near(self) -> int:
        """Pixels around a pixel that its label depends on, once memberships have been smoothed."""
        return self.grid + (smooth.sharpen_halo() if self.sharpen else 0)

    def on_grid(self, scores: Tensor, space: tuple[int, ...]) -> Tensor:
        """Scores are found where the features are and interpolated to the grid, so that borders stay smooth."""
        ndim = len(space)
        return filters.resample(scores, [self.space.grid] * ndim, [self.grid] * ndim, space)


@dataclass(frozen=True)
class Scores:
    """Scores (K, *grid) of one sample: found once if its features are kept and they are few, else where read."""

    strategy: ByCluster
    sample: Sample

    def read(self, region: Region) -> Tensor:
        """The scores of a region of the sample that starts at a multiple of the grid."""
        grid = self.strategy.grid
        if self.sample.held and 4 * self.strategy.k * math.prod(self.sample.space) <= SCORES * grid ** len(region):
            return self._whole[scaled(region, grid)]
        scores, outer = self._found(region)
        return scores[scaled(within(region, outer), grid)]

    @cached_property
    def _whole(self) -> Tensor:
        return self._found(whole_of(self.sample.space))[0]

    def _found(self, region: Region) -> tuple[Tensor, Region]:
        """Scores of a region and what is around it, and where that is."""
        features, outer = self.sample.cells(region)
        space = tuple(part.stop - part.start for part in outer)
        return self.strategy.on_grid(self.strategy.scores(features), space), outer
