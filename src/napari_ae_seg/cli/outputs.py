"""What a command writes beside its result, and where: the account of a run, names of files of labels, tables."""

from __future__ import annotations

import json
import math
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_ae_seg.config import Config
from napari_ae_seg.core.versions import versions
from napari_ae_seg.core.wholefile import write_text
from napari_ae_seg.images.batch import image_paths
from napari_ae_seg.images.destinations import check_room, result_names
from napari_ae_seg.images.formats.ngff import check_fits, home_of
from napari_ae_seg.images.formats.optional import optional
from napari_ae_seg.images.formats.table import TABLES

if TYPE_CHECKING:
    import numpy as np

    from napari_ae_seg.images.image import Image
    from napari_ae_seg.images.stack import Stack
    from napari_ae_seg.segmenter.segments import Segments

SUFFIXES = (".tif", ".tiff", ".png", ".npy", ".nii", ".nii.gz", ".zarr", ".geojson", ".zip")
"""Endings of files of labels."""
IMAGE = "{image}"
"""What stands for the path of each image in the path of its labels."""
ENDINGS: dict[str, tuple[str, ...]] = {
    "--model": (".aeseg",),
    "--save-model": (".aeseg",),
    "--checkpoint": (".aeseg",),
    "--table": TABLES,
    "--shares": TABLES,
    "--summary": (".csv",),
    "--report": (".json",),
}
"""The endings that an output of each option may have, so that no image is overwritten by a slip."""


@dataclass
class Account:
    """What a run did and what it cost; `write` keeps it as JSON."""

    command: str
    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to stage `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 4)

    def configs(self, *configs: Config) -> None:
        """Keeps the parameters of the run."""
        self.facts["configs"] = {type(c).__name__: c.model_dump(mode="json") for c in configs}

    def write(self, path: str | Path) -> None:
        """Writes the account as JSON."""
        total = time.perf_counter() - self.started
        rest = max(total - sum(self.seconds.values()), 0.0)
        content = {
            "command": self.command,
            "seconds": {**self.seconds, "loading and the rest": round(rest, 4), "total": round(total, 4)},
            "peak_memory_bytes": peak_memory(),
            "versions": {"python": platform.python_version(), **versions()},
            "platform": platform.platform(),
            **self.facts,
        }
        write_text(path, json.dumps(content, indent=2) + "\n")


def peak_memory() -> int | None:
    """The most memory this process has used, in bytes; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def shapes(stack: Stack) -> list[dict[str, Any]]:
    """Name, axes, shape and pixel size of every image of `stack`."""
    images = [stack[i].image for i in range(len(stack))]
    return [
        {
            "name": image.name,
            "axes": image.axes,
            "shape": list(image.source_shape),
            "dtype": str(image.dtype),
            "spacing": list(image.spacing),
            "units": list(image.units),
        }
        for image in images
    ]


def room(stack: Stack, files: Sequence[Path]) -> None:
    """DestinationError unless labels of `stack` fit where they go, and the disks have room for a byte a pixel."""
    for file, image in zip(files, stack.images, strict=True):
        check_fits(file, image)
    check_room({file: math.prod(image.label_shape) for file, image in zip(files, stack.images, strict=True)})


def label_files(images: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Image -> the file of its labels: `out` itself for one image, else files in that folder named after the images."""
    places = image_paths(images)
    if IMAGE in str(out):
        return {place: Path(str(out).replace(IMAGE, str(place))) for place in places}
    if is_file(out):
        if len(places) > 1:
            raise typer.BadParameter(f"--out: {len(places)} images give a folder of labels, {out.name} names a file")
        return {places[0]: out}
    if out.suffix or not (len(images) > 1 or places != list(images)):
        raise typer.BadParameter(f"--out: labels are written as {' '.join(SUFFIXES)}, got {out.name}")
    return dict(zip(places, (out / name for name in result_names(places)), strict=True))


def is_file(out: Path) -> bool:
    """Whether `out` names a file of labels, or labels inside an OME-Zarr image, not a folder for several."""
    return out.name.lower().endswith(SUFFIXES) or home_of(out) is not None


def check_tables(*paths: Path | None) -> None:
    """MissingExtraError if a table is wanted as Parquet and what writes it is not installed."""
    if any(path is not None and path.suffix.lower() == ".parquet" for path in paths):
        optional("pyarrow", "Parquet", "parquet")


def probability_maps(segments: Segments, image: Image, path: Path) -> np.ndarray:
    """How likely each segment is at every pixel (samples, segments, *space): float16 for .npy, else float32."""
    import numpy as np

    chances = np.stack([image.from_source(one) for one in segments.probabilities], axis=1)
    return chances if path.suffix.lower() == ".npy" else chances.astype(np.float32)  # Fiji knows no float16
