"""Tiles that cover an image once, each with a halo around it, so that tile by tile equals the whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .axes import Region


@dataclass(frozen=True, slots=True)
class Tile:
    """`core` is the tile's own part of the image, `outer` what is read for it, `inner` the core within the outer."""

    core: Region
    outer: Region
    inner: Region


def tiles(shape: Sequence[int], size: int | Sequence[int], halo: int | Sequence[int], align: int = 1) -> Iterator[Tile]:
    """Tiles of `size` (rounded up to `align`) that cover `shape` once, last axis fastest.

    The outer part starts at a multiple of `align` and ends at one or at the image's end.

    >>> [(tile.core[0].start, tile.outer[0]) for tile in tiles((10,), size=4, halo=1, align=2)]
    [(0, slice(0, 6, None)), (4, slice(2, 10, None)), (8, slice(6, 10, None))]
    """
    sizes, halos = _each(size, len(shape)), _each(halo, len(shape))
    if align < 1 or min(sizes) < 1 or min(halos) < 0:
        raise ValueError(f"tiles have size and align of at least 1 and halo of at least 0, got {size}, {align}, {halo}")
    sizes = [-(-one // align) * align for one in sizes]
    for starts in itertools.product(*(range(0, length, one) for length, one in zip(shape, sizes, strict=True))):
        core = tuple(slice(s, min(s + one, n)) for s, one, n in zip(starts, sizes, shape, strict=True))
        outer = padded(core, halos, shape, align)
        inner = tuple(slice(c.start - o.start, c.stop - o.start) for c, o in zip(core, outer, strict=True))
        yield Tile(core, outer, inner)


def padded(region: Region, halo: int | Sequence[int], shape: Sequence[int], align: int = 1) -> Region:
    """`region` with a halo, starting at a multiple of `align` and ending at one or at the image's end.

    >>> padded((slice(4, 8),), 1, (9,), align=2)
    (slice(2, 9, None),)
    """
    return tuple(
        slice(max(0, r.start - h) // align * align, min(-(-(r.stop + h) // align) * align, n))
        for r, h, n in zip(region, _each(halo, len(shape)), shape, strict=True)
    )


def _each(value: int | Sequence[int], count: int) -> list[int]:
    values = [value] * count if isinstance(value, int) else list(value)
    if len(values) != count:
        raise ValueError(f"one number per axis: {count} axes, got {values}")
    return values
