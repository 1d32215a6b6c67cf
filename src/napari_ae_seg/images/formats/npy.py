"""Arrays that numpy saved: read piece by piece, never loaded whole."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.core.wholefile import whole_file
from napari_ae_seg.images.image import Image
from napari_ae_seg.images.legend import Legend
from napari_ae_seg.images.source import Source

from .array import from_array
from .lazy import UNREADABLE, Guarded, Mapped, why


def read(path: Path, axes: str | None) -> Source:
    """The array in a .npy file."""
    try:
        with path.open("rb") as file:
            shape, dtype, start, fortran = _header(file)
    except UNREADABLE as error:
        raise ImageReadError(f"{path.name}: not a readable .npy file ({why(error)})") from None
    if dtype.hasobject:
        raise ImageReadError(f"{path.name}: it holds Python objects, an image holds numbers")
    missing = start + math.prod(shape) * dtype.itemsize - path.stat().st_size
    if missing > 0:
        raise ImageReadError(f"{path.name}: the file is cut off, {missing} bytes of its shape {shape} are missing")
    mapped = Mapped(path, shape, dtype, start, "F" if fortran else "C")
    return from_array(Guarded(mapped, path.name), axes, path.stem, str(path))


def write(path: Path, values: np.ndarray, _: Image | None = None, legend: Legend | None = None) -> None:
    """Write an array of any shape as it is; the legend of labels is a second array behind it, of bytes of text."""
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, values, allow_pickle=False)
        if legend is not None:
            np.save(file, np.frombuffer(legend.text.encode(), np.uint8), allow_pickle=False)


def legend(path: Path) -> Legend | None:
    """The legend behind the labels in a .npy file."""
    with path.open("rb") as file:
        shape, dtype, start, _ = _header(file)
        file.seek(start + math.prod(shape) * dtype.itemsize)
        if not file.read(1):
            return None
        file.seek(-1, 1)
        shape, dtype, _, _ = _header(file)
        return Legend.parse(file.read(math.prod(shape)) if dtype == np.uint8 else None)


def _header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any], int, bool]:
    """Shape, dtype and first byte of the array that follows, and whether it is in Fortran's order."""
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(file)
    return shape, dtype, file.tell(), fortran
