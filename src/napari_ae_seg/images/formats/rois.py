"""Sets of ImageJ's regions of interest, a .zip for its ROI Manager: one for each label in each plane."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.core.wholefile import whole_file
from napari_ae_seg.images.image import Image
from napari_ae_seg.images.legend import Legend

from .lazy import UNREADABLE
from .planes import Outlined, outlined, painted, plane_shape

_FIRST = (1980, 1, 1, 0, 0, 0)  # a file in a zip has a date; the same labels give the same bytes
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0  # what ImageJ draws the borders of a shape by


def write(path: Path, labels: np.ndarray, image: Image | None, legend: Legend | None = None) -> None:
    """Write a region of interest for each label in each plane, with its name and color; holes are kept."""
    known = legend or Legend()
    shape = plane_shape(labels, image)
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, one in enumerate(outlined(labels, image), 1):
            roi = _roi(one, known, shape)
            entry = zipfile.ZipInfo(f"{number:05d}-{roi.name.replace('/', '-')}.roi", _FIRST)
            archive.writestr(entry, roi.tobytes(), zipfile.ZIP_DEFLATED)


def legend(path: Path) -> Legend | None:
    """The names and colors of the regions in a set."""
    rois = _rois(path)
    colors = [{"label-value": n, "rgba": [*roi.stroke_color[1:], 255]} for n, roi, _ in rois if roi.stroke_color[0]]
    names = [{"label-value": n, "name": name} for n, _, name in rois]
    return Legend.of({"colors": colors, "properties": names})


def labels(path: Path) -> np.ndarray:
    """Labels (T, Z, Y, X) of the regions in a set: their own numbers, or one for each region."""
    found = []
    for number, roi, _ in _rois(path):
        t, z = max(roi.t_position - 1, 0), max(roi.z_position - 1, 0)
        if not (roi.t_position or roi.z_position):
            z = max(roi.position - 1, 0)
        rings = roi.coordinates(multi=True)
        if not isinstance(rings, list):
            rings = [rings]
        found.append(Outlined(number, [[np.asarray(ring, float) for ring in rings if len(ring) > 2]], z, t))
    return painted([one for one in found if one.polygons[0]])


def _roi(one: Outlined, legend: Legend, shape: tuple[int, ...]) -> Any:
    from roifile import ROI_TYPE, ImagejRoi

    name = legend.name(one.label)
    rings = [ring for polygon in one.polygons for ring in polygon]
    roi = ImagejRoi.frompoints(rings[0] if len(rings) == 1 else np.vstack(rings))
    roi.roitype = ROI_TYPE.TRACED
    if len(rings) > 1:
        path: list[float] = []
        for ring in rings:
            for step, (x, y) in zip([_MOVE, *[_LINE] * (len(ring) - 1)], ring.tolist(), strict=True):
                path += [step, x, y]
            path.append(_CLOSE)
        roi.roitype, roi.n_coordinates = ROI_TYPE.RECT, 0
        roi.integer_coordinates = roi.subpixel_coordinates = None
        roi.multi_coordinates = np.array(path, np.float32)
        roi.shape_roi_size = len(path)
    roi.right, roi.bottom = (int(value) for value in np.vstack(rings).max(0))
    roi.name = f"{name} {one.label}" if legend.objects else name
    roi.props = f"class: {name}\nlabel: {one.label}\n"
    roi.stroke_color = bytes([255, *(round(255 * part) for part in legend.color(one.label))])
    if shape[0] * shape[1] > 1:
        roi.position, roi.z_position, roi.t_position = one.t * shape[1] + one.z + 1, one.z + 1, one.t + 1
    return roi


def _rois(path: Path) -> list[tuple[int, Any, str]]:
    """Number, region and name of each region in a set."""
    from roifile import ImagejRoi

    try:
        with zipfile.ZipFile(path) as archive:
            files = [archive.read(name) for name in archive.namelist() if name.lower().endswith(".roi")]
        rois = [ImagejRoi.frombytes(content) for content in files]
    except (*UNREADABLE, zipfile.BadZipFile) as error:
        raise ImageReadError(f"{path.name}: no set of ImageJ's regions of interest ({error})") from None
    found = []
    for number, roi in enumerate(rois, 1):
        about = dict(line.split(": ", 1) for line in roi.props.splitlines() if ": " in line)
        label = about.get("label", "")
        found.append((int(label) if label.isdecimal() else number, roi, about.get("class") or roi.name))
    return found
