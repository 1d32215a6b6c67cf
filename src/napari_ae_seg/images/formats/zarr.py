"""Zarr arrays and groups, and OME-Zarr images (0.1 to 0.5) with axes, spacing and units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.images.axes import axes_from_names, parse_axes
from napari_ae_seg.images.source import Source
from napari_ae_seg.images.units import unit_name

from .array import from_array
from .lazy import UNREADABLE, Guarded, why


def read(path: Path, axes: str | None) -> Source:
    """The image in a `.zarr` folder: an array, or the levels of an OME-Zarr pyramid."""
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
    """The levels of an OME-Zarr group, or the one array of a plain group."""
    about = _about_image(dict(group.attrs), name)
    if about:
        finest = _from_multiscale(group, about, axes, name, path, 0)
        return replace(finest, coarser=tuple(_coarser(group, about, axes, name, path)))
    arrays = sorted(key for key, _ in group.arrays())
    if len(arrays) == 1:
        return _from_array(group[arrays[0]], axes, name, path)
    groups = sorted(key for key, _ in group.groups())
    if not arrays and "0" in groups:  # a file as bioformats2raw lays it out, or a well of a plate
        return from_group(group["0"], axes, name, path)
    inside = ", ".join([*arrays, *groups][:8]) or "nothing"
    raise ImageReadError(f"{name}: a zarr group that is no single image, it holds {inside}; give one of these")


def _about_image(attributes: dict[str, Any], name: str) -> dict[str, Any]:
    """The metadata of an OME-Zarr image, or {}."""
    about = attributes.get("ome", attributes)
    if not isinstance(about, dict):
        raise ImageReadError(f"{name}: its OME-Zarr metadata are no set of names and values")
    return about if about.get("multiscales") else {}


def _coarser(group: Any, about: dict[str, Any], axes: str | None, name: str, path: str | None) -> Iterator[Source]:
    """The levels after the finest one, as far as they can be read."""
    for number in range(1, len(about["multiscales"][0]["datasets"])):
        try:
            yield _from_multiscale(group, about, axes, name, path, number)
        except (ImageReadError, ValueError):
            return


def _from_multiscale(
    group: Any, about: dict[str, Any], axes: str | None, name: str, path: str | None, number: int
) -> Source:
    try:
        scales = about["multiscales"][0]
        level = scales["datasets"][number]
        array = group[level["path"]]
        ndim = len(array.shape)
        listed = [axis if isinstance(axis, dict) else {"name": axis} for axis in scales.get("axes") or []]
        given = axes_from_names([str(axis["name"]) for axis in listed]) or "TCZYX"[-ndim:]
        channels = tuple(str(one.get("label", "")) for one in (about.get("omero") or {}).get("channels") or [])
        steps = [
            step
            for where in (level, scales)
            for step in where.get("coordinateTransformations") or []
            if len(step.get(step.get("type"), ())) == ndim
        ]
        sizes, shifts = _placed(steps, ndim)
        units = [unit_name(str(one.get("unit") or "")) for one in listed]
    except UNREADABLE as error:
        raise ImageReadError(f"{name}: its OME-Zarr metadata describe no image that is there ({why(error)})") from None
    named = parse_axes(axes or given, array.shape)
    spacing = {axis: size for axis, size in zip(named, sizes, strict=True) if axis in "TZYX" and size > 0}
    known = {axis: unit for axis, unit in zip(named, units, strict=False) if unit}
    label_axes = [place for place, axis in enumerate(named) if axis not in "CS"]
    transform: dict[str, Any] = {"scale": tuple(spacing.get(named[place], 1.0) for place in label_axes)}
    if any(shifts):
        transform["translate"] = tuple(shifts[place] for place in label_axes)
    if known:
        transform["units"] = tuple(known.get(named[place], "pixel") for place in label_axes)
    return Source(
        array if path is None else Guarded(array, name),
        named,
        name,
        path,
        spacing,
        known,
        channel_names=channels if all(channels) else (),
        transform=transform,
    )


def _placed(steps: Sequence[dict[str, Any]], ndim: int) -> tuple[list[float], list[float]]:
    """Size of a pixel and shift along each axis after all `steps`."""
    sizes, shifts = [1.0] * ndim, [0.0] * ndim
    for step in steps:
        values = [float(value) for value in step[step["type"]]]
        if not all(map(math.isfinite, values)):
            raise ValueError(f"a {step['type']} of {values}")
        if step["type"] == "scale":
            sizes = [old * new for old, new in zip(sizes, values, strict=True)]
            shifts = [old * new for old, new in zip(shifts, values, strict=True)]
        elif step["type"] == "translation":
            shifts = [old + new for old, new in zip(shifts, values, strict=True)]
    return sizes, shifts


def _from_array(array: Any, axes: str | None, name: str, path: str | None) -> Source:
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or ()
    array = array if path is None else Guarded(array, name)
    return from_array(array, axes or axes_from_names([str(n) for n in names]) or None, name, path)
