"""Many images at once: headers are read first, and what cannot be read is listed, not in the way of the others."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_ae_seg.core.errors import AeSegError, ImageReadError

from .formats.dicom import is_dicom
from .formats.read import images_in, is_zarr, left_out
from .stack import Image, Stack, read

CARRIED_ON = (AeSegError, ValueError, OSError)
"""Errors of one image that do not stop a batch."""


@dataclass(frozen=True)
class Batch:
    """The images that can be worked on, and why the others cannot."""

    paths: tuple[Path, ...]
    """Of the images of `stack`, in order."""
    stack: Stack
    failures: dict[Path, str]
    """A sentence for each path that cannot be worked on."""


def image_paths(paths: Sequence[str | Path]) -> list[Path]:
    """The images that `paths` stand for: a folder for those in it, a pattern for what it matches, as "day*/*.tif".

    A zarr and a DICOM series are one.
    """
    found = []
    for path in (place for given in paths for place in _matching(Path(given))):
        images = [] if not path.is_dir() or is_zarr(path) else images_in(path)[0]
        found += images if images and not is_dicom(images[0]) else [path]
    return found


def _matching(path: Path) -> list[Path]:
    """What a pattern matches, in order; the path itself if there is such a file, or it is none."""
    if not glob.has_magic(str(path)) or path.exists() or "#" in path.name:  # FILE#NUMBER is a scene
        return [path]
    matching = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    if not matching:
        raise ImageReadError(f"no file matches {str(path)!r}")
    return matching


def read_batch(paths: Sequence[str | Path], axes: str | None = None, *, roi: Any = None, **options: Any) -> Batch:
    """The images at `paths` that can be read and have as many channels as most of them.

    `options` are those of `read`. The error of a single image, or of the first one if none can be read, is raised.
    """
    places = image_paths(paths)
    if len(places) == 1:
        only = paths[0] if Path(paths[0]).exists() else places[0]
        return Batch(tuple(places), _of_one(places[0], read(str(only), axes, roi=roi, **options)), {})
    read_ones: dict[Path, Image] = {}
    failures: dict[Path, str] = {}
    first: BaseException | None = None
    for path in places:
        try:
            read_ones[path] = _of_one(path, read(str(path), axes, **options)).image
        except CARRIED_ON as error:
            failures[path], first = " ".join(str(error).split()), first or error
    if not read_ones:
        assert first is not None  # `paths` is not empty
        raise first
    usual = Counter(image.shape[1] for image in read_ones.values()).most_common(1)[0][0]
    for path, image in list(read_ones.items()):
        if image.shape[1] != usual:
            del read_ones[path]
            failures[path] = f"{image.name}: it has {image.shape[1]} channels, most of the images have {usual}"
    for folder in {path.parent for path in places} & set(map(Path, paths)):
        results = images_in(folder)[1]
        if results:
            path, image = next(iter(read_ones.items()))
            read_ones[path] = replace(image, notes=(*image.notes, left_out(folder, results)))
    stack = Stack(tuple(read_ones.values())).with_ndim(options.get("ndim") or 0)
    if roi is not None:
        stack = read(stack, roi=roi)
    return Batch(tuple(read_ones), stack, failures)


def _of_one(path: Path, stack: Stack) -> Stack:
    """The stack of a file, or a sentence on how one of its scenes is named."""
    if len(stack) > 1:
        names = ", ".join(f"{number} {image.name}" for number, image in enumerate(stack.images[:8]))
        raise ImageReadError(f"{path.name} holds {len(stack)} scenes ({names}); name one, such as {path.name}#0")
    return stack
