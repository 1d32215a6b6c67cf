"""TIFF files: plain, ImageJ, OME, BigTIFF, tiled or in strips, compressed or not; pages are read when needed."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.errors import ImageReadError
from napari_ae_seg.images.axes import complete_axes, guess_axes, parse_axes
from napari_ae_seg.images.lazy import Paged
from napari_ae_seg.images.source import Source

PAGE = 64 * 2**20
"""Pages of up to this many bytes are decoded whole; larger ones tile by tile or strip by strip."""


def from_tiff(path: Path, axes: str | None) -> Source:
    """The first (and, of a pyramid, the finest) series of a TIFF file."""
    import tifffile

    try:
        file = tifffile.TiffFile(path)
        series = file.series[0]
        _check_whole(path, file, series)
        array = _Guarded(_lazy(path, file, series), path.name)
        weakref.finalize(array, file.close)
        named, assumed = _axes(path.stem, series, axes)
        spacing, units, names = _calibration(file, series, named)
    except _UNREADABLE as error:
        raise ImageReadError(f"{path.name}: not a readable TIFF file ({error})") from None
    count = dict(zip(named, series.shape, strict=True))
    alpha = "S" in named and count["S"] in (2, 4) and _has_alpha(series.keyframe)
    return Source(array, named, path.stem, str(path), spacing, units, channel_names=names, alpha=alpha, assumed=assumed)


class _Guarded:
    """An array of a file: whatever its decoder raises becomes one sentence."""

    def __init__(self, array: Any, name: str) -> None:
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, getattr(array, "chunks", None)
        self._array, self._name = array, name

    def __getitem__(self, index: Any) -> np.ndarray:
        try:
            return np.asarray(self._array[index])
        except _UNREADABLE as error:
            raise ImageReadError(f"{self._name}: damaged, some pixels cannot be read ({error})") from None


def _lazy(path: Path, file: Any, series: Any) -> Any:
    import tifffile

    page = series.keyframe
    if series.dataoffset is not None and not page.fillorder == 2:
        dtype = series.dtype.newbyteorder(file.byteorder)
        return np.memmap(path, dtype, "r", series.dataoffset, series.shape)
    outer = series.shape[: len(series.shape) - len(page.shape)]
    whole = page.shape == series.shape[len(outer) :] and len(series) == int(np.prod(outer))
    if whole and page.nbytes <= PAGE:
        lock = threading.RLock()

        def decode(number: int) -> Any:
            with lock:
                found = series[number]
                return np.zeros(page.shape, page.dtype) if found is None else found.asarray()

        return Paged(outer, page.shape, series.dtype, decode)
    import zarr

    chunkmode = tifffile.CHUNKMODE.NONE if page.is_tiled or page.nbytes > PAGE else tifffile.CHUNKMODE.PAGE
    return zarr.open_array(series.aszarr(level=0, chunkmode=chunkmode), mode="r")


def _check_whole(path: Path, file: Any, series: Any) -> None:
    """Say at once that a file ends before its pixels do."""
    last = series[len(series) - 1] or series.keyframe
    if series.dataoffset is not None:
        end = series.dataoffset + series.nbytes
    else:
        end = max((o + c for o, c in zip(last.dataoffsets, last.databytecounts, strict=False)), default=0)
    external = getattr(last.parent, "filehandle", file.filehandle).name != file.filehandle.name
    if not external and end > path.stat().st_size:
        raise ImageReadError(f"{path.name}: the file is cut off, {end - path.stat().st_size} bytes are missing")


def _axes(name: str, series: Any, axes: str | None) -> tuple[str, str]:
    shape = series.shape
    if axes is not None:
        return parse_axes(axes, shape), ""
    named, guessed = complete_axes(series.axes)
    if not guessed and {"X", "Y"} <= set(named):
        return named, ""
    if not {"X", "Y"} <= set(named):
        named = guess_axes(shape, series.dtype)
    return named, f"{name}: axes taken as {named} for shape {tuple(shape)}"


def _has_alpha(page: Any) -> bool:
    return page.photometric.name in ("RGB", "MINISBLACK") and bool(page.extrasamples)


def _calibration(file: Any, series: Any, axes: str) -> tuple[dict[str, float], dict[str, str], tuple[str, ...]]:
    """Spacing, units and channel names, from whichever metadata the file has."""
    if file.is_ome and file.ome_metadata:
        return _ome(file.ome_metadata, axes)
    spacing = _resolution(series.keyframe)
    if file.is_imagej and file.imagej_metadata:
        about = file.imagej_metadata
        if "Z" in axes and float(about.get("spacing") or 0) > 0:
            spacing["Z"] = float(about["spacing"])
        if "T" in axes and float(about.get("finterval") or 0) > 0:
            spacing["T"] = float(about["finterval"])
        unit = _unit(str(about.get("unit") or ""))
        units = {axis: unit for axis in "ZYX" if axis in axes} if unit and spacing else {}
        return spacing, units, ()
    if spacing and series.keyframe.resolutionunit in (2, 3):  # inch, centimetre
        factor, unit = (25400.0, "micrometer") if series.keyframe.resolutionunit == 2 else (1e4, "micrometer")
        if series.keyframe.resolutionunit == 2:  # dots per inch describe a print, not the object
            return {}, {}, ()
        return {a: s * factor for a, s in spacing.items()}, {a: unit for a in spacing}, ()
    return ({}, {}, ()) if series.keyframe.resolutionunit == 2 else (spacing, {}, ())


def _resolution(page: Any) -> dict[str, float]:
    x, y = page.resolution
    return {"Y": 1 / y, "X": 1 / x} if x > 0 and y > 0 and (x, y) != (1, 1) else {}


def _ome(xml: str, axes: str) -> tuple[dict[str, float], dict[str, str], tuple[str, ...]]:
    from xml.etree import ElementTree

    pixels = next((e for e in ElementTree.fromstring(xml).iter() if e.tag.endswith("}Pixels")), None)
    if pixels is None:
        return {}, {}, ()
    spacing, units = {}, {}
    for axis in "ZYX":
        size = float(pixels.get(f"PhysicalSize{axis}") or 0)
        if axis in axes and size > 0:
            spacing[axis] = size
            units[axis] = _unit(pixels.get(f"PhysicalSize{axis}Unit") or "µm")
    names = tuple(e.get("Name") or "" for e in pixels if e.tag.endswith("}Channel"))
    return spacing, {a: u for a, u in units.items() if u}, names if all(names) else ()


def _unit(text: str) -> str:
    """A unit's name as napari and OME-Zarr write it; "" for none."""
    text = text.strip().replace("\\u00B5", "µ").replace("\u03bc", "µ")
    return _UNITS.get(text, "" if text.lower() in ("pixel", "pixels", "reference frame") else text.lower())


_UNITS = {
    "µm": "micrometer", "um": "micrometer", "micron": "micrometer", "microns": "micrometer",
    "nm": "nanometer", "mm": "millimeter", "cm": "centimeter", "m": "meter", "pm": "picometer", "Å": "angstrom",
    "inch": "inch", "in": "inch",
}  # fmt: skip
_UNREADABLE = (OSError, ValueError, RuntimeError, IndexError, KeyError, TypeError, AttributeError)
