"""From whatever a person has (arrays, layers, paths) to sources."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import AssumptionWarning, ImageReadError
from napari_ae_seg.images.axes import axes_from_names, float_colors, guess_axes, parse_axes
from napari_ae_seg.images.source import Source

from .lazy import UNREADABLE, Mapped, why

Axes = str | None


def sources_of(x: Any, axes: Axes) -> list[Source]:
    """The sources in `x`: an array, a layer, a path, or a list of them."""
    if isinstance(x, (list, tuple)):
        if not x:
            raise ImageReadError("there is nothing to read: the list of images is empty")
        return [source for item in x for source in sources_of(item, axes)]
    if isinstance(x, (str, os.PathLike)):
        return list(_from_path(Path(x).expanduser(), axes))
    return [_from_object(x, axes)]


def from_array(array: Any, axes: Axes, name: str, path: str | None = None, rgb: bool | None = None) -> Source:
    """The source of an array whose axes are named by the person or else guessed."""
    if axes is not None:
        return Source(array, parse_axes(axes, array.shape), name, path)
    if not np.prod(array.shape) > 0 or np.dtype(array.dtype).kind not in "biuf":
        return Source(array, "", name, path)  # says what is wrong with it, before axes are asked for
    guessed = guess_axes(array.shape, np.dtype(array.dtype), rgb)
    alpha = guessed.endswith("C") and array.shape[-1] == 4
    if rgb is None and float_colors(array.shape, np.dtype(array.dtype)):
        volume = guess_axes(array.shape, np.dtype(array.dtype), rgb=False)
        notice = f"{name}: axes taken as {guessed}, the last one as colors; axes={volume!r} takes it as a volume"
        warnings.warn(notice, AssumptionWarning, stacklevel=2)
    assumed = f"{name}: axes taken as {guessed} for shape {tuple(array.shape)}" if len(guessed) > 2 else ""
    return Source(array, guessed, name, path, alpha=alpha, assumed=assumed)


def _from_object(x: Any, axes: Axes) -> Source:
    if all(hasattr(x, what) for what in ("name", "scale", "data")):
        from .layer import from_layer

        return from_layer(x, axes)
    if hasattr(x, "attrs") and hasattr(x, "group_keys"):
        from .zarr import from_group

        return from_group(x, axes, getattr(x, "basename", "") or "image", None)
    if hasattr(x, "dims") and hasattr(x, "data"):  # xarray
        return from_array(x.data, axes or axes_from_names(x.dims) or None, str(getattr(x, "name", None) or "image"))
    if hasattr(x, "shape") and hasattr(x, "__getitem__") and isinstance(getattr(x, "dtype", None), np.dtype):
        return from_array(x, axes or _zarr_axes(x), "image")
    if hasattr(x, "__array__"):
        return from_array(np.asarray(x), axes, "image")
    raise ImageReadError(f"cannot read a {type(x).__name__}: give an array, a napari Image layer, a path, or a list")


def _zarr_axes(x: Any) -> Axes:
    names = getattr(getattr(x, "metadata", None), "dimension_names", None)
    return axes_from_names([name or "" for name in names]) or None if names else None


def _from_path(path: Path, axes: Axes) -> Iterator[Source]:
    if not path.exists():
        raise ImageReadError(f"there is no file or folder {str(path)!r}")
    if path.is_dir():
        yield from _from_folder(path, axes)
        return
    reader = next((read for ending, read in READERS.items() if path.name.lower().endswith(ending)), None)
    if reader is None and _is_dicom(path):
        reader = _dicom
    if reader is None:
        raise ImageReadError(f"cannot read {path.name!r}: its ending is none of {' '.join(READERS)}")
    if path.stat().st_size == 0:
        raise ImageReadError(f"{path.name}: the file is empty")
    yield reader(path, axes)


def _from_folder(folder: Path, axes: Axes) -> list[Source]:
    if any((folder / mark).exists() for mark in ("zarr.json", ".zgroup", ".zarray", ".zattrs")):
        return [_zarr(folder, axes)]
    files = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_natural)
    slices = [path for path in files if path.suffix.lower() in _DICOM or _is_dicom(path)]
    if slices:
        from .medical import from_dicom

        return [from_dicom(slices, axes)]
    known = [path for path in files if path.name.lower().endswith((*READERS, ".zarr"))]
    if not known:
        raise ImageReadError(f"the folder {folder.name!r} holds no image: no file ends in {' '.join(READERS)} .zarr")
    return [source for path in known for source in _from_path(path, axes)]


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", path.name)]


def _tiff(path: Path, axes: Axes) -> Source:
    from .tiff import from_tiff

    return from_tiff(path, axes)


def _picture(path: Path, axes: Axes) -> Source:
    from .pictures import from_picture

    return from_picture(path, axes)


def _zarr(path: Path, axes: Axes) -> Source:
    from .zarr import from_zarr

    return from_zarr(path, axes)


def _nifti(path: Path, axes: Axes) -> Source:
    from .medical import from_nifti

    return from_nifti(path, axes)


def _dicom(path: Path, axes: Axes) -> Source:
    from .medical import from_dicom

    return from_dicom([path], axes)


def _npy(path: Path, axes: Axes) -> Source:
    try:
        array = np.load(path, mmap_mode="r")
    except UNREADABLE as error:
        raise ImageReadError(f"{path.name}: not a readable .npy file ({why(error)})") from None
    mapped = Mapped(array) if isinstance(array, np.memmap) else array
    return from_array(mapped, axes, path.stem, str(path))


def _is_dicom(path: Path) -> bool:
    """Whether a file without an ending, as scanners write them, is DICOM."""
    if not path.is_file() or not (path.suffix == "" or path.suffix[1:].isdigit()):
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


_DICOM = (".dcm", ".dicom", ".ima")
READERS: dict[str, Callable[[Path, Axes], Source]] = {
    **dict.fromkeys((".tif", ".tiff", ".btf", ".lsm"), _tiff),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"), _picture),
    ".npy": _npy,
    **dict.fromkeys((".nii", ".nii.gz"), _nifti),
    **dict.fromkeys(_DICOM, _dicom),
}
"""Ending of a file -> its reader."""
