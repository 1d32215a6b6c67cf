"""NIfTI files and DICOM series, with the optional dependencies of the extra `medical`."""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import ImageReadError, MissingExtraError
from napari_ae_seg.images.axes import parse_axes
from napari_ae_seg.images.source import Source

from .lazy import UNREADABLE, Decoded, Guarded, Paged, why


def medical(module: str, what: str) -> Any:
    """An optional module, or one sentence on how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtraError(f'{what} needs {module}: pip install "napari-ae-seg[medical]"') from None


def from_nifti(path: Path, axes: str | None) -> Source:
    """A NIfTI file, in its own order of axes: X, Y, Z, T."""
    nibabel = medical("nibabel", f"reading {path.name}")
    name = path.name.removesuffix(".gz").removesuffix(".nii")
    try:
        image = nibabel.load(path)
        proxy, zooms, unit = image.dataobj, image.header.get_zooms(), image.header.get_xyzt_units()[0]
    except (*UNREADABLE, nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError) as error:
        raise ImageReadError(f"{path.name}: not a readable NIfTI file ({why(error)})") from None
    scaled = proxy.slope not in (1, None) or proxy.inter not in (0, None)
    dtype = np.dtype("f4") if scaled and proxy.dtype.kind in "iuf" else proxy.dtype
    if path.name.endswith(".gz"):  # no random access into it
        proxy = Decoded(proxy.shape, dtype, lambda: np.asarray(image.dataobj[...], dtype))
    else:
        proxy = _Typed(proxy, dtype)
    named = parse_axes(axes, proxy.shape) if axes is not None else _nifti_axes(name, proxy.shape)
    sizes = dict(zip(named, map(float, zooms), strict=False))
    unit = {"mm": "millimeter", "micron": "micrometer", "meter": "meter"}.get(unit, "")
    return Source(
        Guarded(proxy, path.name),
        named,
        name,
        str(path),
        {axis: size for axis, size in sizes.items() if axis in "TZYX" and size > 0},
        {axis: unit for axis in "ZYX" if axis in named} if unit else {},
        affine=np.asarray(image.affine, float),
    )


def from_dicom(paths: Sequence[Path], axes: str | None) -> Source:
    """The slices of a DICOM series in their order in space, or one file of one or several frames."""
    pydicom = medical("pydicom", f"reading {paths[0].name}")
    headers: dict[str, list[tuple[Path, Any]]] = defaultdict(list)
    for path in paths:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
            headers[str(header.get("SeriesInstanceUID", ""))].append((path, header))
        except (*UNREADABLE, pydicom.errors.InvalidDicomError) as error:
            raise ImageReadError(f"{path.name}: not a readable DICOM file ({why(error)})") from None
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
    spacing = _dicom_spacing(series)
    several = f"{name}: of {len(headers)} series in the folder the one with most slices is read"
    return Source(
        Guarded(array, name),
        named,
        name,
        str(files[0].parent if len(files) > 1 else files[0]),
        {axis: size for axis, size in spacing.items() if axis in named},
        {axis: "millimeter" for axis in spacing if axis in named},
        assumed=several if len(headers) > 1 else "",
    )


class _Typed:
    """nibabel's file on disk, indexed in its own dtype: it scales to float64 of itself."""

    def __init__(self, proxy: Any, dtype: np.dtype[Any]) -> None:
        self._proxy, self.shape, self.dtype = proxy, tuple(proxy.shape), dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.asarray(self._proxy[index], self.dtype)


def _nifti_axes(name: str, shape: Sequence[int]) -> str:
    if not 2 <= len(shape) <= 5:
        raise ImageReadError(f"{name}: a NIfTI image has 2 to 5 axes, got shape {tuple(shape)}")
    return "XYZTC"[: len(shape)]


def _position(header: Any) -> tuple[float, float]:
    """Where a slice lies along the normal of the series, then its number."""
    place, turn = header.get("ImagePositionPatient"), header.get("ImageOrientationPatient")
    number = float(header.get("InstanceNumber") or 0)
    if not place or not turn:
        return 0.0, number
    normal = np.cross([float(v) for v in turn[:3]], [float(v) for v in turn[3:]])
    return float(np.dot(normal, [float(v) for v in place])), number


def _dicom_spacing(series: Sequence[tuple[Path, Any]]) -> dict[str, float]:
    first = series[0][1]
    spacing: dict[str, float] = {}
    across = first.get("PixelSpacing") or first.get("ImagerPixelSpacing")
    if across:
        spacing |= {"Y": float(across[0]), "X": float(across[1])}
    places = [_position(header)[0] for _, header in series]
    gap = float(np.median(np.diff(places))) if len(places) > 1 else 0.0
    between = gap or first.get("SpacingBetweenSlices") or first.get("SliceThickness")
    if between and float(between) > 0:
        spacing["Z"] = float(between)
    return spacing


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
