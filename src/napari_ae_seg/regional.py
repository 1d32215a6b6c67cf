"""The regions method: whole regions of an image are labelled, not places by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from .labelling import Prepared, spread
from .segment.merging import THINGS
from .segment.prototypes import Prototypes
from .segment.regions import RULES, Regions, fit_regions

if TYPE_CHECKING:
    from .config import SegmentationConfig
    from .images.normalise import Normaliser
    from .segment.space import FeatureSpace


def regions_of(
    prepared: Prepared,
    space: FeatureSpace,
    config: SegmentationConfig,
    normaliser: Normaliser,
    anisotropy: tuple[float, ...],
) -> list[Regions]:
    """The regions of every sample of a prepared source, with the tree that merges them."""
    return [
        fit_regions(
            features.cpu().numpy(),
            normaliser.standard(raw),
            normaliser.valid(raw),
            k=config.n_clusters,
            superpixels=config.superpixels,
            rule=RULES.get(space.name, THINGS),
            anisotropy=anisotropy,
        )
        for raw, features in zip(prepared.raw, prepared.features, strict=True)
    ]


def labelled(
    prepared: Prepared, regions: list[Regions], grid: int, k: int, centres: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of a cut at `k` (0: as many as were found) and how sure they are: (N, *space) each.

    A finer cut keeps the numbers of a coarser one and adds the next. The regions that were asked for are numbered like
    the clusters of these `centres` that they are most like, in every image; those that were found, as the image splits.
    """
    labels = np.stack([one.labels(k) for one in regions])
    sure = [_confidence(one, k, f, part, grid) for one, f, part in zip(regions, prepared.features, labels, strict=True)]
    if centres is not None:
        labels = np.stack([_numbers(one, centres)[part] for one, part in zip(regions, labels, strict=True)])
    return labels, np.stack(sure)


def _numbers(regions: Regions, centres: np.ndarray) -> np.ndarray:
    """The number that each label gets, so that 1..K go to what is most like cluster 1..K; 0 and those above K stay."""
    from scipy.optimize import linear_sum_assignment

    means = regions.prototypes()
    numbers = np.arange(len(regions.means) + 1)
    if len(means) == len(centres):
        away = ((means[:, None] - centres[None]) ** 2).sum(2)
        numbers[1 : len(means) + 1] = linear_sum_assignment(away)[1] + 1
    return numbers.astype(np.int32)


def _confidence(regions: Regions, k: int, features: torch.Tensor, labels: np.ndarray, grid: int) -> np.ndarray:
    """Membership of every pixel in its region, by how near its features are to the region's mean: (*space)."""
    means = torch.from_numpy(regions.prototypes(k).astype(np.float32))
    cells = features.cpu().flatten(1).T
    nearest = torch.cdist(cells, means).square().min(1).values
    prototypes = Prototypes(means, torch.arange(len(means)), max(float(nearest.mean()), 1e-12))
    members = torch.softmax(prototypes.memberships(cells), 1).T.reshape(len(means), *features.shape[1:])
    label = torch.from_numpy(labels.astype(np.int64))
    own = torch.zeros(labels.shape)
    for i in range(len(means)):
        inside = label == i + 1
        own[inside] = spread(members[i : i + 1], grid, labels.shape)[0][inside]
    return own.numpy()
