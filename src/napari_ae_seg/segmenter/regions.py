"""The regions method: whole regions of an image are labelled, not places by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ae_seg.clustering.prototypes import Prototypes
from napari_ae_seg.clustering.regions.merging import THINGS
from napari_ae_seg.clustering.regions.watershed import RULES, Regions, fit_regions

from .label import Prepared, spread

HELD, SOME = 1 << 25, 100_000
"""Memberships held at once, for an image may hold thousands of regions; and places that their scale is found on."""

if TYPE_CHECKING:
    from napari_ae_seg.config import SegmentationConfig
    from napari_ae_seg.features.space import FeatureSpace
    from napari_ae_seg.images.normalize import Normalizer


def regions_of(
    prepared: Prepared,
    space: FeatureSpace,
    config: SegmentationConfig,
    normalizer: Normalizer,
    anisotropy: tuple[float, ...],
) -> list[Regions]:
    """The regions of every sample of a prepared source, with the tree that merges them."""
    return [
        fit_regions(
            features.cpu().numpy(),
            normalizer.standard(raw),
            normalizer.valid(raw),
            k=config.n_clusters,
            superpixels=config.superpixels,
            rule=RULES.get(space.name, THINGS),
            anisotropy=anisotropy,
        )
        for raw, features in zip(prepared.raw, prepared.features, strict=True)
    ]


def labeled(
    prepared: Prepared, regions: list[Regions], grid: int, k: int, centers: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of a cut at `k` (0: as many as were found) and how sure they are: (N, *space) each.

    A finer cut keeps the numbers of a coarser one and adds the next. The regions that were asked for are numbered like
    the clusters of these `centers` that they are most like, in every image; those that were found, as the image splits.
    """
    labels = np.stack([one.labels(k) for one in regions])
    sure = [_confidence(one, k, f, part, grid) for one, f, part in zip(regions, prepared.features, labels, strict=True)]
    if centers is not None:
        labels = np.stack([_numbers(one, centers)[part] for one, part in zip(regions, labels, strict=True)])
    return labels, np.stack(sure)


def _numbers(regions: Regions, centers: np.ndarray) -> np.ndarray:
    """The number that each label gets, so that 1..K go to what is most like cluster 1..K; 0 and those above K stay."""
    from scipy.optimize import linear_sum_assignment

    means = regions.prototypes()
    numbers = np.arange(len(regions.means) + 1)
    if len(means) == len(centers):
        away = ((means[:, None] - centers[None]) ** 2).sum(2)
        numbers[1 : len(means) + 1] = linear_sum_assignment(away)[1] + 1
    return numbers.astype(np.int32)


def _confidence(regions: Regions, k: int, features: torch.Tensor, labels: np.ndarray, grid: int) -> np.ndarray:
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
