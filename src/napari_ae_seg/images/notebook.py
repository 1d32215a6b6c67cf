"""What a notebook shows of an object: a small picture and a small table, as HTML that loads nothing."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .image import Image

SIDE = 192
"""Longest side of a picture beside a table, in pixels."""
LINES = 14
"""Rows of a list that are printed, so that all of it stays within 20 lines."""
LOOKED_AT = 2048
"""Longest side of the middle of an image that is read for its picture."""


def inline(picture: np.ndarray, side: int = SIDE, crisp: bool = False) -> str:
    """A picture (Y, X, 3) uint8 as the address of a PNG within the page; `crisp` keeps its values.

    >>> inline(np.zeros((4, 4, 3), np.uint8))[:22]
    'data:image/png;base64,'
    """
    from PIL import Image as Pictures

    image = Pictures.fromarray(np.ascontiguousarray(picture))
    scale = side / max(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Pictures.Resampling.NEAREST if crisp else Pictures.Resampling.LANCZOS)
    held = io.BytesIO()
    image.save(held, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()


def colored(unit: np.ndarray) -> np.ndarray:
    """Values (C, *space) of 0 to 1 as a picture (Y, X, 3) uint8: the middle slice, and at most three channels.

    >>> colored(np.ones((1, 2, 2)))[0, 0].tolist()
    [255, 255, 255]
    """
    flat = unit[:, unit.shape[1] // 2] if unit.ndim == 4 else unit
    pair = len(flat) == 2
    channels = np.repeat(flat, 3, 0) if len(flat) == 1 else np.concatenate([flat, flat[:1]]) if pair else flat[:3]
    return np.ascontiguousarray((255 * np.nan_to_num(channels).clip(0, 1)).astype(np.uint8).transpose(1, 2, 0))


def middle(image: Image) -> tuple[slice, ...]:
    """The part of an image that its picture shows: of a volume the middle slice, of a wide plane its middle."""
    *depth, height, width = image.shape[2:]
    part = [slice(size // 2, size // 2 + 1) for size in depth]
    for size in (height, width):
        start = max(size - LOOKED_AT, 0) // 2
        part.append(slice(start, min(start + LOOKED_AT, size)))
    return tuple(part)


def overview(image: Image) -> Image:
    """The finest level of an image whose plane is at most `LOOKED_AT` wide, or its coarsest one."""
    count = min(len(source.coarser) for source in image.sources)
    for level in range(count + 1):
        found = replace(image, sources=tuple(source.at(level) for source in image.sources))
        if max(found.shape[-2:]) <= LOOKED_AT:
            break
    return found


def picture_of(image: Image) -> np.ndarray:
    """The first of an image's samples as (Y, X, 3) uint8, every channel over its own range.

    Of a pyramid it is the finest level of which all is read.
    """
    image = overview(image)
    raw = image.block(0, middle(image))
    low, high = (_percentile(raw, share) for share in (0.5, 99.5))
    return colored((raw - low) / np.where(high > low, high - low, 1))


def painted(labels: Any, colors: Mapping[int, Sequence[float]]) -> np.ndarray:
    """The middle plane of labels in their colors, as (Y, X, 3) uint8; labels without a color are dark.

    >>> painted(np.array([[0, 1]]), {1: (1.0, 0.0, 0.0)}).tolist()
    [[[0, 0, 0], [255, 0, 0]]]
    """
    *others, height, width = labels.shape
    starts = [max(size - LOOKED_AT, 0) // 2 for size in (height, width)]
    index = (*(size // 2 for size in others), *(slice(start, start + LOOKED_AT) for start in starts))
    part = np.asarray(labels[index])
    palette = np.zeros((max(int(part.max(initial=0)), *colors, 0) + 1, 3))
    for label, rgb in colors.items():
        palette[label] = rgb
    return np.asarray((255 * palette[part]).round(), np.uint8)


def listed(title: str, rows: Sequence[str], *notes: str) -> str:
    """A heading, at most `LINES` rows and notes, a line each.

    >>> print(listed("Two", ["a", "b"], "done"))
    Two
      a
      b
      done
    """
    left = len(rows) - LINES
    lines = [*rows[:LINES], *([f"and {left} more"] if left > 0 else []), *filter(None, notes)]
    return "\n  ".join([title, *lines])


def card(
    title: str, pictures: Iterable[str], heads: Sequence[str], rows: Iterable[Sequence[Any]], note: str = ""
) -> str:
    """A heading over pictures (addresses by `inline`), a table and a note; every text is escaped."""
    shown = "".join(f'<img src="{escape(address)}" style="margin:0 8px 8px 0" alt="">' for address in pictures)
    head = "".join(f"<th>{escape(str(text))}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    table = f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"
    return f"<div><b>{escape(title)}</b><br>{shown}{table}{escape(note)}</div>"


def _percentile(raw: np.ndarray, share: float) -> np.ndarray:
    """(C, 1, ...) percentile of the finite values of each channel; 0 where there is none."""
    found = [np.percentile(part[np.isfinite(part)], share) if np.isfinite(part).any() else 0.0 for part in raw]
    return np.reshape(found, (-1, *[1] * (raw.ndim - 1))).astype(np.float32)
