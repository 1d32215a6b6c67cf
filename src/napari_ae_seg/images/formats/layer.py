"""napari Image layers as sources; napari itself is not imported, anything with a layer's attributes will do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_ae_seg.images.axes import CHANNELS, axes_from_names, guess_axes, parse_axes
from napari_ae_seg.images.source import Extra, Source


def from_layer(layer: Any, axes: str | None) -> Source:
    """The source of a layer, with the levels of a pyramid, and all that places its labels where it lies."""
    levels = list(layer.data) if getattr(layer, "multiscale", False) else [layer.data]
    array = levels[0]
    if not hasattr(array, "shape") or not hasattr(array, "dtype"):
        array = np.asarray(array)
    rgb, count, name = bool(getattr(layer, "rgb", False)), len(array.shape), str(layer.name)
    assumed = ""
    labeled = tuple(str(label) for label in getattr(layer, "axis_labels", None) or ())
    if axes is not None:
        named = parse_axes(axes, array.shape)
    else:
        named = axes_from_names(labeled) + "S" * rgb
        if len(named) != count or len(set(named)) != count:
            named = guess_axes(array.shape, np.dtype(array.dtype), rgb).replace("C", "S" if rgb else "C")
            assumed = f"{name}: axes taken as {named} for shape {tuple(array.shape)}" if count - rgb > 2 else ""
    kept = [place for place, axis in enumerate(named) if axis not in CHANNELS]
    own = count - rgb  # a layer's transform does not count the axis of its colours
    dropped = [place for place in range(own) if place not in kept]
    transform = _without(_transform(layer, own), own, dropped)
    if labeled and all(label.lstrip("-").isdigit() for label in labeled):
        transform.pop("axis_labels", None)
    letters = [named[place] for place in kept]
    scale, units = transform.get("scale", ()), transform.get("units", ())
    finest = Source(
        array,
        named,
        name,
        spacing={a: abs(float(s)) or 1.0 for a, s in zip(letters, scale, strict=False)},
        units={a: str(unit) for a, unit in zip(letters, units, strict=False)},
        alpha=rgb and array.shape[-1] == 4,
        assumed=assumed,
        transform=transform,
    )
    return replace(finest, coarser=tuple(_coarser(finest, level, kept) for level in levels[1:]))


def _coarser(finest: Source, array: Any, kept: list[int]) -> Source:
    """A further level of the pyramid of `finest`, whose labels have its axes `kept`: its pixels are larger."""
    factors = [a / b for a, b in zip(finest.shape, array.shape, strict=True)]
    spacing = {axis: size * factors[finest.axes.index(axis)] for axis, size in finest.spacing.items()}
    transform, own = dict(finest.transform or {}), np.array([factors[place] for place in kept])
    scale = np.array(transform.get("scale", np.ones(len(kept))), float)
    shift = np.array(transform.get("translate", np.zeros(len(kept))), float)
    turned = np.array(transform.get("rotate", np.eye(len(kept)))) @ _sheared(transform.get("shear"), len(kept))
    transform["scale"] = tuple(map(float, scale * own))
    transform["translate"] = tuple(map(float, shift + turned @ (scale * (own - 1) / 2)))
    return replace(finest, array=array, spacing=spacing, transform=transform)


def _sheared(shear: Any, count: int) -> np.ndarray:
    """The matrix of a layer's shear."""
    if shear is None or np.ndim(shear) == 2:
        return np.eye(count) if shear is None else np.asarray(shear)
    full = np.eye(count)
    full[np.triu_indices(count, 1)] = shear
    return full


def _transform(layer: Any, count: int) -> Extra:
    """The arguments of `add_labels` that a layer of `count` axes knows."""
    known: Extra = {}
    for what in ("scale", "translate", "units", "axis_labels"):
        value = getattr(layer, what, None)
        if value is not None and len(value) == count:
            known[what] = tuple(map(str, value)) if what in ("units", "axis_labels") else tuple(map(float, value))
    if getattr(layer, "rotate", None) is not None and np.ndim(layer.rotate) == 2:
        known["rotate"] = np.array(layer.rotate, dtype=float)
    if getattr(layer, "shear", None) is not None and np.ndim(layer.shear):
        known["shear"] = np.array(layer.shear, dtype=float)
    affine = getattr(layer, "affine", None)
    if affine is not None:
        known["affine"] = np.array(getattr(affine, "affine_matrix", affine), dtype=float)
    return known


def _without(transform: Extra, count: int, dropped: list[int]) -> Extra:
    """`transform` of `count` axes without those at `dropped`."""
    if not dropped:
        return transform
    kept = [place for place in range(count) if place not in dropped]
    fewer: Extra = {}
    for what, value in transform.items():
        if what in ("rotate", "affine"):
            rows = kept + list(range(count, len(value)))  # an affine has one row more
            fewer[what] = value[np.ix_(rows, rows)]
        elif what == "shear":
            fewer[what] = _shear_without(value, count, kept)
        else:
            fewer[what] = tuple(value[place] for place in kept)
    return fewer


def _shear_without(shear: np.ndarray, count: int, kept: list[int]) -> np.ndarray:
    """Shear without some axes: napari keeps the entries above the diagonal as a vector, or the whole matrix."""
    fewer = _sheared(shear, count)[np.ix_(kept, kept)]
    return fewer if shear.ndim == 2 else fewer[np.triu_indices(len(kept), 1)]
