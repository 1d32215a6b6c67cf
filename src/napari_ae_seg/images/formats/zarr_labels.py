"""Labels as OME-Zarr 0.5, written region by region."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.core.wholefile import whole_folder
from napari_ae_seg.images.image import Image

OWN = "napari-ae-seg"
"""The attribute by which labels of this package are known."""
_SIDES = {"Z": 64, "Y": 256, "X": 256}  # of a chunk


@contextmanager
def open_zarr_labels(
    path: str | Path, image: Image | None, dtype: Any = np.uint16, shape: Sequence[int] = ()
) -> Iterator[Any]:
    """A zarr array of `image.label_shape` (or `shape`) to fill; the folder appears at the end, or not at all.

    Regions written at the same time must not share a chunk (`.chunks`).
    """
    with whole_folder(Path(path), replaces=is_own_labels) as folder:
        yield create_labels(folder, image, dtype, shape)


def is_own_labels(path: Path) -> bool:
    """Whether `path` is a folder of labels that this package wrote, with nothing else in it.

    Only such a folder is replaced by new labels.
    """
    try:
        about = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
        return OWN in about["attributes"] and {item.name for item in path.iterdir()} <= {"zarr.json", "0"}
    except (OSError, ValueError, TypeError, KeyError):
        return False


def create_labels(folder: Path, image: Image | None, dtype: Any = np.uint16, shape: Sequence[int] = ()) -> Any:
    """The empty array of an OME-Zarr image of labels in `folder`, with the image's axes, spacing and units."""
    import zarr

    sizes = tuple(shape) if image is None else image.label_shape
    axes = image.label_axes if image is not None else "PQRTZYX"[-len(sizes) :]
    chunks = tuple(min(size, _SIDES.get(axis, 1)) for axis, size in zip(axes, sizes, strict=True))
    group = zarr.open_group(str(folder), mode="w", zarr_format=3)
    group.attrs.update({"ome": _about(axes, image), OWN: {"kind": "labels"}})
    return group.create_array(
        "0", shape=sizes, dtype=np.dtype(dtype), chunks=chunks, fill_value=0, dimension_names=list(axes.lower())
    )


def _about(axes: str, image: Image | None) -> dict[str, Any]:
    """The metadata that OME-Zarr 0.5 asks for."""
    spacing = {} if image is None else image.sources[0].spacing
    units = {} if image is None else image.sources[0].units
    shift = (image.transform.get("translate") if image is not None else None) or ()
    listed = []
    for axis in axes:
        kind = "time" if axis == "T" else "space" if axis in "ZYX" else "other"
        unit = {"unit": units[axis]} if units.get(axis, "pixel") != "pixel" else {}
        listed.append({"name": axis.lower(), "type": kind, **unit})
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": [float(spacing.get(axis, 1.0)) for axis in axes]}]
    if any(shift):
        steps.append({"type": "translation", "translation": [float(v) for v in shift]})
    levels = [{"path": "0", "coordinateTransformations": steps}]
    name = "labels" if image is None else f"{image.name} labels"
    return {"version": "0.5", "multiscales": [{"name": name, "axes": listed, "datasets": levels}], "image-label": {}}
