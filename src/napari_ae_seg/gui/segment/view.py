"""The labels layers that show a result: made once, then changed in undoable steps, with their colours and table.

A view belongs to its layers, not to a dock: it lives as long as they do, and whoever holds one of them finds it.
"""

from __future__ import annotations

import itertools
import weakref
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from psygnal import Signal

from napari_ae_seg.core.colors import color as color_of
from napari_ae_seg.gui.parts.history import History
from napari_ae_seg.gui.session import current

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_ae_seg.gui.parts.results import Result
    from napari_ae_seg.segmenter.segments import Segments


NEXT = 10
"""Numbers above the highest label that have a colour already, for new labels to be painted."""


class View:
    """Shows a result, one layer per image, and knows what the person painted on them."""

    moved = Signal()  # an undo or redo brought another result back
    touched = Signal()  # something was painted, undone or given up

    def __init__(self, viewer: Viewer, result: Result, older: Mapping[int, Labels] = MappingProxyType({})) -> None:
        """Adds its layers to `viewer`, in place of those in `older` by the number of their image."""
        self.result = result
        self.objects: dict[int, History] = {}
        """The layers of objects, by the number of the image."""
        self._kept: dict[Any, weakref.ref[Any]] = {}
        self._histories: list[History] = []
        self._following = False
        self._used = 0
        self.use()
        for number, segments in enumerate(result.segments):
            layer = make_layer(segments)
            self._histories.append(History(layer, result, partial(self._moved, number)))
            self.watch(layer)
            _add(viewer, layer, older.get(number))

    def use(self) -> None:
        """Take note that the person works with it now."""
        self._used = next(_CLOCK)

    @property
    def shown(self) -> list[tuple[int, History, Segments]]:
        """Per layer there is: the number of its image, its history, its segments."""
        pairs = enumerate(zip(self._histories, self.result.segments, strict=True))
        return [(number, history, segments) for number, (history, segments) in pairs if history.alive]

    @property
    def layers(self) -> list[Labels]:
        """The layers that show the result."""
        return [history.layer for _, history, _ in self.shown]

    @property
    def painted(self) -> int:
        """How many pixels the person painted."""
        return sum(int(np.count_nonzero(history.painted)) for _, history, _ in self.shown)

    def corrected(self, viewer: Viewer, history: History) -> bool:
        """Whether a person changed what the layer of `history` shows, or named its objects."""
        result, layer = self.result, history.layer
        shown = ("hide", (result.background,)), ("show", (result.background,))
        edits = [change for change in result.changes if change[0] != "recluster" and change not in shown]
        strokes = any(view_of(other) is self and other not in self.layers for other in viewer.layers)
        return bool(edits) or strokes or bool(history.painted.any()) or layer in current().numbered

    def within(self, viewer: Viewer) -> bool:
        """Whether `viewer` shows any of its layers."""
        return any(layer in viewer.layers for layer in self.layers)

    def whole(self, viewer: Viewer) -> bool:
        """Whether `viewer` shows the layers of all its images."""
        return len(self.layers) == len(self._histories) and all(layer in viewer.layers for layer in self.layers)

    def fits(self, result: Result) -> bool:
        """Whether `result` can be shown in these layers: the same images, and as many pixels in the same place."""
        if result.request.images.layers != self.result.request.images.layers:
            return False
        return len(self._histories) == len(result.segments) and all(
            _alike(one, new := result.segments[number])
            and new.labels.max(initial=0) <= np.iinfo(history.layer.data.dtype).max
            and history.layer.data.shape == new.labels.shape
            for number, history, one in self.shown
        )

    def show(self, result: Result) -> None:
        """Show `result`, which fits, as one step to undo."""
        self.result = result
        for _, history, segments in self.shown:
            history.write(segments.labels, result)
            dress(history.layer, segments)
        self.touched.emit()

    def preview(self, result: Result) -> None:
        """Show `result` for the moment; `show` or `forget_preview` follows."""
        if self.fits(result):
            for number, history, _ in self.shown:
                color(history.layer, result.segments[number])
                history.preview(result.segments[number].labels)

    def forget_preview(self) -> None:
        """Show again what was there before the preview."""
        for _, history, segments in self.shown:
            history.forget_preview()
            dress(history.layer, segments)

    def discard_painted(self) -> None:
        """Put the clusters back where the person painted."""
        for _, history, segments in self.shown:
            if history.painted.any():
                history.write(segments.labels, self.result, keep_painted=False)
        self.touched.emit()

    def watch(self, layer: Labels) -> None:
        """Take what is painted on `layer` as painted on this result."""
        _VIEWS[layer] = self
        current().clustered.add(layer)
        for signal in (layer.events.paint, layer.events.set_data):
            signal.connect(self._painted)

    def keep(self, what: Any, layer: Layer) -> None:
        """Remember `layer` as the one that shows `what` of this result."""
        self._kept[what] = weakref.ref(layer)

    def kept(self, what: Any, viewer: Viewer) -> Any:
        """The layer that shows `what` of this result, if `viewer` has it; its name may be another by now."""
        layer = self._kept[what]() if what in self._kept else None
        return layer if layer is not None and layer in viewer.layers else None

    def _moved(self, number: int, result: Any) -> None:
        """An undo or redo of one layer: the others go along."""
        if self._following:
            return
        self._following = True
        self.result = result
        for other, history, segments in self.shown:
            if other != number:
                history.follow(result)
            dress(history.layer, segments)
        self._following = False
        self.moved.emit()

    def _painted(self, _: Any = None) -> None:
        self.touched.emit()


