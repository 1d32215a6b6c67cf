"""Which item a person points at: the object under a click, the slice shown, or the active image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Labels, Layer
    from napari.viewer import Viewer

    from napari_ae_seg.images.stack import Stack

STILL = 4
"""Pixels of the screen within which a click is not a drag."""


def on_click(viewer: Viewer, clicked: Callable[[Any], None]) -> Callable[[], None]:
    """Call `clicked(event)` for clicks on the canvas that neither drag nor paint; gives a function that ends this."""

    def press(_: Any, event: Any) -> Iterator[None]:
        start = event.pos
        yield
        while event.type == "mouse_move":
            yield
        moved = float(np.abs(np.subtract(event.pos, start)).sum())
        active = viewer.layers.selection.active
        if moved < STILL and str(getattr(active, "mode", "pan_zoom")) in ("pan_zoom", "pick"):
            clicked(event)

    viewer.mouse_drag_callbacks.append(press)

    def end() -> None:
        if press in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(press)

    return end


def object_at(objects: Labels, shown: Labels | None, event: Any) -> int:
    """The object under a click, 0 for none; in 3D the first along the ray in `objects` or, if hidden, in `shown`."""
    if len(event.dims_displayed) == 3:
        visible = [layer for layer in (objects, shown) if layer is not None and layer.visible]
        found = (
            visible[0].get_value(
                event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
            )
            if visible
            else 0
        )
        return int(found or 0)
    place = np.rint(objects.world_to_data(event.position)).astype(int)
    data = objects.data[0] if objects.multiscale else objects.data
    if (place < 0).any() or (place >= data.shape).any():
        return 0
    return int(data[tuple(place)])


def slice_shown(viewer: Viewer, layer: Layer, stack: Stack) -> int:
    """The number of the slice of `layer`, read as `stack`, that the viewer shows."""
    image = stack.image
    others = [axis for axis in image.label_axes if axis not in "ZYX"[-image.ndim :]]
    if not others:
        return 0
    sizes = [image.source_shape[image.axes.index(axis)] for axis in others]
    point = layer.world_to_data(viewer.dims.point[-layer.ndim :])
    places = [float(point[image.axes.index(axis)]) for axis in others]
    at = [int(np.clip(round(place), 0, size - 1)) for place, size in zip(places, sizes, strict=True)]
    return int(np.ravel_multi_index(at, sizes))
