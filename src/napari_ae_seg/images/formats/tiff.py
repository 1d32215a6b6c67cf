"""TIFF files: plain, ImageJ, OME, BigTIFF, tiled or in strips, compressed or not; pages are read when needed."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.core.wholefile import whole_file
from napari_ae_seg.images.axes import complete_axes, guess_axes, parse_axes
from napari_ae_seg.images.image import Image
from napari_ae_seg.images.legend import KEY, Legend
from napari_ae_seg.images.source import Source

from .labels import OWN, SHORT, axes_of, palette, scale_of, smallest
from .lazy import KEPT, UNREADABLE, Expanded, Guarded, Mapped, Opened, Paged, why
from .tiffmeta import Calibration, calibration
from .tiffpages import pages_of

PAGE = 64 * 2**20
"""Pages of up to this many bytes may be decoded whole; larger ones are tile by tile or strip by strip."""
PIECE = 64 * 2**10
"""Tiles and strips of fewer bytes are not worth decoding one by one while pages are small enough."""
_DIRECTORY = 18  # bytes that a page takes in a file at least
_SMALLER = 100_000  # times that compression makes pixels smaller, at most
_IMAGEJ_LIMIT = 2**32 - 2**25  # an ImageJ file counts its bytes in 32 bits


def read(path: Path, axes: str | None) -> Source:
    """The first series of a TIFF file, with the levels of a pyramid."""
    shelf = _Shelf(path)
    with shelf.take() as held:
        array, named, assumed = _named(path.stem, Guarded(_lazy(shelf, held), path.name), held.series, axes)
        try:
            about = calibration(held.file, held.series, named)
        except UNREADABLE:
            about, assumed = Calibration(), f"{path.stem}: its spacing and units cannot be read"
        samples = dict(zip(named, array.shape, strict=True)).get("S", 1)
        alpha = samples in (2, 4) and bool(held.series.keyframe.extrasamples)
        finest = Source(
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
        return replace(finest, coarser=tuple(_coarser(finest, shelf, held)))


def _coarser(finest: Source, shelf: _Shelf, held: _Held) -> Iterator[Source]:
    """The further levels of the pyramid: the same axes, larger pixels."""
    for number, level in enumerate(held.series.levels[1:], 1):
        if len(level.shape) != len(finest.shape):
            return
        array = Guarded(_Pieces(shelf, held.level(number), number), f"{finest.name}, level {number}")
        factors = dict(zip(finest.axes, np.divide(finest.shape, level.shape), strict=True))
        spacing = {axis: size * float(factors[axis]) for axis, size in finest.spacing.items()}
        yield replace(finest, array=array, spacing=spacing)


def write(path: Path, labels: np.ndarray, image: Image | None, legend: Legend | None = None) -> None:
    """Write labels with axes, spacing, unit and legend: as ImageJ, as OME, or plain, whichever has room for them."""
    import tifffile

    labels = smallest(labels)
    axes = axes_of(labels, image)
    spacing, unit = scale_of(image)
    common: dict[str, Any] = {"photometric": "minisblack"}
    if {"Y", "X"} <= set(spacing):
        common |= {"resolution": (1 / spacing["X"], 1 / spacing["Y"]), "resolutionunit": 1}
    standard = axes in ("YX", "ZYX", "TYX", "TZYX") and 1 not in labels.shape[:-2]
    ome = path.name.lower().endswith((".ome.tif", ".ome.tiff")) or labels.dtype.itemsize > 2
    if standard and not ome and labels.nbytes < _IMAGEJ_LIMIT:
        known: dict[str, Any] = {"axes": axes, "spacing": spacing.get("Z"), "finterval": spacing.get("T")}
        known["unit"] = SHORT.get(unit, unit).replace("µm", "um")
        known |= {"Properties": {KEY: legend.text}} if legend else {}
        if legend and labels.dtype == np.uint8:  # as many numbers as a table of colors has
            known |= {"LUTs": [palette(legend, 256).T.copy()], "Ranges": (0.0, 255.0)}
        common |= {"imagej": True, "metadata": {key: value for key, value in known.items() if value}}
    elif standard:
        sizes = {f"PhysicalSize{axis}": spacing[axis] for axis in "ZYX" if axis in spacing}
        units = {f"{size}Unit": SHORT.get(unit, unit) for size in sizes if unit}
        names = {"MapAnnotation": {"Namespace": OWN, KEY: legend.text}} if legend else {}
        common |= {"ome": True, "metadata": {"axes": axes, **sizes, **units, **names}, "compression": "zlib"}
    else:  # axes that neither of them has, or would drop
        known = {"axes": axes, "spacing": spacing.get("Z"), "finterval": spacing.get("T"), "unit": unit}
        known |= {KEY: legend.text} if legend else {}
        common |= {"metadata": {key: value for key, value in known.items() if value}, "compression": "zlib"}
    with whole_file(path) as temporary:
        tifffile.imwrite(temporary, labels, bigtiff=labels.nbytes >= _IMAGEJ_LIMIT, **common)


def legend(path: Path) -> Legend | None:
    """The legend that a TIFF file of labels holds."""
    import tifffile

    with _quiet(), tifffile.TiffFile(path) as file:
        if file.is_ome:
            root = ElementTree.fromstring(file.ome_metadata or "")  # noqa: S314 - expat of today refuses entity bombs
            return Legend.parse(next((one.text for one in root.iter() if one.get("K") == KEY), None))
        if file.is_imagej:
            return Legend.parse((file.imagej_metadata or {}).get("Properties", {}).get(KEY))
        return Legend.parse(file.shaped_metadata[0].get(KEY) if file.shaped_metadata else None)


def write_images(path: Path, images: np.ndarray) -> None:
    """Write images (N, C, *space), as Fiji opens them where it can."""
    import tifffile

    volume = images.ndim == 5
    order = (0, 2, 1, 3, 4) if volume else (0, 1, 2, 3)  # T Z C Y X is the order of an ImageJ file
    axes, images = "TZCYX" if volume else "TCYX", images.transpose(order)
    kept = [place for place, size in enumerate(images.shape) if size > 1 or axes[place] in "YX"]
    images, axes = images.reshape([images.shape[place] for place in kept]), "".join(axes[place] for place in kept)
    with whole_file(path) as temporary:
        if images.dtype in (np.uint8, np.uint16, np.float32) and images.nbytes < _IMAGEJ_LIMIT:
            tifffile.imwrite(temporary, images, imagej=True, metadata={"axes": axes})
        else:
            tifffile.imwrite(temporary, images, bigtiff=images.nbytes >= _IMAGEJ_LIMIT, metadata={"axes": axes})


class _Held:
    """An open TIFF file and its first series, looked through for what is missing."""

    def __init__(self, path: Path) -> None:
        import tifffile

        self.file: Any = None
        self._levels: dict[int, Any] = {}
        self.lock = threading.RLock()
        """tifffile decodes one page of a file at a time."""
        try:
            with _quiet():
                self.file = tifffile.TiffFile(path)
                _check_planes(path, self.file)
                _check_chain(path)
                self.series = self.file.series[0]
                _check_whole(path, self.file, self.series)
        except (*UNREADABLE, ImageReadError) as error:
            self.close()
            if isinstance(error, ImageReadError):
                raise
            raise ImageReadError(f"{path.name}: not a readable TIFF file ({why(error)})") from None

    def level(self, number: int) -> Any:
        """A level, 0 the finest, which reads the tiles or strips that are asked for."""
        import zarr

        with self.lock:
            if number not in self._levels:
                self._levels[number] = zarr.open_array(self.series.aszarr(level=number), mode="r")
            return self._levels[number]

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.close()


class _Shelf:
    """Where an open file is taken from each time that a piece of it is needed."""

    _open = Opened(16)

    def __init__(self, path: Path) -> None:
        self.path, self._stamp = path, _stamp(path)

    def take(self) -> AbstractContextManager[_Held]:
        """The file, opened now if it is not open."""
        return self._open.use((self.path, self._stamp), self._held)

    def _held(self) -> _Held:
        if _stamp(self.path) != self._stamp:
            raise ImageReadError(f"{self.path.name}: the file has changed since it was opened; read it anew")
        return _Held(self.path)


class _Pieces:
    """A level of a large file, read tile by tile or strip by strip."""

    def __init__(self, shelf: _Shelf, array: Any, level: int = 0) -> None:
        self.shape, self.dtype, self.chunks = array.shape, np.dtype(array.dtype), array.chunks
        self._shelf, self._level = shelf, level

    def __getitem__(self, index: Any) -> np.ndarray:
        with self._shelf.take() as held:
            return np.asarray(held.level(self._level)[index])


def _stamp(path: Path) -> tuple[int, int, int]:
    about = path.stat()
    return about.st_ino, about.st_size, about.st_mtime_ns


def _lazy(shelf: _Shelf, held: _Held) -> Any:
    series, page = held.series, held.series.keyframe
    if series.dataoffset is not None and page.fillorder != 2 and page.bitspersample == page.dtype.itemsize * 8:
        dtype = series.dtype.newbyteorder(held.file.byteorder)
        return Mapped(shelf.path, series.shape, dtype, series.dataoffset)
    outer = series.shape[: len(series.shape) - len(page.shape)]
    plain = series.shape[len(outer) :] == page.shape and len(series) == math.prod(outer)
    piece = math.prod(page.chunks) * page.dtype.itemsize
    if plain and page.nbytes <= PAGE and (series.nbytes <= KEPT or piece < PIECE):

        def decode(number: int) -> Any:
            with shelf.take() as held, held.lock:
                return held.series[number].asarray()

        return Paged(outer, page.shape, series.dtype, decode)
    return _Pieces(shelf, held.level(0))


def _check_planes(path: Path, file: Any) -> None:
    """Refuse an OME file that claims more planes than the files it consists of could list."""
    if not file.is_ome:
        return
    root = ElementTree.fromstring(file.ome_metadata)  # noqa: S314 - expat of today refuses entity bombs
    pixels = [one for one in root.iter() if one.tag.endswith("}Pixels") or one.tag == "Pixels"]
    planes = sum(math.prod(max(int(one.get(f"Size{axis}", 1)), 1) for axis in "ZT") for one in pixels)
    names = {one.get("FileName", "") for one in root.iter() if one.tag.endswith("UUID") and one.get("FileName")}
    others = [path.parent / name for name in names if name != path.name]
    size = path.stat().st_size + sum(other.stat().st_size for other in others if other.is_file())
    lost = sorted(other.name for other in others if not other.is_file())
    if lost:
        raise ImageReadError(
            f"{path.name}: {len(lost)} of the {len(others) + 1} files it consists of are missing ({_some(lost)}); "
            "put them beside it"
        )
    if planes * _DIRECTORY > size:
        raise ImageReadError(f"{path.name}: it claims {planes} planes, which {size} bytes cannot hold")


def _check_chain(path: Path) -> None:
    """Refuse a file whose pages go on beyond its end, or in a circle, which tifffile would follow for ever."""
    if (pages := pages_of(path)).broken:
        raise ImageReadError(f"{path.name}: the file is cut off or damaged, only {pages.count} of its pages are there")


def _check_whole(path: Path, file: Any, series: Any) -> None:
    """Refuse a file that ends before its pages or pixels do, or that lacks planes."""
    size, pages = path.stat().st_size, pages_of(path)
    end = max(pages.end, series.dataoffset + series.nbytes if series.dataoffset is not None else 0)
    if end > size:
        raise ImageReadError(f"{path.name}: the file is cut off, {end - size} bytes are missing")
    planes = max(math.prod(series.shape) // max(series.keyframe.size, 1), 1)
    if series.kind == "ome":
        found = sum(page is not None for page in series)
        if len(series) == planes and found < planes:
            raise ImageReadError(f"{path.name}: it claims {planes} planes, but holds {found}; export it anew")
    elif file.is_imagej:
        claimed = int((file.imagej_metadata or {}).get("images", 1))
        if claimed > planes:
            raise ImageReadError(f"{path.name}: the file is cut off, it claims {claimed} planes, but holds {planes}")
    elif file.is_shaped and file.shaped_metadata:
        claimed = math.prod(file.shaped_metadata[0].get("shape", ()))
        if claimed > math.prod(series.shape):
            raise ImageReadError(f"{path.name}: the file is cut off, pages are missing")
    if series.kind != "ome" and series.nbytes > size * _SMALLER:
        raise ImageReadError(f"{path.name}: it claims {series.nbytes} bytes of pixels, which {size} bytes cannot hold")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")


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
def _quiet() -> Iterator[None]:
    """Nothing is printed meanwhile of what tifffile logs: what matters of it is found here."""
    logger = logging.getLogger("tifffile")
    spread, logger.propagate = logger.propagate, False
    silent = logging.NullHandler()
    logger.addHandler(silent)
    try:
        yield
    finally:
        logger.removeHandler(silent)
        logger.propagate = spread
