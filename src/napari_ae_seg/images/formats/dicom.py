"""DICOM files and series, with the optional dependency of the extra `medical`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.images.axes import parse_axes
from napari_ae_seg.images.source import Source

from .lazy import UNREADABLE, Decoded, Guarded, Paged, why
from .optional import optional


def read(path: Path, axes: str | None) -> Source:
    """One file of one or several frames."""
    return read_series([path], axes)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its ending, or without one, as scanners write them, by what is in it."""
    if path.suffix.lower() in (".dcm", ".dicom", ".ima"):
        return True
    if not path.is_file() or not (path.suffix == "" or path.suffix[1:].isdigit()):
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def read_series(paths: Sequence[Path], axes: str | None) -> Source:
    """The slices of a DICOM series in their order in space, or one file of one or several frames."""
    pydicom = optional("pydicom", f"reading {paths[0].name}")
    headers: dict[str, list[tuple[Path, Any]]] = defaultdict(list)
    for path in paths:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
            headers[str(header.get("SeriesInstanceUID", ""))].append((path, header))
        except (*UNREADABLE, pydicom.errors.InvalidDicomError) as error:
            raise ImageReadError(f"{path.name}: not a readable DICOM file ({why(error)})") from None
    try:
        return _of_headers(pydicom, paths, headers, axes)
    except UNREADABLE as error:
        if axes is not None and isinstance(error, ValueError):
            raise  # the axes that a person named do not fit
        raise ImageReadError(f"{paths[0].name}: not a readable DICOM file ({why(error)})") from None


def _of_headers(
    pydicom: Any, paths: Sequence[Path], headers: dict[str, list[tuple[Path, Any]]], axes: str | None
) -> Source:
    name = paths[0].parent.name if len(paths) > 1 else paths[0].stem
    longest = max(headers, key=lambda uid: len(headers[uid]))
    series = sorted(headers[longest], key=lambda item: _position(item[1]))
    first = series[0][1]
    sizes = {(h.get("Rows"), h.get("Columns"), h.get("SamplesPerPixel", 1)) for _, h in series}
    if len(sizes) > 1 or not first.get("Rows"):
        raise ImageReadError(f"{name}: the slices of the series have no common size, got {sorted(map(str, sizes))}")
    samples, frames = int(first.get("SamplesPerPixel", 1)), int(first.get("NumberOfFrames", 1) or 1)
    page = (int(first.Rows), int(first.Columns), *([samples] if samples > 1 else []))
    outer = (len(series),) if len(series) > 1 else (frames,) if frames > 1 else ()
    whole = page if len(series) > 1 or frames == 1 else (frames, *page)
    files = [path for path, _ in series]
    dtype = _dicom_dtype(first)
    if whole == page:
        array: Any = Paged(outer, page, dtype, lambda number: _pixels(pydicom, files[number], dtype))
    else:
        array = Decoded(whole, dtype, lambda: _pixels(pydicom, files[0], dtype))
    named = parse_axes(axes, array.shape) if axes is not None else "Z" * len(outer) + "YX" + "S" * (samples > 1)
    spacing, unknown = _spacing(name, series)
    several = f"{name}: of {len(headers)} series in the folder the one with most slices is read"
    notes = [several if len(headers) > 1 else "", unknown]
    return Source(
        Guarded(array, name),
        named,
        name,
        str(files[0].parent if len(files) > 1 else files[0]),
        {axis: size for axis, size in spacing.items() if axis in named},
        {axis: "millimeter" for axis in spacing if axis in named},
        assumed="; ".join(filter(None, notes)),
    )


def _position(header: Any) -> tuple[float, float]:
    """Where a slice lies along the normal of the series, then its number."""
    place, turn = header.get("ImagePositionPatient"), header.get("ImageOrientationPatient")
    number = float(header.get("InstanceNumber") or 0)
    if not place or not turn or len(place) != 3 or len(turn) != 6:
        return 0.0, number
    normal = np.cross([float(v) for v in turn[:3]], [float(v) for v in turn[3:]])
    return float(np.dot(normal, [float(v) for v in place])), number


def _spacing(name: str, series: Sequence[tuple[Path, Any]]) -> tuple[dict[str, float], str]:
    """Millimetres along Z, Y and X, and a sentence if the file says them in a way nobody understands."""
    first = series[0][1]
    spacing: dict[str, float] = {}
    try:
        across = first.get("PixelSpacing") or first.get("ImagerPixelSpacing")
        if across:
            spacing |= {"Y": float(across[0]), "X": float(across[1])}
        places = [_position(header)[0] for _, header in series]
        gap = float(np.median(np.diff(places))) if len(places) > 1 else 0.0
        between = gap or first.get("SpacingBetweenSlices") or first.get("SliceThickness")
        if between and float(between) > 0:
            spacing["Z"] = float(between)
    except UNREADABLE:
        return {}, f"{name}: its pixel size cannot be read and is left out"
    return spacing, ""


def _rescale(header: Any) -> tuple[float, float]:
    return float(header.get("RescaleSlope", 1) or 1), float(header.get("RescaleIntercept", 0) or 0)


def _dicom_dtype(header: Any) -> np.dtype[Any]:
    if _rescale(header) != (1.0, 0.0):
        return np.dtype("f4")
    bits, signed = int(header.get("BitsAllocated", 16)), int(header.get("PixelRepresentation", 0))
    return np.dtype(f"{'i' if signed else 'u'}{max(bits, 8) // 8}")


def _pixels(pydicom: Any, path: Path, dtype: np.dtype[Any]) -> np.ndarray:
    header = pydicom.dcmread(path)
    slope, intercept = _rescale(header)
    values = np.asarray(header.pixel_array)
    if (slope, intercept) == (1.0, 0.0):
        return values.astype(dtype, copy=False)
    return (values * np.float32(slope) + np.float32(intercept)).astype(dtype, copy=False)
