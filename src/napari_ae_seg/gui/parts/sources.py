"""Choosing what is segmented or learnt from: images, how they belong together, channels and a region."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QWidget
from superqt.utils import signals_blocked

from napari_ae_seg.core.errors import AeSegError
from napari_ae_seg.images.stack import Stack, read

from .controls import Combo
from .forms import caption, rows
from .layers import REGIONS, LayerList, LayerPicker, at_slice, fit_rows, region
from .preferences import kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari.layers import Layer
    from napari.viewer import Viewer


def read_layers(layers: Any, **options: Any) -> Stack:
    """The stack of `layers`; ValueError in one sentence where they cannot be read."""
    try:
        return read(layers, **options)
    except (AeSegError, TypeError) as error:
        raise ValueError(str(error)) from error


EXTENTS = {
    "whole": "whole image",
    "slices": "slice by slice",
    "volume": "as a volume",
    "current": "the slice shown",
}
"""How much of an image is taken, and what it is called."""

NDIM = {"whole": 0, "slices": 2, "volume": 3, "current": 2}


@dataclass(frozen=True)
class Images:
    """Image layers as one thing to read."""

    layers: tuple[Layer, ...]
    together: str = "samples"
    channels: tuple[int, ...] = ()
    """Empty takes all."""
    region: Layer | None = None
    extent: str = "whole"
    shown: tuple[Any, ...] = ()
    """The layers cut to the slice shown, if that is what is taken."""
    inside: Any = None
    """The region cut likewise."""
    level: int = 0
    """Of a pyramid; 0 is the finest."""

    def of(self, viewer: Viewer) -> Images:
        """Fixed to the slice that `viewer` shows now, if that is what is taken."""
        if self.extent != "current":
            return self
        shown = tuple(at_slice(layer, viewer, _channel_axes(layer)) for layer in self.layers)
        region = at_slice(self.region, viewer) if isinstance(self.region, Labels) else self.region
        return replace(self, shown=shown, inside=region)

    def read(self) -> Stack:
        """The stack of these layers, no pixel of it read yet; ValueError in one sentence if that cannot be."""
        stack = read_layers(
            list(self.shown or self.layers),
            ndim=NDIM[self.extent],
            channels=self.channels or None,
            together="channels" if self.together == "channels" else "samples",
            level=self.level,
        )
        masks = self._masks(stack)
        return stack.with_roi(masks) if masks else stack

    def _masks(self, stack: Stack) -> list[np.ndarray]:
        """The region of interest in each image; empty without any."""
        inside = self.inside if self.inside is not None else self.region
        if inside is None:
            return []
        given = self.shown or self.layers
        pairs = zip(given, stack.images, strict=False)  # as channels of one image they share the first one's shape
        return [region(inside, layer, image.label_shape) for layer, image in pairs]

    def masks(self) -> list[Path]:
        """The region of interest in each image as files, which are written when they are first asked for."""
        return [kept(mask.astype(np.uint8), "region") for mask in self._masks(self.read())]

    def opening(self) -> list[str]:
        """Python that opens these layers in a viewer that does not hold them."""
        return [_opening(layer) for layer in self.layers]

    def python(self) -> str:
        """The call of `ae.read` that reads the same."""
        names = [f"viewer.layers[{layer.name!r}]" for layer in self.layers]
        words = [names[0] if len(names) == 1 else f"[{', '.join(names)}]"]
        if self.shown:
            words = [_array(layer, cut, self.level) for layer, cut in zip(self.layers, self.shown, strict=True)][:1]
            words.append(f'axes="{read_layers(self.shown[0]).image.axes}"')
        if NDIM[self.extent]:
            words.append(f"ndim={NDIM[self.extent]}")
        if self.channels:
            words.append(f"channels={self.channels}")
        if self.level and not self.shown:
            words.append(f"level={self.level}")
        if self.together == "channels":
            words.append('together="channels"')
        if self.region is not None:
            files = [str(path) for path in self.masks()]
            words.append(f"roi={(files[0] if len(files) == 1 else files)!r}")
        return f"ae.read({', '.join(words)})"

    def shell(self) -> list[str]:
        """The words of a command line that read the same, given the files of the layers."""
        paths = [str(layer.source.path or f"{layer.name}.tif") for layer in self.layers]
        words = paths
        if NDIM[self.extent]:
            words += ["--ndim", str(NDIM[self.extent])]
        if self.level:
            words += ["--level", str(self.level)]
        if self.channels:
            words += ["--channels", ",".join(map(str, self.channels))]
        if self.region is not None:
            words += ["--roi", str(self.masks()[0])]
        return words

    def unsaved(self) -> list[str]:
        """Names of the layers that a command line needs as files and that are in none."""
        return [layer.name for layer in self.layers if not layer.source.path]


class Options(QWidget):
    """The rows below an image's name: further images, extent, resolution, channels, region."""

    changed = Signal()

    def __init__(self, viewer: Viewer, extent: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._image: Image | None = None
        self.more = LayerList(viewer, (Image,))
        self.more.setObjectName("more_images")
        self.together = Combo()
        self.together.setObjectName("together")
        self.together.offer({"samples": "further images", "channels": "channels of the image"})
        self.extent = Combo()
        self.extent.setObjectName("extent")
        self.extent.offer(EXTENTS)
        self.level = Combo()
        self.level.setObjectName("level")
        self.channels = Channels()
        self.channels.setObjectName("channels")
        self.region = LayerPicker(viewer, REGIONS, none="everywhere")
        self.region.setObjectName("region")
        self._layout = rows(self)
        tips = {
            "Also": "Further images; they are taken together with the one above.",
            "Taken as": "Further images get the same clusters; channels are several pictures of one thing.",
            "Extent": "The whole image (a deep z axis as a volume), each slice alone, or only the slice shown.",
            "Resolution": "The level of the pyramid that is read: a coarser one is quicker, and sees larger things.",
            "Channels": "Channels that are looked at.",
            "Learn inside": "A Labels or Shapes layer: only what lies in it decides the clusters.",
        }
        shown = (self.more, self.together, self.extent, self.level, self.channels, self.region)
        for (text, tip), widget in zip(tips.items(), shown, strict=True):
            self._layout.addRow(caption(text, tip), widget)
        self._has_extent = extent
        self.more.changed.connect(self._changed)
        self.together.currentIndexChanged.connect(self._changed)
        self.extent.currentIndexChanged.connect(self._changed)
        self.level.currentIndexChanged.connect(self._changed)
        self.channels.changed.connect(self.changed)
        self.region.picked.connect(self._changed)
        self.follow(None)

    def follow(self, image: Image | None) -> None:
        """Offer what makes sense for `image`."""
        before, self._image = self._image, image
        self.more.leave_out(image)
        self.channels.offer(_channel_names(image))
        self.level.offer(_levels(image))
        if image is not before:
            self.level.choose(0)
        self._relevant()

    def show_images(self, images: Images) -> None:
        """Choose what `images` holds, as far as its layers are still there."""
        for layer in self._viewer.layers:
            self.more.tick(layer, layer in images.layers[1:])
        self.together.choose(images.together)
        self.extent.choose(images.extent)
        self.level.choose(min(images.level, self.level.count() - 1))
        self.channels.pick(images.channels)
        self.region.choose(images.region if images.region in self._viewer.layers else "")
        self._relevant()

    def images(self, image: Image | None = None) -> Images:
        """What is chosen, with the image above first."""
        first = image if image is not None else self._image
        layers = tuple(layer for layer in (first, *self.more.layers) if layer is not None)
        return Images(
            layers,
            self.together.currentData() if len(layers) > 1 else "samples",
            self.channels.picked(),
            self.region.layer,
            self.extent.currentData() if self._has_extent else "whole",
            level=self.level.currentData() or 0,
        )

    def _changed(self, *_: Any) -> None:
        self._relevant()
        self.changed.emit()

    def _relevant(self) -> None:
        deep = _space(self._image) > 2
        self._show(self.more, self.more.count() > 0)
        self._show(self.together, bool(self.more.layers))
        self._show(self.extent, self._has_extent and deep)
        self._show(self.level, self.level.count() > 1)
        self._show(self.channels, self.channels.count() > 1)

    def _show(self, widget: QWidget, on: bool) -> None:
        if self._layout.isRowVisible(widget) != on:
            self._layout.setRowVisible(widget, on)


class Channels(QListWidget):
    """The channels of an image, ticked if they are looked at."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemChanged.connect(lambda _: self.changed.emit())

    def offer(self, names: Sequence[str]) -> None:
        """Offer channels `names`, all ticked, unless they are what is offered already."""
        if [self.item(row).text() for row in range(self.count())] == list(names):
            return
        with signals_blocked(self):
            self.clear()
            for name in names:
                QListWidgetItem(name, self).setCheckState(Qt.CheckState.Checked)
        fit_rows(self)

    def pick(self, numbers: tuple[int, ...]) -> None:
        """Tick the channels `numbers` alone; all if there are none."""
        for row in range(self.count()):
            on = not numbers or row in numbers
            self.item(row).setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def picked(self) -> tuple[int, ...]:
        """Numbers of the ticked channels; empty if that is all of them."""
        on = [row for row in range(self.count()) if self.item(row).checkState() == Qt.CheckState.Checked]
        return () if len(on) == self.count() else tuple(on)


def _channel_names(image: Image | None) -> tuple[str, ...]:
    try:
        return () if image is None else read_layers(image).image.channel_names
    except ValueError:  # it says so when the button is pressed
        return ()


def _levels(image: Image | None) -> dict[int, str]:
    """The levels of a pyramid, and what they are called."""
    if image is None or not image.multiscale:
        return {0: "full"}
    shapes = [tuple(level.shape[: image.ndim]) for level in image.data]
    return {
        number: f"{'full' if not number else f'1/{shapes[0][-1] / shape[-1]:.3g}'}: {' x '.join(map(str, shape[-2:]))}"
        for number, shape in enumerate(shapes)
    }


def _channel_axes(layer: Layer) -> tuple[int, ...]:
    return tuple(axis for axis, letter in enumerate(read_layers(layer).image.axes) if letter in "CS")


def _space(layer: Image | None) -> int:
    """How many axes of a layer are no channels; 0 if it cannot be read."""
    try:
        return 0 if layer is None else layer.ndim - len(_channel_axes(layer)) + layer.rgb
    except ValueError:
        return 0


def _opening(layer: Layer) -> str:
    """Python that opens the file or sample that `layer` was opened from, or says that it needs a file first."""
    if layer.source.sample:
        return f"viewer.open_sample{tuple(layer.source.sample)!r}"
    about = {"name": layer.name, "scale": tuple(map(float, layer.scale)), "axis_labels": layer.axis_labels}
    given = ", ".join(f"{name}={value!r}" for name, value in about.items())
    if layer.source.path:
        return f"viewer.open({str(layer.source.path)!r}, {given})"
    return f"viewer.open({layer.name + '.tif'!r}, {given})  # save the layer there first"


def _array(layer: Layer, cut: Image, level: int) -> str:
    """The slice of a level of `layer` that `cut` holds, as Python."""
    parts = []
    offset = [float(v) for v in layer.world_to_data(cut.data_to_world([0] * cut.ndim))]
    own, whole = (one.data[level] if one.multiscale else one.data for one in (cut, layer))
    for axis in range(cut.ndim):
        at = round(offset[axis]) * whole.shape[axis] // layer.data.shape[axis]
        parts.append(":" if own.shape[axis] == whole.shape[axis] else f"{at}:{at + 1}")
    return f"viewer.layers[{layer.name!r}].data{f'[{level}]' if layer.multiscale else ''}[{', '.join(parts)}]"
