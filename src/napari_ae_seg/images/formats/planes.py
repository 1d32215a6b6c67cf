"""Labels of any shape as planes, for files that hold outlines: those know x, y, and numbers of z and t."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from napari_ae_seg.images.image import Image
from napari_ae_seg.images.outlines import Polygon, filled, outlines

from .labels import axes_of


class Outlined(NamedTuple):
    """A label in one plane."""

    label: int
    polygons: list[Polygon]
    z: int
    t: int


def outlined(labels: np.ndarray, image: Image | None) -> Iterator[Outlined]:
    """Every label of every plane; axes that are neither space nor time are refused if they are longer than 1."""
    axes = axes_of(labels, image)
    rest = [axis for axis in axes if axis not in "TZYX"]
    if any(labels.shape[axes.index(axis)] > 1 for axis in rest):
        raise ValueError(f"outlines lie in planes of z and t, the labels have axes {axes}; write them to .tif or .zarr")
    shape = plane_shape(labels, image)
    order = [axes.index(axis) for axis in (*rest, *"TZYX") if axis in axes]
    for t, volume in enumerate(labels.transpose(order).reshape(shape)):
        for z, plane in enumerate(volume):
            for label, polygons in outlines(plane) if plane.any() else ():
                yield Outlined(label, polygons, z, t)


def plane_shape(labels: np.ndarray, image: Image | None) -> tuple[int, ...]:
    """Sizes of `labels` along T, Z, Y and X."""
    axes = axes_of(labels, image)
    return tuple(labels.shape[axes.index(axis)] if axis in axes else 1 for axis in "TZYX")


def painted(found: Sequence[Outlined], shape: Sequence[int] = ()) -> np.ndarray:
    """Labels (T, Z, Y, X) of outlines, in `shape` or as large as they are; the later one lies above."""
    corners = [ring.max(0) for one in found for polygon in one.polygons for ring in polygon]
    x, y = np.ceil(np.max(corners, axis=0)).astype(int) if corners else (1, 1)
    sizes = (max((one.t for one in found), default=0) + 1, max((one.z for one in found), default=0) + 1, y, x)
    known = tuple(max(size, least) for size, least in zip(shape or sizes, sizes, strict=True))
    labels = np.zeros(known, np.int32)
    for one in found:
        for polygon in one.polygons:
            rings = [np.round(ring).astype(int) for ring in polygon]
            low, high = np.vstack(rings).min(0).clip(0), np.vstack(rings).max(0).clip(1)
            region = (one.t, one.z, slice(low[1], high[1]), slice(low[0], high[0]))
            inside = filled([ring - low for ring in rings], (high[1] - low[1], high[0] - low[0]))
            labels[region][inside] = one.label
    return labels
