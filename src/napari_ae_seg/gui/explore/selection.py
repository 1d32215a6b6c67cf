"""The selection: a layer of lit pixels that a lasso fills, a brush corrects, and a new cluster is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalDebouncer

from napari_ae_seg.gui.parts.layers import heed, region
from napari_ae_seg.gui.session import current

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_ae_seg.explore.exploration import Exploration

NAME = "selection"
PAINTING = ("paint", "fill", "erase", "polygon")
"""Modes of a Labels layer in which a label is chosen to draw with it."""
CLEAR, LIT = (0.0, 0.0, 0.0, 0.0), (1.0, 0.84, 0.04, 1.0)


class Selection(QObject):
    """Pixels of one image that are chosen, shown in a layer of their own; other layers choose pixels, too."""

    changed = Signal()  # somebody painted in it, or chose pixels by another layer
    pointed = Signal(object)  # the index of the pixel under the mouse in the image, or None

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Labels | None = None
        self._about: dict[str, Any] = {}
        self._shape: tuple[int, ...] = ()
        self._segments: Labels | None = None
        self._watched: Layer | None = None
        self._soon = QSignalDebouncer(parent=self)  # napari tells of paint before it is in the layer
        self._soon.triggered.connect(self.changed.emit)
        viewer.mouse_move_callbacks.append(self._hovered)
        viewer.mouse_drag_callbacks.append(self._hovered)
        heed(self, viewer.layers.selection.events.active, self._watch)
        heed(self, viewer.layers.events.removed, self._removed)

    def of(self, one: Exploration, segments: Labels | None) -> None:
        """Choose among the pixels of `one`, whose `segments` are shown."""
        if one.image.label_shape != self._shape:
            self.end()
        self._shape, self._about, self._segments = one.image.label_shape, one.segments.transform, segments
        self._watch()

    @property
    def mask(self) -> np.ndarray | None:
        """Which pixels of the source's shape are chosen; None without any."""
        if self._layer is None or not np.any(self._layer.data):
            return None
        return np.asarray(self._layer.data) > 0

    def show(self, chosen: np.ndarray) -> None:
        """Light up pixels of the source's shape."""
        if self._layer is None:
            if not chosen.any():
                return
            self._layer = self._made()
        np.copyto(self._layer.data, chosen, casting="unsafe")
        self._layer.refresh(extent=False)

    def clear(self) -> None:
        """Choose nothing."""
        if self._layer is not None:
            self._layer.data[...] = 0
            self._layer.refresh(extent=False)

    def end(self) -> None:
        """Take the layer out of the viewer."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def close(self) -> None:
        """Let go of the viewer."""
        self.end()
        self._unwatch()
        for callbacks in (self._viewer.mouse_move_callbacks, self._viewer.mouse_drag_callbacks):
            if self._hovered in callbacks:
                callbacks.remove(self._hovered)

    def _made(self) -> Labels:
        colors = DirectLabelColormap(color_dict={None: CLEAR, 0: CLEAR, 1: LIT})
        layer = Labels(np.zeros(self._shape, np.uint8), name=NAME, colormap=colors, opacity=0.75, **self._about)
        current().clustered.add(layer)
        active = self._viewer.layers.selection.active
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = active
        layer.events.paint.connect(lambda _: self._soon.throttle())
        return layer

    def _watch(self, _: Any = None) -> None:
        """Heed the layer that is worked with: labels that are picked, shapes that are drawn."""
        self._unwatch()
        active, segments = self._viewer.layers.selection.active, self._segments
        if segments is not None and active is segments:
            segments.events.selected_label.connect(self._picked)
            self._watched = segments
        elif isinstance(active, Shapes):
            active.events.data.connect(self._drawn)
            self._watched = active

    def _unwatch(self) -> None:
        layer, self._watched = self._watched, None
        if isinstance(layer, Shapes):
            layer.events.data.disconnect(self._drawn)
        elif layer is not None:
            layer.events.selected_label.disconnect(self._picked)

    def _picked(self, _: Any = None) -> None:
        """A label of the segments was picked: its pixels are chosen, unless it was picked to paint with."""
        segments = self._segments
        if segments is not None and self._shape == segments.data.shape and str(segments.mode) not in PAINTING:
            self.show(np.asarray(segments.data) == segments.selected_label)
            self.changed.emit()

    def _drawn(self, _: Any = None) -> None:
        """A shape was drawn on the image: what lies in it is chosen."""
        shapes = self._watched
        if not isinstance(shapes, Shapes) or not len(shapes.data) or self._segments is None:
            return
        try:
            inside = region(shapes, self._segments, self._shape)
        except ValueError:  # it lies beside the image
            return
        self.show(inside)
        self.changed.emit()

    def _removed(self, event: Any) -> None:
        if event.value is self._layer:
            self._layer = None
            self.changed.emit()
        elif event.value is self._watched:
            self._watched = None

    def _hovered(self, _: Any, event: Any) -> None:
        """The mouse is over the canvas: which pixel of the image lies there?"""
        if self._segments is None or self._segments not in self._viewer.layers:
            return
        at = np.round(self._segments.world_to_data(event.position)).astype(int)
        inside = len(at) == len(self._shape) and bool(np.all((at >= 0) & (at < self._shape)))
        self.pointed.emit(tuple(at.tolist()) if inside else None)
