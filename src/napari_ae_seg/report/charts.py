"""Charts of lines: where each point, tick and name goes on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COLORS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1")
POINTS = 400
"""Points of a line that are drawn, about."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One line of a chart."""

    name: str
    color: str
    points: str
    key: int
    """Where its name stands, from the left."""


@dataclass(frozen=True)
class Chart:
    """What is drawn, in the chart's own pixels."""

    x_name: str
    y_name: str
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    lines: Sequence[Line]
    mark: Point | None
    """What is circled."""
    width: int = 460
    height: int = 230
    left: int = 56
    right: int = 446
    top: int = 26
    bottom: int = 190


def lines(
    series: Mapping[str, Sequence[Point]],
    x_name: str,
    y_name: str,
    mark: Point | None = None,
    whole: bool = False,
    log: bool = False,
) -> Chart | None:
    """A chart of `series` (name -> points); `mark` is circled, `whole` ticks x at whole numbers, `log` scales y.

    None where there is nothing to draw.

    >>> lines({"loss": [(0, 2.0), (10, 1.0)]}, "step", "loss").lines[0].points
    '56.0,34.8 446.0,181.2'
    """
    known = {name: [p for p in part if math.isfinite(p[1]) and (p[1] > 0 or not log)] for name, part in series.items()}
    points = [p for part in known.values() for p in part]
    if not points:
        return None
    scale = math.log10 if log else float
    xs, ys = [p[0] for p in points], [scale(p[1]) for p in points]
    x_low, x_high, (y_low, y_high) = min(xs), max(xs), _room(min(ys), max(ys))

    def across(x: float) -> float:
        return round(Chart.left + (Chart.right - Chart.left) * (x - x_low) / ((x_high - x_low) or 1), 1)

    def down(y: float) -> float:  # y as it is scaled
        return round(Chart.bottom - (Chart.bottom - Chart.top) * (y - y_low) / (y_high - y_low), 1)

    drawn, key = [], Chart.left
    for number, (name, part) in enumerate(known.items()):
        thin = part[: -1 : max(1, len(part) // POINTS)] + part[-1:]
        places = " ".join(f"{across(x)},{down(scale(y))}" for x, y in thin)
        drawn.append(Line(name, COLORS[number % len(COLORS)], places, key))
        key += 34 + 7 * len(name)
    return Chart(
        x_name,
        y_name,
        [(across(x), f"{x:g}") for x in ticks(x_low, x_high, whole)],
        [(down(y), f"{10**y if log else y:.3g}") for y in ticks(y_low, y_high)],
        drawn,
        (across(mark[0]), down(scale(mark[1]))) if mark else None,
    )


def ticks(low: float, high: float, whole: bool = False) -> list[float]:
    """About five round numbers from `low` to `high`.

    >>> ticks(0.0, 10.0)
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    """
    span = (high - low) or 1.0
    unit = 10.0 ** math.floor(math.log10(span / 5))
    step = next(unit * size for size in (1, 2, 5, 10) if span / (unit * size) <= 6)
    step = max(1.0, round(step)) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _room(low: float, high: float) -> Point:
    room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
    return low - room, high + room
