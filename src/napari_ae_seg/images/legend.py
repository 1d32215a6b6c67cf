"""What the numbers in an image of labels mean: a name, a color and facts of each, as every file of labels keeps them.

In a file the legend is the `image-label` of OME-Zarr, whatever the format: colors, and properties with the name first.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_ae_seg.core.colors import Color, color

KEY = "image-label"
"""The name under which a file holds a legend."""
_MOST = 2**26  # characters of a legend that are looked at


@dataclass(frozen=True)
class Legend:
    """Names, colors and further facts of labels.

    >>> legend = Legend({1: "nucleus"}, {1: (1.0, 0.0, 0.0)}, {"index": [1], "name": ["nucleus"], "size": [25]})
    >>> Legend.of(legend.about).names
    {1: 'nucleus'}
    """

    names: Mapping[int, str] = field(default_factory=dict)
    """Of a segment its own; of an object that of the segment it is part of."""
    colors: Mapping[int, Color] = field(default_factory=dict)
    """Red, green and blue of 0 to 1, in the same way."""
    table: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Columns with a row for each label in column "index"."""
    objects: bool = False
    """The labels are single objects, which colors of their own tell apart."""
    hidden: frozenset[int] = frozenset()
    """Labels that are not shown, such as a background: their color is clear."""

    def name(self, label: int) -> str:
        """The name of `label`, or its number in words."""
        return self.names.get(label, f"{'object' if self.objects else 'cluster'} {label}")

    def color(self, label: int) -> Color:
        """The color of what `label` is, as it is named."""
        return self.colors.get(label, color(label))

    def shown(self, label: int) -> Color:
        """The color of `label` in an image of all of them: of objects each its own."""
        return color(label) if self.objects else self.color(label)

    @property
    def rows(self) -> dict[int, dict[str, Any]]:
        """Label -> its row of the table, without its number."""
        columns = [name for name in self.table if name != "index"]
        labels = self.table.get("index", ())
        return {int(n): {name: self.table[name][place] for name in columns} for place, n in enumerate(labels)}

    @property
    def about(self) -> dict[str, Any]:
        """The legend as OME-Zarr has it, in what JSON can say."""
        known = {**dict.fromkeys(self.hidden, (0.0, 0.0, 0.0)), **self.colors}
        colors = [
            {"label-value": int(n), "rgba": [*_bytes(rgb), 0 if n in self.hidden else 255]}
            for n, rgb in sorted(known.items())
        ]
        rows, labels = self.rows, sorted({*map(int, self.names), *self.rows})
        properties = [
            {"label-value": n, "name": self.name(n)} | {k: v for k, v in _plain(rows.get(n, {})).items() if k != "name"}
            for n in labels
        ]
        return {"colors": colors, "properties": properties, **({"objects": True} if self.objects else {})}

    @property
    def text(self) -> str:
        """The legend in one line, ASCII."""
        return json.dumps(self.about, separators=(",", ":"))

    @classmethod
    def of(cls, about: Any) -> Legend:
        """The legend in the `image-label` of a file, anyone's: what makes no sense in it is left out.

        >>> Legend.of({"colors": [{"label-value": 2, "rgba": [255, 0, 0, 255]}, "blue"], "properties": 5}).colors
        {2: (1.0, 0.0, 0.0)}
        """
        about = about if isinstance(about, dict) else {}
        colors = {n: rgb for n, one in _labeled(about.get("colors")) if (rgb := _rgb(one.get("rgba")))}
        rows = {
            n: {str(k): v for k, v in one.items() if k != "label-value"} for n, one in _labeled(about.get("properties"))
        }
        names = {
            n: str(row.get("name") or row["class"]) for n, row in rows.items() if row.get("name") or row.get("class")
        }
        columns = dict.fromkeys(column for row in rows.values() for column in row)
        table: dict[str, Sequence[Any]] = {"index": list(rows)} if rows else {}
        table |= {column: [row.get(column) for row in rows.values()] for column in columns}
        clear = {n for n, one in _labeled(about.get("colors")) if n in colors and one["rgba"][3:] == [0]}
        return cls(names, colors, table, about.get("objects") is True, frozenset(clear))

    @classmethod
    def parse(cls, text: str | bytes | None) -> Legend | None:
        """The legend that was written as `text`; None if it is none."""
        if not text or len(text) > _MOST:
            return None
        try:
            about = json.loads(text)
        except (ValueError, RecursionError):
            return None
        found = cls.of(about)
        return found if found.names or found.colors or found.table else None


def _labeled(entries: Any) -> list[tuple[int, dict[str, Any]]]:
    """The entries that say which label they are of."""
    entries = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    return [(one["label-value"], one) for one in entries if type(one.get("label-value")) is int]


def _rgb(rgba: Any) -> Color | None:
    if not isinstance(rgba, list) or len(rgba) < 3:
        return None
    if not all(isinstance(value, (int, float)) and value == value for value in rgba[:3]):
        return None
    red, green, blue = (min(max(float(value) / 255, 0.0), 1.0) for value in rgba[:3])
    return red, green, blue


def _bytes(rgb: Color) -> list[int]:
    return [round(255 * part) for part in rgb]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row in numbers and texts that JSON has; what is no number is None."""
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in row.items()}
    lost = {name for name, value in plain.items() if isinstance(value, float) and not math.isfinite(value)}
    return {name: None if name in lost else value for name, value in plain.items()}
