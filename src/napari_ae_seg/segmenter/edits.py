"""What a person changed about the segments: a value, so that undo is the one before.

Segments are known by their lasting number: a merged segment has the smallest number of its parts, the first part of a
split one keeps its number, and all others keep theirs, so names and colours never move. The numbers of the labels
therefore need not be contiguous.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np

from napari_ae_seg.core.state import stored

MOST = 65535
"""The largest number of a segment."""
MOST_PARTS = 256
"""Parts of a split segment that a file may hold."""
Label = Annotated[int, (1, MOST)]
Share = Annotated[float, (0, 1)]
Color = tuple[Share, Share, Share]
Side = Annotated[int, (1, 2**31)]


@stored("split")
@dataclass(frozen=True)
class Split:
    """A segment that became several: a place of it belongs to the part whose centre is nearest to its features."""

    label: Label
    parts: tuple[Label, ...]
    """The number of each part; the first is that of the segment"""
    centers: tuple[tuple[float, ...], ...]
    """(parts, F)"""
    merged: tuple[Label, ...] = ()
    """Segments that had become part of it before it was split"""

    def check(self) -> None:
        """ValueError unless its first part is the segment, and every part has a centre."""
        features = {len(center) for center in self.centers}
        if self.parts[:1] != (self.label,) or len(set(self.parts)) < len(self.parts) or len(self.parts) > MOST_PARTS:
            raise ValueError(f"the first of the {len(self.parts)} parts of segment {self.label} is itself")
        if len(self.centers) != len(self.parts) or len(features) != 1 or 0 in features:
            raise ValueError(f"the {len(self.parts)} parts of segment {self.label} have a centre each")

    def apply(self, labels: np.ndarray, features: np.ndarray) -> np.ndarray:
        """`labels` (*space) with this segment in its parts, by `features` (F, *space).

        >>> Split(1, (1, 5), ((0.0,), (1.0,))).apply(np.array([1, 1, 2]), np.array([[0.1, 0.8, 0.9]])).tolist()
        [1, 5, 2]
        """
        inside = np.isin(labels, (self.label, *self.merged))
        away = [((features[:, inside] - np.array(center)[:, None]) ** 2).sum(0) for center in self.centers]
        out = labels.copy()
        out[inside] = np.array(self.parts, dtype=labels.dtype)[np.argmin(away, axis=0)]
        return out


@stored("painted")
@dataclass(frozen=True, eq=False)
class Painted:
    """The pixels of one image that a person painted."""

    shape: tuple[Side, ...]
    where: Annotated[np.ndarray, "int64 n"]
    """(n,) int64, ascending indices into the flattened labels"""
    labels: Annotated[np.ndarray, "int32 n"]
    """(n,) int32, 0 is painted as background"""

    def check(self) -> None:
        """ValueError unless it lies within its image."""
        size = math.prod(self.shape)
        if not self.shape or len(self.shape) > 8 or (np.diff(self.where) <= 0).any():
            raise ValueError("painted pixels ascend")
        if len(self.where) and not (self.where[0] >= 0 and self.where[-1] < size and self.labels.min() >= 0):
            raise ValueError("painted pixels lie within their image")
        if self.labels.max(initial=0) > MOST:
            raise ValueError(f"painted labels are at most {MOST}")

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Painted)
            and self.shape == other.shape
            and np.array_equal(self.where, other.where)
            and np.array_equal(self.labels, other.labels)
        )

    def apply(self, labels: np.ndarray) -> np.ndarray:
        """`labels` of this shape with every painted pixel as it was painted."""
        if labels.shape != self.shape:
            raise ValueError(f"pixels were painted on an image of shape {self.shape}, the labels are {labels.shape}")
        out = labels.copy()
        out.ravel()[self.where] = self.labels
        return out


@stored("edits")
@dataclass(frozen=True)
class Edits:
    """Changes to segments; every method gives new Edits."""

    merged: dict[Label, Label] = field(default_factory=dict)
    """Segment -> the segment it became part of."""
    names: dict[Label, str] = field(default_factory=dict)
    colors: dict[Label, Color] = field(default_factory=dict)
    cleared: frozenset[Label] = frozenset()
    """Segments that are background."""
    hidden: frozenset[Label] = frozenset()
    """Segments that are not shown; their places keep their label."""
    splits: tuple[Split, ...] = ()
    """In the order in which they were made."""
    painted: dict[str, Painted] = field(default_factory=dict)
    """Name of an image -> what was painted on it."""

    def merge(self, *labels: int) -> Edits:
        """`labels` are one from now on, under the smallest number.

        >>> Edits().merge(3, 2).apply(np.array([1, 2, 3])).tolist()
        [1, 2, 2]
        """
        if len(set(labels)) < 2 or min(labels) < 1:
            raise ValueError(f"merging takes two or more different segments of 1 or more, got {list(labels)}")
        roots = {self.root(label) for label in labels}
        keeps = min(roots)
        return replace(self, merged={**self.merged, **{label: keeps for label in roots if label != keeps}})

    def rename(self, label: int, name: str) -> Edits:
        """`label` is called `name`."""
        return replace(self, names={**self.names, label: name})

    def recolor(self, label: int, color: Color) -> Edits:
        """`label` has `color`: red, green and blue of 0 to 1."""
        if len(color) != 3 or not all(0 <= part <= 1 for part in color):
            raise ValueError(f"a colour is red, green and blue of 0 to 1, got {color}")
        red, green, blue = (float(part) for part in color)
        return replace(self, colors={**self.colors, label: (red, green, blue)})

    def background(self, *labels: int) -> Edits:
        """`labels` are background: their places are labelled 0.

        >>> Edits().background(1).apply(np.array([1, 2])).tolist()
        [0, 2]
        """
        return replace(self, cleared=self.cleared | {self.root(label) for label in labels})

    def foreground(self, *labels: int) -> Edits:
        """`labels` are no background any more."""
        return replace(self, cleared=self.cleared - {self.root(label) for label in labels})

    def hide(self, *labels: int) -> Edits:
        """`labels` are not shown."""
        return replace(self, hidden=self.hidden | {self.root(label) for label in labels})

    def show(self, *labels: int) -> Edits:
        """`labels` are shown again."""
        return replace(self, hidden=self.hidden - {self.root(label) for label in labels})

    def split(self, label: int, centers: np.ndarray, most: int) -> Edits:
        """`label` in as many parts as there are `centers` (parts, F); new numbers lie above `most` and all others.

        >>> Edits().split(2, np.array([[0.0], [1.0]]), most=5).splits[0].parts
        (2, 6)
        """
        if len(centers) < 2:
            raise ValueError(f"splitting takes two or more centres, got {len(centers)}")
        fresh = self.highest(most) + 1
        parts = (label, *range(fresh, fresh + len(centers) - 1))
        rows = tuple(tuple(float(value) for value in center) for center in centers)
        merged = tuple(other for other in self.merged if self.root(other) == label)
        return replace(self, splits=(*self.splits, Split(label, parts, rows, merged)))

    def paint(self, image: str, strokes: np.ndarray) -> Edits:
        """The painted pixels of `strokes` on `image` (-1: not painted) are kept as they are, over earlier ones."""
        if strokes.max(initial=0) > MOST:
            raise ValueError(f"labels go up to {MOST}, got {strokes.max()}")
        before = self.painted.get(image)
        drawn = np.full(strokes.shape, -1, dtype=np.int32)
        if before is not None and before.shape == strokes.shape:
            drawn.ravel()[before.where] = before.labels
        drawn = np.where(strokes >= 0, strokes, drawn).astype(np.int32)
        where = np.flatnonzero(drawn >= 0)
        return replace(self, painted={**self.painted, image: Painted(strokes.shape, where, drawn.ravel()[where])})

    def highest(self, most: int) -> int:
        """The highest number in use, where the clusters go up to `most`."""
        named = [*self.merged, *self.names, *self.colors, *self.cleared, *self.hidden]
        parts = [number for split in self.splits for number in split.parts]
        painted = [int(kept.labels.max(initial=0)) for kept in self.painted.values()]
        return max([most, *named, *parts, *painted])

    def mapping(self, most: int) -> np.ndarray:
        """The label of each segment 0..`most` after merges and background: (most + 1,)."""
        roots = [self.root(label) for label in range(most + 1)]
        return np.array([0 if {root, label} & self.cleared else root for label, root in enumerate(roots)])

    def root(self, label: int) -> int:
        """The segment that `label` is part of, itself if it was not merged."""
        while label in self.merged:
            label = self.merged[label]
        return label

    def apply(self, labels: np.ndarray, features: np.ndarray | None = None) -> np.ndarray:
        """`labels` (*space) with splits, then merges and background applied; 0 stays 0.

        Splits need the `features` (F, *space) of every pixel; without them they are left out.
        """
        if features is not None:
            for split in self.splits:
                labels = split.apply(labels, features)
        if not (self.merged or self.cleared):
            return labels
        return np.asarray(self.mapping(int(labels.max(initial=0))).astype(labels.dtype)[labels])

    def check(self) -> None:
        """ValueError unless every merge leads to a smaller number, and so to an end."""
        if any(into >= label for label, into in self.merged.items()):
            raise ValueError("a merged segment has the smallest number of its parts")
