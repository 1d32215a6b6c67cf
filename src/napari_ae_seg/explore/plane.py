"""A plane of latents: where on a grid every pixel lies, which pixels a lasso holds, and pictures of it.

A million pixels stay fluid because the plane is a picture of SIDE x SIDE bins: a lasso is drawn as a mask of bins, and
one look-up per pixel says who is inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from napari_ae_seg.core.errors import MissingExtraError

SIDE = 512
"""Bins along each side of the plane."""
NOWHERE = SIDE * SIDE
"""The bin number of pixels without data."""
EDGE = 0.04
"""Share of the plane left free on each side."""
FITTED = 20_000
"""Points that principal directions are found on, at most."""
EMBEDDED = 2000
"""Points that UMAP lays out, at most; the others go where their nearest neighbours among them are."""
EPOCHS = 200
NEIGHBORS = 5
CHUNK = 1 << 13

VIRIDIS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
DENSITY = ((24, 34, 66), (38, 92, 156), (86, 170, 215), (190, 226, 240), (255, 255, 255))
"""Stops of a colour ramp, low to high."""

Projection = Callable[[np.ndarray], np.ndarray]
"""(n, F) -> (n, 2)"""


@dataclass(frozen=True)
class Plane:
    """The bin of every pixel, row * SIDE + column with row 0 on top, and how much lies in each bin."""

    bins: np.ndarray
    """(N, *space) int32; NOWHERE where there are no data."""
    counts: np.ndarray
    """(SIDE, SIDE) pixels, or objects, per bin"""
    sentence: str
    """What the plane shows."""

    def inside(self, polygon: Sequence[tuple[float, float]]) -> np.ndarray:
        """Which pixels (N, *space) lie inside a `polygon` of (column, row) on the plane."""
        return np.asarray(np.append(polygon_mask(polygon).ravel(), False)[self.bins])

    def places(self, chosen: np.ndarray) -> np.ndarray:
        """How many of the `chosen` pixels (N, *space) lie in each bin: (SIDE, SIDE)."""
        return tally(self.bins[chosen])

    def at(self, n: int, place: tuple[int, ...]) -> tuple[int, int] | None:
        """(column, row) of one pixel; None if it has no data."""
        found = int(self.bins[(n, *place)])
        return None if found == NOWHERE else (found % SIDE, found // SIDE)

    def light(self, counts: np.ndarray) -> np.ndarray:
        """Brightness (SIDE, SIDE) of 0 to 1 of bins that hold so much; few points are drawn as dots that can be seen.

        It is logarithmic: a single point can be told from none, and the dense core from its surroundings.
        """
        blurred, one = self._blurred(counts), self._blurred_one()
        top = float(blurred.max(initial=0.0))
        return np.asarray(np.log1p(blurred / one) / np.log1p(max(top, one) / one))

    def picture(self, colors: np.ndarray | None = None) -> np.ndarray:
        """The plane as (SIDE, SIDE, 3) uint8: its density, or the mean of `colors` (N, *space, 3) of 0 to 1."""
        light = self.light(self.counts)
        if colors is None:
            return np.asarray(255 * ramp(light, DENSITY) * np.minimum(1, 12 * light)[..., None], np.uint8)
        total = self._blurred(tally(self.bins))
        shade = np.where(light > 0.004, 0.3 + 0.7 * light, 0.0)
        out = np.empty((SIDE, SIDE, 3))
        for channel in range(3):
            out[..., channel] = shade * self._blurred(tally(self.bins, colors[..., channel])) / np.maximum(total, 1e-9)
        return (255 * out.clip(0, 1)).astype(np.uint8)

    @property
    def _sigma(self) -> float:
        """Size of a dot in bins: none where there are more points than bins."""
        sigma = 0.22 * float(np.sqrt(NOWHERE / max(float(self.counts.sum()), 1.0)))
        return 0.0 if sigma < 0.4 else min(sigma, 2.5)

    def _blurred(self, counts: np.ndarray) -> np.ndarray:
        from scipy import ndimage as ndi

        values = counts.astype(np.float32)
        return np.asarray(ndi.gaussian_filter(values, self._sigma, truncate=3)) if self._sigma else values

    def _blurred_one(self) -> float:
        return 1 / (2 * np.pi * self._sigma**2) if self._sigma else 1.0


def polygon_mask(polygon: Sequence[tuple[float, float]]) -> np.ndarray:
    """The bins (SIDE, SIDE) inside a `polygon` of (column, row).

    >>> int(polygon_mask([(10, 10), (19, 10), (19, 19), (10, 19)]).sum())
    100
    """
    from PIL import Image, ImageDraw

    if len(polygon) < 3:
        return np.zeros((SIDE, SIDE), bool)
    picture = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in polygon], fill=1, outline=1)
    return np.asarray(picture, bool)


def binned(points: np.ndarray) -> np.ndarray:
    """The bin of each of `points` (..., 2), as int32 (...); the plane reaches from their .1 to their 99.9 percentile.

    What lies beyond is drawn on its rim, and what is not finite nowhere.
    """
    flat = points.reshape(-1, 2)
    known = np.isfinite(flat).all(1)
    if not known.any():
        return np.full(points.shape[:-1], NOWHERE, np.int32)
    sample = flat[known][:: max(1, int(known.sum()) // 200_000)]
    low, high = np.percentile(sample, (0.1, 99.9), axis=0)
    span = np.maximum(high - low, 1e-9 * max(1.0, float(np.abs(sample).max())))
    unit = EDGE + (1 - 2 * EDGE) * (flat - low) / span
    where = np.nan_to_num(unit * SIDE).clip(0, SIDE - 1).astype(np.int32)
    bins = (SIDE - 1 - where[:, 1]) * SIDE + where[:, 0]
    return np.where(known, bins, NOWHERE).astype(np.int32).reshape(points.shape[:-1])


def tally(bins: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """How many `bins` there are of each, or the sum of their `weights`: (SIDE, SIDE)."""
    flat = None if weights is None else weights.ravel()
    return np.bincount(bins.ravel(), flat, NOWHERE + 1)[:-1].reshape(SIDE, SIDE)


def ramp(values: np.ndarray, stops: Sequence[tuple[int, int, int]] = VIRIDIS) -> np.ndarray:
    """Colours (..., 3) of 0 to 1 of `values` of 0 to 1.

    >>> ramp(np.array([0.0, 1.0]), [(0, 0, 0), (255, 255, 255)]).tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    at, table = np.linspace(0, 1, len(stops)), np.array(stops) / 255
    return np.stack([np.interp(values, at, table[:, channel]) for channel in range(3)], -1)


