"""Labels and pictures to files: whole or not at all, with the spacing of the image they belong to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.core.wholefile import whole_file
from napari_ae_seg.images.image import Image

from .medical import medical
from .zarr_labels import create_labels, open_zarr_labels

__all__ = ["ENDINGS", "create_labels", "open_zarr_labels", "write_images", "write_labels", "write_picture"]

_SHORT = {"micrometer": "µm", "nanometer": "nm", "millimeter": "mm", "centimeter": "cm", "meter": "m", "angstrom": "Å"}
_IMAGEJ_LIMIT = 2**32 - 2**25  # an ImageJ file counts its bytes in 32 bits


def write_labels(path: str | Path, labels: np.ndarray, image: Image | None = None) -> None:
    """Write `labels` (of `image.label_shape`) to .tif, .png, .npy, .nii.gz or .zarr, by the ending of `path`.

    The file appears whole or not at all. Spacing and units of `image` are kept where the format has room for them.
    """
    path = Path(path)
    write = WRITERS[ending_of(path)]
    labels = np.asarray(labels)
    if labels.dtype.kind not in "biu":
        raise TypeError(f"labels are integers, got {labels.dtype}")
    if image is not None and labels.shape != image.label_shape:
        raise ValueError(f"labels of {image.name} have shape {image.label_shape}, got {labels.shape}")
    write(path, labels, image)


def write_images(path: str | Path, images: np.ndarray) -> None:
    """Write images (N, C, *space) to .tif or .npy, or a single one of 1 or 3 channels of uint8 to .png or .jpg."""
    path, images = Path(path), np.asarray(images)
    ending = path.suffix.lower()
    if ending == ".npy":
        _npy(path, images, None)
    elif ending in (".tif", ".tiff"):
        _tiff_images(path, images)
    elif ending in (".png", ".jpg", ".jpeg"):
        if images.shape[:2] not in ((1, 1), (1, 3)) or images.ndim != 4 or images.dtype != np.uint8:
            got = f"{images.dtype} of shape {images.shape}"
            raise ValueError(f"a {ending} holds one picture of 1 or 3 channels of uint8, got {got}; write to .tif")
        write_picture(path, images[0, 0] if images.shape[1] == 1 else images[0].transpose(1, 2, 0))
    else:
        raise ValueError(f"cannot write images to {path.name!r}: its ending is none of .tif .npy .png .jpg")


def write_picture(path: str | Path, rgb: np.ndarray) -> None:
    """Write a picture (Y, X) or (Y, X, 3) of uint8 as .png or .jpg."""
    from PIL import Image as Picture

    with whole_file(Path(path)) as temporary:
        Picture.fromarray(np.ascontiguousarray(rgb)).save(temporary)


def ending_of(path: Path) -> str:
    """The ending of `path` among those that labels can be written to."""
    found = next((ending for ending in WRITERS if path.name.lower().endswith(ending)), None)
    if found is None:
        raise ValueError(f"cannot write labels to {path.name!r}: its ending is none of {' '.join(WRITERS)}")
    return found


def _tiff(path: Path, labels: np.ndarray, image: Image | None) -> None:
    import tifffile

    labels = _smallest(labels)
    axes = _axes(labels, image)
    spacing, unit = _calibration(image)
    common: dict[str, Any] = {"photometric": "minisblack"}
    if {"Y", "X"} <= set(spacing):
        common |= {"resolution": (1 / spacing["X"], 1 / spacing["Y"]), "resolutionunit": 1}
    standard = axes in ("YX", "ZYX", "TYX", "TZYX") and 1 not in labels.shape[:-2]
    ome = path.name.lower().endswith((".ome.tif", ".ome.tiff")) or labels.dtype.itemsize > 2
    if standard and not ome and labels.nbytes < _IMAGEJ_LIMIT:
        known = {"axes": axes, "spacing": spacing.get("Z"), "finterval": spacing.get("T")}
        known["unit"] = _SHORT.get(unit, unit).replace("µm", "um")
        common |= {"imagej": True, "metadata": {key: value for key, value in known.items() if value}}
    elif standard:
        sizes = {f"PhysicalSize{axis}": spacing[axis] for axis in "ZYX" if axis in spacing}
        units = {f"{size}Unit": _SHORT.get(unit, unit) for size in sizes if unit}
        common |= {"ome": True, "metadata": {"axes": axes, **sizes, **units}, "compression": "zlib"}
    else:  # axes that neither of them has, or would drop
        known = {"axes": axes, "spacing": spacing.get("Z"), "finterval": spacing.get("T"), "unit": unit}
        common |= {"metadata": {key: value for key, value in known.items() if value}, "compression": "zlib"}
    with whole_file(path) as temporary:
        tifffile.imwrite(temporary, labels, bigtiff=labels.nbytes >= _IMAGEJ_LIMIT, **common)


def _tiff_images(path: Path, images: np.ndarray) -> None:
    import tifffile

    volume = images.ndim == 5
    order = (0, 2, 1, 3, 4) if volume else (0, 1, 2, 3)  # T Z C Y X is the order of an ImageJ file
    axes, images = "TZCYX" if volume else "TCYX", images.transpose(order)
    kept = [place for place, size in enumerate(images.shape) if size > 1 or axes[place] in "YX"]
    images, axes = images.reshape([images.shape[place] for place in kept]), "".join(axes[place] for place in kept)
    with whole_file(path) as temporary:
        if images.dtype in (np.uint8, np.uint16, np.float32) and images.nbytes < _IMAGEJ_LIMIT:
            tifffile.imwrite(temporary, images, imagej=True, metadata={"axes": axes})
        else:
            tifffile.imwrite(temporary, images, bigtiff=images.nbytes >= _IMAGEJ_LIMIT, metadata={"axes": axes})


def _png(path: Path, labels: np.ndarray, _: Image | None) -> None:
    flat = _smallest(labels.reshape([size for size in labels.shape if size > 1] or [1]))
    if labels.ndim >= 2 and flat.ndim < 2:
        flat = _smallest(labels.reshape(labels.shape[-2:]))
    if flat.ndim != 2:
        raise ValueError(f"a .png holds one plane, the labels have shape {labels.shape}; write them to .tif")
    if flat.dtype.itemsize > 2:
        raise ValueError(f"a .png holds labels up to 65535, the largest is {int(labels.max())}; write them to .tif")
    write_picture(path, flat)


def _npy(path: Path, labels: np.ndarray, _: Image | None) -> None:
    with whole_file(path) as temporary:
        np.save(temporary, labels, allow_pickle=False)


def _nifti(path: Path, labels: np.ndarray, image: Image | None) -> None:
    nibabel = medical("nibabel", f"writing {path.name}")
    axes = _axes(labels, image)
    order = sorted(axes, key=lambda axis: ("XYZT" + axes).index(axis))
    volume = _smallest(labels).transpose([axes.index(axis) for axis in order])
    spacing, unit = _calibration(image)
    affine = image.affine if image is not None else None
    if affine is None:
        affine = np.diag([*(spacing.get(axis, 1.0) for axis in "XYZ"), 1.0])
    written = nibabel.Nifti1Image(volume, affine)
    written.header.set_zooms([spacing.get(axis, 1.0) for axis in order])
    unit = {"millimeter": "mm", "micrometer": "micron", "meter": "meter"}.get(unit, "unknown")
    written.header.set_xyzt_units(unit)
    with whole_file(path, ".nii.gz" if path.name.lower().endswith(".gz") else ".nii") as temporary:
        nibabel.save(written, temporary)


def _zarr(path: Path, labels: np.ndarray, image: Image | None) -> None:
    with open_zarr_labels(path, image, _smallest(labels).dtype, labels.shape) as out:
        out[...] = labels


WRITERS: dict[str, Callable[[Path, np.ndarray, Image | None], None]] = {
    ".tif": _tiff,
    ".tiff": _tiff,
    ".png": _png,
    ".npy": _npy,
    ".nii.gz": _nifti,
    ".nii": _nifti,
    ".zarr": _zarr,
}
"""Ending of a file -> what writes it."""

ENDINGS = (".tif", ".png", ".npy", ".nii.gz", ".zarr")
"""The endings that are documented; the others are spellings of them."""


def _axes(labels: np.ndarray, image: Image | None) -> str:
    if image is not None:
        return image.label_axes
    return {2: "YX", 3: "ZYX", 4: "TZYX"}.get(labels.ndim, "PQRTZYX"[-labels.ndim :])


def _calibration(image: Image | None) -> tuple[dict[str, float], str]:
    """Spacing by axis, and the one unit that TIFF and NIfTI have for all of them."""
    if image is None:
        return {}, ""
    units = image.sources[0].units
    unit = next((units[axis] for axis in "XYZ" if axis in units), "")
    return dict(image.sources[0].spacing), "" if unit == "pixel" else unit


def _smallest(labels: np.ndarray) -> np.ndarray:
    """`labels` in the smallest unsigned integers that hold them."""
    if labels.dtype.kind == "i" and labels.min() < 0:
        raise ValueError(f"labels are 0 or more, the smallest is {int(labels.min())}")
    top = int(labels.max())
    return labels.astype(
        next(kind for kind in (np.uint8, np.uint16, np.uint32, np.uint64) if top <= np.iinfo(kind).max)
    )
