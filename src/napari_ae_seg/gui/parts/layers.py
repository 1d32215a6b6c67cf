"""Layers: choosing them, reading a part of them, taking one as a region of interest."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from qtpy.QtCore import QObject, QSize, Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget
from superqt.utils import signals_blocked

from napari_ae_seg.gui.session import current

from .controls import Combo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.viewer import Viewer

ROW = 22
"""Height in pixels of a row of a list."""

NO_IMAGE = "Open an image first, or a sample: File > Open Sample > AE Segmentation."
"""Why nothing can be done without an image layer."""


def heed(widget: QObject, signal: Any, act: Callable[..., Any]) -> None:
    """Call `act` at each `signal`, for as long as `widget` lives."""

    def heard(*happened: Any) -> None:  # a method's owner is gone when napari 0.6 looks for it to disconnect it
        act(*happened)

    def end(*_: Any) -> None:
        with suppress(AttributeError):  # the window is collected as a whole: its parts are emptied in any order
            signal.disconnect(heard)

    signal.connect(heard)
    widget.destroyed.connect(end)


def follow_layers(viewer: Viewer, widget: QWidget, update: Callable[[], None]) -> None:
    """Call `update` whenever layers come, go, move or are renamed, for as long as `widget` lives."""

    def changed(_: Any = None) -> None:
        update()

    def inserted(event: Any) -> None:
        event.value.events.name.connect(changed)
        update()

    def end(_: Any = None) -> None:
        with suppress(AttributeError):  # as above
            for layer in viewer.layers:
                layer.events.name.disconnect(changed)

    for layer in viewer.layers:
        layer.events.name.connect(changed)
    heed(widget, viewer.layers.events.inserted, inserted)
    heed(widget, viewer.layers.events.removed, changed)
    heed(widget, viewer.layers.events.reordered, changed)
    widget.destroyed.connect(end)


class LayerPicker(Combo):
    """One of the viewer's layers of `kinds`; `none` is the words for choosing no layer, if that is a choice.

    Those that are `unlikely` meant are offered last, and left once there is another, unless a person chose them.
    """

    picked = Signal(object)

    def __init__(
        self,
        viewer: Viewer,
        kinds: tuple[type[Layer], ...],
        none: str = "",
        parent: QWidget | None = None,
        unlikely: Callable[[Layer], bool] = lambda _: False,
    ) -> None:
        super().__init__(parent)
        self._unlikely = unlikely
        self._viewer = viewer
        self._kinds = kinds
        self._none = none
        self._picked: Layer | None = None
        self._by_hand: Layer | None = None
        self.removed = ""  # the name of a layer that is gone, while it stands in the list in place of a choice
        follow_layers(viewer, self, self.follow)
        self.activated.connect(self._choose_by_hand)
        self.currentIndexChanged.connect(self._tell)
        self.follow()

    @property
    def layer(self) -> Layer | None:
        """The layer chosen."""
        chosen = self.currentData()
        return chosen if isinstance(chosen, Layer) else None

    def follow(self) -> None:
        """Offer the layers there are now; without a choice that still stands, the active one."""
        options: dict[Any, str] = {"": self._none} if self._none else {}
        if self.removed:
            options[_REMOVED] = f"{self.removed} (removed)"
        found = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, self._kinds)]
        found.sort(key=self._unlikely)
        options |= {layer: layer.name for layer in found}
        before = self.layer
        self.offer(options)
        for row in range(self.count()):  # a long name is cut
            self.setItemData(row, self.itemText(row), Qt.ItemDataRole.ToolTipRole)
        stands = before in found and (before is self._by_hand or not self._unlikely(before))
        meant = [layer for layer in (self._viewer.layers.selection.active, *found) if layer in found]
        likely = [layer for layer in meant if not self._unlikely(layer)]
        if likely and not stands and not self._none and not self.removed:
            self.choose(likely[0])
        self._tell()

    def name_removed(self, name: str) -> None:
        """Name a layer that is gone, until another is chosen; no name ends that."""
        with signals_blocked(self):
            self._forget_removed()
            self.removed = name
            self.setCurrentIndex(-1)
            if name:
                self.choose(_REMOVED)
        self.follow()

    def _choose_by_hand(self, _: int) -> None:
        self._by_hand = self.layer

    def _tell(self, *_: Any) -> None:
        if self.layer is not None:
            with signals_blocked(self):
                self._forget_removed()
        self.setToolTip(self.currentText())
        if self.layer is not self._picked:
            self._picked = self.layer
            self.picked.emit(self.layer)

    def _forget_removed(self) -> None:
        if self.removed:
            self.removeItem(self.findData(_REMOVED))
        self.removed = ""


_REMOVED = "removed"
"""What stands in a list of layers for one that is gone."""


class LayerList(QListWidget):
    """Any number of the viewer's layers of `kinds`, ticked."""

    changed = Signal()

    def __init__(self, viewer: Viewer, kinds: tuple[type[Layer], ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._kinds = kinds
        self._without: Layer | None = None
        follow_layers(viewer, self, self.follow)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.itemChanged.connect(lambda _: self.changed.emit())
        self.follow()

    @property
    def layers(self) -> list[Layer]:
        """The layers ticked, in the order of the layer list."""
        return [layer for layer in self._viewer.layers if layer in self._ticked()]

    def tick(self, layer: Layer, on: bool = True) -> None:
        """Tick `layer`, or not."""
        for row in range(self.count()):
            if self.item(row).data(Qt.ItemDataRole.UserRole) is layer:
                self.item(row).setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def leave_out(self, layer: Layer | None) -> None:
        """Do not offer `layer`."""
        self._without = layer
        self.follow()

    def follow(self) -> None:
        """Offer the layers there are now, keeping the ticks."""
        ticked = self._ticked()
        with signals_blocked(self):
            self.clear()
            for layer in reversed(self._viewer.layers):
                if isinstance(layer, self._kinds) and layer is not self._without:
                    item = QListWidgetItem(layer.name, self)
                    item.setData(Qt.ItemDataRole.UserRole, layer)
                    item.setToolTip(layer.name)
                    item.setCheckState(Qt.CheckState.Checked if layer in ticked else Qt.CheckState.Unchecked)
        fit_rows(self)
        if self._ticked() != ticked:
            self.changed.emit()

    def _ticked(self) -> list[Layer]:
        items = [self.item(row) for row in range(self.count())]
        return [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() == Qt.CheckState.Checked]


def fit_rows(rows: QListWidget, most: int = 5) -> None:
    """Make the list as high as its rows, up to `most` of them."""
    for row in range(rows.count()):
        rows.item(row).setSizeHint(QSize(0, ROW))
    rows.setFixedHeight(min(max(rows.count(), 1), most) * ROW + 4)


def holds_clusters(layer: Layer) -> bool:
    """Whether `layer` holds clusters, classes or strokes, none of which a person gave a class: they are no objects."""
    return layer in current().clustered and layer not in current().numbered


def unwrapped(viewer: Viewer) -> Viewer:
    """The viewer itself; napari hands plugins a proxy that makes a new object of every layer it gives."""
    return getattr(viewer, "__wrapped__", viewer)


def at_slice(layer: Layer, viewer: Viewer, whole: Sequence[int] = ()) -> Layer:
    """A layer of the slice of `layer` that the viewer shows, in its place.

    Axes that are not shown keep a length of one, those of `whole` (the channels) all of it.
    """
    ahead = viewer.dims.ndim - layer.ndim
    shown = [axis - ahead for axis in viewer.dims.displayed]
    point = layer.world_to_data(viewer.dims.point)
    data = layer.data[0] if layer.multiscale else layer.data
    index: list[slice] = []
    for axis in range(layer.ndim):
        if axis in shown or axis in whole:
            index.append(slice(None))
        else:
            at = int(np.clip(round(float(point[axis])), 0, data.shape[axis] - 1))
            index.append(slice(at, at + 1))
    cut: Any = data[tuple(index)]
    if layer.multiscale:
        cut = [level[tuple(_coarser(index, data.shape, level.shape))] for level in layer.data]
    start = [part.start or 0 for part in index]
    shift = np.subtract(layer.data_to_world(start), layer.data_to_world([0] * layer.ndim))
    shift = np.linalg.solve(layer.affine.linear_matrix, shift)
    return type(layer)(
        cut,
        name=layer.name,
        multiscale=layer.multiscale,
        **({"rgb": layer.rgb} if isinstance(layer, Image) else {}),
        scale=layer.scale,
        translate=layer.translate + shift,
        rotate=layer.rotate,
        shear=layer.shear,
        affine=layer.affine,
        units=layer.units,
        axis_labels=layer.axis_labels,
    )


def _coarser(index: Sequence[slice], fine: Sequence[int], coarse: Sequence[int]) -> list[slice]:
    """Where the single slices of `index` lie in a coarser level."""
    found = []
    for one, old, new in zip(index, fine, coarse, strict=False):
        at = None if one.start is None else min(one.start * new // old, new - 1)
        found.append(slice(None) if at is None else slice(at, at + 1))
    return found


def region(layer: Layer, image: Layer, shape: Sequence[int]) -> np.ndarray:
    """The region of interest that a Labels or Shapes `layer` marks in `image`: booleans of `shape`.

    That is the shape of the image, or of a coarser level of it.
    """
    if isinstance(layer, Shapes):
        return _inside(layer, image, tuple(shape))
    mask = np.asarray(layer.data[0] if layer.multiscale else layer.data) > 0
    if mask.ndim < len(shape):
        mask = np.broadcast_to(mask, (*shape[: len(shape) - mask.ndim], *mask.shape))
    finest = tuple(image.data[0].shape[: image.ndim]) if image.multiscale else ()
    if mask.shape == finest != tuple(shape):
        places = [(np.arange(new) + 0.5) * old / new for old, new in zip(finest, shape, strict=True)]
        mask = mask[np.ix_(*(place.astype(int) for place in places))]
    if mask.shape != tuple(shape):
        raise ValueError(
            f"the region {layer.name!r} has the shape {mask.shape}, the image {image.name!r} has {tuple(shape)}; "
            "draw it on the image, or use a Shapes layer"
        )
    return mask


def _inside(shapes: Shapes, image: Layer, shape: tuple[int, ...]) -> np.ndarray:
    """Pixels of `image` inside `shapes`, which may have another scale or fewer axes."""
    if not len(shapes.data):
        raise ValueError(f"the region {shapes.name!r} holds no shape; draw one, or choose the whole image")
    plane: list[np.ndarray] = []
    finest = (image.data[0] if image.multiscale else image.data).shape[: image.ndim]
    smaller = np.divide(shape[-2:], finest[-2:])  # a coarser level has fewer pixels
    for vertices in shapes.data:
        world = np.array([shapes.data_to_world(point) for point in vertices])[:, -2:]
        padded = np.zeros((len(world), image.ndim))
        padded[:, -2:] = world
        plane.append(np.array([image.world_to_data(point) for point in padded])[:, -2:] * smaller)
    flat = Shapes(plane, shape_type=list(shapes.shape_type))
    mask = flat.to_labels(labels_shape=shape[-2:]) > 0
    if not mask.any():
        raise ValueError(f"the region {shapes.name!r} lies outside the image {image.name!r}")
    return np.broadcast_to(mask, shape)


REGIONS = (Labels, Shapes)
"""Layers that can mark a region of interest."""
