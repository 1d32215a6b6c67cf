"""One file a format: how images are read and labels are written. To add one is a file here and a line in a table.

A module of a format has `read(path, axes)` that gives a Source, or a list of one for each scene; or
`write(path, labels, image, legend)` and `legend(path) -> Legend | None`; or all of them.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

READERS = {
    **dict.fromkeys((".tif", ".tiff", ".btf", ".lsm"), "tiff"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"), "pictures"),
    ".npy": "npy",
    **dict.fromkeys((".nii", ".nii.gz"), "nifti"),
    **dict.fromkeys((".dcm", ".dicom", ".ima"), "dicom"),
    ".zarr": "zarr",
    **dict.fromkeys((".czi", ".nd2", ".lif", ".dv", ".r3d", ".sldy"), "bioio"),
}
"""Ending of an image -> the module here that reads it."""

WRITERS = {
    **dict.fromkeys((".tif", ".tiff"), "tiff"),
    ".png": "pictures",
    ".npy": "npy",
    **dict.fromkeys((".nii.gz", ".nii"), "nifti"),
    ".zarr": "ngff",
    ".geojson": "geojson",
    ".zip": "rois",
}
"""Ending of a file of labels -> the module here that writes it."""

OUTLINES = (".geojson", ".zip")
"""Endings of files that hold outlines of labels, not pixels: their modules have `labels(path)` in place of `read`."""


def module_of(table: dict[str, str], path: Path) -> Any:
    """The module that `table` names for the ending of `path`, or None; it is imported only now."""
    name = next((module for ending, module in table.items() if path.name.lower().endswith(ending)), None)
    return importlib.import_module(f".{name}", __package__) if name else None
