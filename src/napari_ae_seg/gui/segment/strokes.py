"""Strokes: what the person painted, on the labels or on a layer of their own, for the segmenter to learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_ae_seg.gui.parts.results import Strokes

from .view import make_layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_ae_seg.images.stack import Image
    from napari_ae_seg.segmenter.segmenter import Segmenter

    from .view import View

ROLE = "strokes"
"""What a layer of strokes shows, among the layers that a view has drawn."""


def paint_on(viewer: Viewer, view: View, number: int, label: int) -> None:
    """Take the brush of `label`, on the layer of strokes of image `number`; there is one from now on."""
    layer = layer_of(viewer, view, number)
    if layer is None:
        segments = view.result.segments[number]
        layer = make_layer(segments)
        layer.data = np.zeros_like(layer.data)
        layer.name = f"{segments.name} strokes"
        layer.metadata = {}
        layer.brush_size = 6
        view.keep((ROLE, number), layer)
        view.watch(layer)
        viewer.add_layer(layer)
    viewer.layers.selection.active = layer
    layer.mode = "paint"
    layer.selected_label = label


def layer_of(viewer: Viewer, view: View, number: int) -> Labels | None:
    """The layer of strokes of image `number`, if `viewer` has one."""
    return view.kept((ROLE, number), viewer)


def gathered(viewer: Viewer, view: View) -> tuple[Strokes, ...]:
    """The strokes on every image that has some: on their own layer, and pixels painted on the labels."""
    found = []
    for number, history, _ in view.shown:
        layer = layer_of(viewer, view, number)
        painted = np.where(history.painted, history.layer.data, 0).astype(np.int32)
        if layer is not None and layer.data.shape == painted.shape:
            painted = np.where(layer.data > 0, layer.data, painted).astype(np.int32)
        if painted.any():
            found.append(Strokes(painted, number))
    return tuple(found)


def present(viewer: Viewer, view: View) -> bool:
    """Whether there are strokes on any image."""
    layers = [layer_of(viewer, view, number) for number, _, _ in view.shown]
    return view.painted > 0 or any(layer is not None and bool(np.any(layer.data)) for layer in layers)


def drawn(view: View) -> list[tuple[Image, np.ndarray]]:
    """Per image that was painted on, what was: -1 where nothing."""
    images = view.result.request.stack.images
    return [
        (images[number], np.where(history.painted, history.layer.data.astype(np.int32), -1))
        for number, history, _ in view.shown
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
