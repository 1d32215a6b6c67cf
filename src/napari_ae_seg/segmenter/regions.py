"""Labels by region: whole regions of an image are labelled, not places by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.autoencoder.encode import scaled
from napari_ae_seg.clustering.prototypes import Prototypes
from napari_ae_seg.clustering.regions.merging import THINGS
from napari_ae_seg.clustering.regions.watershed import RULES, Regions, fit_regions

from .label import Held, Sample, spread, within

if TYPE_CHECKING:
    from napari_ae_seg.features.space import FeatureSpace
    from napari_ae_seg.images.axes import Region
    from napari_ae_seg.images.normalize import Normalizer

HELD, SOME = 1 << 25, 100_000
"""Memberships held at once, for an image may hold thousands of regions; and places that their scale is found on."""

HALO = 32
"""Pixels around a block in which its regions are found, too, so that they meet those of the next block."""

Found = tuple[np.ndarray, np.ndarray]
"""Labels and confidence."""


@dataclass(frozen=True, eq=False)
class ByRegion:
    """A place belongs to the region it lies in; the tree of the regions of a sample is cut at `cut`.

    A finer cut keeps the numbers of a coarser one and adds the next. Regions that were asked for are numbered like the
    clusters of these `centers` that they are most like, in every image; those that were found, as the image splits.

    An image that is not in memory has its regions found block by block. Where regions were asked for, each that a block
    shows gets the number of the cluster that it is most like; else every block numbers its own.
    """

    space: FeatureSpace
    normalizer: Normalizer
    grid: int
    anisotropy: tuple[float, ...]
    k: int
    """Regions that were asked for, 0 for as many as the image shows."""
    superpixels: int
    cut: int
    """Regions that are shown, 0 for `k`."""
    centers: np.ndarray
    """(K, F) of the clusters."""
    whole: ClassVar[bool] = True
    margin: ClassVar[int] = 0
    halo: ClassVar[int] = HALO

    @property
    def parts(self) -> tuple[object, ...]:
        """The features and the clusters that number the regions."""
        return self.space, self.centers

    @property
    def settings(self) -> object:
        """The numbers of regions."""
        return self.k, self.superpixels, self.cut

    def prepared(self, sample: Sample) -> Callable[[Region], Found]:
        """What finds labels and confidence of a region and what is around it."""
        if not isinstance(sample, Held):
            return lambda around: self._found_in(sample, around)
        settings = self.k, self.superpixels
        regions = sample.prepared.regions.get((self.space,), settings, dict)
        if sample.n not in regions:
            maps, raw = sample.maps, sample.prepared.raw[sample.n]
            regions[sample.n] = self._regions(maps, raw, self.k)
        own = regions[sample.n]
        labels = own.labels(self.cut)
        confidence = _confidence(own, self.cut, sample.maps, labels, self.space.grid)
        found = (_numbers(own, self.centers)[labels] if self.k else labels), confidence
        return lambda around: (found[0][around], found[1][around])

    def labels(
        self, known: Callable[[Region], Found], around: Region, _: np.ndarray, region: Region, /
    ) -> tuple[np.ndarray, np.ndarray]:
        """Labels and confidence of a region: (*region) each."""
        labels, confidence = known(around)
        inner = within(region, around)
        return labels[inner], confidence[inner]

    def _found_in(self, sample: Sample, around: Region) -> Found:
        """Labels and confidence of a part of a sample, found in it alone."""
        maps, outer = sample.cells(around)
        maps = maps[scaled(within(around, outer), self.space.grid)]
        regions = self._regions(maps, sample.raw(around), 0)
        labels = regions.labels()
        confidence = _confidence(regions, 0, maps, labels, self.space.grid)
        if not self.k:
            return labels, confidence
        away = ((regions.prototypes()[:, None] - self.centers[None]) ** 2).sum(2)
        numbers = np.array([0, *(away.argmin(1) + 1)], np.int32)
        return numbers[labels], confidence

    def _regions(self, maps: Tensor, raw: np.ndarray, k: int) -> Regions:
        """The regions of native values `raw` with the tree that merges them down to `k`, 0 for as many as they show."""
        return fit_regions(
            maps.cpu().numpy(),
            self.normalizer.standard(raw),
            self.normalizer.valid(raw),
            k=k,
            superpixels=self.superpixels,
            rule=RULES.get(self.space.name, THINGS),
            anisotropy=self.anisotropy,
        )


def _numbers(regions: Regions, centers: np.ndarray) -> np.ndarray:
    """The number that each label gets, so that 1..K go to what is most like cluster 1..K; 0 and those above K stay."""
    from scipy.optimize import linear_sum_assignment

    means = regions.prototypes()
    numbers = np.arange(len(regions.means) + 1)
    if len(means) == len(centers):
        away = ((means[:, None] - centers[None]) ** 2).sum(2)
        numbers[1 : len(means) + 1] = linear_sum_assignment(away)[1] + 1
    return numbers.astype(np.int32)


def _confidence(regions: Regions, k: int, features: Tensor, labels: np.ndarray, grid: int) -> np.ndarray:
    """Membership of every pixel in its region, by how near its features are to the region's mean: (*space)."""
    means = torch.from_numpy(regions.prototypes(k).astype(np.float32))
    size = features.shape[1:]
    rows = max(1, HELD // (len(means) * int(np.prod(size[1:]))))
    some = features.flatten(1).T
    some = some[:: -(-len(some) // SOME)].cpu()
    scale = float(torch.cdist(some, means).min(1).values.square().mean())
    prototypes = Prototypes(means, torch.arange(len(means)), max(scale, 1e-12))
    own = np.zeros(labels.shape, np.float32)
    for start in range(0, size[0], rows):
        slab = features[:, start : start + rows].cpu()
        members = torch.softmax(prototypes.memberships(slab.flatten(1).T), 1).numpy()
        pixels = slice(start * grid, (start + rows) * grid)
        part = labels[pixels]
        cell = spread(torch.arange(len(members)).reshape(1, *slab.shape[1:]), grid, part.shape)[0].numpy()
        own[pixels][part > 0] = members[cell[part > 0], part[part > 0] - 1]
    return own
