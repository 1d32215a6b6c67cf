"""Arrays that numpy saved: read piece by piece, never loaded whole."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.core.wholefile import whole_file
from napari_ae_seg.images.image import Image
from napari_ae_seg.images.source import Source

from .array import from_array
from .lazy import UNREADABLE, Guarded, Mapped, why


def read(path: Path, axes: str | None) -> Source:
    """The array in a .npy file."""
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = header(file)
            start = file.tell()
    except UNREADABLE as error:
        raise ImageReadError(f"{path.name}: not a readable .npy file ({why(error)})") from None
    if dtype.hasobject:
        raise ImageReadError(f"{path.name}: it holds Python objects, an image holds numbers")
    missing = start + math.prod(shape) * dtype.itemsize - path.stat().st_size
    if missing > 0:
        raise ImageReadError(f"{path.name}: the file is cut off, {missing} bytes of its shape {shape} are missing")
    mapped = Mapped(path, shape, dtype, start, "F" if fortran else "C")
    return from_array(Guarded(mapped, path.name), axes, path.stem, str(path))


def write(path: Path, values: np.ndarray, _: Image | None = None) -> None:
    """Write an array of any shape as it is."""
    with whole_file(path) as temporary:
        np.save(temporary, values, allow_pickle=False)
