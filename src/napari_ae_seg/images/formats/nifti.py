"""NIfTI files, with the optional dependency of the extra `medical`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.core.wholefile import whole_file
from napari_ae_seg.images.axes import parse_axes
from napari_ae_seg.images.image import Image
from napari_ae_seg.images.legend import Legend
from napari_ae_seg.images.source import Source

from .labels import axes_of, scale_of, smallest
from .lazy import UNREADABLE, Decoded, Guarded, why
from .optional import optional

_DEFLATE = 1032  # times that gzip makes its input smaller, at most
_COMMENT = 6  # the code of an extension that is a text


def read(path: Path, axes: str | None) -> Source:
    """A NIfTI file, in its own order of axes: X, Y, Z, T."""
    nibabel = optional("nibabel", f"reading {path.name}")
    name = path.name.removesuffix(".gz").removesuffix(".nii")
    try:
        image = nibabel.load(path)
        proxy, zooms, unit = image.dataobj, image.header.get_zooms(), image.header.get_xyzt_units()[0]
        affine, shape = np.asarray(image.affine, float), tuple(map(int, proxy.shape))
    except (*UNREADABLE, nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError) as error:
        raise ImageReadError(f"{path.name}: not a readable NIfTI file ({why(error)})") from None
    packed = path.name.lower().endswith(".gz")
    most = path.stat().st_size * (_DEFLATE if packed else 1)
    if math.prod(shape) * proxy.dtype.itemsize > most:
        raise ImageReadError(f"{path.name}: the file is cut off, it cannot hold the shape {shape} that it claims")
    scaled = proxy.slope not in (1, None) or proxy.inter not in (0, None)
    dtype = np.dtype("f4") if scaled and proxy.dtype.kind in "iuf" else proxy.dtype
    if packed:  # no random access into it
        proxy = Decoded(shape, dtype, lambda: np.asarray(image.dataobj[...], dtype))
    else:
        proxy = _Typed(proxy, dtype)
    named = parse_axes(axes, shape) if axes is not None else _axes(name, shape)
    sizes = dict(zip(named, map(float, zooms), strict=False))
    unit = {"mm": "millimeter", "micron": "micrometer", "meter": "meter"}.get(unit, "")
    placed = bool(np.isfinite(affine).all())
    return Source(
        Guarded(proxy, path.name),
        named,
        name,
        str(path),
        {axis: size for axis, size in sizes.items() if axis in "TZYX" and size > 0},
        {axis: unit for axis in "ZYX" if axis in named} if unit else {},
        assumed="" if placed else f"{path.name}: where it lies in space is no number in the file and is left out",
        affine=affine if placed else None,
    )


def write(path: Path, labels: np.ndarray, image: Image | None, legend: Legend | None = None) -> None:
    """Write labels where the image lies, their legend in an extension of the header."""
    nibabel = optional("nibabel", f"writing {path.name}")
    axes = axes_of(labels, image)
    order = sorted(axes, key=lambda axis: ("XYZT" + axes).index(axis))
    volume = smallest(labels).transpose([axes.index(axis) for axis in order])
    spacing, unit = scale_of(image)
    affine = image.affine if image is not None else None
    if affine is None:
        affine = np.diag([*(spacing.get(axis, 1.0) for axis in "XYZ"), 1.0])
    written = nibabel.Nifti1Image(volume, affine)
    written.header.set_zooms([spacing.get(axis, 1.0) for axis in order])
    unit = {"millimeter": "mm", "micrometer": "micron", "meter": "meter"}.get(unit, "unknown")
    written.header.set_xyzt_units(unit)
    if legend is not None:
        written.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", legend.text.encode()))
    with whole_file(path, ".nii.gz" if path.name.lower().endswith(".gz") else ".nii") as temporary:
        nibabel.save(written, temporary)


def legend(path: Path) -> Legend | None:
    """The legend in the header of a NIfTI file of labels."""
    nibabel = optional("nibabel", f"reading {path.name}")
    try:
        extensions = nibabel.load(path).header.extensions
    except (nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError):
        return None
    texts = (bytes(one.get_content()) for one in extensions if one.get_code() == _COMMENT)
    return next(filter(None, map(Legend.parse, texts)), None)


class _Typed:
    """nibabel's file on disk, indexed in its own dtype: it scales to float64 of itself."""

    def __init__(self, proxy: Any, dtype: np.dtype[Any]) -> None:
        self._proxy, self.shape, self.dtype = proxy, tuple(proxy.shape), dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.asarray(self._proxy[index], self.dtype)


def _axes(name: str, shape: Sequence[int]) -> str:
    if not 2 <= len(shape) <= 5:
        raise ImageReadError(f"{name}: a NIfTI image has 2 to 5 axes, got shape {tuple(shape)}")
    return "XYZTC"[: len(shape)]
