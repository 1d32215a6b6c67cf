"""TIFF files: plain, ImageJ, OME, BigTIFF, tiled or in strips, compressed or not; pages are read when needed."""

from __future__ import annotations

import logging
import math
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.images.axes import complete_axes, guess_axes, parse_axes
from napari_ae_seg.images.source import Source

from .lazy import KEPT, UNREADABLE, Expanded, Guarded, Mapped, Paged, why
from .tiffmeta import Calibration, calibration

PAGE = 64 * 2**20
"""Pages of up to this many bytes may be decoded whole; larger ones are tile by tile or strip by strip."""
PIECE = 64 * 2**10
"""Tiles and strips of fewer bytes are not worth decoding one by one while pages are small enough."""


def from_tiff(path: Path, axes: str | None) -> Source:
    """The first (and, of a pyramid, the finest) series of a TIFF file."""
    file, series, array = _opened(path)
    array, named, assumed = _named(path.stem, array, series, axes)
    try:
        about = calibration(file, series, named)
    except UNREADABLE:
        about, assumed = Calibration(), f"{path.stem}: its spacing and units cannot be read"
    samples = dict(zip(named, array.shape, strict=True)).get("S", 1)
    alpha = samples in (2, 4) and bool(series.keyframe.extrasamples)
    return Source(
        array,
        named,
        path.stem,
        str(path),
        about.spacing,
        about.units,
        channel_names=about.channels,
        alpha=alpha,
        assumed=assumed,
    )


def _opened(path: Path) -> tuple[Any, Any, Any]:
    """The file, its series, and the array of it, which closes the file when nobody holds it any more."""
    import tifffile

    file = None
    try:
        with _listening() as heard:
            file = tifffile.TiffFile(path)
            series = file.series[0]
            _check_whole(path, file, series, heard)
        array = Guarded(_lazy(path, file, series), path.name)
    except (*UNREADABLE, ImageReadError) as error:
        if file is not None:
            file.close()
        if isinstance(error, ImageReadError):
            raise
        raise ImageReadError(f"{path.name}: not a readable TIFF file ({why(error)})") from None
    weakref.finalize(array, file.close)
    return file, series, array


def _lazy(path: Path, file: Any, series: Any) -> Any:
    page = series.keyframe
    if series.dataoffset is not None and page.fillorder != 2 and page.bitspersample == page.dtype.itemsize * 8:
        dtype = series.dtype.newbyteorder(file.byteorder)
        return Mapped(np.memmap(path, dtype, "r", series.dataoffset, series.shape))
    outer = series.shape[: len(series.shape) - len(page.shape)]
    plain = series.shape[len(outer) :] == page.shape and len(series) == np.prod(outer, dtype=int)
    piece = math.prod(page.chunks) * page.dtype.itemsize
    if plain and page.nbytes <= PAGE and (series.nbytes <= KEPT or piece < PIECE):
        lock = threading.RLock()

        def decode(number: int) -> Any:
            with lock:
                found = series[number]  # None where an OME file leaves a plane out
                return np.zeros(page.shape, page.dtype) if found is None else found.asarray()

        return Paged(outer, page.shape, series.dtype, decode)
    import zarr

    return zarr.open_array(series.aszarr(level=0), mode="r")


def _check_whole(path: Path, file: Any, series: Any, heard: list[str]) -> None:
    """Say at once that a file ends before its pixels do."""
    last = series[len(series) - 1] or series.keyframe
    if series.dataoffset is not None:
        end = series.dataoffset + series.nbytes
    else:
        end = max((at + count for at, count in zip(last.dataoffsets, last.databytecounts, strict=False)), default=0)
    elsewhere = getattr(last.parent, "filehandle", file.filehandle).name != file.filehandle.name
    missing = end - path.stat().st_size
    if missing > 0 and not elsewhere:
        raise ImageReadError(f"{path.name}: the file is cut off, {missing} bytes are missing")
    if any("invalid page offset" in message or "failed to reshape" in message for message in heard):
        raise ImageReadError(f"{path.name}: the file is cut off, pages are missing")


def _named(name: str, array: Any, series: Any, axes: str | None) -> tuple[Any, str, str]:
    """The array with the axes that were asked for or found, and what was assumed about them."""
    if axes is not None:
        if len(axes) > len(array.shape):  # length-1 axes that the file has, too, but tifffile leaves out
            asked, full = axes.upper(), series.get_axes(squeeze=False)
            sizes = dict(zip(full, series.get_shape(squeeze=False), strict=True))
            added = [place for place, axis in enumerate(asked) if sizes.get(axis) == 1]
            if "".join(axis for axis in asked if sizes.get(axis) != 1) == series.axes:
                array = Expanded(array, added)
        return array, parse_axes(axes, array.shape), ""
    named, guessed = complete_axes(series.axes)
    if {"X", "Y"} <= set(named) and not guessed:
        return array, named, ""
    if not {"X", "Y"} <= set(named):
        named = guess_axes(array.shape, array.dtype)
    return array, named, f"{name}: axes taken as {named} for shape {tuple(array.shape)}"


@contextmanager
def _listening() -> Iterator[list[str]]:
    """The warnings that tifffile logs meanwhile: it goes on after damage that we want to speak about."""
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("tifffile")
    spread, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield heard
    finally:
        logger.removeHandler(handler)
        logger.propagate = spread
