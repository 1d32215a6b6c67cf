"""What the examples share: `--short`, and `--picture FILE`, which writes images and curves side by side."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from napari_ae_seg.core.colors import color
from napari_ae_seg.report.charts import Chart

HEIGHT, GAP, CAPTION = 160, 8, 18


def options(about: str | None) -> argparse.Namespace:
    """`short` and `picture` from the command line."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a taste of it on a smaller image")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write a picture, such as dense.png")
    return parser.parse_args()


def save(path: str | Path, *rows: Mapping[str, np.ndarray | Chart]) -> None:
    """Write rows of images, labels and charts, each under its name, as one PNG of few colours.

    Arrays of 32-bit or wider integers are labels; other arrays are shown from their 0.5th to their 99.5th percentile.
    """
    drawn = [{name: _panel(what) for name, what in row.items()} for row in rows]
    width = max(sum(one.width + GAP for one in row.values()) - GAP for row in drawn)
    sheet = Image.new("RGB", (width, len(drawn) * (HEIGHT + CAPTION + GAP) - GAP), "white")
    write = ImageDraw.Draw(sheet)
    for number, row in enumerate(drawn):
        left, top = 0, number * (HEIGHT + CAPTION + GAP)
        for name, one in row.items():
            write.text((left + 1, top + 1), name, fill="black", font=ImageFont.load_default(13))
            sheet.paste(one, (left, top + CAPTION))
            left += one.width + GAP
    sheet.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)


def _panel(what: Any) -> Image.Image:
    if isinstance(what, Chart):
        return _chart(what)
    values = np.asarray(what)
    if values.dtype.kind in "iu" and values.dtype.itemsize >= 4:
        palette = np.array([(0, 0, 0), *(color(i) for i in range(1, int(values.max(initial=0)) + 1))])
        pixels = (255 * palette[values]).astype(np.uint8)
    else:
        low, high = np.percentile(values, (0.5, 99.5))
        pixels = (255 * np.clip((values.astype(float) - low) / max(high - low, 1e-9), 0, 1)).astype(np.uint8)
    image = Image.fromarray(pixels).convert("RGB")
    return image.resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.Resampling.NEAREST)


def _chart(chart: Chart) -> Image.Image:
    image = Image.new("RGB", (chart.width, chart.height), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    draw.line([(chart.left, chart.top), (chart.left, chart.bottom), (chart.right, chart.bottom)], fill="gray")
    for x, words in chart.x_ticks:
        draw.text((x, chart.bottom + 4), words, fill="black", font=font, anchor="ma")
    for y, words in chart.y_ticks:
        draw.text((chart.left - 4, y), words, fill="black", font=font, anchor="rm")
    middle = (chart.left + chart.right) / 2
    draw.text((middle, chart.bottom + 20), chart.x_name, fill="black", font=font, anchor="ma")
    draw.text((4, 4), chart.y_name, fill="black", font=font)
    for line in chart.lines:
        places = _points(line.points)
        draw.line(places, fill=line.color, width=2)
        for x, y in places:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=line.color)
        draw.text((line.key, 8), line.name, fill=line.color, font=font)
    if chart.mark:
        x, y = chart.mark
        draw.ellipse((x - 8, y - 8, x + 8, y + 8), outline="black", width=2)
    return image.resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.Resampling.LANCZOS)


def _points(words: str) -> Sequence[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (word.split(",") for word in words.split())]
