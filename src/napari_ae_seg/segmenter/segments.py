"""Segments: the labels of one source, with everything a person wants to know of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.config import ObjectsConfig
from napari_ae_seg.core.colors import Color, color
from napari_ae_seg.images.formats.table import write_csv

from .objects import Objects, find_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ae_seg.images.stack import Image

    from .edits import Edits


@dataclass(frozen=True)
class Segments:
    """Labels of one source in its own shape, without its channel axis, and what is known of each label."""

    labels: np.ndarray
    """Integers: 1..K are clusters, 0 is no data or background."""
    confidence: np.ndarray
    """Membership of each pixel in its label, 0 to 1; float32 of the same shape."""
    table: dict[str, list[Any]]
    """Columns of one row per label: index, name, size, share, confidence, ..."""
    colors: dict[int, Color]
    sentence: str
    """What was chosen for this result, and why."""
    name: str = "image"
    hidden: frozenset[int] = frozenset()
    """Labels that a layer does not show."""
    transform: dict[str, Any] = field(default_factory=dict)
    """Arguments that lay the labels over their source in napari: scale, translate, ..."""
    metadata: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        image: Image,
        labels: np.ndarray,
        confidence: np.ndarray,
        tally: Tally,
        edits: Edits,
        own: tuple[int, ...],
        sentence: str,
        metadata: dict[str, Any],
    ) -> Segments:
        """Segments of `image`; `own` is the lasting colour index of each cluster, further labels get further ones."""
        present = [label for label in range(1, len(tally.size)) if tally.size[label]]
        index = {n: own[n - 1] if n <= len(own) else max(own) + n - len(own) for n in present}
        return cls(
            labels=labels,
            confidence=confidence,
            table=summary(tally, present, edits.names, image),
            colors={n: edits.colors.get(n, color(index[n] + 1)) for n in present},
            sentence=sentence,
            name=image.name,
            hidden=frozenset(edits.hidden),
            transform=image.transform,
            metadata=metadata,
        )

    @property
    def names(self) -> dict[int, str]:
        """Label -> name."""
        return dict(zip(self.table["index"], self.table["name"], strict=True))

    @property
    def layer(self) -> dict[str, Any]:
        """Keyword arguments for `viewer.add_labels(segments.labels, **segments.layer)`."""
        clear = (0.0, 0.0, 0.0, 0.0)
        opaque = {n: clear if n in self.hidden else (*rgb, 1.0) for n, rgb in self.colors.items()}
        return {
            "name": f"{self.name} segments",
            "colormap": {None: clear, 0: clear, **opaque},
            "features": dict(self.table),
            "metadata": {"napari-ae-seg": {**self.metadata, "sentence": self.sentence}},
            **self.transform,
        }

    def objects(
        self, image: Image, labels: Sequence[int] | None = None, config: ObjectsConfig | None = None
    ) -> Objects:
        """Single objects of the chosen `labels` (all by default) of the image that these are the segments of."""
        config = config or ObjectsConfig()
        parts, first = [], 0
        table: dict[str, list[Any]] = {}
        for n, part in enumerate(image.from_source(self.labels)):
            whole = tuple(slice(0, size) for size in part.shape)
            found = find_objects(
                part,
                labels,
                config,
                intensity=image.block(n, whole).mean(0) if config.method == "intensity" else None,
                spacing=image.spacing,
            )
            parts.append(np.where(found.labels > 0, found.labels + first, 0).astype(np.int32))
            rows = {**found.table, "index": [index + first for index in found.table["index"]]}
            if image.shape[0] > 1:
                rows["sample"] = [n] * found.count
            table = {name: [*table.get(name, []), *values] for name, values in rows.items()}
            first += found.count
        return Objects(image.to_source(np.stack(parts)), table)

    def to_csv(self, path: str | Path) -> None:
        """Writes the table as comma-separated values."""
        write_csv(path, self.table, zip(*self.table.values(), strict=True))


@dataclass
class Tally:
    """Sums over the pixels of each label, gathered block by block."""

    size: np.ndarray
    confidence: np.ndarray
    intensity: np.ndarray
    """(K + 1, C) sums of the channels' native values."""

    @classmethod
    def empty(cls, channels: int) -> Tally:
        """A tally of no pixel."""
        return cls(np.zeros(1), np.zeros(1), np.zeros((1, channels)))

    def add(self, labels: np.ndarray, confidence: np.ndarray, raw: np.ndarray) -> None:
        """Counts the pixels of a block; `labels` may be higher than any before."""
        flat = labels.ravel()
        more = max(0, int(flat.max(initial=0)) + 1 - len(self.size))
        if more:
            self.size, self.confidence = (np.pad(sums, (0, more)) for sums in (self.size, self.confidence))
            self.intensity = np.pad(self.intensity, ((0, more), (0, 0)))
        count = len(self.size)
        self.size += np.bincount(flat, minlength=count)
        self.confidence += np.bincount(flat, weights=confidence.ravel(), minlength=count)
        for channel, values in enumerate(raw):
            finite = np.nan_to_num(values.ravel(), nan=0.0, posinf=0.0, neginf=0.0)
            self.intensity[:, channel] += np.bincount(flat, weights=finite, minlength=count)


def summary(tally: Tally, labels: list[int], names: dict[int, str], image: Image) -> dict[str, list[Any]]:
    """The table of `labels`: name, size in pixels and in units, share, confidence and mean of every channel."""
    size = tally.size[labels]
    pixels, cell = float(tally.size.sum()), float(np.prod(image.spacing))
    unit = image.units[-1] if len(set(image.units)) == 1 else "pixel"
    table: dict[str, list[Any]] = {
        "index": list(labels),
        "name": [names.get(label, f"cluster {label}") for label in labels],
        "size": [int(count) for count in size],
        "share": [round(float(count) / pixels, 6) for count in size],
        "confidence": [round(float(value), 4) for value in tally.confidence[labels] / size],
    }
    if unit != "pixel":
        table[f"size ({unit}^{image.ndim})"] = [float(f"{count * cell:.6g}") for count in size]
    for channel, name in enumerate(image.channel_names):
        column = f"mean {name}" if name else f"mean {channel}"
        table[column] = [float(f"{value:.6g}") for value in tally.intensity[labels, channel] / size]
    return table
