"""Files of labels, read again: the numbers, where they lie, and what they are called."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_ae_seg.core.errors import ImageReadError

from .formats import OUTLINES, WRITERS, module_of
from .formats.read import read_legend
from .image import Image
from .legend import Legend
from .source import Source
from .stack import read


class LabelFile(NamedTuple):
    """What a file of labels holds."""

    labels: np.ndarray
    """Integers, of the image's `label_shape`."""
    image: Image
    """Axes, spacing, units and place of the labels."""
    legend: Legend
    """Empty if the file keeps none."""


def read_labels(path: str | Path, axes: str | None = None) -> LabelFile:
    """The labels in a file of this package, or of anyone: pixels, or the outlines of QuPath and ImageJ.

    Raises
    ------
    ImageReadError
        There is no such file, or it holds no labels.
    """
    path = Path(path)
    legend = (read_legend(path) if path.exists() else None) or Legend()
    if path.name.lower().endswith(OUTLINES) and path.is_file():
        found = module_of(WRITERS, path).labels(path)
        kept = "".join(axis for axis, size in zip("TZYX", found.shape, strict=True) if size > 1 or axis in "YX")
        found = found.reshape([size for axis, size in zip("TZYX", found.shape, strict=True) if axis in kept])
        return LabelFile(found, Image.of((Source(found, kept, path.stem, str(path)),)), legend)
    stack = read(str(path), axes)
    image = stack.images[0]
    if len(stack) > 1 or image.shape[1] > 1:
        count = f"{len(stack)} images" if len(stack) > 1 else f"{image.shape[1]} channels"
        raise ImageReadError(f"{path.name}: labels are one image with one number a pixel, it has {count}")
    values = np.asarray(image.sources[0].array[...]).reshape(image.label_shape)
    if values.dtype.kind == "f" and np.isfinite(values).all() and (values == np.floor(values)).all():
        values = values.astype(np.int64)
    if values.dtype.kind not in "biu" or (values.dtype.kind == "i" and values.min() < 0):
        raise ImageReadError(
            f"{path.name}: labels are whole numbers from 0 on, it holds {values.dtype} from {values.min()}"
        )
    return LabelFile(values, image, legend)
