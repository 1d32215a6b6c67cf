"""Zarr arrays and groups, and OME-Zarr images (0.1 to 0.5) with their axes, spacing and units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.images.axes import axes_from_names, parse_axes
from napari_ae_seg.images.source import Source
from napari_ae_seg.images.units import unit_name

from .lazy import UNREADABLE, Guarded, why


def from_zarr(path: Path, axes: str | None) -> Source:
    """The image in a `.zarr` folder: an array, or level 0 of an OME-Zarr pyramid."""
    import zarr

    try:
        opened = zarr.open(str(path), mode="r")
    except UNREADABLE as error:
        raise ImageReadError(f"{path.name}: not a readable zarr folder ({why(error)})") from None
    name = path.name.removesuffix(".zarr").removesuffix(".ome")
    if isinstance(opened, zarr.Group):
        return from_group(opened, axes, name, str(path))
    return _from_array(opened, axes, name, str(path))


def from_group(group: Any, axes: str | None, name: str, path: str | None) -> Source:
    """Level 0 of an OME-Zarr group, or the one array of a plain group."""
    about = dict(group.attrs)
    about = about.get("ome", about)
    if about.get("multiscales"):
        return _from_multiscale(group, about, axes, name, path)
    arrays = sorted(key for key, _ in group.arrays())
    if len(arrays) == 1:
        return _from_array(group[arrays[0]], axes, name, path)
    groups = sorted(key for key, _ in group.groups())
    if not arrays and "0" in groups:  # a file as bioformats2raw lays it out, or a well of a plate
        return from_group(group["0"], axes, name, path)
    inside = ", ".join([*arrays, *groups][:8]) or "nothing"
    raise ImageReadError(f"{name}: a zarr group that is no single image, it holds {inside}; give one of these")


def _from_multiscale(group: Any, about: dict[str, Any], axes: str | None, name: str, path: str | None) -> Source:
    scales = about["multiscales"][0]
    try:
        level = scales["datasets"][0]
        array = group[level["path"]]
    except (KeyError, IndexError, TypeError) as error:
        raise ImageReadError(f"{name}: its OME-Zarr metadata name no array that is there ({why(error)})") from None
    listed = [axis if isinstance(axis, dict) else {"name": axis} for axis in scales.get("axes", [])]
    given = axes_from_names([axis["name"] for axis in listed]) or "TCZYX"[-array.ndim :]
    named = parse_axes(axes or given, array.shape)
    sizes = [1.0] * array.ndim
    shifts = [0.0] * array.ndim
    for step in [*level.get("coordinateTransformations", []), *scales.get("coordinateTransformations", [])]:
        if step.get("type") == "scale" and len(step.get("scale", [])) == array.ndim:
            sizes = [old * float(new) for old, new in zip(sizes, step["scale"], strict=True)]
            shifts = [old * float(new) for old, new in zip(shifts, step["scale"], strict=True)]
        elif step.get("type") == "translation" and len(step.get("translation", [])) == array.ndim:
            shifts = [old + float(new) for old, new in zip(shifts, step["translation"], strict=True)]
    spacing = {axis: size for axis, size in zip(named, sizes, strict=True) if axis in "TZYX" and size > 0}
    units = {a: unit_name(str(one.get("unit") or "")) for a, one in zip(named, listed, strict=False)}
    units = {axis: unit for axis, unit in units.items() if unit}
    channels = tuple(str(channel.get("label", "")) for channel in about.get("omero", {}).get("channels", []))
    label_axes = [place for place, axis in enumerate(named) if axis not in "CS"]
    transform: dict[str, Any] = {"scale": tuple(spacing.get(named[place], 1.0) for place in label_axes)}
    if any(shifts):
        transform["translate"] = tuple(shifts[place] for place in label_axes)
    if units:
        transform["units"] = tuple(units.get(named[place], "pixel") for place in label_axes)
    return Source(
        array if path is None else Guarded(array, name),
        named,
        name,
        path,
        spacing,
        units,
        channel_names=channels if all(channels) else (),
        transform=transform,
    )


def _from_array(array: Any, axes: str | None, name: str, path: str | None) -> Source:
    from .readers import from_array

    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or ()
    array = array if path is None else Guarded(array, name)
    return from_array(array, axes or axes_from_names([str(n) for n in names]) or None, name, path)
