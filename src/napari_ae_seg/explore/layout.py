"""Laying out pixels or objects on the plane by their latents or features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from napari_ae_seg.core import filters
from napari_ae_seg.segmenter.label import spread

from .plane import NOWHERE, PROJECTIONS, binned, tally

Laid = tuple[np.ndarray, np.ndarray]
"""The bin of every pixel (N, *space), and how much lies in each bin."""


def of_pixels(maps: Sequence[np.ndarray], stride: int, method: str, valid: np.ndarray) -> Laid:
    """Every pixel by `maps` (F, *cells) per sample, cells of `stride` pixels; those not `valid` (N, *space) nowhere."""
    points = np.stack(_coordinates(maps, stride, method, valid.shape[1:]))
    points[~valid] = np.nan
    bins = binned(points)
    return bins, tally(bins)


def of_objects(maps: Sequence[np.ndarray], stride: int, method: str, objects: np.ndarray) -> Laid:
    """Every object 1..n of `objects` (N, *space) at the mean of its pixels, which all have its bin."""
    count = int(objects.max(initial=0))
    sizes = np.bincount(objects.ravel(), minlength=count + 1)
    present = np.flatnonzero(sizes[1:]) + 1
    if len(present) < 3:
        raise ValueError(f"a plane of objects needs three or more, there are {len(present)}")
    sums = np.zeros((count + 1, len(maps[0])))
    for part, m in zip(objects, maps, strict=True):
        for feature, values in enumerate(enlarged(m, stride, part.shape)):
            sums[:, feature] += np.bincount(part.ravel(), values.ravel(), count + 1)
    means = sums[present] / sizes[present, None]
    bins = np.full(count + 1, NOWHERE, np.int32)
    bins[present] = binned(PROJECTIONS[method](means)(means))
    return bins[objects], tally(bins[present])


def enlarged(maps: np.ndarray, stride: int, space: tuple[int, ...]) -> np.ndarray:
    """Maps (F, *cells) at every pixel: (F, *space)."""
    found = torch.from_numpy(np.ascontiguousarray(maps, np.float32))
    return filters.resample(found, [stride] * len(space), [1] * len(space), space).numpy()


def _coordinates(maps: Sequence[np.ndarray], stride: int, method: str, space: tuple[int, ...]) -> list[np.ndarray]:
    """Per sample (*space, 2) on the plane."""
    if method == "pca":  # linear, so that projecting and then enlarging is enlarging and then projecting
        project = PROJECTIONS[method](_rows(maps))
        found = [project(_rows([m])).T.reshape(2, *m.shape[1:]) for m in maps]
        return [np.moveaxis(enlarged(f, stride, space), 0, -1) for f in found]
    step = max(1, min(stride, 2))
    own, to = [stride] * len(space), [step] * len(space)
    finer = [filters.resample(torch.from_numpy(np.array(m, np.float32)), own, to, space).numpy() for m in maps]
    project = PROJECTIONS[method](_rows(finer))
    found = [project(_rows([f])).T.reshape(2, *f.shape[1:]) for f in finer]
    return [np.moveaxis(spread(torch.from_numpy(np.ascontiguousarray(f)), step, space).numpy(), 0, -1) for f in found]


def _rows(maps: Sequence[np.ndarray]) -> np.ndarray:
    """(n, F) of all cells of all samples."""
    return np.concatenate([m.reshape(len(m), -1) for m in maps], 1).T
