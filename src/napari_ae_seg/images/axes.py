"""Axes: what each dimension of an array is, and how the array is seen as (N, C, *space)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Region = tuple[slice, ...]

SPACE = "ZYX"
CHANNELS = "CS"  # S: the samples of a pixel, as in RGB
SHORT_Z = 7
"""A z axis up to this long is taken slice by slice, a longer one as a volume."""

_NAMES = {
    "T": ("t", "time", "frame"),
    "C": ("c", "ch", "channel"),
    "S": ("s", "sample", "rgb", "rgba"),
    "Z": ("z", "depth", "plane"),
    "Y": ("y", "row", "height"),
    "X": ("x", "col", "column", "width"),
}
_SPARE = "PVRWAMHEL"  # letters for axes with names of their own: positions, views, rounds, wells, angles ...
_COLOR_SIDE = 30
"""A float array whose last axis is 3 or 4 long holds colors if its sides are longer than this, as in napari."""


def parse_axes(axes: str, shape: Sequence[int]) -> str:
    """`axes` in capitals, once it fits an array of `shape`.

    >>> parse_axes("tcyx", (5, 2, 64, 64))
    'TCYX'
    """
    letters = axes.upper().replace(",", "").replace(" ", "")
    if len(letters) != len(shape):
        raise ValueError(f"axes {axes!r} name {len(letters)} axes, the array has {len(shape)}; {_hint(len(shape))}")
    for letter in letters:
        if letter not in SPACE + CHANNELS + "T" + _SPARE:
            raise ValueError(
                f"axes {axes!r}: {letter} is no axis; use T (time), C (channels), S (colors), Z, Y, X, "
                f"or for any other repetition one of {', '.join(_SPARE)}"
            )
    if len(set(letters)) < len(letters) or not {"X", "Y"} <= set(letters):
        raise ValueError(f"axes {axes!r} need Y, X and each letter only once; {_hint(len(shape))}")
    return letters


def guess_axes(shape: Sequence[int], dtype: np.dtype[Any], rgb: bool | None = None) -> str:
    """Axes of an array that names none; `rgb` says whether the last one holds colours, if that is known.

    >>> guess_axes((40, 512, 512), np.dtype("uint16"))
    'ZYX'
    >>> guess_axes((512, 512, 3), np.dtype("uint8"))
    'YXC'
    """
    if rgb is None:
        rgb = len(shape) > 2 and shape[-1] in (3, 4) and dtype in (np.dtype("u1"), np.dtype("u2"))
        rgb = rgb or float_colors(shape, dtype)
    count = len(shape) - rgb
    if not 2 <= count <= 5 - rgb:
        raise ValueError(f"an array of shape {tuple(shape)} needs its axes named, for instance axes='TCZYX'")
    return ("", "", "YX", "ZYX", "TZYX", "TCZYX")[count] + "C" * rgb


def float_colors(shape: Sequence[int], dtype: np.dtype[Any]) -> bool:
    """Whether an array of real numbers that names no axes is taken as colors.

    >>> float_colors((64, 64, 3), np.dtype("f4")), float_colors((64, 64, 64), np.dtype("f4"))
    (True, False)
    """
    return dtype.kind == "f" and len(shape) > 2 and shape[-1] in (3, 4) and min(shape[-3:-1]) > _COLOR_SIDE


def axes_from_names(names: Sequence[str]) -> str:
    """A letter for each name of an axis, or "" if the names do not say which ones are y and x.

    >>> axes_from_names(["time", "stage", "y", "x"]), axes_from_names(["-2", "-1"])
    ('TPYX', '')
    """
    known = [next((k for k, v in _NAMES.items() if str(name).lower().rstrip("s") in v), "") for name in names]
    used = set(known) - {""}
    if not {"X", "Y"} <= used or len(used) < sum(map(bool, known)):
        return ""
    spare = (letter for letter in _SPARE if letter not in used)
    return "".join(letter or next(spare) for letter in known)


def complete_axes(axes: str, unknown: str = "QI") -> tuple[str, bool]:
    """`axes` with the letters that mean "some axis" replaced by what they most likely are, and whether any was.

    >>> complete_axes("QYX"), complete_axes("TCYX")
    (('ZYX', True), ('TCYX', False))
    """
    letters = list(axes)
    spare = [letter for letter in "ZT" + _SPARE if letter not in letters]
    for place in reversed(range(len(letters))):
        if letters[place] in unknown:
            letters[place] = spare.pop(0)
    done = "".join(letters)
    return done, done != axes


def volume_rule(axes: str, shape: Sequence[int]) -> int:
    """3 if the z axis is long enough for a volume, else 2."""
    return 3 if "Z" in axes and shape[axes.index("Z")] > SHORT_Z else 2


@dataclass(frozen=True)
class Layout:
    """How an array with `axes` of `sizes` is seen as (N, C, *space) with `ndim` spatial axes.

    N runs over every axis that is neither channel nor space, in the array's own order.

    >>> Layout("TZCYX", (5, 3, 2, 64, 48), 2).shape
    (15, 2, 64, 48)
    """

    axes: str
    sizes: tuple[int, ...]
    ndim: int

    def __post_init__(self) -> None:
        if self.ndim not in (2, 3):
            raise ValueError(f"ndim is 0, 2 or 3, got {self.ndim}")
        if self.ndim == 3 and "Z" not in self.axes:
            raise ValueError(f"ndim=3 needs a z axis, the axes are {self.axes!r}; name it, for instance axes='ZYX'")

    @cached_property
    def space(self) -> str:
        """The spatial axes in the order they are seen in."""
        return SPACE[-self.ndim :]

    @cached_property
    def others(self) -> str:
        """The axes that N runs over."""
        return "".join(a for a in self.axes if a not in self.space + CHANNELS)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """(N, C, *space)."""
        channels = math.prod(self._size(a) for a in self.axes if a in CHANNELS)
        return (math.prod(map(self._size, self.others)), channels, *map(self._size, self.space))

    @cached_property
    def label_axes(self) -> str:
        """`axes` without those of channels."""
        return "".join(a for a in self.axes if a not in CHANNELS)

    @cached_property
    def label_shape(self) -> tuple[int, ...]:
        """Sizes along `label_axes`."""
        return tuple(map(self._size, self.label_axes))

    def index(self, n: int, region: Region) -> tuple[int | slice, ...]:
        """Where all channels of (n, region) lie in the array."""
        return self._place(self.axes, n, region)

    def label_index(self, n: int, region: Region) -> tuple[int | slice, ...]:
        """Where (n, region) lies in an array of `label_shape`."""
        return self._place(self.label_axes, n, region)

    def arrange(self, part: np.ndarray) -> np.ndarray:
        """What lies at `index(...)`, as (C, *region)."""
        kept = [a for a in self.axes if a not in self.others]
        channels = [a for a in kept if a in CHANNELS]
        part = part.transpose([kept.index(a) for a in [*channels, *self.space]])
        return part.reshape(-1, *part.shape[len(channels) :])

    def orient(self, labels: np.ndarray) -> np.ndarray:
        """Labels of one region (*region), with their axes in the array's order."""
        return labels.transpose([self.space.index(a) for a in self.label_axes if a in self.space])

    def to_source(self, labels: np.ndarray) -> np.ndarray:
        """(N, *space) -> `label_shape`."""
        have = self.others + self.space
        return labels.reshape([self._size(a) for a in have]).transpose([have.index(a) for a in self.label_axes])

    def from_source(self, labels: np.ndarray) -> np.ndarray:
        """`label_shape` -> (N, *space)."""
        order = [self.label_axes.index(a) for a in self.others + self.space]
        return labels.transpose(order).reshape(self.shape[0], *self.shape[2:])

    def _size(self, axis: str) -> int:
        return self.sizes[self.axes.index(axis)]

    def _place(self, axes: str, n: int, region: Region) -> tuple[int | slice, ...]:
        where: dict[str, int | slice] = dict(zip(self.space, region, strict=True))
        numbers = np.unravel_index(n, [self._size(a) for a in self.others]) if self.others else ()
        where |= {a: int(i) for a, i in zip(self.others, numbers, strict=True)}
        return tuple(where.get(a, slice(None)) for a in axes)


def _hint(count: int) -> str:
    known = {2: "try 'YX'", 3: "try 'TYX' or 'YXC'", 4: "try 'TZYX' or 'ZYXC'", 5: "try 'TCZYX' or 'TZYXC'"}
    return known.get(count, "there is one letter per axis, for instance 'PTCZYX'")
