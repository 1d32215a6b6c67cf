"""Arrays as sources: numpy, dask, zarr and xarray, and the images of bioio and aicsimageio."""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import AssumptionWarning, ImageReadError
from napari_ae_seg.images.axes import axes_from_names, float_colors, guess_axes, parse_axes
from napari_ae_seg.images.source import Source
from napari_ae_seg.images.units import unit_name


def from_array(array: Any, axes: str | None, name: str, path: str | None = None) -> Source:
    """The source of an array whose axes are named by the person or else guessed."""
    if axes is not None:
        return Source(array, parse_axes(axes, array.shape), name, path)
    if not all(size > 0 for size in array.shape) or np.dtype(array.dtype).kind not in "biuf":
        return Source(array, "", name, path)  # says what is wrong with it, before axes are asked for
    guessed = guess_axes(array.shape, np.dtype(array.dtype))
    alpha = guessed.endswith("C") and array.shape[-1] == 4
    if float_colors(array.shape, np.dtype(array.dtype)):
        volume = guess_axes(array.shape, np.dtype(array.dtype), rgb=False)
        notice = f"{name}: axes taken as {guessed}, the last one as colors; axes={volume!r} takes it as a volume"
        warnings.warn(notice, AssumptionWarning, stacklevel=2)
    assumed = f"{name}: axes taken as {guessed} for shape {tuple(array.shape)}" if len(guessed) > 2 else ""
    return Source(array, guessed, name, path, alpha=alpha, assumed=assumed)


def from_object(x: Any, axes: str | None) -> Source:
    """The source of anything that is an array, holds one, or can be made one."""
    if hasattr(x, "xarray_dask_data"):  # an image of bioio or aicsimageio
        return from_bioimage(x, axes)
    if isinstance(getattr(x, "dims", None), tuple) and hasattr(x, "data"):
        return _from_xarray(x, axes)
    if hasattr(x, "shape") and hasattr(x, "__getitem__") and isinstance(getattr(x, "dtype", None), np.dtype):
        return from_array(x, axes or _zarr_axes(x), "image")
    if hasattr(x, "__array__"):
        return from_array(np.asarray(x), axes, "image")
    raise ImageReadError(f"cannot read a {type(x).__name__}: give an array, a napari Image layer, a path, or a list")


def _zarr_axes(x: Any) -> str | None:
    names = getattr(getattr(x, "metadata", None), "dimension_names", None)
    return axes_from_names([name or "" for name in names]) or None if names else None


def _from_xarray(x: Any, axes: str | None) -> Source:
    """With the spacing and the origin that evenly spaced coordinates have, and their units."""
    source = from_array(x.data, axes or axes_from_names(x.dims) or None, str(getattr(x, "name", None) or "image"))
    spacing: dict[str, float] = {}
    units: dict[str, str] = {}
    origin: dict[str, float] = {}
    names: tuple[str, ...] = ()
    for axis, dim in zip(source.axes, x.dims, strict=True):
        if dim not in x.coords:
            continue
        values = np.asarray(x.coords[dim])
        unit = unit_name(str(getattr(x.coords[dim], "attrs", {}).get("units", "")))
        if values.dtype.kind in "mM":  # points of time, from the first one on
            values, unit = (values - values[0]) / np.timedelta64(1, "s"), "second"
        if axis == "C":
            names = tuple(map(str, values))
        elif axis in "TZYX" and values.dtype.kind in "iuf" and _is_even(values):
            spacing[axis], origin[axis] = abs(float(values[1] - values[0])), float(values[0])
            units |= {axis: unit} if unit else {}
    transform: dict[str, Any] = {}
    kept = [axis for axis in source.axes if axis not in "CS"]
    if spacing:
        transform["scale"] = tuple(spacing.get(axis, 1.0) for axis in kept)
    if any(origin.values()):
        transform["translate"] = tuple(origin.get(axis, 0.0) for axis in kept)
    if units:
        transform["units"] = tuple(units.get(axis, "pixel") for axis in kept)
    return Source(
        source.array,
        source.axes,
        source.name,
        spacing=spacing,
        units=units,
        channel_names=names,
        alpha=source.alpha,
        assumed=source.assumed,
        transform=transform or None,
    )


def _is_even(values: np.ndarray) -> bool:
    steps = np.diff(values.astype(float))
    return steps.size > 0 and bool(np.allclose(steps, steps[0], rtol=1e-3)) and steps[0] > 0


def from_bioimage(x: Any, axes: str | None, name: str = "", path: str | None = None) -> Source:
    """The source of an image of bioio or aicsimageio, at the scene that it is set to.

    Of a file at `path` the axes of length 1 are left out, which bioio adds to all files.
    """
    data = x.xarray_dask_data
    if path is not None and axes is None:
        data = data.isel(
            {dim: 0 for dim, size in zip(data.dims, data.shape, strict=True) if dim in "TCZ" and size == 1}
        )
    named = axes or axes_from_names(data.dims) or None
    source = from_array(data.data, named, name or str(getattr(x, "current_scene", None) or "image"), path)
    pixel, about = getattr(x, "physical_pixel_sizes", None), getattr(x, "dimension_properties", None)
    spacing = {axis: getattr(pixel, axis, None) for axis in "ZYX" if axis in source.axes}
    known = {axis: float(size) for axis, size in spacing.items() if size}
    units = {axis: unit_name(str(getattr(getattr(about, axis, None), "unit", None) or "um")) for axis in known}
    step = getattr(x, "time_interval", None)
    seconds = step.total_seconds() if isinstance(step, timedelta) else float(step or 0)
    if "T" in source.axes and seconds > 0:
        known, units = {"T": seconds, **known}, {"T": "second", **units}
    names = tuple(map(str, getattr(x, "channel_names", None) or ())) if "C" in source.axes else ()
    return replace(
        source, spacing=known, units={axis: unit or "micrometer" for axis, unit in units.items()}, channel_names=names
    )
