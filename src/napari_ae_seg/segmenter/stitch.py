"""Things that cross the borders of blocks get one number each, the same in every block.

Every block numbers its own things, also those of a pixel beyond its borders. Two blocks that saw the same pixels on
both sides of a border tell which of their things are one. Numbers follow the first pixel, as they do in one piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_ae_seg.images.tiles import Tile

Arrays = dict[str, np.ndarray]


def describe(things: np.ndarray, labels: np.ndarray, tile: Tile, space: tuple[int, ...], n: int) -> Arrays:
    """What a block tells of its things 1..m: `things` and `labels` (*outer) of sample `n`, of which they are parts.

    Of the pixels of the block itself the number, the first one, their summed places, and how many lie in each label;
    of its borders what lies on both sides.
    """
    count, core = int(things.max(initial=0)), things[tile.inner]
    flat = core.ravel()
    size = np.bincount(flat, minlength=count + 1)
    found, at = np.unique(flat, return_index=True)
    places = [place + side.start for place, side in zip(np.unravel_index(at, core.shape), tile.core, strict=True)]
    first = np.full(count + 1, np.iinfo(np.int64).max)
    first[found] = np.ravel_multi_index(places, space) + n * int(np.prod(space))
    width = int(labels.max(initial=0)) + 1
    both, times = np.unique(flat.astype(np.int64) * width + labels[tile.inner].ravel(), return_counts=True)
    told: Arrays = {"size": size, "first": first, "pairs": np.stack([both // width, both % width, times], axis=1)}
    for axis, (side, inner, length) in enumerate(zip(tile.core, tile.inner, space, strict=True)):
        along = np.arange(side.start, side.stop).reshape([-1 if a == axis else 1 for a in range(core.ndim)])
        told[f"sum{axis}"] = np.bincount(flat, np.broadcast_to(along, core.shape).ravel(), minlength=count + 1)
        for name, border, there in (("before", inner.start, side.start > 0), ("after", inner.stop, side.stop < length)):
            if there:
                seam = tuple(slice(border - 1, border + 1) if a == axis else part for a, part in enumerate(tile.inner))
                told[f"{name}{axis}"] = things[seam]
    return told


@dataclass(frozen=True)
class Joined:
    """All things of an image."""

    numbers: list[np.ndarray]
    """Per block the number of each of its things 0..m in the image; 0 of none, and of those of other sizes"""
    size: np.ndarray
    """(count,)"""
    cluster: np.ndarray
    """(count,) the label that most of its pixels have"""
    sums: np.ndarray
    """(count, ndim) its places, summed"""
    sample: np.ndarray
    """(count,) where it lies"""


def join(
    told: Sequence[Arrays], tiles: Sequence[Tile], space: tuple[int, ...], exact: bool, sizes: tuple[int, int] = (0, 0)
) -> Joined:
    """The things of an image from what its blocks told: those of the first sample come first, `tiles` of each.

    If they are `exact`, what shares a pixel is one thing. Otherwise a block sees its own outline of a thing, and two
    outlines are one thing if each is the one that the other shares the most pixels with. `sizes` are the smallest and
    the largest that count, 0 for any.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    start = np.concatenate([[0], np.cumsum([len(one["size"]) for one in told])])
    where = {tuple(side.start for side in tile.core): at for at, tile in enumerate(tiles)}
    pairs = [np.zeros((0, 2), np.int64)]
    for block, one in enumerate(told):
        sample, at = divmod(block, len(tiles))
        for axis, side in enumerate(tiles[at].core):
            if f"after{axis}" in one:
                beyond = tuple(side.stop if a == axis else s.start for a, s in enumerate(tiles[at].core))
                other = sample * len(tiles) + where[beyond]
                same = _same(one[f"after{axis}"], told[other][f"before{axis}"], exact)
                pairs.append(same + np.array([start[block], start[other]]))
    edges = np.concatenate(pairs)
    graph = coo_array((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(start[-1], start[-1]))
    count, member = connected_components(graph, directed=False)
    nothing = np.zeros(start[-1], bool)
    nothing[start[:-1]] = True  # thing 0 of every block is none

    size = np.bincount(member, _all(told, "size") * ~nothing, minlength=count)
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first, member[~nothing], _all(told, "first")[~nothing])
    fits = (size >= max(sizes[0], 1)) & ((size <= sizes[1]) | (sizes[1] == 0))
    order = np.argsort(np.where(fits, first, np.iinfo(np.int64).max), kind="stable")[: int(fits.sum())]
    number = np.zeros(count, np.int64)
    number[order] = np.arange(1, len(order) + 1)
    numbers = np.where(nothing, 0, number[member])
    sums = [np.bincount(member, _all(told, f"sum{axis}"), minlength=count)[order] for axis in range(len(space))]
    return Joined(
        numbers=np.split(numbers, start[1:-1]),
        size=size[order].astype(np.int64),
        cluster=_most(told, start, member)[order],
        sums=np.stack(sums, axis=1),
        sample=first[order] // int(np.prod(space)),
    )


