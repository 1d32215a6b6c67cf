"""The background: what lies plain around the things in an image, if anything does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

if TYPE_CHECKING:
    from napari_ae_seg.images.image import Image

    from .segments import Segments

LARGEST = 0.3
"""Least share of the image that is a background."""
RIM = 0.5
"""Least share of the image's rim that lies in it."""
PLAIN = 0.5
"""Most that its pixels vary, in units of how far they lie from those of the rest."""
ONE_PIECE = 0.8
"""Least share of it that hangs together."""


def plain_background(segments: Segments, image: Image) -> int | None:
    """The label of a plain background of `image`; None where there is none.

    It is the largest label, lies along the rim and in one piece, is darker or brighter than all others, and varies
    little. Textures that meet have none.

    Parameters
    ----------
    segments : Segments
        Labels of `image`.
    image : Image
        What was labelled; it is read as a whole.

    Returns
    -------
    int or None
    """
    if len(segments.table["index"]) < 2:
        return None
    largest = int(segments.table["index"][int(np.argmax(segments.table["size"]))])
    labels = np.ascontiguousarray(image.from_source(np.asarray(segments.labels)))  # (N, *space)
    whole = tuple(slice(0, size) for size in labels.shape[1:])
    values = np.stack([image.block(n, whole).mean(0) for n in range(len(labels))])
    inside = (labels == largest) & np.isfinite(values)
    others = (labels != largest) & np.isfinite(values)
    if not others.any() or inside.mean() < LARGEST or inside[_rim(labels.shape)].mean() < RIM:
        return None
    means = [values[others & (labels == label)].mean() for label in segments.table["index"] if label != largest]
    mean = values[inside].mean()
    apart = min(abs(mean - other) for other in means)
    extreme = all(mean < other for other in means) or all(mean > other for other in means)
    low, high = np.percentile(values[inside], (16, 84))  # unlike the deviation, deaf to a few bright specks
    if not extreme or (high - low) / 2 > PLAIN * apart:
        return None
    return largest if all(_in_one_piece(part) for part in inside) else None


def _rim(shape: tuple[int, ...]) -> np.ndarray:
    """Pixels at the sides of an image, of a volume those in the plane."""
    rim = np.zeros(shape, bool)
    for axis in (-1, -2):
        for end in (0, -1):
            np.moveaxis(rim, axis, 0)[end] = True
    return rim


def _in_one_piece(inside: np.ndarray) -> bool:
    pieces, _ = ndi.label(inside)
    return not inside.any() or bool(np.bincount(pieces[inside]).max() >= ONE_PIECE * inside.sum())
