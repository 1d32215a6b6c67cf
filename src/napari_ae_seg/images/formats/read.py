"""From whatever a person has (arrays, layers, paths) to sources."""

from __future__ import annotations

import importlib.util
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_ae_seg.core.errors import ImageReadError, MissingExtraError
from napari_ae_seg.core.wholefile import restore, restore_all
from napari_ae_seg.images.legend import Legend
from napari_ae_seg.images.source import Source

from . import READERS, WRITERS, module_of, ngff
from .array import from_object
from .dicom import is_dicom
from .lazy import UNREADABLE, why

_RESULTS = re.compile(r"_labels(\.[a-z0-9]+)+$", re.IGNORECASE)
_ZARR = ("zarr.json", ".zgroup", ".zarray", ".zattrs")


def sources_of(x: Any, axes: str | None) -> list[Source]:
    """The sources in `x`: an array, a layer, a path, or a list of them."""
    if isinstance(x, (list, tuple)):
        if not x:
            raise ImageReadError("there is nothing to read: the list of images is empty")
        return [source for item in x for source in sources_of(item, axes)]
    if isinstance(x, (str, os.PathLike)):
        return _from_path(Path(x).expanduser(), axes)
    if all(hasattr(x, what) for what in ("name", "scale", "data")):
        from .layer import from_layer

        return [from_layer(x, axes)]
    if hasattr(x, "attrs") and hasattr(x, "group_keys"):
        from .zarr import from_group

        return [from_group(x, axes, getattr(x, "basename", "") or "image", None)]
    return [from_object(x, axes)]


def read_legend(path: str | Path) -> Legend | None:
    """Names and colors that a file of labels holds; None if it holds none that can be read."""
    path = Path(path)
    module = ngff if path.is_dir() else module_of(WRITERS, path)
    try:
        found = module.legend(path) if module else None
    except (*UNREADABLE, ImageReadError):  # the labels themselves may be fine
        return None
    assert found is None or isinstance(found, Legend)
    return found


def is_zarr(path: Path) -> bool:
    """Whether `path` is a folder that zarr wrote."""
    return any((path / mark).exists() for mark in _ZARR)


def images_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images in a folder, in the order of their numbers, and the labels there that are taken for results.

    Files `*_labels.*` are results as long as there is anything else.
    """
    restore_all(folder)
    files = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_natural)
    slices = [path for path in files if is_dicom(path)]
    known = slices or [path for path in files if module_of(READERS, path)]
    images = [path for path in known if not _RESULTS.search(path.name)]
    return (images, [path for path in known if path not in images]) if images else (known, [])


def _from_path(path: Path, axes: str | None) -> list[Source]:
    restore(path)
    path, scene = _scene(path)
    if not path.exists():
        raise ImageReadError(f"there is no file or folder {str(path)!r}")
    if path.is_dir() and not is_zarr(path):
        return _from_folder(path, axes)
    return _from_file(path, axes, scene)


def _scene(path: Path) -> tuple[Path, int | None]:
    """A file, and which of its scenes is meant by `FILE#NUMBER`."""
    name, mark, number = path.name.rpartition("#")
    if mark and number.isdecimal() and not path.exists() and path.with_name(name).is_file():
        return path.with_name(name), int(number)
    return path, None


def _from_file(path: Path, axes: str | None, scene: int | None = None) -> list[Source]:
    reader = module_of({"": "zarr"} if path.is_dir() else READERS, path)
    if reader is None and is_dicom(path):
        from . import dicom as reader
    if reader is None and path.is_file() and importlib.util.find_spec("bioio"):
        from . import bioio  # the last one: its plugins know what they can read

        with suppress(MissingExtraError):
            return bioio.read(path, axes)
    if reader is None:
        raise ImageReadError(f"cannot read {path.name!r}: its ending is none of {' '.join(READERS)}")
    if path.is_file() and path.stat().st_size == 0:
        raise ImageReadError(f"{path.name}: the file is empty")
    try:
        source = reader.read(path, axes)
    except PermissionError as error:
        raise ImageReadError(f"{path.name}: it cannot be read ({error.strerror})") from None
    except (TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, RecursionError) as error:
        raise ImageReadError(f"{path.name}: not a readable image ({why(error)})") from None
    sources = source if isinstance(source, list) else [source]
    if scene is not None and scene >= len(sources):
        raise ImageReadError(f"{path.name}: it has scenes 0 to {len(sources) - 1}, got {scene}")
    return sources if scene is None else sources[scene : scene + 1]


def _from_folder(folder: Path, axes: str | None) -> list[Source]:
    images, results = images_in(folder)
    if not images:
        raise ImageReadError(f"the folder {folder.name!r} holds no image: no file ends in {' '.join(READERS)}")
    if is_dicom(images[0]):
        from .dicom import read_series

        return [read_series(images, axes)]
    sources = [source for path in images for source in _from_file(path, axes)]
    if results:
        sources[0] = sources[0].noting(left_out(folder, results))
    return sources


def left_out(folder: Path, results: list[Path]) -> str:
    """The sentence on labels in a folder of images."""
    some = f"{len(results)} file{'s' * (len(results) > 1)} *_labels.* in {folder.name!r}"
    return f"{some} {'are' if len(results) > 1 else 'is'} taken for results and left out"


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", path.name)]
