"""Strokes that a person painted and saved as a label image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_ae_seg.core.errors import ImageReadError

from .image import Image
from .stack import read

MOST = 64
"""Different numbers that strokes have at most; a picture has more."""


def read_strokes(path: str | Path, image: Image) -> np.ndarray:
    """The strokes in the file at `path`, painted on `image`: int32 of its `label_shape`, 0 where nothing is painted.

    Raises
    ------
    ImageReadError
        The file is a picture, or of another size than the image.
    """
    stack, name = read(str(path)), Path(path).name
    painted = stack.images[0]
    if len(stack) > 1 or painted.shape[1] > 1:
        count = f"{len(stack)} images" if len(stack) > 1 else f"{painted.shape[1]} channels"
        raise ImageReadError(f"{name}: strokes are one image with one number a pixel, 0 for none; it has {count}")
    values = np.asarray(painted.sources[0].array[...])
    if tuple(s for s in values.shape if s > 1) != tuple(s for s in image.label_shape if s > 1):
        raise ImageReadError(f"{name}: strokes on {image.name} have its shape {image.label_shape}, got {values.shape}")
    numbers = np.unique(values)
    if not np.isfinite(numbers).all() or (numbers < 0).any() or (numbers != np.floor(numbers)).any():
        raise ImageReadError(f"{name}: strokes are whole numbers from 0 on, one for each label")
    if len(numbers) > MOST:
        raise ImageReadError(
            f"{name}: it holds {len(numbers)} different values, as a picture does; strokes are one number for each "
            f"label and 0 elsewhere, at most {MOST} of them"
        )
    return values.reshape(image.label_shape).astype(np.int32)
