"""Pieces of HTML: tables, figures and the look of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_ae_seg.config import Config

NBSP = chr(0xA0)
WORDS = {
    "kmeans": "k-means",
    "gmm": "Gaussian mixture",
    "bayes": "Bayesian mixture",
    "corrected": "background-corrected intensity",
    "mixed": "intensity and texture",
}
"""What a method, or a kind of features, is called; the others are called as they are."""
STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: #1a202c; background: #fff;
  max-width: 1080px; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem;
  border-bottom: 1px solid #cbd5e0; } h3 { font-size: 1rem; margin: 1.4rem 0 .5rem; }
p { max-width: 75ch; margin: .4rem 0; } .faint { color: #4a5568; font-size: .87rem; }
.row { display: flex; flex-wrap: wrap; gap: 12px; }
figure { margin: 0; flex: 1 1 230px; max-width: 500px; min-width: 0; }
figure img, figure svg { width: 100%; height: auto; display: block; } figure.chart { flex-basis: 420px; }
figcaption { font-size: .87rem; color: #4a5568; margin-top: .25rem; }
svg text { font: 11px system-ui, sans-serif; fill: #2d3748; }
figure svg.bar { max-width: 220px; } table { border-collapse: collapse; font-size: .87rem; margin: .5rem 0; }
th, td { padding: .25rem .7rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e2e8f0; }
td.n { text-align: right; font-variant-numeric: tabular-nums; } th.n { text-align: right; }
.scroll { overflow-x: auto; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .45em; border-radius: 2px; }
.name { white-space: nowrap; margin-right: .6em; }
.strip { display: flex; flex-wrap: wrap; align-items: center; gap: 4px; margin: .3rem 0 .8rem; }
.strip img { width: 72px; height: 72px; object-fit: cover; image-rendering: auto; }
.strip img.proto { width: 96px; height: 96px; margin-right: 10px; } .settings { columns: 2; column-gap: 2.5rem; }
.settings table { width: 100%; } .settings td { padding: .1rem .7rem .1rem 0; } .own td { font-weight: 600; }
td:first-child { white-space: nowrap; }
@page { margin: 14mm; }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 10.5pt; }
  .row, .strip { flex-wrap: nowrap; } figure { flex: 1 1 0; } figure.chart { flex: 2 1 0; }
  .strip img { width: 54px; height: 54px; } .strip img.proto { width: 72px; height: 72px; } .settings { columns: 3; }
  h2, h3, figure, tr, .cluster, .own { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""


def fields(config: Config) -> str:
    """A row per field of `config`; what differs from the default stands out."""
    rows = []
    for name, value in config:
        own = ' class="own"' if value != type(config).model_fields[name].default else ""
        rows.append(f"<tr{own}><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of `rows` of HTML; columns of numbers are set flush right."""
    held = [list(row) for row in rows]
    number = [all(_is_number(row[i]) for row in held) for i in range(len(heads))]
    style = [' class="n"' if is_number else "" for is_number in number]
    head = "".join(f"<th{s}>{escape(text)}</th>" for s, text in zip(style, heads, strict=True))
    body = "".join(f"<tr>{''.join(f'<td{s}>{c}</td>' for s, c in zip(style, row, strict=True))}</tr>" for row in held)
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def cell(key: str, value: Any) -> str:
    """A value of column `key`, as a person writes it."""
    if key == "share":
        return f"{value:.1%}"
    if isinstance(value, str):  # lists break between their items only
        return escape(value.replace(" ", NBSP).replace(f",{NBSP}", ", "))
    return escape(
        f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
    )


def figure(address: str, caption: str, raw: bool = False) -> str:
    """A picture with its caption; `raw` captions are HTML already."""
    words = caption if raw else escape(caption)
    return f'<figure><img alt="" src="{address}"><figcaption>{words}</figcaption></figure>'


def chart(svg: str, caption: str) -> str:
    """An SVG chart with its caption."""
    return f'<figure class="chart">{svg}<figcaption>{escape(caption)}</figcaption></figure>'


def row(figures: Sequence[str]) -> str:
    """Figures side by side."""
    return f"<div class='row'>{''.join(figures)}</div>"


def css(rgb: tuple[float, float, float]) -> str:
    """A colour of 0 to 1 as CSS writes it.

    >>> css((1.0, 0.0, 0.5))
    '#ff0080'
    """
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def measure(spacing: tuple[float, ...], units: tuple[str, ...]) -> str:
    """The size of a pixel."""
    if set(units) == {"pixel"}:
        return "size unknown"
    return f"{' x '.join(f'{size:g}' for size in spacing)} {units[-1]}"


def word(name: str) -> str:
    """What a person calls it."""
    return WORDS.get(name, escape(name))


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("%", "").replace("-", "").replace("e+", "").isdigit()