def view_of(layer: Any) -> View | None:
    """The view that `layer`, one of labels or strokes, belongs to."""
    return _VIEWS.get(layer) if isinstance(layer, Labels) else None


def view_on(viewer: Viewer, image: Layer | None) -> View | None:
    """The view of `image`, the first of its images, that was worked with last."""
    found = [view for view in _views(viewer) if view.result.request.images.layers[0] is image]
    return max(found, key=lambda view: view._used, default=None)


def superseded(viewer: Viewer, result: Result) -> dict[int, Labels]:
    """The layers that those of `result` may replace, by the number of their image.

    They show the same pixels, all images that they were segmented with are in `result`, and no person changed them.
    """
    images = result.request.images.layers
    latest: dict[int, Labels | None] = {}
    for view in sorted(dict.fromkeys(_views(viewer)), key=lambda view: view._used):
        own = view.result.request.images.layers
        for number, history, segments in view.shown if set(own) <= set(images) else ():
            place = images.index(own[number])
            if place < len(result.segments) and _alike(segments, result.segments[place]):
                free = history.layer in viewer.layers and not view.corrected(viewer, history)
                latest[place] = history.layer if free else None
    return {place: layer for place, layer in latest.items() if layer is not None}


def _views(viewer: Viewer) -> Iterator[View]:
    return (view for layer in viewer.layers if (view := view_of(layer)) is not None and layer in view.layers)


def make_layer(segments: Segments) -> Labels:
    """A labels layer of `segments`, in one byte per pixel where that holds them: it is drawn and undone much faster."""
    small = segments.labels.astype(np.min_scalar_type(int(segments.labels.max(initial=0))))
    return Labels(small, **{**segments.layer, "colormap": _colormap(segments)})


def warm_up(_: Any = None) -> None:
    """Let napari compile what it draws labels with, which takes it seconds the first time."""
    colors = {None: (0.0, 0.0, 0.0, 0.0), 0: (0.0, 0.0, 0.0, 0.0), 1: (1.0, 0.0, 0.0, 1.0)}
    Labels(np.ones((2, 2), np.uint8), colormap=DirectLabelColormap(color_dict=colors), features={"index": [1]})


def _add(viewer: Viewer, layer: Labels, older: Labels | None) -> None:
    """Add `layer` to `viewer`, in place of the `older` one if there is one."""
    if older is None:
        viewer.add_layer(layer)
        return
    for name in ("name", "opacity", "blending", "visible", "contour"):
        setattr(layer, name, getattr(older, name))
    place = viewer.layers.index(older)
    viewer.layers.remove(older)
    viewer.layers.insert(place, layer)


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


def _alike(one: Segments, other: Segments) -> bool:
    """Whether two segments have the same pixels in the same place."""
    places = zip(one.transform.values(), other.transform.values(), strict=False)
    return one.labels.shape == other.labels.shape and all(str(a) == str(b) for a, b in places)


_VIEWS: weakref.WeakKeyDictionary[Layer, View] = weakref.WeakKeyDictionary()
_CLOCK = itertools.count(1)
