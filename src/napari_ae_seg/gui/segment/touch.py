"""Pointing at clusters on the canvas: a click chooses one, Shift adds to the choice, and keys act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from .view import view_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels

KEYS = {"Shift-M": "merge", "Shift-S": "split", "Shift-B": "background", "Shift-H": "hide"}
"""Key -> what it does to the clusters chosen, while the labels layer is active."""


class Hands:
    """What a person does on any layer that shows segments; docks listen, for as long as they are open."""

    pointed = Signal(object, int, bool)  # the view, a label, and whether it is added to the choice
    asked = Signal(object, str)  # the view, and what is to be done to the clusters chosen


HANDS = Hands()


def listen(layer: Labels) -> None:
    """Tell of clicks and keys on `layer`."""
    layer.mouse_drag_callbacks.append(_click)
    for key, name in KEYS.items():
        layer.bind_key(key, lambda pressed, name=name: HANDS.asked.emit(view_of(pressed), name), overwrite=True)


def _click(layer: Labels, event: Any) -> Iterator[None]:
    start = event.pos
    yield
    while event.type == "mouse_move":
        yield
    moved = abs(event.pos[0] - start[0]) + abs(event.pos[1] - start[1])
    if moved < _STILL and str(layer.mode) in ("pan_zoom", "pick"):
        value = layer.get_value(
            event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
        )
        if value:
            HANDS.pointed.emit(view_of(layer), int(value), "Shift" in event.modifiers)


_STILL = 4  # pixels of the screen within which a click is not a drag
