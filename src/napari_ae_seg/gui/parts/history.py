"""Undo and redo of a labels layer that the plugin writes to, and the pixels that the person painted on it.

Changes go through napari's own history, so that Ctrl+Z takes back clusters, merges and brush strokes in one order.
Each change of ours carries the state that belongs to the picture (the segmenter, its names and colours); after an
undo or a redo, `moved` tells which state the picture shows again.
"""

from __future__ import annotations

import weakref
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels

BY_INDEX = 4_000_000
"""Changed pixels up to which napari's own, index-based history is used; above, the step keeps compressed pictures."""


@dataclass
class _Step:
    """One entry of napari's history: ours with a state, or a brush stroke with the painted pixels before it."""

    atoms: list[Any]
    before: Any = None
    after: Any = None
    painted: list[tuple[Any, np.ndarray, np.ndarray]] | None = None


class History:
    """Writes to `layer` in undoable steps and keeps what the person painted; `moved` hears of every undo and redo.

    It ends with its layer, which it does not keep alive.
    """

    def __init__(self, layer: Labels, state: Any, moved: Callable[[Any], None]) -> None:
        self._layer = weakref.ref(layer)
        self.state = state
        self.painted = np.zeros(layer.data.shape, bool)
        self._moved = moved
        self._steps: dict[int, _Step] = {}
        self._seen: list[int] = []
        self._ours = False
        self._drawn: np.ndarray | None = None
        layer.events.paint.connect(self._recorded)
        layer.events.set_data.connect(self._look)

    @property
    def alive(self) -> bool:
        """Whether the layer is still there, with as many pixels: data of another shape is somebody else's."""
        layer = self._layer()
        return layer is not None and layer.data.shape == self.painted.shape

    @property
    def layer(self) -> Labels:
        """The layer written to."""
        layer = self._layer()
        if layer is None:
            raise ReferenceError("the layer of this history is gone")
        return layer

    def follow(self, state: Any) -> None:
        """Go to `state`, if that is one step back or forth and the person did nothing since."""
        steps = self._steps
        for items, undo in ((self.layer._undo_history, True), (self.layer._redo_history, False)):
            step = steps.get(_key(items[-1])) if items and items[-1] else None
            if step is not None and (step.before if undo else step.after) is state:
                (self.layer.undo if undo else self.layer.redo)()
                return

    def preview(self, labels: np.ndarray) -> None:
        """Show `labels` without a step; the person's pixels stay."""
        if self._drawn is None:
            self._drawn = self.layer.data.copy()
        np.copyto(self.layer.data, labels, where=~self.painted, casting="unsafe")
        self._refresh()

    def forget_preview(self) -> None:
        """Show again what was there before the preview."""
        if self._drawn is not None and self.alive:
            self.layer.data[...] = self._drawn
            self._refresh()
        self._drawn = None

    def write(self, labels: np.ndarray, state: Any, keep_painted: bool = True) -> None:
        """Put `labels`, which belong to `state`, into the layer as one step."""
        if self._drawn is not None:
            self.layer.data[...] = self._drawn
            self._drawn = None
        before = self.state
        changed = self.layer.data != labels
        forgotten = [] if keep_painted else self._discard()
        if keep_painted:
            changed &= ~self.painted
        self.state = state
        atoms = self._commit(changed, labels)
        step = _Step(atoms, before, state, forgotten or None)
        self._remember(step)
        self._refresh()

    def note(self, state: Any) -> None:
        """Record a step that changes the state but no pixel, such as a new name."""
        before, self.state = self.state, state
        none = np.zeros(0, self.layer.data.dtype)
        empty = tuple(np.zeros(0, np.int64) for _ in self.layer.data.shape)
        self._remember(_Step(self._push((empty, none, none)), before, state))

    def _commit(self, changed: np.ndarray, labels: np.ndarray) -> list[Any]:
        layer = self.layer
        count = int(np.count_nonzero(changed))
        if count == 0:
            none = np.zeros(0, layer.data.dtype)
            return self._push((tuple(np.zeros(0, np.int64) for _ in layer.data.shape), none, none))
        if count <= BY_INDEX:
            where = np.nonzero(changed)
            self._ours = True
            layer.data_setitem(where, labels[where].astype(layer.data.dtype), refresh=False)
            self._ours = False
            return list(layer._undo_history[-1])
        box = _box(changed)
        before = layer.data[box].copy()
        after = np.where(changed[box], labels[box], before).astype(layer.data.dtype)
        layer.data[box] = after
        return self._push((box, _Packed(before), _Packed(after)))

    def _push(self, atom: Any) -> list[Any]:
        """Put an entry of our own into napari's history: `data[index] = values` is how napari replays it."""
        self._ours = True
        self.layer._save_history(atom)
        self._ours = False
        return [atom]

    def _remember(self, step: _Step) -> None:
        self._steps[_key(step.atoms)] = step
        self._seen = self._keys()
        both = (*self.layer._undo_history, *self.layer._redo_history)
        known = {_key(item) for item in both if item}
        self._steps = {key: kept for key, kept in self._steps.items() if key in known}

    def _discard(self) -> list[tuple[Any, np.ndarray, np.ndarray]]:
        everything = (slice(None),) * self.painted.ndim
        before = self.painted.copy()
        self.painted[...] = False
        return [(everything, before, self.painted.copy())]

    def _recorded(self, event: Any) -> None:
        """A brush stroke, fill or polygon of the person entered the history."""
        if self._ours or not self.alive:
            return
        marks = []
        for atom in event.value:
            index, mask = _pixels(atom)
            before = self.painted[index].copy()
            self.painted[index] = True if mask is None else before | mask
            marks.append((index, before, self.painted[index].copy()))
        self._remember(_Step(list(event.value), painted=marks))

    def _look(self, _: Any = None) -> None:
        """See whether napari went back or forth in its history."""
        now = self._keys() if self.alive else self._seen
        if now == self._seen:
            return
        gone = [key for key in reversed(self._seen) if key not in now]
        back = [key for key in now if key not in self._seen]
        self._seen = now
        self._end_preview(gone, back)
        for key in gone:
            self._apply(key, undo=True)
        for key in back:
            self._apply(key, undo=False)

    def _end_preview(self, gone: list[int], back: list[int]) -> None:
        """An undo or redo came during a preview: it is done to the picture from before the preview."""
        if self._drawn is None:
            return
        picture, self._drawn = self._drawn, None
        for keys, undo in ((gone, True), (back, False)):
            for key in keys:
                _replay(self._steps[key].atoms, picture, undo)
        self.layer.data[...] = picture
        self.layer.refresh(extent=False)

    def _apply(self, key: int, undo: bool) -> None:
        step = self._steps.get(key)
        if step is None:
            return
        marks = step.painted or []
        for index, before, after in reversed(marks) if undo else marks:
            self.painted[index] = before if undo else after
        state = step.before if undo else step.after
        if state is not None:
            self.state = state
            self._moved(state)

    def _keys(self) -> list[int]:
        """The entries of napari's undo history, oldest first."""
        return [_key(item) for item in self.layer._undo_history if item]

    def _refresh(self) -> None:
        self._seen = self._keys()
        self.layer.refresh(extent=False)


