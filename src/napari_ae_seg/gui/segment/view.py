"""The labels layers that show a result: made once, then changed in undoable steps, with their colours and table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QObject, Signal

from napari_ae_seg.core.colors import color as color_of
from napari_ae_seg.gui.parts.history import History
from napari_ae_seg.gui.parts.layers import heed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer

    from napari_ae_seg.gui.parts.results import Result
    from napari_ae_seg.segmenter.segments import Segments


NEXT = 10
"""Numbers above the highest label that have a colour already, for new labels to be painted."""


class View(QObject):
    """Shows the segments of a result, one layer per image, and knows what the person painted on them."""

    made = Signal(object)  # a new labels layer
    moved = Signal(object)  # the Result that the picture shows again after an undo or redo
    touched = Signal()  # something was painted, undone or given up
    closed = Signal()  # a layer that shows the result was removed
    removed = Signal(object)  # any layer was removed

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._histories: list[History] = []
        heed(self, viewer.layers.events.removed, self._removed)

    @property
    def layers(self) -> list[Labels]:
        """The layers that show the result."""
        return [history.layer for history in self._histories]

    @property
    def histories(self) -> list[History]:
        """The history of each of the layers."""
        return list(self._histories)

    @property
    def painted(self) -> int:
        """How many pixels the person painted."""
        return sum(int(np.count_nonzero(history.painted)) for history in self._histories)

    def show(self, result: Result) -> None:
        """Show `result`: in the layers there are, as one step to undo, or in new ones."""
        if not self._fits(result.segments):
            self._start(result)
            return
        for history, segments in zip(self._histories, result.segments, strict=True):
            history.write(segments.labels, result)
            dress(history.layer, segments)
        self.touched.emit()

    def preview(self, result: Result) -> None:
        """Show `result` for the moment; `show` or `forget_preview` follows."""
        if self._fits(result.segments):
            for history, segments in zip(self._histories, result.segments, strict=True):
                color(history.layer, segments)
                history.preview(segments.labels)

    def forget_preview(self) -> None:
        """Show again what was there before the preview."""
        for number, history in enumerate(self._histories):
            history.forget_preview()
            dress(history.layer, history.state.segments[number])

    def note(self, result: Result) -> None:
        """Show what changes no pixel, such as a name, as one step to undo."""
        for history, segments in zip(self._histories, result.segments, strict=True):
            history.note(result)
            dress(history.layer, segments)

    def discard_painted(self) -> None:
        """Put the clusters back where the person painted."""
        for number, history in enumerate(self._histories):
            if history.painted.any():
                history.write(history.state.segments[number].labels, history.state, keep_painted=False)
        self.touched.emit()

    def start_anew(self) -> None:
        """Leave the layers as they are; the next result gets new ones."""
        for history in self._histories:
            history.end()
            history.layer.events.paint.disconnect(self._painted)
        self._histories = []

    def _fits(self, segments: Sequence[Segments]) -> bool:
        layers = self.layers
        if not layers or [layer.data.shape for layer in layers] != [one.labels.shape for one in segments]:
            return False
        pairs = zip(layers, segments, strict=True)
        return all(one.labels.max(initial=0) <= np.iinfo(layer.data.dtype).max for layer, one in pairs)

    def _start(self, result: Result) -> None:
        self.start_anew()
        for number, segments in enumerate(result.segments):
            layer = make_layer(segments)
            self._viewer.add_layer(layer)
            history = History(layer, result, partial(self._moved, number))
            layer.events.paint.connect(self._painted)
            self._histories.append(history)
            self.made.emit(layer)
        self.touched.emit()

    def _moved(self, number: int, result: Any) -> None:
        dress(self._histories[number].layer, result.segments[number])
        self.moved.emit(result)
        self.touched.emit()

    def _painted(self, _: Any = None) -> None:
        self.touched.emit()

    def _removed(self, event: Any) -> None:
        if event.value in self.layers:
            self.start_anew()
            self.closed.emit()
        self.removed.emit(event.value)


def make_layer(segments: Segments) -> Labels:
    """A labels layer of `segments`, in one byte per pixel: napari draws and undoes that several times faster."""
    small = segments.labels.astype(np.uint8 if segments.labels.max(initial=0) < 256 else np.uint16)
    return Labels(small, **{**segments.layer, "colormap": _colormap(segments)})


def warm_up(_: Any = None) -> None:
    """Let napari compile what it draws labels with, which takes it seconds the first time."""
    colors = {None: (0.0, 0.0, 0.0, 0.0), 0: (0.0, 0.0, 0.0, 0.0), 1: (1.0, 0.0, 0.0, 1.0)}
    Labels(np.ones((2, 2), np.uint8), colormap=DirectLabelColormap(color_dict=colors), features={"index": [1]})


def dress(layer: Labels, segments: Segments) -> None:
    """Give `layer` the colours, table and metadata of `segments`."""
    color(layer, segments)
    layer.features = segments.layer["features"]
    layer.metadata = {**layer.metadata, **segments.layer["metadata"]}


def color(layer: Labels, segments: Segments) -> None:
    """Give `layer` the colours of `segments`."""
    wanted = _colormap(segments)
    now = layer.colormap
    if not isinstance(now, DirectLabelColormap) or not _same(now.color_dict, wanted.color_dict):
        layer.colormap = wanted


def _colormap(segments: Segments) -> DirectLabelColormap:
    """The colours of `segments`, and of the numbers that a person may paint next."""
    colors = dict(segments.layer["colormap"])
    top = max(segments.colors, default=0)
    further = {label: (*color_of(label), 1.0) for label in range(1, top + NEXT) if label not in colors}
    return DirectLabelColormap(color_dict={**colors, **further})


def _same(a: dict[Any, Any], b: dict[Any, Any]) -> bool:
    return a.keys() == b.keys() and all(np.allclose(a[key], b[key]) for key in a)
