"""Pictures of an explored image, small enough for a page, as PNG within the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_ae_seg.explore.plane import ramp
from napari_ae_seg.images import notebook

if TYPE_CHECKING:
    from napari_ae_seg.explore.exploration import Exploration

SIDE = 512
"""Longest side of a picture, in pixels."""
STRENGTH = 0.55
"""How much of the colour of a cluster lies over the image."""


def inline(picture: np.ndarray, crisp: bool = False) -> str:
    """A picture (Y, X, 3) uint8 as the address of an image that is part of the page; `crisp` keeps its values."""
    return notebook.inline(picture, SIDE, crisp)


def shown(one: Exploration) -> np.ndarray:
    """The first sample, of a volume its middle slice, as (Y, X, 3) uint8."""
    return one.thumbnail(one.prepared.raw[0])


def overlay(one: Exploration) -> np.ndarray:
    """Its clusters in their colours over it in grey."""
    gray = shown(one).mean(-1, keepdims=True) / 255
    labels = plane_of(one.pixels[0])
    palette = np.zeros((int(one.pixels.max(initial=0)) + 1, 3))
    for label, rgb in one.segments.colors.items():
        palette[label] = rgb
    strength = np.where(labels > 0, STRENGTH, 0)[..., None]
    return _bytes((1 - strength) * gray + strength * palette[labels])


def confidence(one: Exploration) -> np.ndarray:
    """How sure each pixel's cluster is, dark to bright."""
    return _bytes(ramp(plane_of(one.image.from_source(np.asarray(one.segments.confidence))[0])))


def segmented(one: Exploration) -> np.ndarray:
    """What the decoder draws when every latent is its cluster's centre."""
    return one.thumbnail(one.segmented()[0])


def unstable(share: np.ndarray) -> np.ndarray:
    """Where resampled clusterings disagree: `share` (*grid) of 0 to 1, dark to bright."""
    return _bytes(ramp(plane_of(share)))


def plane_of(values: np.ndarray) -> np.ndarray:
    """(Y, X) of a plane or of the middle of a volume."""
    return values if values.ndim == 2 else values[len(values) // 2]


def _bytes(colors: np.ndarray) -> np.ndarray:
    return np.asarray(255 * colors.clip(0, 1), np.uint8)
