"""Pointing at clusters on the canvas: a click chooses one, Shift adds to the choice, and keys act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Labels

KEYS = {"Shift-M": "merge", "Shift-S": "split", "Shift-B": "background", "Shift-H": "hide"}
"""Key -> what it does to the clusters chosen, while the labels layer is active."""


def listen(layer: Labels, pointed: Callable[[int, bool], None], act: Callable[[str], None]) -> None:
    """Call `pointed(label, add)` when a cluster of `layer` is clicked, and `act(name)` for the keys."""

    def click(clicked: Labels, event: Any) -> Iterator[None]:
        start = event.pos
        yield
        while event.type == "mouse_move":
            yield
        moved = abs(event.pos[0] - start[0]) + abs(event.pos[1] - start[1])
        if moved < _STILL and str(clicked.mode) in ("pan_zoom", "pick"):
            value = clicked.get_value(
                event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
            )
            if value:
                pointed(int(value), "Shift" in event.modifiers)

    layer.mouse_drag_callbacks.append(click)
    for key, name in KEYS.items():
        layer.bind_key(key, lambda _, name=name: act(name), overwrite=True)


_STILL = 4  # pixels of the screen within which a click is not a drag
