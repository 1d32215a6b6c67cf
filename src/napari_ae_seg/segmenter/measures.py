"""Measures: size, shape, position, neighbours and intensity of every label, in units, as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.images.formats.table import Table
from napari_ae_seg.images.stack import Images, as_stack

from .objects import Objects
from .segments import Segments

if TYPE_CHECKING:
    from napari_ae_seg.images.stack import Image

Columns = dict[str, Any]
"""Name -> a value per label."""


def measure(labels: np.ndarray | Segments | Objects, images: Images) -> Table:
    """What can be said of every label: size, shape, position, neighbours, and intensity in each channel.

    Lengths are in the image's units where they are known, else in pixels; the column says which. Positions count from
    the middle of the first pixel. Pixels without a value (NaN, inf) have no part in intensities.

    Parameters
    ----------
    labels : ndarray, Segments or Objects
        Segments give a row per cluster with its name, its share and the share of its border beside each other cluster;
        objects a row each with their cluster, and how full and how round they are; an array is taken as objects.
    images : Image, Stack, array, path or layer
        What the labels were made of.

    Returns
    -------
    Table
        A row per label; per label and sample (time point, say) where the image has several.

    Raises
    ------
    TypeError
        If the labels are no integers.
    ValueError
        If they have another shape than the image.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> labels = np.zeros((32, 32), int)
    >>> labels[4:8, 4:14] = 1
    >>> table = ae.measure(labels, ae.read(np.ones((32, 32)), spacing=0.5))
    >>> table["size"], table["centroid x"], table["mean channel 0"]
    ([40], [4.25], [1.0])
    """
    image = as_stack(images).image
    array = np.asarray(labels if isinstance(labels, np.ndarray) else labels.labels)
    if array.dtype.kind not in "iub":
        raise TypeError(f"labels are integers, got {array.dtype}")
    if array.shape != image.label_shape:
        raise ValueError(f"labels of {image.name} have its shape {image.label_shape}, got {array.shape}")
    single = not isinstance(labels, Segments)
    tables = []
    for n, part in enumerate(image.from_source(array)):
        rows = _sample(part, image, n, single)
        tables.append({"index": rows.pop("index"), **({"sample": []} if image.shape[0] > 1 else {}), **rows})
        if image.shape[0] > 1:
            tables[-1]["sample"] = [n] * len(tables[-1]["index"])
    table = Table.stacked(tables)
    known = _known(labels, table)
    return Table({"index": table.pop("index"), **known, **table})


def shares(segments: Sequence[Segments]) -> Table:
    """Which share of each image every cluster has: a row per image, a column per cluster.

    Parameters
    ----------
    segments : sequence of Segments
        Of images that were segmented alike.

    Returns
    -------
    Table
        With the image's name and the shares, 0 where a cluster is not present.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 16)
    >>> ae.shares([ae.segment(bands, n_clusters=2)])
    image  cluster 1  cluster 2
    image        0.5        0.5
    """
    names = {label: name for one in segments for label, name in one.names.items()}
    rows = [dict(zip(one.table["index"], one.table["share"], strict=True)) for one in segments]
    taken = list(names.values())
    heads = {label: name if taken.count(name) == 1 else f"{name} ({label})" for label, name in sorted(names.items())}
    columns = {head: [row.get(label, 0.0) for row in rows] for label, head in heads.items()}
    return Table({"image": [one.name for one in segments], **columns})


def _known(labels: np.ndarray | Segments | Objects, table: Table) -> Columns:
    """What is known of labels beside what is measured."""
    if isinstance(labels, np.ndarray):
        return {}
    rows = {index: row for row, index in enumerate(labels.table["index"])}
    wanted = ("name", "confidence") if isinstance(labels, Segments) else ("cluster", "track")
    found = {name: labels.table[name] for name in wanted if name in labels.table}
    at = [rows.get(index) for index in table["index"]]  # None: it was painted since
    return {name: [None if row is None else values[row] for row in at] for name, values in found.items()}


def _sample(part: np.ndarray, image: Image, n: int, single: bool) -> Columns:
    """The measures of the labels (*space) of sample `n`."""
    index, flat = np.unique(part, return_inverse=True)
    first = int((index <= 0).sum())  # what is 0, or below it, is no label
    compact = np.maximum(flat.reshape(part.shape) - (first - 1), 0) if first else flat.reshape(part.shape) + 1
    index = index[first:]
    step, unit = np.asarray(image.spacing, float), _unit(image)
    found = _shape(compact, step, unit, single)
    values = image.native(n, tuple(slice(0, size) for size in part.shape))
    size = np.asarray(found["size"])
    columns: Columns = {"index": index, "size": size}
    if not single:
        columns["share"] = size / max(part.size, 1)
    columns |= found | dict(_beside(compact, index, step, unit, single))
    where = compact.ravel() - 1
    names = image.channel_names
    heads = [f"{name} ({c})" if names.count(name) > 1 else name for c, name in enumerate(names)]
    for name, channel in zip(heads, values, strict=True):
        light = _intensity(where[where >= 0], channel.ravel()[where >= 0], len(index))
        columns |= {f"{word} {name}": column for word, column in light.items()}
    return {name: _plain(np.asarray(column)) for name, column in columns.items()}


def _shape(compact: np.ndarray, step: np.ndarray, unit: str, single: bool) -> Columns:
    """Size, shape and position of labels 1..n, none missing."""
    from skimage.measure import regionprops_table

    d, axes = compact.ndim, "zyx"[-compact.ndim :]
    wanted = ["num_pixels", "area", "centroid", "bbox", "inertia_tensor_eigvals", "extent"]
    if d == 2:
        wanted += ["orientation", *["solidity"] * single, *["perimeter"] * int(step[0] == step[1])]
    own = [_surface(step), _fullness] if d == 3 and single else []
    got = regionprops_table(compact, properties=wanted, extra_properties=own, spacing=tuple(step))
    size = got["area"]
    inertia = np.stack([got[f"inertia_tensor_eigvals-{i}"] for i in range(d)], 1)
    spread = np.sort(np.maximum(inertia.sum(1, keepdims=True) / (d - 1) - inertia, 0))[:, ::-1] + step.min() ** 2 / 12
    length = 2 * np.sqrt((d + 2) * spread)  # of the ellipsoid with the same spread, longest first
    found: Columns = {"size": got["num_pixels"], _in("area" if d == 2 else "volume", unit, d): size}
    found |= {_in(f"centroid {axis}", unit): got[f"centroid-{i}"] for i, axis in enumerate(axes)}
    found |= {f"first {axis}": got[f"bbox-{i}"] for i, axis in enumerate(axes)}
    found |= {f"last {axis}": got[f"bbox-{i + d}"] - 1 for i, axis in enumerate(axes)}
    ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1)  # volume of the unit ball
    found[_in("equivalent diameter", unit)] = 2 * (size / ball) ** (1 / d)
    words = ("major axis", "minor axis") if d == 2 else ("major axis", "middle axis", "minor axis")
    found |= {_in(word, unit): length[:, i] for i, word in enumerate(words)}
    found |= {"elongation": length[:, 0] / length[:, -1], "extent": got["extent"]}
    if d == 2:
        found["orientation (degree)"] = np.degrees(got["orientation"])
    if "perimeter" in got:
        found[_in("perimeter", unit)] = got["perimeter"]
    if not single:
        return found
    found["solidity"] = got["solidity" if d == 2 else "_fullness"]
    if "perimeter" in got:
        found["circularity"] = 4 * math.pi * size / np.where(got["perimeter"] > 0, got["perimeter"], np.nan) ** 2
    if d == 3:
        found[_in("surface", unit, 2)] = got["surface"]
        found["sphericity"] = math.pi ** (1 / 3) * (6 * size) ** (2 / 3) / got["surface"]
    return found


def _surface(step: np.ndarray) -> Callable[[np.ndarray], float]:
    """What gives the area of the surface of a region (Z, Y, X), as scikit-image takes properties of one's own."""
    from skimage.measure import marching_cubes, mesh_surface_area

    def surface(mask: np.ndarray) -> float:
        points, faces, _, _ = marching_cubes(np.pad(mask, 1).astype(np.float32), 0.5, spacing=tuple(step))
        return float(mesh_surface_area(points, faces))

    return surface


