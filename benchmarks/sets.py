"""The images with ground truth that NAPARI_AE_SEG_DATA names; without it the benchmarks say so and skip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

K = {
    "dsb2018_stage1_test": 2,
    "em_isbi2012_membrane": 2,
    "em_epfl_multiclass": 6,
    "outex_us00000": 5,
    "wbc_dataset1": 3,
    "histology_gbm40_nuclei": 2,
    "histology_glas11": 2,
    "phasecontrast_usiigaci11": 2,
    "worms_bbbc010_6": 2,
    "vessels_drive_training7": 2,
    "em_vnc4": 5,
    "nuclei3d_gonuclear_mini": 2,
    "mri3d_mni152_tissue": 4,
    "bsds500_val50": 0,
}
"""Number of classes of each set; 0 where the truth is regions."""
VOLUMES = ("nuclei3d_gonuclear_mini", "mri3d_mni152_tissue")
FLAT = tuple(name for name in K if name not in VOLUMES and K[name])
"""Labelled 2D sets."""

SHIPPED = ("550450e4bff4", "3c4c675825f7")
"""Images of `dsb2018_stage1_test` that are sample data of the package: they are not measured."""


@dataclass(frozen=True)
class Case:
    """One image and its truth."""

    set: str
    name: str
    path: Path
    mask: Path

    @property
    def k(self) -> int:
        """Number of classes of its set."""
        return K[self.set]

    def image(self) -> np.ndarray:
        """The pixels: (Y, X), (Y, X, 3) or (Z, Y, X)."""
        return _read(self.path)

    def truth(self) -> np.ndarray:
        """Classes, or (annotators, Y, X) where the truth is regions."""
        mask = _read(self.mask)
        return (mask > 0).astype(np.uint8) if self.k == 2 else mask


def folder() -> Path | None:
    """Where the images are, or None."""
    named = os.environ.get("NAPARI_AE_SEG_DATA")
    return Path(named) if named else None


def cases(default: tuple[str, ...] = tuple(K)) -> dict[str, list[Case]]:
    """Set -> its cases, narrowed by SETS (names or beginnings, separated by commas) and LIMIT (images a set)."""
    root = folder()
    wanted = [part for part in os.environ.get("SETS", "").split(",") if part]
    limit = int(os.environ.get("LIMIT", "0")) or None
    found = {}
    for name in default:
        if root is None or (wanted and not any(name.startswith(part) for part in wanted)):
            continue
        found[name] = list(_cases(root, name))[:limit]
    return found


def size(name: str) -> int:
    """How many images the set has."""
    root = folder()
    return len(list(_cases(root, name))) if root else 0


def _cases(root: Path, name: str) -> Iterator[Case]:
    masks = {path.stem: path for path in (root / name / "masks").iterdir()}
    for path in sorted((root / name / "images").iterdir()):
        if name == "dsb2018_stage1_test" and path.stem in SHIPPED:
            continue
        yield Case(name, path.stem, path, masks[path.stem])


def _read(path: Path) -> np.ndarray:
    if path.suffix in (".tif", ".tiff"):
        import tifffile

        return np.asarray(tifffile.imread(path))
    from PIL import Image

    return np.asarray(Image.open(path))
