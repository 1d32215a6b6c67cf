"""Results: the Labels layers that show the class of every item by its colour, with the table as their features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_ae_seg.gui.session import current

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_ae_seg.classifier import Classified

    from .learning import Answer

VEIL = 0.35
"""Opacity of the colour of slices and whole images, which lie under it."""


class Results:
    """One layer per image, made once and recoloured as the classes change."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layers: list[Labels] = []
        self._about: Any = None
        self._chosen: np.ndarray | None = None

    @property
    def layer(self) -> Labels | None:
        """The layer of the first image."""
        return self._layers[0] if self._layers else None

    @property
    def layers(self) -> list[Labels]:
        """The layers of all images."""
        return list(self._layers)

    def resume(self, layers: list[Labels]) -> None:
        """Show what comes in `layers`, where it fits there."""
        self._layers = layers if all(layer in self._viewer.layers for layer in layers) else []

    def holds(self, layer: Layer) -> bool:
        """Whether `layer` is one of these."""
        return layer in self._layers

    def show(self, answer: Answer) -> None:
        """Show the classes of all items."""
        subject, chosen = answer.measured.subject, answer.found.chosen
        if self._layers and chosen is self._chosen:  # the same classes, checked meanwhile
            return
        parts = [answer.found.of(n) for n in range(len(subject.images))]
        if self._about is None:  # layers of a dock that was closed
            fits = [layer.data.shape for layer in self._layers] == [part.labels.shape for part in parts]
        else:
            fits = self._about[:2] == (subject.images, subject.objects)
        if not fits:
            self.forget()
            self._layers = [self._made(part) for part in parts]
            if subject.objects is not None:
                subject.objects.visible = False
        elif self._about is None or self._about[2] is not answer.measured:
            for layer, part in zip(self._layers, parts, strict=True):
                layer.data = part.labels
        self._about = (subject.images, subject.objects, answer.measured)
        self._chosen = chosen
        for layer, part in zip(self._layers, parts, strict=True):
            _dress(layer, part)

    def clear(self) -> None:
        """Show no class."""
        self._chosen = None
        for layer in self._layers:
            layer.colormap = DirectLabelColormap(color_dict={None: np.zeros(4), 0: np.zeros(4)})

    def forget(self) -> None:
        """Leave the layers as they are; the next classes get new ones."""
        self._layers, self._about, self._chosen = [], None, None

    def _made(self, part: Classified) -> Labels:
        active = self._viewer.layers.selection.active
        opacity = 1.0 if part.items.kind == "objects" else VEIL
        about = {name: value for name, value in part.layer.items() if name not in ("colormap", "opacity")}
        layer = Labels(part.labels, **about, opacity=opacity)
        layer.editable = False
        current().clustered.add(layer)
        self._viewer.add_layer(layer)
        if active is not None:
            self._viewer.layers.selection.active = active
        return layer


def _dress(layer: Labels, part: Classified) -> None:
    """Give `layer` the colours and the table of `part`."""
    about = part.layer
    layer.colormap = DirectLabelColormap(color_dict=dict(about["colormap"]))
    layer.features = about["features"]
    layer.metadata = {**layer.metadata, **about["metadata"]}
