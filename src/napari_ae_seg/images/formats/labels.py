"""What the writers of labels share: numbers as small as they can be, axes, and the size of a pixel."""

from __future__ import annotations

import numpy as np

from napari_ae_seg.images.image import Image
from napari_ae_seg.images.legend import Legend

OWN = "napari-ae-seg"
"""The word by which files of labels of this package are known."""
SHORT = {"micrometer": "µm", "nanometer": "nm", "millimeter": "mm", "centimeter": "cm", "meter": "m", "angstrom": "Å"}
"""Names of units as files abbreviate them."""


def axes_of(labels: np.ndarray, image: Image | None) -> str:
    """A letter for each axis of `labels`."""
    if image is not None:
        return image.label_axes
    return {2: "YX", 3: "ZYX", 4: "TZYX"}.get(labels.ndim, "PQRTZYX"[-labels.ndim :])


def scale_of(image: Image | None) -> tuple[dict[str, float], str]:
    """Spacing by axis, and the one unit that TIFF and NIfTI have for all of them."""
    if image is None:
        return {}, ""
    units = image.sources[0].units
    unit = next((units[axis] for axis in "XYZ" if axis in units), "")
    return dict(image.sources[0].spacing), "" if unit == "pixel" else unit


def palette(legend: Legend, count: int) -> np.ndarray:
    """(count, 3) uint8: the color of every label, black for 0."""
    colors = [(0.0, 0.0, 0.0), *(legend.shown(label) for label in range(1, count))]
    return (255 * np.array(colors[:count])).round().astype(np.uint8)


def smallest(labels: np.ndarray) -> np.ndarray:
    """`labels` in the smallest unsigned integers that hold them."""
    if labels.dtype.kind == "i" and labels.min() < 0:
        raise ValueError(f"labels are 0 or more, the smallest is {int(labels.min())}")
    top = int(labels.max())
    return labels.astype(
        next(kind for kind in (np.uint8, np.uint16, np.uint32, np.uint64) if top <= np.iinfo(kind).max)
    )
