"""Where the pages of a TIFF file lie, read from its directories alone: whether the file ends before they do."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

_STRIPS, _TILES, _STRIP_SIZES, _TILE_SIZES = 273, 324, 279, 325
_FORMATS = {3: "H", 4: "I", 16: "Q"}  # of numbers, by the type that a tag names


@dataclass(frozen=True)
class Pages:
    """The chain of pages of a file."""

    count: int
    """Pages whose directory is there."""
    end: int
    """Where the last pixel of all pages ends."""
    broken: bool
    """The chain goes on beyond the end of the file, or in a circle."""


def pages_of(path: Path) -> Pages:
    """The pages of a TIFF or BigTIFF file; of another file ValueError.

    A tag is 12 bytes (20 in a BigTIFF), the offset of the next directory stands behind the tags.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None or len(data) < 8:
            raise ValueError("no TIFF file")
        big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
        number, width = ("Q", 20) if big else ("I", 12)
        count_format, head = ("Q", 8) if big else ("H", 2)
        at = struct.unpack_from(f"{order}{number}", data, 8 if big else 4)[0]
        seen: set[int] = set()
        end = 0
        while at:
            if at in seen or at + head > len(data):
                return Pages(len(seen), end, broken=True)
            tags = struct.unpack_from(f"{order}{count_format}", data, at)[0]
            after = at + head + tags * width
            if after + struct.calcsize(number) > len(data):
                return Pages(len(seen), end, broken=True)
            found = _numbers(data, order, at + head, tags, big)
            if found is None:
                return Pages(len(seen), end, broken=True)
            starts = found.get(_STRIPS) or found.get(_TILES) or ()
            sizes = found.get(_STRIP_SIZES) or found.get(_TILE_SIZES) or ()
            end = max(end, max(map(sum, zip(starts, sizes, strict=False)), default=0))
            seen.add(at)
            at = struct.unpack_from(f"{order}{number}", data, after)[0]
        return Pages(len(seen), end, broken=False)


def _numbers(data: mmap.mmap, order: str, at: int, tags: int, big: bool) -> dict[int, tuple[int, ...]] | None:
    """Where strips or tiles start and how long they are, by tag; None if they stand beyond the end of the file."""
    found: dict[int, tuple[int, ...]] = {}
    entry, inline = ("HHQ", 8) if big else ("HHI", 4)
    for place in range(at, at + tags * (20 if big else 12), 20 if big else 12):
        tag, kind, count = struct.unpack_from(f"{order}{entry}", data, place)
        if tag not in (_STRIPS, _TILES, _STRIP_SIZES, _TILE_SIZES) or kind not in _FORMATS:
            continue
        size = count * struct.calcsize(_FORMATS[kind])
        start = place + (12 if big else 8)
        if size > inline:
            start = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, start)[0]
        if start + size > len(data):
            return None
        found[tag] = struct.unpack_from(f"{order}{count}{_FORMATS[kind]}", data, start)
    return found
