"""Sample images that the package draws itself, always the same, with no download; and endless random ones to train on.

`SAMPLES` holds the images that napari's File > Open Sample offers; `random_texture`, `random_scene` and
`random_volume` draw new ones from any seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import multiplexed, scenes, stacks, textures
from .scenes import random_scene as random_scene
from .stacks import random_volume as random_volume
from .textures import random_texture as random_texture

LayerData = tuple[np.ndarray, dict[str, Any], str]


class Sample(NamedTuple):
    """An image, what is where in it, and how it lies in space."""

    image: np.ndarray
    """In the order of `axes`."""

    truth: np.ndarray
    """Classes, 1 to K, of the image's shape without its channels."""

    spacing: tuple[float, ...]
    """Micrometres between neighbours along each spatial axis."""

    axes: str
    """One letter per axis of the image."""


def draw(name: str) -> Sample:
    """The sample called `name`, the same every time.

    >>> sample = draw("textures")
    >>> sample.image.shape, sample.axes, np.unique(sample.truth).tolist()
    ((384, 384), 'YX', [1, 2, 3, 4, 5])
    """
    if name not in SAMPLES:
        raise ValueError(f"there is no sample {name!r}; there are {', '.join(SAMPLES)}")
    return SAMPLES[name]()


def open_nuclei() -> list[LayerData]:
    """Nuclei, for napari."""
    return _layers("nuclei")


def open_tissue() -> list[LayerData]:
    """Stained tissue, for napari."""
    return _layers("tissue")


def open_textures() -> list[LayerData]:
    """A mosaic of five textures, for napari."""
    return _layers("textures")


def open_cells() -> list[LayerData]:
    """Cells with membranes, for napari."""
    return _layers("cells")


def open_volume() -> list[LayerData]:
    """A volume of nuclei, for napari."""
    return _layers("volume")


def open_divisions() -> list[LayerData]:
    """Dividing cells over time, for napari."""
    return _layers("divisions")


def open_multiplexed() -> list[LayerData]:
    """Multiplexed tissue, for napari: a layer per stain, only three of them in sight."""
    sample = draw("multiplexed")
    options: dict[str, Any] = {
        "channel_axis": sample.axes.index("C"),
        "name": list(multiplexed.MARKERS),
        "scale": sample.spacing,
        "units": ("um", "um"),
        "axis_labels": ("y", "x"),
        "visible": [marker in ("DNA", "CD3", "PanCK") for marker in multiplexed.MARKERS],
    }
    return [(sample.image, options, "image")]


def _nuclei() -> Sample:
    picture, truth = scenes.nuclei(np.random.default_rng(3), 512, radius=13.0)
    return Sample(_counts(picture), truth, (0.325, 0.325), "YX")


def _tissue() -> Sample:
    picture, truth = scenes.tissue(np.random.default_rng(6), 512)
    return Sample(_bytes(picture), truth, (0.5, 0.5), "YXC")


def _textures() -> Sample:
    rng = np.random.default_rng(5)
    picture, truth = textures.mosaic(rng, 384, textures.five(rng, 384))
    return Sample(_bytes(picture), truth, (1.0, 1.0), "YX")


def _cells() -> Sample:
    picture, truth = scenes.cells(np.random.default_rng(2), 512, diameter=38.0)
    return Sample(_counts(picture), truth, (0.2, 0.2), "YX")


def _volume() -> Sample:
    picture, truth = stacks.volume(np.random.default_rng(4))
    return Sample(_counts(picture), truth, (1.5, 0.5, 0.5), "ZYX")


def _divisions() -> Sample:
    picture, truth = stacks.divisions(np.random.default_rng(8))
    return Sample(_bytes(picture), truth, (0.65, 0.65), "TYX")


def _multiplexed() -> Sample:
    picture, truth, _ = multiplexed.multiplexed(np.random.default_rng(7))
    return Sample(_counts(picture), truth, (0.5, 0.5), "CYX")


SAMPLES: dict[str, Callable[[], Sample]] = {
    "nuclei": _nuclei,
    "tissue": _tissue,
    "textures": _textures,
    "cells": _cells,
    "volume": _volume,
    "divisions": _divisions,
    "multiplexed": _multiplexed,
}
"""Name -> function that draws the sample."""


def _layers(name: str) -> list[LayerData]:
    """`name` as napari takes sample data."""
    sample = draw(name)
    axes = sample.axes.removesuffix("C")
    before = len(axes) - len(sample.spacing)
    options: dict[str, Any] = {
        "name": name,
        "scale": (*[1.0] * before, *sample.spacing),
        "units": (*["pixel"] * before, *["um"] * len(sample.spacing)),
        "axis_labels": tuple(axes.lower()),
    }
    if "C" in sample.axes:
        options["rgb"] = True
    return [(sample.image, options, "image")]


def _bytes(picture: np.ndarray) -> np.ndarray:
    return (255 * picture).round().astype(np.uint8)


def _counts(picture: np.ndarray) -> np.ndarray:
    """Camera counts: 12 bits above an offset."""
    return (100 + 3900 * picture).round().astype(np.uint16)
