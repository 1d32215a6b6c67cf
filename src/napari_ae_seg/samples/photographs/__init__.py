"""Real images that come with the package, in the public domain; `SOURCES.md` beside them says where they are from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

NAMES = ("fluorescent_nuclei", "stained_nuclei", "worms")


def photograph(name: str) -> np.ndarray:
    """The real image called `name`: (Y, X), or (Y, X, 3) in colors.

    >>> photograph("stained_nuclei").shape, photograph("worms").dtype
    ((524, 348, 3), dtype('uint16'))
    """
    from PIL import Image

    if name not in NAMES:
        raise ValueError(f"there is no real sample {name!r}; there are {', '.join(NAMES)}")
    with Image.open(Path(__file__).with_name(f"{name}.png")) as picture:
        return np.array(picture)


def open_fluorescent_nuclei() -> list[tuple[np.ndarray, dict[str, Any], str]]:
    """Nuclei in fluorescence, for napari."""
    return _layers("fluorescent_nuclei")


def open_stained_nuclei() -> list[tuple[np.ndarray, dict[str, Any], str]]:
    """Nuclei in stained tissue, for napari."""
    return _layers("stained_nuclei")


def open_worms() -> list[tuple[np.ndarray, dict[str, Any], str]]:
    """Worms in a well, for napari."""
    return _layers("worms")


def _layers(name: str) -> list[tuple[np.ndarray, dict[str, Any], str]]:
    image = photograph(name)
    about = {"name": name.replace("_", " "), "metadata": {"source": "BBBC010v1" if name == "worms" else "BBBC038v1"}}
    return [(image, {**about, "rgb": image.ndim == 3, "axis_labels": ("y", "x")}, "image")]