def _fullness(mask: np.ndarray) -> float:
    """Share of its convex hull that a region (Z, Y, X) fills: of the corners of its voxels, so that none is flat."""
    from scipy.ndimage import binary_erosion
    from scipy.spatial import ConvexHull

    rim = np.argwhere(mask & ~binary_erosion(mask))
    corners = (rim[:, None] + np.indices((2, 2, 2)).reshape(3, -1).T).reshape(-1, 3)
    return float(mask.sum() / ConvexHull(np.unique(corners, axis=0)).volume)


def _beside(
    compact: np.ndarray, index: np.ndarray, step: np.ndarray, unit: str, single: bool
) -> Iterator[tuple[str, np.ndarray]]:
    """How many others a label touches, with which share of its border; of objects the nearest, of clusters with whom.

    The border is that within the image; its rim is none.
    """
    n = len(index)
    pairs, areas = [np.zeros((0, 2), int)], [np.zeros(0)]
    for axis in range(compact.ndim):
        low, high = (np.moveaxis(compact, axis, 0)[part].ravel() for part in (slice(None, -1), slice(1, None)))
        differ = low != high
        both = np.stack([low[differ], high[differ]], 1)
        pairs += [both, both[:, ::-1]]
        areas += [np.full(2 * len(both), step.prod() / step[axis])]
    flat = np.ravel_multi_index(tuple(np.concatenate(pairs).T), (n + 1, n + 1))
    keys, inverse = np.unique(flat, return_inverse=True)
    area = np.bincount(inverse, np.concatenate(areas), minlength=len(keys))
    own, other = np.unravel_index(keys, (n + 1, n + 1))
    border = np.bincount(own, area, minlength=n + 1)[1:]
    met = other > 0
    yield "neighbours", np.bincount(own[met], minlength=n + 1)[1:]
    yield "touching", np.bincount(own[met], area[met], minlength=n + 1)[1:] / np.where(border > 0, border, 1)
    if not single:
        for row, label in enumerate(index, 1):
            chosen = other == row
            share = np.bincount(own[chosen], area[chosen], minlength=n + 1)[1:]
            yield f"beside {label}", share / np.where(border > 0, border, 1)
        return
    centers = _centers(compact, n) * step
    nearest, away = np.full(n, -1), np.full(n, np.nan)
    if n > 1:
        from scipy.spatial import cKDTree

        found, which = cKDTree(centers).query(centers, k=2)
        itself = which[:, 0] == np.arange(n)  # two may have one centre
        nearest = index[np.where(itself, which[:, 1], which[:, 0])]
        away = np.where(itself, found[:, 1], found[:, 0])
    yield "nearest", nearest
    yield _in("nearest distance", unit), away


