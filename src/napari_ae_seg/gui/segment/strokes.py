"""Strokes: what the person painted, on the labels or on a layer of their own, for the segmenter to learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject
from superqt.utils import QSignalDebouncer

from napari_ae_seg.gui.parts.layers import heed
from napari_ae_seg.gui.parts.results import Strokes

from .view import make_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.viewer import Viewer

    from napari_ae_seg.gui.parts.history import History
    from napari_ae_seg.images.stack import Image, Stack
    from napari_ae_seg.segmenter.segmenter import Segmenter
    from napari_ae_seg.segmenter.segments import Segments

ROLE = "strokes of"
"""Key in a layer's metadata that says whose strokes it holds."""


def paint_on(viewer: Viewer, segments: Segments, label: int) -> Labels:
    """The layer to paint strokes of `segments` on, in their colours, with the brush of `label` in hand."""
    layer = layer_of(viewer, segments)
    if layer is None:
        layer = make_layer(segments)
        layer.data = np.zeros_like(layer.data)
        layer.name = f"{segments.name} strokes"
        layer.metadata = {ROLE: segments.name}
        layer.brush_size = 6
        viewer.add_layer(layer)
    viewer.layers.selection.active = layer
    layer.mode = "paint"
    layer.selected_label = label
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


def gathered(viewer: Viewer, shown: Sequence[tuple[History, Segments]]) -> tuple[Strokes, ...]:
    """The strokes on every image that has some: on their own layer, and pixels painted on the labels."""
    found = []
    for number, (history, segments) in enumerate(shown):
        layer = layer_of(viewer, segments)
        painted = np.where(history.painted, history.layer.data, 0).astype(np.int32)
        if layer is not None:
            painted = np.where(layer.data > 0, layer.data, painted).astype(np.int32)
        if painted.any():
            found.append(Strokes(painted, number))
    return tuple(found)


def drawn(stack: Stack, histories: Sequence[History]) -> list[tuple[Image, np.ndarray]]:
    """Per image that was painted on, what was: -1 where nothing."""
    pairs = zip(stack.images, histories, strict=False)
    return [
        (image, np.where(history.painted, history.layer.data.astype(np.int32), -1))
        for image, history in pairs
        if history.painted.any()
    ]


def keeping(segmenter: Segmenter, painted: Sequence[tuple[Image, np.ndarray]]) -> Segmenter:
    """The segmenter that knows the painted pixels of its images."""
    from napari_ae_seg.segmenter.guidance import identity

    edits = segmenter.edits
    for image, strokes in painted:
        edits = edits.paint(identity(image), strokes)
    return replace(segmenter, edits=edits)


def known(segmenter: Segmenter) -> bool:
    """Whether the segmenter knows painted pixels, or learnt from some."""
    return segmenter.guide is not None or bool(segmenter.edits.painted)


def watch(layer: Labels, act: Callable[[], None], owner: QObject) -> None:
    """Call `act` after every stroke on `layer`, undone ones too, for as long as `owner` lives."""
    soon = QSignalDebouncer(parent=owner)  # napari tells of paint before it is in the layer
    soon.triggered.connect(act)
    for signal in (layer.events.paint, layer.events.set_data):
        heed(owner, signal, lambda _: soon.throttle())
