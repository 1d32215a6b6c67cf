"""What the Explore latents dock computes in the background; what has not changed is taken from the look before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.core.progress import Progress

if TYPE_CHECKING:
    from napari_ae_seg.clustering.lasso import Parted
    from napari_ae_seg.explore.exploration import Exploration
    from napari_ae_seg.explore.plane import Plane
    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Result

    from .strips import Row

SIDE = 512
SWALLOWED = 0.9
"""Share of a cluster's pixels from which on it counts as taken whole."""


@dataclass(frozen=True)
class Wish:
    """Which image of a result to explore, how it is laid out and coloured."""

    result: Result
    number: int
    of: str
    method: str
    points: str
    by: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Wish) and self.result is other.result and self._rest == other._rest

    def __hash__(self) -> int:
        return hash(self._rest)

    @property
    def layout(self) -> tuple[Any, ...]:
        """What the plane depends on, apart from the image."""
        return self.of, self.method, self.points

    @property
    def _rest(self) -> tuple[Any, ...]:
        return (self.number, *self.layout, self.by)


@dataclass(frozen=True)
class Look:
    """A wish fulfilled."""

    wish: Wish
    exploration: Exploration
    plane: Plane
    picture: np.ndarray
    rows: list[Row]
    units: np.ndarray
    curve: dict[int, float]


def look(wish: Wish, before: Look | None, report: Reporter) -> Look:
    """The plane, its picture and the clusters as `wish` wants them."""
    report(Progress("loading", 0, 0))
    from napari_ae_seg.explore.exploration import Exploration

    from .strips import rows_of

    result, number = wish.result, wish.number
    prepared, segments = result.prepared[number], result.segments[number]
    known = before is not None and prepared is not None and before.exploration.prepared is prepared
    if known and before is not None and before.wish.result is result:
        one = before.exploration
    elif known and before is not None:
        one = before.exploration.now(result.segmenter, segments)
    else:
        one = Exploration.of(result.segmenter, result.request.stack[number], segments, prepared, report)
    kept = before is not None and one is before.exploration
    same = known and before is not None and before.wish.layout == wish.layout and (kept or wish.points == "pixels")
    report(Progress("plane", 0, 0))
    if same and before is not None:
        plane = before.plane
    else:
        plane = one.plane(wish.of, wish.method, one.objects() if wish.points == "objects" else None)
    by = wish.by if wish.by in one.colorings else "cluster"
    picture = plane.picture(one.colors(by))
    if kept and before is not None:
        return Look(wish, one, plane, picture, before.rows, before.units, before.curve)
    report(Progress("prototypes", 0, 0))
    rows = rows_of(one)
    report(Progress("number of clusters", 0, 0))
    fitted = known and before is not None and before.exploration.segmenter.sample is one.segmenter.sample
    curve = one.segmenter.clusters.curve or (before.curve if fitted and before is not None else one.curve)
    return Look(wish, one, plane, picture, rows, one.usage if one.sparse else one.contrasts, dict(curve))


def parted(one: Exploration, mask: np.ndarray, of: str, made: str) -> tuple[Parted, list[str]]:
    """What a new cluster is made of, and the names of the clusters that it would take nearly all pixels of."""
    found = one.parted(mask, of, made)
    after = one.segmenter.separate(found)
    taken = np.asarray(after.label(one.prepared).labels) == after.clusters.k
    before, names = np.asarray(one.segments.labels), one.segments.names
    return found, [names[label] for label in one.labels if taken[before == label].mean() >= SWALLOWED]


def report(one: Exploration, path: str, report: Reporter) -> None:
    """Writes the report of one image."""
    from napari_ae_seg.report.page import write_report

    write_report(path, [one], report=report)


def place(found: int) -> tuple[int, int] | None:
    """(column, row) of a bin; None for nowhere."""
    return None if found >= SIDE * SIDE else (found % SIDE, found // SIDE)


def words(lasso: list[tuple[float, float]], wish: Wish) -> str:
    """The Python that makes the same selection."""
    taken = "stack" if len(wish.result.segments) == 1 else f"stack[{wish.number}]"
    explored = f"ae.Exploration.of(segmenter, {taken})"
    if lasso and wish.method == "pca" and wish.points == "pixels":
        return f"{explored}.parted({lasso!r}, {wish.of!r})"
    return f"{explored}.parted(viewer.layers['selection'].data > 0)"


def about_number(curve: dict[int, float], k: int, asked: int) -> str:
    """What the curve says of the number of clusters.

    >>> about_number({2: 0.1, 3: 0.5}, 2, 2)
    'You asked for 2 clusters; 3 are likeliest.'
    >>> about_number({1: 0.9, 3: 0.1}, 1, 0), about_number({}, 1, 1)
    ('1 cluster is likeliest (90 %).', 'There is 1 cluster.')
    """
    if not curve:
        return f"There {'are' if k != 1 else 'is'} {k} cluster{'s' * (k != 1)}."
    best = max(curve, key=lambda number: curve[number])
    if not asked:
        return f"{k} cluster{'s are' if k != 1 else ' is'} likeliest ({100 * curve.get(k, 0):.0f} %)."
    return f"You asked for {asked} cluster{'s' * (asked != 1)}; {best} {'are' if best != 1 else 'is'} likeliest."
