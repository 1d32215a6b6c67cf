"""Where things lie and what shape they have: irregular ellipsoids and cells that fill the plane, in 2D and 3D."""

from __future__ import annotations

import numpy as np
from scipy import spatial

from .noise import Image, Rng, bent, smooth


def strewn(rng: Rng, shape: tuple[int, ...], gap: float | tuple[float, ...], count: int) -> np.ndarray:
    """Up to `count` random places (n, axes) in `shape`, at least one, no two closer than `gap` pixels (per axis).

    >>> len(strewn(np.random.default_rng(0), (64, 64), 30, count=3))
    3
    """
    scale = np.broadcast_to(np.asarray(gap, float), (len(shape),))
    count = max(count, 1)
    tries = int(min(30 * count, 12 * np.prod(np.asarray(shape) / scale) + 30))
    places = rng.uniform(0, shape, (tries, len(shape)))
    kept = np.ones(tries, bool)
    pairs = spatial.cKDTree(places / scale).query_pairs(1.0, output_type="ndarray")
    for first, second in pairs[np.lexsort(pairs.T[::-1])]:
        if kept[first]:
            kept[second] = False
    return np.asarray(places[kept][:count])


def blobs(
    rng: Rng, shape: tuple[int, ...], places: np.ndarray, radii: np.ndarray, rough: float = 0.12
) -> tuple[Image, Image]:
    """Irregular ellipsoids: their numbers (0 outside, else 1 to n) and how deep inside each pixel lies, 0 to 1.

    `places` and `radii` are (n, axes) in pixels; each blob is turned at random in its last two axes.
    """
    outline = rough * smooth(rng, shape, tuple(0.5 * radii.mean(0)))
    numbers, depth = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    for number, (place, radius) in enumerate(zip(places, radii, strict=True), 1):
        reach = 1.5 * np.maximum(radius, [*radius[:-2], *[radius[-2:].max()] * 2])
        low = np.maximum(np.floor(place - reach), 0).astype(int)
        high = np.clip(np.ceil(place + reach) + 1, 0, shape).astype(int)
        window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        away = _turned(rng.uniform(0, np.pi), list(np.ogrid[window]), place)
        far = np.sqrt(sum((axis / r) ** 2 for axis, r in zip(away, radius, strict=True)))
        inside = np.clip(1 - far - outline[window], 0, 1)
        mine = inside > depth[window]
        numbers[window][mine], depth[window][mine] = number, inside[mine]
    return numbers, depth


def tiling(rng: Rng, shape: tuple[int, ...], size: float, bend: float = 0.1) -> tuple[Image, Image]:
    """Cells of about `size` pixels that fill `shape`: their numbers (from 1) and the pixels to the nearest border."""
    around = tuple(side + 2 * int(size) for side in shape)
    places = strewn(rng, around, 0.75 * size, count=4 * int(np.prod(around) / size ** len(shape))) - size
    grid = np.moveaxis(bent(rng, shape, bend * size, size / 3), 0, -1)
    far, owner = spatial.cKDTree(places).query(grid, k=2)
    return owner[..., 0].astype(np.int32) + 1, ((far[..., 1] - far[..., 0]) / 2).astype(np.float32)


def _turned(angle: float, axes: list[np.ndarray], center: np.ndarray) -> list[np.ndarray]:
    *rest, y, x = [axis - at for axis, at in zip(axes, center, strict=True)]
    return [*rest, np.cos(angle) * y + np.sin(angle) * x, np.cos(angle) * x - np.sin(angle) * y]
