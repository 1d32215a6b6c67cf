"""What a console and a notebook show of a segmenter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ae_seg.core.colors import color
from napari_ae_seg.images import notebook

if TYPE_CHECKING:
    from .segmenter import Segmenter

SIDE = 160
"""Side of the drawn plane of features, in pixels."""


def printed(segmenter: Segmenter) -> str:
    """A segmenter in at most 20 lines."""
    rows = [f"{label} {name}{note}" for label, name, note in _rows(segmenter)]
    return notebook.listed(_title(segmenter), rows, segmenter.sentence, repr(segmenter.model).partition("\n")[0])


def page(segmenter: Segmenter) -> str:
    """A segmenter as a picture of its sample, a point for each place in the color of its cluster, and a table."""
    rows = _rows(segmenter)
    shown = [
        *rows[: notebook.LINES],
        *([(f"and {len(rows) - notebook.LINES} more", "", "")] if rows[notebook.LINES :] else []),
    ]
    picture = notebook.inline(_plane(segmenter), crisp=True)
    return notebook.card(_title(segmenter), [picture], ["label", "name", ""], shown, segmenter.sentence)


def _title(segmenter: Segmenter) -> str:
    count = len(_rows(segmenter))
    how = f"{segmenter.method} on {segmenter.space.name} features{', taught by strokes' * bool(segmenter.guide)}"
    return f"Segmenter: {count} segment{'s' * (count != 1)} by {how}"


def _rows(segmenter: Segmenter) -> list[tuple[int, str, str]]:
    """Number, name and what was done to each segment."""
    edits = segmenter.edits
    most = edits.highest(segmenter.config.granularity or segmenter.clusters.k)
    labels = sorted({edits.root(label) for label in range(1, most + 1)})
    notes = [" (background)" * (n in edits.cleared) + " (hidden)" * (n in edits.hidden) for n in labels]
    names = [edits.names.get(n, f"cluster {n}") for n in labels]
    return list(zip(labels, names, notes, strict=True))


def _plane(segmenter: Segmenter) -> np.ndarray:
    """The places of the sample as (Y, X, 3) uint8: by the two directions in which their features differ most.

    Of one feature it is a histogram.
    """
    x = segmenter.sample.x - segmenter.sample.x.mean(0)
    at = x @ np.linalg.svd(x.T @ x)[0][:, :2]
    column = _bins(at[:, 0])
    row = _bins(at[:, 1] if at.shape[1] > 1 else _heights(column))
    cluster = np.asarray(segmenter.clusters.assign(torch.from_numpy(np.ascontiguousarray(segmenter.sample.x.T))))
    numbers = [*segmenter.clusters.colors, *range(len(segmenter.clusters.colors), segmenter.clusters.k)]
    palette = np.array([segmenter.edits.colors.get(k + 1, color(n + 1)) for k, n in enumerate(numbers)])
    drawn = np.ones((SIDE, SIDE, 3))
    drawn[SIDE - 1 - row, column] = palette[cluster]
    return notebook.colored(drawn.transpose(2, 0, 1))


def _bins(values: np.ndarray) -> np.ndarray:
    """Which of `SIDE` bins each value lies in."""
    low, high = values.min(), values.max()
    return np.asarray(((values - low) / max(float(high - low), 1e-12) * (SIDE - 1)).round().astype(int))


def _heights(column: np.ndarray) -> np.ndarray:
    """How many before it lie in the same column, so that each column is as high as it has places.

    >>> _heights(np.array([0, 5, 0, 0])).tolist()
    [0, 0, 1, 2]
    """
    order = np.argsort(column, kind="stable")
    ordered = column[order]
    heights = np.empty(len(column), int)
    heights[order] = np.arange(len(column)) - np.searchsorted(ordered, ordered)
    return heights
