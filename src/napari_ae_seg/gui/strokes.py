"""Strokes: what the person painted, on the labels or on a layer of their own, for the segmenter to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from .view import make_layer

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_ae_seg.segments import Segments

    from .history import History

ROLE = "strokes of"
"""Key in a layer's metadata that says whose strokes it holds."""


class Strokes:
    """An array of strokes, and the expression that gives it in napari's console."""

    def __init__(self, array: np.ndarray, made: str) -> None:
        self.array = array
        self._made = made

    def __repr__(self) -> str:
        return self._made


def add_layer(viewer: Viewer, segments: Segments) -> Labels:
    """An empty layer to paint strokes on, in the colours of `segments`, with the brush in hand."""
    layer = make_layer(segments)
    layer.data = np.zeros_like(layer.data)
    layer.name = f"{segments.name} strokes"
    layer.metadata = {ROLE: segments.name}
    viewer.add_layer(layer)
    layer.mode = "paint"
    layer.brush_size = 6
    layer.selected_label = 1
    return layer


def layer_of(viewer: Viewer, segments: Segments) -> Labels | None:
    """The layer of strokes for `segments`, if there is one."""
    for layer in viewer.layers:
        if layer.metadata.get(ROLE) == segments.name and layer.data.shape == segments.labels.shape:
            return layer
    return None


def present(viewer: Viewer, history: History, segments: Segments) -> bool:
    """Whether there are strokes on one image."""
    layer = layer_of(viewer, segments)
    return bool(history.painted.any()) or (layer is not None and bool(np.any(layer.data)))


def gathered(viewer: Viewer, history: History, segments: Segments) -> Strokes | None:
    """All strokes on one image: on their own layer, and pixels painted on the labels; None if there are none."""
    layer = layer_of(viewer, segments)
    painted = np.where(history.painted, history.layer.data, 0).astype(np.int32)
    made = "painted"
    if layer is not None and np.any(layer.data):
        made = f"viewer.layers[{layer.name!r}].data" if not painted.any() else made
        painted = np.where(layer.data > 0, layer.data, painted).astype(np.int32)
    return Strokes(painted, made) if painted.any() else None


def watch(layer: Labels, act: Any) -> None:
    """Call `act` after every stroke on `layer`."""
    layer.events.paint.connect(lambda _: act())
