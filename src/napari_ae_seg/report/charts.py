"""Charts as SVG text, drawn without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 460, 230
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 26, 40
COLORS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1")

Point = tuple[float, float]


def lines(
    series: Mapping[str, Sequence[Point]],
    x_name: str,
    y_name: str,
    mark: Point | None = None,
    whole: bool = False,
    log: bool = False,
) -> str:
    """A chart of `series` (name -> points) as SVG; `mark` is circled, `whole` ticks x at whole numbers, `log` scales y.

    >>> lines({"loss": [(0, 2.0), (10, 1.0)]}, "step", "loss").startswith("<svg")
    True
    """
    points = [p for part in series.values() for p in part if math.isfinite(p[1]) and (p[1] > 0 or not log)]
    if not points:
        return ""
    scale = math.log10 if log else float
    xs, ys = [p[0] for p in points], [scale(p[1]) for p in points]
    x_low, x_high, (y_low, y_high) = min(xs), max(xs), _room(min(ys), max(ys))

    def at(point: Point) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (point[0] - x_low) / ((x_high - x_low) or 1)
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (scale(point[1]) - y_low) / (y_high - y_low)
        return f"{x:.1f},{y:.1f}"

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(y_name)} over {escape(x_name)}">']
    parts += _axes(at, (x_low, x_high), (y_low, y_high), x_name, y_name, whole, log)
    left = LEFT
    for number, (name, part) in enumerate(series.items()):
        color = COLORS[number % len(COLORS)]
        known = [p for p in part if math.isfinite(p[1]) and (p[1] > 0 or not log)]
        thin = known[:: max(1, len(known) // 400)] + known[-1:]
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{" ".join(map(at, thin))}"/>')
        if len(series) > 1:
            parts.append(f'<rect x="{left}" y="8" width="14" height="3" fill="{color}"/>')
            parts.append(f'<text x="{left + 20}" y="13">{escape(name)}</text>')
            left += 34 + 7 * len(name)
    if mark is not None:
        x, y = at(mark).split(",")
        parts.append(f'<circle cx="{x}" cy="{y}" r="6" fill="none" stroke="#c05621" stroke-width="2.5"/>')
    return "".join([*parts, "</svg>"])


def bar(stops: Sequence[tuple[int, int, int]], low: str, high: str) -> str:
    """A colour ramp between two words, as SVG."""
    shades = "".join(
        f'<stop offset="{i / (len(stops) - 1):.3f}" stop-color="rgb({r},{g},{b})"/>'
        for i, (r, g, b) in enumerate(stops)
    )
    return (
        f'<svg class="bar" viewBox="0 0 220 14"><defs><linearGradient id="ramp">{shades}</linearGradient></defs>'
        f'<text x="0" y="11">{escape(low)}</text><rect x="40" y="2" width="120" height="10" fill="url(#ramp)"/>'
        f'<text x="166" y="11">{escape(high)}</text></svg>'
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


def _axes(at, x_range: Point, y_range: Point, x_name: str, y_name: str, whole: bool, log: bool) -> list[str]:  # type: ignore[no-untyped-def]
    bottom = HEIGHT - BOTTOM
    parts = [f'<path d="M{LEFT},{TOP} V{bottom} H{WIDTH - RIGHT}" fill="none" stroke="#999"/>']
    for x in ticks(*x_range, whole=whole):
        place = at((x, 10 ** y_range[0] if log else y_range[0])).split(",")[0]
        parts.append(f'<text x="{place}" y="{bottom + 15}" text-anchor="middle">{x:g}</text>')
    for y in ticks(*y_range):
        value = 10**y if log else y
        place = float(at((x_range[0], value)).split(",")[1])
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place}" y2="{place}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{place + 4}" text-anchor="end">{value:.3g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_name)}</text>')
    upright = f'transform="rotate(-90 13 {(TOP + bottom) / 2})"'
    parts.append(f'<text x="13" y="{(TOP + bottom) / 2}" text-anchor="middle" {upright}>{escape(y_name)}</text>')
    return parts
