"""Labels and pictures to files: whole or not at all, with the spacing of the image they belong to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_ae_seg.images.image import Image
from napari_ae_seg.images.legend import Legend

from . import WRITERS, module_of, ngff, npy, pictures, tiff


def write_labels(
    path: str | Path, labels: np.ndarray, image: Image | None = None, legend: Legend | None = None
) -> None:
    """Write `labels` (of `image.label_shape`) by the ending of `path`, or into the OME-Zarr image that it lies in.

    The file appears whole or not at all. Spacing and units of `image` are kept where the format has room for them,
    and so is the `legend`, names and colors of the labels, which `read_legend` finds again.
    """
    path = Path(path)
    writer = ngff if ngff.home_of(path) else module_of(WRITERS, path)
    if writer is None:
        known = f"{' '.join(WRITERS)}, and it is no place IMAGE.zarr/labels/NAME"
        raise ValueError(f"cannot write labels to {path.name!r}: its ending is none of {known}")
    labels = np.asarray(labels)
    if labels.dtype.kind not in "biu":
        raise TypeError(f"labels are integers, got {labels.dtype}")
    if image is not None and labels.shape != image.label_shape:
        raise ValueError(f"labels of {image.name} have shape {image.label_shape}, got {labels.shape}")
    writer.write(path, labels, image, legend)


def write_images(path: str | Path, images: np.ndarray) -> None:
    """Write images (N, C, *space) to .tif or .npy, or a single one of 1 or 3 channels of uint8 to .png or .jpg."""
    path, images = Path(path), np.asarray(images)
    ending = path.suffix.lower()
    if ending == ".npy":
        npy.write(path, images)
    elif ending in (".tif", ".tiff"):
        tiff.write_images(path, images)
    elif ending in (".png", ".jpg", ".jpeg"):
        if images.shape[:2] not in ((1, 1), (1, 3)) or images.ndim != 4 or images.dtype != np.uint8:
            got = f"{images.dtype} of shape {images.shape}"
            raise ValueError(f"a {ending} holds one picture of 1 or 3 channels of uint8, got {got}; write to .tif")
        write_picture(path, images[0, 0] if images.shape[1] == 1 else images[0].transpose(1, 2, 0))
    else:
        raise ValueError(f"cannot write images to {path.name!r}: its ending is none of .tif .npy .png .jpg")


def write_picture(path: str | Path, rgb: np.ndarray) -> None:
    """Write a picture (Y, X) or (Y, X, 3) of uint8 as .png or .jpg."""
    pictures.write_picture(Path(path), rgb)
