"""Patches that the autoencoder learns from, drawn from the blocks of a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .sample import BUDGET, Block, normalized, sample_blocks

__all__ = ["BUDGET", "Block", "PatchSampler", "normalized", "sample_blocks"]

_FULL = (1.0, 0.9, 0.5, 0.25)  # shares of a patch that are valid, in the order they are asked for


class PatchSampler:
    """Draws patches (P, C, *size) from normalised blocks: evenly, and a share `focus` where there is something to see.

    A share `validation` of the image is kept apart; its patches never overlap those that are learnt from, unless the
    image is too small for that (`apart` is False then). An image smaller than a patch is continued by reflection.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        size: int | Sequence[int],
        *,
        focus: float = 0.5,
        validation: float = 0.0,
        seed: int = 0,
    ) -> None:
        ndim = blocks[0].valid.ndim
        self.size = (size,) * ndim if isinstance(size, int) else tuple(size)
        if len(self.size) != ndim or min(self.size) < 1:
            raise ValueError(f"a patch has one side of at least 1 for each of {ndim} axes, got {size}")
        self.focus, self._seed = focus, seed
        self._rng = np.random.default_rng(seed)
        parts = [(block.data, block.valid) for block in blocks if block.valid.any()]
        learnt, held = _split(parts, self.size, validation, np.random.default_rng([seed, 1]))
        self._learnt = _Places(learnt, self.size)
        self.apart = bool(held)
        """Whether validation patches come from places of their own."""
        self._held = _Places(held, self.size) if held else self._learnt

    def draw(self, count: int) -> np.ndarray:
        """`count` patches to learn from."""
        return self._learnt.draw(count, self.focus, self._rng)[0]

    def neighbors(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """`count` patches, and for each another one that lies at most half a patch away."""
        patches, fields, origins = self._learnt.draw(count, self.focus, self._rng)
        reach = np.array(self.size) // 2
        shifts = self._rng.integers(-reach, reach + 1, size=origins.shape)
        return patches, self._learnt.cut(fields, origins + shifts)

    def validation(self, count: int) -> np.ndarray:
        """`count` patches kept apart: the same ones at every call."""
        return self._held.draw(count, 0.0, np.random.default_rng([self._seed, 2]))[0]

    def begin_at(self, *numbers: int) -> None:
        """Draw from now on as these numbers say."""
        self._rng = np.random.default_rng([self._seed, *numbers])

    def state(self) -> dict[str, Any]:
        """Where the drawing has got to; JSON can hold it."""
        return dict(self._rng.bit_generator.state)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on drawing exactly from `state`."""
        self._rng.bit_generator.state = state


@dataclass
class _Field:
    """A part of the image with the cells its patches may start in."""

    data: np.ndarray  # (C, *space), at least as large as a patch
    cell: np.ndarray  # side of a cell per axis
    grid: tuple[int, ...]
    share: np.ndarray  # (cells,) of a patch that is valid
    spread: np.ndarray  # (cells,) local standard deviation


class _Places:
    """Where patches may start, over several fields."""

    def __init__(self, parts: Sequence[tuple[np.ndarray, np.ndarray]], size: tuple[int, ...]) -> None:
        self.size = size
        self.fields = [_field(data, valid, size) for data, valid in parts]
        shares = np.concatenate([field.share for field in self.fields])
        spreads = np.concatenate([field.spread for field in self.fields])
        room = np.concatenate([_room(field, size) for field in self.fields])
        room[shares < _least(shares)] = 0
        self.first = np.cumsum([0, *(field.share.size for field in self.fields)])
        self.evenly = np.cumsum(room)
        focused = np.cumsum(room * spreads)
        self.focused = focused if focused[-1] > 0 else self.evenly

    def draw(self, count: int, focus: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Patches, the field of each, and its origin there."""
        even, focused = (
            np.searchsorted(total, rng.random(count) * total[-1], side="right") for total in (self.evenly, self.focused)
        )
        places = np.minimum(np.where(rng.random(count) < focus, focused, even), self.first[-1] - 1)
        fields = np.searchsorted(self.first, places, side="right") - 1
        jitter = rng.random((count, len(self.size)))
        origins = np.empty((count, len(self.size)), int)
        for k, (place, number) in enumerate(zip(places, fields, strict=True)):
            field = self.fields[number]
            start = np.array(np.unravel_index(place - self.first[number], field.grid)) * field.cell
            last = np.minimum(start + field.cell, np.array(field.data.shape[1:]) - self.size + 1)
            origins[k] = start + jitter[k] * (last - start)
        return self.cut(fields, origins), fields, origins

    def cut(self, fields: np.ndarray, origins: np.ndarray) -> np.ndarray:
        """The patches at `origins`, moved into their fields where they reach beyond."""
        out = np.empty((len(fields), len(self.fields[0].data), *self.size), np.float32)
        for patch, number, origin in zip(out, fields, origins, strict=True):
            data = self.fields[number].data
            at = np.clip(origin, 0, np.array(data.shape[1:]) - self.size)
            patch[...] = data[(slice(None), *(slice(o, o + s) for o, s in zip(at, self.size, strict=True)))]
        return out


def _field(data: np.ndarray, valid: np.ndarray, size: tuple[int, ...]) -> _Field:
    missing = [max(0, side - have) for side, have in zip(size, valid.shape, strict=True)]
    if any(missing):
        pad = [(0, more) for more in missing]
        data, valid = np.pad(data, [(0, 0), *pad], "symmetric"), np.pad(valid, pad, "symmetric")
    cell = np.array([max(1, side // 8) for side in size])
    grid = tuple((have - side) // one + 1 for have, side, one in zip(valid.shape, size, cell, strict=True))
    known = _window(valid.astype(np.float32), size, cell, grid)
    variance = np.zeros(grid)
    for channel in data:
        values = channel if valid.all() else np.where(valid, channel, 0)
        mean = _window(values, size, cell, grid) / np.maximum(known, 1)
        variance += np.maximum(_window(values * values, size, cell, grid) / np.maximum(known, 1) - mean**2, 0)
    share = known / _window(None, size, cell, grid, valid.shape)
    return _Field(data, cell, grid, share.ravel(), np.sqrt(variance).ravel())


def _window(
    values: np.ndarray | None, size: Sequence[int], cell: np.ndarray, grid: Sequence[int], shape: Sequence[int] = ()
) -> np.ndarray:
    """Sums over all that the patches starting in each cell may cover; of ones if `values` is None."""
    if values is None:
        counts = [_along(np.ones(n), 0, *axis) for n, *axis in zip(shape, size, cell, grid, strict=True)]
        return np.asarray(math.prod(np.ix_(*counts)))
    total: np.ndarray = values
    for axis, (side, one, count) in enumerate(zip(size, cell, grid, strict=True)):
        total = _along(total, axis, side, one, count)
    return total


def _along(values: np.ndarray, axis: int, side: int, one: int, count: int) -> np.ndarray:
    cells = np.add.reduceat(values, np.arange(0, values.shape[axis], one), axis=axis, dtype=float)
    sums = np.cumsum(np.insert(cells, 0, 0, axis=axis), axis=axis)
    starts = np.arange(count)
    stops = np.minimum(starts + -(-(side + one - 1) // one), cells.shape[axis])
    return np.asarray(sums.take(stops, axis=axis) - sums.take(starts, axis=axis))


def _room(field: _Field, size: tuple[int, ...]) -> np.ndarray:
    """How many patches start in each cell."""
    ends = [have - side + 1 for have, side in zip(field.data.shape[1:], size, strict=True)]
    counts = [
        np.minimum(one, end - np.arange(n) * one) for end, one, n in zip(ends, field.cell, field.grid, strict=True)
    ]
    return np.asarray(math.prod(np.ix_(*counts)), float).ravel()


def _least(shares: np.ndarray) -> float:
    """The valid share that a patch must have: as much as still leaves a fair number of places to draw from."""
    worthy = np.count_nonzero(shares >= _FULL[-1])
    for least in _FULL:
        if worthy and np.count_nonzero(shares >= least - 1e-6) >= 0.1 * worthy:
            return least - 1e-6
    return float(shares.max()) / 2


Part = tuple[np.ndarray, np.ndarray]


def _split(
    parts: list[Part], size: tuple[int, ...], share: float, rng: np.random.Generator
) -> tuple[list[Part], list[Part]]:
    """Parts to learn from and parts kept apart: whole blocks of many, else a slab at an end of each large enough."""
    if not share:
        return parts, []
    if len(parts) * share >= 1:
        order = rng.permutation(len(parts))
        held = set(order[: min(round(len(parts) * share), len(parts) - 1)].tolist())
        return [p for i, p in enumerate(parts) if i not in held], [parts[i] for i in sorted(held)]
    learnt, kept = [], []
    for data, valid in parts:
        pieces = _slab(data, valid, size, share, bool(rng.integers(2)))
        learnt.append(pieces[0])
        kept += pieces[1:]
    if not kept and len(parts) > 1:
        return learnt[1:], learnt[:1]
    return learnt, kept


def _slab(data: np.ndarray, valid: np.ndarray, size: tuple[int, ...], share: float, at_end: bool) -> list[Part]:
    """[what is learnt from, what is kept], or [all] where there is no room for both."""
    axis = int(np.argmax(np.array(valid.shape) / size))
    length, side = valid.shape[axis], size[axis]
    depth = max(side, round(share * length))
    if length - depth < side:
        return [(data, valid)]
    cuts = (length - depth, length) if at_end else (0, depth)
    held = slice(*cuts)
    rest = slice(0, length - depth) if at_end else slice(depth, length)
    pieces = []
    for part in (rest, held):
        at = (slice(None),) * axis + (part,)
        pieces.append((data[(slice(None), *at)], valid[at]))
    return pieces if all(mask.any() for _, mask in pieces) else [(data, valid)]
