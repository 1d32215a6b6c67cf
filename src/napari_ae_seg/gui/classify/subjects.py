"""Choosing what is told apart: objects of a Labels layer, slices of an image, or whole images; and with which model."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_ae_seg.gui.parts.controls import Combo
from napari_ae_seg.gui.parts.forms import caption, rows
from napari_ae_seg.gui.parts.layers import NO_IMAGE, LayerList, LayerPicker, holds_clusters
from napari_ae_seg.gui.parts.models import ModelPicker, misfit
from napari_ae_seg.gui.parts.sources import read_layers

from .learning import Subject
from .pointing import slice_shown

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

KINDS = {"objects": "labelled objects", "slices": "slices", "images": "whole images"}

SMALL = 32_000_000
"""Pixels of labels up to which they are compared as a whole."""


class SubjectRows(QWidget):
    """The rows at the top of the Classify dock."""

    changed = Signal()
    painted = Signal()  # the objects are others now
    selected = Signal()  # another object is selected

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._watched: Layer | None = None
        self._state = 0
        self._kind = Combo()
        self._kind.setObjectName("kind")
        self._kind.offer(KINDS)
        self.image = LayerPicker(viewer, (Image,))
        self.image.setObjectName("image")
        self.objects = LayerPicker(viewer, (Labels,), unlikely=holds_clusters)
        self.objects.setObjectName("objects")
        self.images = LayerList(viewer, (Image,))
        self.images.setObjectName("images")
        self.models = ModelPicker()
        self.models.setObjectName("model")
        self._layout = rows(self)
        tips = {
            "Tell apart": "What has a class.",
            "Image": "What the objects are seen in.",
            "Objects": "Each label is an object, wherever it is.",
            "Images": "Tick those to tell apart; name the one that is selected in the layer list.",
            "Model": "What looks at the image.",
        }
        shown = (self._kind, self.image, self.objects, self.images, self.models)
        for (text, tip), widget in zip(tips.items(), shown, strict=True):
            self._layout.addRow(caption(text, tip), widget)
        for signal in (self._kind.currentIndexChanged, self.image.picked, self.objects.picked, self.images.changed):
            signal.connect(self._follow)
        self._follow()

    @property
    def kind(self) -> str:
        """The kind of items: a key of KINDS."""
        return str(self._kind.currentData())

    def choose(self, kind: str) -> None:
        """Tell `kind` apart."""
        self._kind.choose(kind)

    def subject(self, hidden: Layer | None = None) -> Subject:
        """What has classes; ValueError if layers are missing or do not fit. `hidden`, a result, holds no objects."""
        images = tuple(self.images.layers) if self.kind == "images" else (self.image.layer,) if self.image.layer else ()
        if not images:
            raise ValueError("Tick the images to tell apart." if self.kind == "images" else NO_IMAGE)
        objects = self.objects.layer if self.kind == "objects" else None
        if self.kind == "objects" and (objects is None or objects is hidden):
            raise ValueError("Open a Labels layer with objects, or tell slices or whole images apart.")
        stack = read_layers(list(images), ndim=2 if self.kind == "slices" else 0)
        return Subject(self.kind, images, objects, stack, self.models.model)

    def misfit(self) -> str:
        """Why the model cannot look at the images; nothing if it can."""
        try:
            return misfit(self.models.model, self.subject().stack, instead=("", ""))
        except ValueError:  # what is missing is said without it
            return ""

    def pointed(self) -> tuple[Layer, int] | None:
        """The layer and the number of the item that the person is at."""
        active = self._viewer.layers.selection.active
        if self.kind == "objects":
            layer = self.objects.layer
            return (layer, int(layer.selected_label)) if layer is not None and layer.selected_label else None
        if self.kind == "images":
            return (active, 0) if active in self.images.layers else None
        layer = self.image.layer
        return (layer, slice_shown(self._viewer, layer, read_layers(layer, ndim=2))) if layer is not None else None

    def describe(self, item: tuple[Layer, int]) -> str:
        """An item in words."""
        words = {"objects": f"object {item[1]}", "slices": f"slice {item[1]}", "images": str(item[0].name)}
        return words[self.kind]

    def state(self) -> int:
        """A number that differs once the objects do; of large or lazy ones it counts the changes."""
        layer = self.objects.layer if self.kind == "objects" else None
        data = None if layer is None or layer.multiscale else layer.data
        if isinstance(data, np.ndarray) and data.size <= SMALL:
            return zlib.crc32(np.ascontiguousarray(data).data)
        return self._state

    def drop(self, layer: Layer) -> None:
        """A layer is gone."""
        if layer is self._watched:
            self._watched = None

    def _follow(self, *_: Any) -> None:
        """Show the rows that the kind of items needs, and watch the objects for changes."""
        for widget, kinds in (
            (self.image, ("objects", "slices")),
            (self.objects, ("objects",)),
            (self.images, ("images",)),
        ):
            if self._layout.isRowVisible(widget) != (self.kind in kinds):
                self._layout.setRowVisible(widget, self.kind in kinds)
        self._watch(self.objects.layer if self.kind == "objects" else None)
        self.changed.emit()

    def _watch(self, objects: Layer | None) -> None:
        if objects is self._watched:
            return
        if self._watched is not None:
            for event in self._edits(self._watched):
                event.disconnect(self._painted)
            self._watched.events.selected_label.disconnect(self._selected)
        self._watched = objects
        if objects is not None:
            for event in self._edits(objects):
                event.connect(self._painted)
            objects.events.selected_label.connect(self._selected)

    @staticmethod
    def _edits(objects: Layer) -> tuple[Any, ...]:
        """Events of which one at least follows each change of the labels; set_data alone follows an undo."""
        return objects.events.paint, objects.events.data, objects.events.labels_update, objects.events.set_data

    def _painted(self, _: Any = None) -> None:
        self._state += 1
        self.painted.emit()

    def _selected(self, _: Any = None) -> None:
        self.selected.emit()
