"""Measuring objects: sums over the pixels of each, gathered tile by tile, and the features computed from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

BINS = 64
"""Bins of the histogram of brightness."""
RANGE = (0.1, 0.9)
"""Quantiles of an object's brightness that are called its low and its high end."""


@dataclass(frozen=True)
class Sums:
    """Sums over the pixels of each of some objects: a row per object and tile, or per object once they are merged."""

    key: np.ndarray
    """(n, 2) number of the slice, label"""
    count: np.ndarray
    """(n,) pixels"""
    place: np.ndarray
    """(n, d) sums of the coordinates, in units"""
    moment: np.ndarray
    """(n, d, d) sums of their products"""
    faces: np.ndarray
    """(n, 2) area of the border, in units, and of the border with other objects"""
    light: np.ndarray
    """(n, C, 2 + BINS) sums of brightness and its square, and pixels of each step of brightness"""
    latents: np.ndarray
    """(n, 2, F) sums of the latents and of their squares"""


def merged(parts: Sequence[Sums], whole: bool = False) -> Sums:
    """One row per slice and label; with `whole`, one per label, whatever the slice."""
    columns = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Sums)}
    key = columns.pop("key")
    if whole:
        key = np.stack([np.zeros_like(key[:, 0]), key[:, 1]], axis=1)
    rows, inverse = np.unique(key, axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    starts = np.searchsorted(inverse.ravel()[order], np.arange(len(rows)))
    return Sums(rows, **{name: np.add.reduceat(column[order], starts, axis=0) for name, column in columns.items()})


def add_up(
    labels: np.ndarray,
    unit: np.ndarray,
    levels: Iterable[tuple[np.ndarray, int]],
    n: int,
    start: Sequence[int],
    spacing: Sequence[float],
) -> Sums:
    """Sums of the objects in one tile of slice `n` that starts at pixel `start`.

    `labels` has one pixel around the tile on every side; `unit` (C, *space) is its brightness within [0, 1]; `levels`
    are latents (F, *ceil(space / stride)) with their stride.
    """
    core = labels[tuple(slice(1, -1) for _ in labels.shape)]
    where = np.nonzero(core)
    found, row = np.unique(core[where], return_inverse=True)
    total = len(found)
    at = np.stack([(np.add(w, s) + 0.5) * step for w, s, step in zip(where, start, spacing, strict=True)], axis=1)

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(row, weights=values, minlength=total)

    d = labels.ndim
    moment = np.array([[summed(at[:, i] * at[:, j]) for j in range(d)] for i in range(d)])
    values = np.stack([channel[where] for channel in unit])
    return Sums(
        key=np.stack([np.full(total, n), found.astype(np.int64)], axis=1),
        count=np.bincount(row, minlength=total),
        place=np.stack([summed(at[:, i]) for i in range(d)], axis=1),
        moment=moment.transpose(2, 0, 1),
        faces=_faces(labels, core, where, summed, spacing),
        light=np.stack([_light(channel, row, total) for channel in values], axis=1),
        latents=_latents(levels, where, row, total),
    )


def shape(sums: Sums, spacing: Sequence[float]) -> dict[str, np.ndarray]:
    """Name -> values (n,) of the shape of each object.

    Elongation is 1 for a ball, fill 1 for an ellipse, and compactness falls with a ragged outline.
    """
    step, count = np.asarray(spacing, float), sums.count.astype(float)
    d = len(step)
    mean = sums.place / count[:, None]
    spread = sums.moment / count[:, None, None] - mean[:, :, None] * mean[:, None, :]
    spread = spread + np.diag(step**2 / 12)  # a pixel has an extent of its own
    axes = np.sqrt(np.maximum(np.linalg.eigvalsh(spread)[:, ::-1], 1e-12))  # (n, d) longest first
    size = count * step.prod()
    ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1) * (d + 2) ** (d / 2)  # volume over the product of `axes`
    found = {"size": np.log(size)}
    found |= {name: axes[:, i] / axes[:, i + 1] for i, name in enumerate(("elongation", "flatness")[: d - 1])}
    found["fill"] = size / (ball * axes.prod(1))
    found["compactness"] = 2 * d * size ** ((d - 1) / d) / np.maximum(sums.faces[:, 0], 1e-12)
    found["touching"] = sums.faces[:, 1] / np.maximum(sums.faces[:, 0], 1e-12)
    return found


def brightness(sums: Sums, channels: Sequence[str]) -> dict[str, np.ndarray]:
    """Name -> values (n,) of how bright each object is in each channel: mean, spread, and the ends of its range."""
    found = {}
    for c, channel in enumerate(channels):
        mean, spread = _moments(sums.light[:, c, 0], sums.light[:, c, 1], sums.count)
        share = np.cumsum(sums.light[:, c, 2:], axis=1) / np.maximum(sums.count, 1)[:, None]
        low, high = ((share < part - 1e-9).sum(1) / (BINS - 1) for part in RANGE)
        for word, column in (("mean", mean), ("spread", spread), ("low", low), ("high", high)):
            found[f"{channel}, {word}"] = column
    return found


def latents(sums: Sums, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Name -> values (n,) of the mean and the spread of each latent, called `names`."""
    mean, spread = _moments(sums.latents[:, 0], sums.latents[:, 1], sums.count[:, None])
    means = {f"{name}, mean": mean[:, i] for i, name in enumerate(names)}
    return means | {f"{name}, spread": spread[:, i] for i, name in enumerate(names)}


def _moments(first: np.ndarray, second: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = first / count
    return mean, np.sqrt(np.maximum(second / count - mean**2, 0))


def _faces(
    labels: np.ndarray,
    core: np.ndarray,
    where: tuple[np.ndarray, ...],
    summed: Callable[[np.ndarray], np.ndarray],
    spacing: Sequence[float],
) -> np.ndarray:
    """(n, 2) area of the faces of each object towards anything else, and towards other objects."""
    own, out = core[where], []
    for axis, step in enumerate(spacing):
        area = math.prod(spacing) / step
        for side in (0, 2):
            shifted = tuple(slice(1, -1) if a != axis else slice(side, side + core.shape[a]) for a in range(core.ndim))
            other = labels[shifted][where]
            out.append(np.stack([summed(area * (other != own)), summed(area * ((other != own) & (other != 0)))], 1))
    return np.asarray(np.sum(out, axis=0))


def _light(values: np.ndarray, row: np.ndarray, total: int) -> np.ndarray:
    """(n, 2 + BINS) sums of `values` of [0, 1] and of their squares, and how many lie in each step."""
    step = row * BINS + np.rint(values * (BINS - 1)).astype(np.int64)
    steps = np.bincount(step, minlength=total * BINS).reshape(total, BINS)
    sums = [np.bincount(row, weights=values**power, minlength=total) for power in (1, 2)]
    return np.concatenate([np.stack(sums, axis=1), steps], axis=1)


def _latents(
    levels: Iterable[tuple[np.ndarray, int]], where: tuple[np.ndarray, ...], row: np.ndarray, total: int
) -> np.ndarray:
    """(n, 2, F) sums of the latents over the pixels of each object, and of their squares."""
    from scipy.sparse import coo_array

    found = [np.zeros((total, 2, 0))]
    for level, stride in levels:
        cells = np.ravel_multi_index(tuple(w // stride for w in where), level.shape[1:])
        flat = level.reshape(len(level), -1).T.astype(np.float64)  # (cells, F)
        share = coo_array((np.ones(len(row)), (row, cells)), shape=(total, len(flat))).tocsr()
        found.append(np.stack([share @ flat, share @ flat**2], axis=1))
    return np.concatenate(found, axis=2)
