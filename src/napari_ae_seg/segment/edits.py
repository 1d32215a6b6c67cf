"""What a person changed about the segments: merges, names, colours, background; a value, so that undo is the one before.

Segments are known by their lasting number: a merged segment has the smallest number of its parts and the others keep
theirs, so names and colours never move.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Edits:
    """Changes to segments; every method gives new Edits."""

    merged: dict[int, int] = field(default_factory=dict)
    """Segment -> the segment it became part of."""
    names: dict[int, str] = field(default_factory=dict)
    colours: dict[int, Colour] = field(default_factory=dict)
    cleared: frozenset[int] = frozenset()
    """Segments that are background."""

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

    def recolour(self, label: int, colour: Colour) -> Edits:
        """`label` has `colour`: red, green and blue of 0 to 1."""
        if len(colour) != 3 or not all(0 <= part <= 1 for part in colour):
            raise ValueError(f"a colour is red, green and blue of 0 to 1, got {colour}")
        red, green, blue = (float(part) for part in colour)
        return replace(self, colours={**self.colours, label: (red, green, blue)})

    def background(self, *labels: int) -> Edits:
        """`labels` are background: their places are labelled 0.

        >>> Edits().background(1).apply(np.array([1, 2])).tolist()
        [0, 2]
        """
        return replace(self, cleared=self.cleared | {self.root(label) for label in labels})

    def foreground(self, *labels: int) -> Edits:
        """`labels` are no background any more."""
        return replace(self, cleared=self.cleared - {self.root(label) for label in labels})

    def root(self, label: int) -> int:
        """The segment that `label` is part of, itself if it was not merged."""
        while label in self.merged:
            label = self.merged[label]
        return label

    def apply(self, labels: np.ndarray) -> np.ndarray:
        """`labels` with merges and background applied; 0 stays 0."""
        if not (self.merged or self.cleared):
            return labels
        lookup = np.arange(max(int(labels.max(initial=0)), 0) + 1, dtype=labels.dtype)
        for label in range(1, len(lookup)):
            root = self.root(label)
            lookup[label] = 0 if root in self.cleared or label in self.cleared else root
        return lookup[labels]

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Plain values for `from_state`."""
        meta = {
            "merged": list(self.merged.items()),
            "names": list(self.names.items()),
            "colours": list(self.colours.items()),
            "cleared": sorted(self.cleared),
        }
        return meta, {}

    @classmethod
    def from_state(cls, meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> Edits:
        """The edits that `state` described."""
        return cls(
            {int(label): int(into) for label, into in meta["merged"]},
            {int(label): str(name) for label, name in meta["names"]},
            {int(label): (c[0], c[1], c[2]) for label, c in meta["colours"]},
            frozenset(int(label) for label in meta["cleared"]),
        )
