"""Outlines of labels along the edges of their pixels: exact, so that filling them gives the same pixels again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import ndimage as ndi

Ring = np.ndarray
"""(n, 2) corners x, y; the last one is joined to the first."""
Polygon = list[Ring]
"""What it is bounded by, counterclockwise where y grows upwards, and its holes, the other way round."""


def outlines(plane: np.ndarray) -> Iterator[tuple[int, list[Polygon]]]:
    """Every label above 0 of a plane (Y, X), and the polygons that it consists of.

    Pixel (y, x) is the square from (x, y) to (x + 1, y + 1). What touches at a corner alone is two polygons.

    >>> [(label, polygons)] = outlines(np.array([[0, 2, 2], [0, 2, 0]]))
    >>> label, polygons[0][0].tolist()
    (2, [[3, 0], [3, 1], [2, 1], [2, 2], [1, 2], [1, 0]])
    """
    values, places = np.unique(plane, return_inverse=True)
    numbers = places.reshape(plane.shape) + (1 if values[0] > 0 else 0)
    labels = values[values > 0]
    for label, box in zip(labels, ndi.find_objects(numbers.astype(np.int32)), strict=True):
        parts, _ = ndi.label(plane[box] == label)
        shift = np.array([box[1].start, box[0].start])
        yield int(label), [[ring + shift for ring in polygon] for polygon in _polygons(parts)]


def filled(rings: Sequence[Ring], shape: tuple[int, int]) -> np.ndarray:
    """The pixels (Y, X) inside of rings that run along edges of pixels: bool, holes left out.

    >>> filled([np.array([[1, 0], [3, 0], [3, 1], [1, 1]])], (2, 4)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 0, 0, 0]]
    """
    crossed = np.zeros((shape[0], shape[1] + 1), np.uint8)
    for ring in rings:
        for (x, y), (_, to) in zip(ring.tolist(), np.roll(ring, -1, axis=0).tolist(), strict=True):
            low, high = max(min(y, to), 0), max(y, to, 0)
            crossed[low:high, min(max(x, 0), shape[1])] ^= 1
    return np.bitwise_xor.accumulate(crossed, axis=1)[:, :-1].astype(bool)


def _polygons(parts: np.ndarray) -> list[Polygon]:
    """The polygons of parts 1..n, each of which hangs together along edges."""
    polygons: dict[int, Polygon] = {}
    holes: list[tuple[int, Ring]] = []
    for part, loop in _loops(parts):
        for ring in _simple(loop):
            corners = np.array(ring)
            if _turns_around(ring):
                polygons[part] = [corners]
            else:
                holes.append((part, corners))
    for part, hole in holes:
        polygons[part].append(hole)
    return list(polygons.values())


def _loops(parts: np.ndarray) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Closed ways along the borders of parts, each as its corners, the part at its right hand on the screen."""
    framed = np.pad(parts, 1)
    inside, width = framed[1:-1, 1:-1], parts.shape[1] + 1
    starts: list[np.ndarray] = []
    ways: list[np.ndarray] = []
    owners: list[np.ndarray] = []
    beside = (framed[:-2, 1:-1], framed[1:-1, 2:], framed[2:, 1:-1], framed[1:-1, :-2])  # above, right, below, left
    for way, (neighbor, (down, right)) in enumerate(zip(beside, ((0, 0), (0, 1), (1, 1), (1, 0)), strict=True)):
        y, x = np.nonzero((inside > 0) & (neighbor != inside))
        starts.append((y + down) * width + x + right)
        ways.append(np.full(len(y), way))
        owners.append(inside[y, x])
    start, way_of, owner = map(np.concatenate, (starts, ways, owners))
    steps = (1, width, -1, -width)
    at = dict.fromkeys(zip(owner.tolist(), start.tolist(), way_of.tolist(), strict=True))
    left = set(at)
    for key in at:
        part, place, way = key
        corners: list[tuple[int, int]] = []
        while key in left:
            left.remove(key)
            place += steps[way]
            # to the right first: around the same pixel; straight on; to the left
            key = next(k for turn in (1, 0, 3) if (k := (part, place, (way + turn) % 4)) in at)
            if key[2] != way:
                corners.append((place % width, place // width))
                way = key[2]
        if corners:
            yield part, corners


def _simple(loop: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """The loops that a loop falls into where it comes by a corner again."""
    way: list[tuple[int, int]] = []
    seen: dict[tuple[int, int], int] = {}
    for corner in loop:
        if corner in seen:
            again = seen[corner]
            yield way[again:]
            for passed in way[again + 1 :]:
                del seen[passed]
            del way[again + 1 :]
        else:
            seen[corner] = len(way)
            way.append(corner)
    yield way


def _turns_around(ring: list[tuple[int, int]]) -> bool:
    """Whether a ring runs around pixels, not around a hole: its area by the shoelace formula is above 0."""
    return sum(x * v - u * y for (x, y), (u, v) in zip(ring, [*ring[1:], ring[0]], strict=True)) > 0
