"""Strokes that a person might paint, drawn from the truth with a fixed seed: short, curved, inside their class."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

SHARE = 0.003
"""Share of the pixels that all strokes together cover, about."""


def simulate(truth: np.ndarray, per_class: int = 4, share: float = SHARE, seed: int = 0) -> np.ndarray:
    """Strokes on `truth` (*space) of class numbers: 0 where nothing is painted, else class + 1, int32 (*space).

    Each class gets `per_class` strokes; all cover about `share` of the image. A volume is painted in its slices.
    """
    rng = np.random.default_rng(seed)
    painted = np.zeros(truth.shape, dtype=np.int32)
    classes = np.unique(truth)
    pixels = max(4, round(share * truth.size / len(classes) / per_class))
    for value in classes:
        inside = truth == value
        depth = np.stack([ndi.distance_transform_edt(plane) for plane in _planes(inside)]).reshape(truth.shape)
        for _ in range(per_class):
            stroke = _stroke(inside, depth, pixels, rng)
            painted[stroke] = value + 1
    return painted


def _stroke(inside: np.ndarray, depth: np.ndarray, pixels: int, rng: np.random.Generator) -> np.ndarray:
    """Which pixels one stroke of about `pixels` pixels, three wide where there is room, covers."""
    deep = np.flatnonzero(depth.ravel() >= min(2.0, depth.max()))
    start = np.unravel_index(rng.choice(deep), inside.shape)
    plane, room = inside[start[:-2]], depth[start[:-2]]
    covered = np.zeros(plane.shape, dtype=bool)
    place, angle = np.array(start[-2:], dtype=float), rng.uniform(0, 2 * np.pi)
    for _ in range(2 * pixels):
        y, x = np.rint(place).astype(int)
        brush = int(pixels >= 9 and room[y, x] >= 2)
        window = np.s_[max(y - brush, 0) : y + brush + 1, max(x - brush, 0) : x + brush + 1]
        covered[window] |= plane[window]
        if covered.sum() >= pixels:
            break
        place, angle = _step(place, angle, room, rng)
    stroke = np.zeros(inside.shape, dtype=bool)
    stroke[start[:-2]] = covered
    return stroke


def _step(place: np.ndarray, angle: float, room: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """One pixel on, turning a little, and as much as it takes to stay inside."""
    for turn in (rng.normal(0, 0.2), *rng.uniform(-np.pi, np.pi, 12)):
        ahead = place + np.array([np.sin(angle + turn), np.cos(angle + turn)])
        y, x = np.rint(ahead).astype(int)
        if 0 <= y < room.shape[0] and 0 <= x < room.shape[1] and room[y, x] > 0:
            return ahead, angle + turn
    return place, angle


def _planes(inside: np.ndarray) -> np.ndarray:
    return inside.reshape(-1, *inside.shape[-2:])
