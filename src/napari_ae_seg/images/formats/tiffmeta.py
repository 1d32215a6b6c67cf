"""Spacing, units and channel names of TIFF files, from OME, ImageJ or plain tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from napari_ae_seg.images.axes import SPACE
from napari_ae_seg.images.units import unit_name


@dataclass
class Calibration:
    """What a file says of its axes, by their letters."""

    spacing: dict[str, float] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    channels: tuple[str, ...] = ()


def calibration(file: Any, series: Any, axes: str) -> Calibration:
    """Spacing, units and channel names of a file's series with `axes`."""
    if file.is_ome and file.ome_metadata:
        return _ome(file.ome_metadata, axes)
    if file.is_imagej:
        return _fields(file.imagej_metadata or {}, _resolution(series.keyframe), axes)
    unit = series.keyframe.resolutionunit
    if file.is_shaped and file.shaped_metadata and unit == _NO_UNIT:
        return _fields(file.shaped_metadata[0], _resolution(series.keyframe), axes)
    if unit == _CENTIMETRE:
        spacing = {axis: size * 1e4 for axis, size in _resolution(series.keyframe).items()}
        return Calibration(spacing, dict.fromkeys(spacing, "micrometer"))
    return Calibration()  # dots per inch describe a print, not the object


def _fields(about: dict[str, Any], spacing: dict[str, float], axes: str) -> Calibration:
    """From ImageJ's fields, which our own plain files have, too."""
    unit = unit_name(str(about.get("unit") or ""))
    for axis, name in (("Z", "spacing"), ("T", "finterval")):
        size = about.get(name)
        if axis in axes and isinstance(size, (int, float)) and size > 0:
            spacing[axis] = float(size)
    units = {axis: unit for axis in SPACE if axis in axes} if unit and spacing else {}
    return Calibration(spacing, units)


def _resolution(page: Any) -> dict[str, float]:
    x, y = page.resolution
    if min(x, y) <= 0 or (x, y) == (1, 1):
        return {}
    return {"Y": float(f"{1 / y:.12g}"), "X": float(f"{1 / x:.12g}")}  # a fraction: what lies behind is rounding


def _ome(xml: str, axes: str) -> Calibration:
    from tifffile import xml2dict

    image = xml2dict(xml).get("OME", {}).get("Image", {})
    pixels = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    found = Calibration()
    for axis in SPACE:
        size = pixels.get(f"PhysicalSize{axis}")
        if axis in axes and isinstance(size, (int, float)) and size > 0:
            found.spacing[axis] = float(size)
            found.units[axis] = unit_name(str(pixels.get(f"PhysicalSize{axis}Unit", "µm"))) or "pixel"
    channels = pixels.get("Channel", [])
    names = [str(one.get("Name", "")) for one in (channels if isinstance(channels, list) else [channels])]
    found.channels = tuple(names) if all(names) else ()
    return found


_NO_UNIT, _CENTIMETRE = 1, 3