def principal(sample: np.ndarray) -> Projection:
    """The projection on the two directions in which `sample` (n, F) differs most; their signs are fixed."""
    part = sample[:: max(1, len(sample) // FITTED)].astype(np.float64)
    mean = part.mean(0)
    centered = part - mean
    found = np.linalg.eigh(centered.T @ centered)[1][:, ::-1][:, :2]
    found = found * np.where(found[np.abs(found).argmax(0), np.arange(found.shape[1])] < 0, -1, 1)
    if found.shape[1] == 1:  # one feature: a line
        found = np.concatenate([found, np.zeros_like(found)], 1)
    return lambda x: np.asarray((x - mean) @ found, np.float32)


def umap(sample: np.ndarray, seed: int = 0) -> Projection:
    """UMAP's layout of `sample` (n, F), in which other points lie among their nearest neighbours.

    MissingExtraError without `pip install "napari-ae-seg[umap]"`.
    """
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingExtraError('a UMAP needs umap-learn: pip install "napari-ae-seg[umap]"') from error
    some = np.random.default_rng(seed).permutation(len(sample))[:EMBEDDED]
    x = np.ascontiguousarray(sample[np.sort(some)], np.float32)
    near = min(15, len(x) - 1)
    layout = UMAP(n_neighbors=near, n_epochs=EPOCHS, random_state=seed, n_jobs=1).fit_transform(x)
    return lambda points: _among(points, x, np.array(layout, np.float32))


PROJECTIONS: dict[str, Callable[[np.ndarray], Projection]] = {"pca": principal, "umap": umap}
"""Name -> how features are projected to the plane."""


def _among(points: np.ndarray, known: np.ndarray, layout: np.ndarray) -> np.ndarray:
    """Positions (n, 2) of `points` (n, F): the weighted mean of those of the nearest `known` ones."""
    import torch

    centers, places = torch.from_numpy(known), torch.from_numpy(layout)
    squares = centers.square().sum(1)
    least = 1e-6 * float(squares.mean()) + 1e-12
    out = []
    for part in torch.from_numpy(np.ascontiguousarray(points, np.float32)).split(CHUNK):
        reach = torch.addmm(squares, part, centers.T, alpha=-2)
        gap, nearest = reach.topk(min(NEIGHBORS, len(known)), 1, largest=False)
        weight = 1 / (gap + part.square().sum(1, keepdim=True)).clamp_min(least)
        out.append((places[nearest] * (weight / weight.sum(1, keepdim=True))[..., None]).sum(1))
    return np.asarray(torch.cat(out))