def table(joined: Joined, step: Sequence[float], samples: int) -> dict[str, list[Any]]:
    """One row per thing: index, main cluster, size in pixels, measure and centroid at `step` per pixel."""
    count = len(joined.size)
    columns: dict[str, list[Any]] = {
        "index": list(range(1, count + 1)),
        "cluster": joined.cluster.tolist(),
        "size": joined.size.tolist(),
        "measure": [float(f"{size * float(np.prod(step)):.6g}") for size in joined.size.tolist()],
    }
    for axis, name in enumerate("zyx"[-len(step) :]):
        centers = step[axis] * joined.sums[:, axis] / np.maximum(joined.size, 1)
        columns[f"centroid {name}"] = [float(f"{value:.6g}") for value in centers]
    if samples > 1:
        columns["sample"] = joined.sample.tolist()
    return columns


def _same(one: np.ndarray, other: np.ndarray, exact: bool) -> np.ndarray:
    """Which things of two blocks are one, (m, 2), from what each saw of the same pixels.

    >>> _same(np.array([1, 1, 1, 2, 2]), np.array([5, 5, 6, 6, 6]), exact=False).tolist()
    [[1, 5], [2, 6]]
    """
    a, b = one.ravel().astype(np.int64), other.ravel().astype(np.int64)
    width = int(b.max(initial=0)) + 1
    keys, shared = np.unique((a * width + b)[(a > 0) & (b > 0)], return_counts=True)
    pairs = np.stack([keys // width, keys % width], axis=1)
    if exact or not len(pairs):
        return pairs
    return np.asarray(pairs[_is_best(pairs[:, 0], shared) & _is_best(pairs[:, 1], shared)])


def _is_best(things: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Whether each pair shares the most pixels, the first one of equals, among those of the same thing."""
    order = np.lexsort((np.arange(len(things)), -shared, things))
    leads = np.diff(things[order], prepend=-1) != 0
    best = np.zeros(len(things), bool)
    best[order[leads]] = True
    return best


def _most(told: Sequence[Arrays], start: np.ndarray, member: np.ndarray) -> np.ndarray:
    """The label that most pixels of each thing have, the smaller one of equals."""
    pairs = [one["pairs"][one["pairs"][:, 0] > 0] + [first, 0, 0] for one, first in zip(told, start[:-1], strict=True)]
    things, labels, times = np.concatenate(pairs).T
    width = int(labels.max(initial=0)) + 1
    keys, where = np.unique(member[things] * width + labels, return_inverse=True)
    total = np.bincount(where, times, minlength=len(keys))
    best = _is_best(keys // width, total)
    most = np.zeros(int(member.max(initial=0)) + 1, np.int64)
    most[keys[best] // width] = keys[best] % width
    return most


def _all(told: Iterable[Arrays], name: str) -> np.ndarray:
    return np.concatenate([one[name] for one in told])
