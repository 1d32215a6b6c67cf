"""Cells of two types that differ in their texture, not in size, shape or brightness: something to classify."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from .noise import Image, Rng, banded, camera, smooth, standard
from .objects import blobs, strewn

NAMES = ("fine", "coarse")
"""The two types, by the grain of their chromatin."""

SEED = 12
"""Of the sample that napari opens."""


class Types(NamedTuple):
    """A picture of cells, which cell is where, and which type each is."""

    image: Image
    """(Y, X) float32, 0 to 1"""
    numbers: np.ndarray
    """(Y, X) int32: 0 outside, else the number of the cell"""
    types: dict[int, str]
    """Number of a cell -> its type."""


def two_types(rng: Rng, size: int = 512, radius: float = 15.0, contrast: float = 0.3) -> Types:
    """Cells of about `radius` pixels whose texture varies by `contrast`, as many of one type as of the other.

    >>> drawn = two_types(np.random.default_rng(0), 128)
    >>> sorted(set(drawn.types.values())) == sorted(NAMES)
    True
    """
    shape = (size, size)
    places = strewn(rng, shape, 2.5 * radius, int((size / radius / 2.2) ** 2))
    numbers, depth = blobs(rng, shape, places, radius * rng.lognormal(0, 0.12, places.shape))
    present = np.unique(numbers[numbers > 0])
    which = np.zeros(int(numbers.max(initial=0)) + 1, np.int64)
    which[present] = rng.permutation(np.arange(len(present)) % 2) + 1
    textures = [banded(rng, size, wavelength, 0.5) for wavelength in (0.35 * radius, 1.1 * radius)]
    texture = np.select([which[numbers] == 1, which[numbers] == 2], [standard(one) for one in textures], 0)
    stain = np.concatenate([[0], rng.lognormal(0, 0.2, len(which) - 1)])[numbers]
    glow = stain * (1 + contrast * texture).clip(0.05, 2.5) * np.minimum(4 * depth, 1)
    clean = 0.06 + 0.35 * ndimage.gaussian_filter(glow, 0.8) + 0.02 * smooth(rng, shape, size / 6)
    image = np.clip(camera(rng, clean, photons=400, read=0.01), 0, 1)
    return Types(image, numbers.astype(np.int32), {int(n): NAMES[which[n] - 1] for n in present})


def open_celltypes() -> list[tuple[np.ndarray, dict[str, Any], str]]:
    """Cells of two types and their outlines, for napari."""
    drawn = two_types(np.random.default_rng(SEED))
    place: dict[str, Any] = {"scale": (0.325, 0.325), "units": ("um", "um"), "axis_labels": ("y", "x")}
    counts = (100 + 3900 * drawn.image).round().astype(np.uint16)
    return [
        (counts, {"name": "two cell types", **place}, "image"),
        (drawn.numbers, {"name": "cells", **place}, "labels"),
    ]
