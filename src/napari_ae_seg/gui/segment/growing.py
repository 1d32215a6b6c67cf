"""Labels of an image that is larger than memory, while they are made: what is done is shown, as coarse as a screen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_ae_seg.images.stack import Image
    from napari_ae_seg.segmenter.segments import Segments

SIDES = {2: 2048, 3: 384}
"""Pixels along the longest side of what is shown meanwhile, by the number of spatial axes."""
EVERY = 0.5
"""Seconds between two redraws."""


@dataclass(frozen=True)
class Piece:
    """A block that is done."""

    image: Image
    where: tuple[int | slice, ...]
    """In the coarse labels."""
    labels: np.ndarray
    """Its coarse labels."""

    @classmethod
    def of(cls, image: Image, region: tuple[int | slice, ...], labels: Any) -> Piece:
        """The block at `region` of `labels`, every so many pixels."""
        by = steps(image)
        pairs = list(zip(region, by, strict=True))
        taken = [one if isinstance(one, int) else slice(-(-one.start // s) * s, one.stop, s) for one, s in pairs]
        part = labels[tuple(taken)]
        where = [one if isinstance(one, int) else slice(-(-one.start // s), -(-one.stop // s)) for one, s in pairs]
        return cls(image, tuple(where), np.asarray(part))


@dataclass(frozen=True)
class Whole:
    """Labels that are too large to be edited in memory: their levels, finest first."""

    segments: Segments
    levels: list[Any]


class Growing:
    """The layers of images that are being labelled."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.layers: dict[str, Labels] = {}
        self._drawn = 0.0

    def take(self, sent: Any) -> None:
        """Show what was sent: a block that is done, or all of it."""
        if isinstance(sent, Whole):
            self.forget()
            self._viewer.add_labels(sent.levels, multiscale=True, **sent.segments.layer)
        elif isinstance(sent, Piece):
            layer = self.layers.get(sent.image.name)
            if layer is None or layer not in self._viewer.layers or layer.data.shape != coarse(sent.image):
                layer = self.layers[sent.image.name] = self._viewer.add_labels(
                    np.zeros(coarse(sent.image), np.uint16), **placed(sent.image)
                )
                layer.editable = False
            layer.data[sent.where] = sent.labels
            if time.monotonic() - self._drawn > EVERY:
                self._drawn = time.monotonic()
                layer.refresh()

    def stop(self) -> None:
        """Keep what is done in sight."""
        for layer in self.layers.values():
            layer.refresh()

    def forget(self) -> None:
        """Take the layers away: the result takes their place."""
        for layer in self.layers.values():
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self.layers = {}


def steps(image: Image) -> tuple[int, ...]:
    """Of how many pixels along each axis of labels one is shown."""
    longest = max(image.shape[2:])
    step = -(-longest // SIDES[image.ndim])
    return tuple(step if axis in "ZYX"[-image.ndim :] else 1 for axis in image.label_axes)


def coarse(image: Image) -> tuple[int, ...]:
    """Shape of what is shown."""
    return tuple(-(-size // step) for size, step in zip(image.label_shape, steps(image), strict=True))


def placed(image: Image) -> dict[str, Any]:
    """Arguments that lay the coarse labels over the image."""
    by, transform = np.array(steps(image)), dict(image.transform)
    scale = np.array(transform.get("scale", np.ones(len(by))), float)
    shift = np.array(transform.get("translate", np.zeros(len(by))), float)
    return {
        **transform,
        "scale": tuple(scale * by),
        "translate": tuple(shift + scale * (by - 1) / 2),
        "name": f"{image.name} segments so far",
    }
