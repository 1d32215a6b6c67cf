"""Formats of microscopes (CZI, ND2, LIF, DeltaVision and others) by bioio and its plugins, with the extra `bioio`."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

from napari_ae_seg.core.errors import ImageReadError, MissingExtraError
from napari_ae_seg.images.source import Source

from .array import from_bioimage
from .lazy import UNREADABLE, Guarded, why

PLUGINS = {
    ".czi": "bioio-czi",
    ".nd2": "bioio-nd2",
    ".lif": "bioio-lif",
    ".dv": "bioio-dv",
    ".r3d": "bioio-dv",
    ".sldy": "bioio-sldy",
}
"""Ending -> the package that reads it; what has another ending is offered to the plugins that are installed."""


def read(path: Path, axes: str | None) -> list[Source]:
    """Every scene of a file; its planes are read when they are needed."""
    try:
        from bioio import BioImage
        from bioio_base.exceptions import UnsupportedFileFormatError
    except ImportError:
        raise MissingExtraError(f"reading {path.name} needs bioio: {_install(path)}") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of plugins that are installed and have no part in this file
            scenes = BioImage(str(path)).scenes
            found = []
            for number, scene in enumerate(scenes):
                image = BioImage(str(path))  # each scene keeps the reader it was set on
                image.set_scene(number)
                name = path.stem if len(scenes) == 1 else f"{path.stem} {scene}"
                found.append(_guarded(from_bioimage(image, axes, name, str(path)), path.name))
    except (UnsupportedFileFormatError, ImportError):
        raise MissingExtraError(
            f"{path.name}: no plugin of bioio that is installed reads it: {_install(path)}"
        ) from None
    except UNREADABLE as error:
        raise ImageReadError(f"{path.name}: it cannot be read ({why(error)[:200]})") from None
    return found


def _install(path: Path) -> str:
    plugin = PLUGINS.get(path.suffix.lower())
    return f"pip install bioio {plugin}" if plugin else 'pip install "napari-ae-seg[bioio]"'


def _guarded(source: Source, name: str) -> Source:
    return replace(source, array=Guarded(source.array, name))