def _centers(compact: np.ndarray, n: int) -> np.ndarray:
    """(n, axes) middle of labels 1..n in pixels."""
    where = np.nonzero(compact)
    row = compact[where] - 1
    count = np.maximum(np.bincount(row, minlength=n), 1)
    return np.stack([np.bincount(row, axis, minlength=n) / count for axis in where], 1)


def _intensity(row: np.ndarray, values: np.ndarray, n: int) -> Columns:
    """Mean, median, deviation, range and sum of the `values` of rows 0..n-1; NaN where a row has no finite one."""
    finite = np.isfinite(values)
    row, values = row[finite], values[finite].astype(np.float64)
    ranked = values[np.lexsort((values, row))]
    count = np.bincount(row, minlength=n)
    first, total = np.cumsum(count) - count, np.bincount(row, values, minlength=n)
    some = np.where(count > 0, count, np.nan)
    mean = total / some
    spread = np.sqrt(np.bincount(row, (values - mean[row]) ** 2, minlength=n) / some)

    def at(place: np.ndarray) -> np.ndarray:
        known = ranked[np.minimum(place, len(ranked) - 1)] if len(ranked) else np.zeros(n)
        return np.where(count > 0, known, np.nan)

    median = (at(first + (count - 1) // 2) + at(first + count // 2)) / 2
    low, high = at(first), at(first + np.maximum(count - 1, 0))
    return {"mean": mean, "median": median, "deviation": spread, "min": low, "max": high, "sum": total}


def _unit(image: Image) -> str:
    """The unit of all spatial axes, "" if they have none in common."""
    units = set(image.units)
    return units.pop() if len(units) == 1 and units != {"pixel"} else ""


def _in(name: str, unit: str, power: int = 1) -> str:
    """The name of a column with its unit, if there is one."""
    return f"{name} ({unit}{f'^{power}' if power > 1 else ''})" if unit else name


def _plain(column: np.ndarray) -> list[Any]:
    """Python numbers; of shapes and means ten digits."""
    return [float(f"{value:.10g}") for value in column] if column.dtype.kind == "f" else column.tolist()