class _Packed:
    """An array kept compressed; numpy unpacks it when napari writes it back."""

    def __init__(self, array: np.ndarray) -> None:
        self._shape, self._dtype = array.shape, array.dtype
        self._bytes = zlib.compress(np.ascontiguousarray(array).data, level=1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = np.frombuffer(zlib.decompress(self._bytes), self._dtype).reshape(self._shape)
        return array if dtype is None else array.astype(dtype)


def _key(item: list[Any]) -> int:
    """What tells a history entry from others; undo and redo make a new list of its atoms in reverse, hence the min."""
    return min(id(atom) for atom in item)


def _replay(atoms: list[Any], picture: np.ndarray, undo: bool) -> None:
    """Take the change of a history entry back in `picture`, or make it again."""
    for atom in reversed(atoms) if undo else atoms:
        index, mask = _pixels(atom)
        if hasattr(atom, "slice_key"):
            value = atom.old_values if undo else atom.new_value
        else:
            value = atom[1] if undo else atom[2]
        if mask is None:
            picture[index] = value
        else:
            picture[index][mask] = value


def _pixels(atom: Any) -> tuple[Any, np.ndarray | None]:
    """Index of the pixels of a history entry, and which of them changed if not all."""
    if hasattr(atom, "slice_key"):
        return atom.slice_key, atom.mask
    return atom[0], None


def _box(changed: np.ndarray) -> tuple[slice, ...]:
    """The smallest box around the pixels that changed."""
    box = []
    for axis in range(changed.ndim):
        others = tuple(other for other in range(changed.ndim) if other != axis)
        where = np.flatnonzero(changed.any(axis=others))
        box.append(slice(int(where[0]), int(where[-1]) + 1))
    return tuple(box)
