"""Time and memory of the main job: 1024 x 1024 and 64 x 512 x 512, and an image four times as large from zarr."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from napari_ae_seg.samples import random_scene

GB = 2**30


def main() -> None:
    """Prints seconds, memory, and the estimates beside them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = _image(1024)
        tifffile.imwrite(folder / "flat.tif", image)
        tifffile.imwrite(folder / "volume.tif", _volume(), imagej=True, metadata={"axes": "ZYX"})
        for file, seconds, memory in (("flat.tif", 30, 1.2), ("volume.tif", 120, 2.0)):
            for extra in ([], ["--train"]):
                told = segment(folder / file, folder / "labels.tif", *extra)
                how = "trained on it" if extra else "as it comes"
                print(
                    f"segment {file}, {how}: {told['seconds']['total']:.1f} s (at most {seconds}), "
                    f"{told['peak_memory_bytes'] / GB:.2f} GB (at most {memory}); {_estimate(told)}",
                    flush=True,
                )
        peaks = []
        for side in (2048, 4096):
            _zarr(folder / f"{side}.zarr", side)
            told = segment(folder / f"{side}.zarr", folder / f"{side}_labels.zarr", "--axes", "YX")
            peaks.append(told["peak_memory_bytes"])
            print(f"zarr {side} x {side}: {told['seconds']['total']:.1f} s, {peaks[-1] / GB:.2f} GB", flush=True)
        print(f"memory for four times the image: {peaks[1] / peaks[0] - 1:+.0%} (aim +10%)")


def segment(image: Path, out: Path, *extra: str) -> dict[str, Any]:
    """What the report of the main job says, with two threads, in a process of its own."""
    report = out.parent / "report.json"
    command = [sys.executable, "-m", "napari_ae_seg", "segment", str(image), "--out", str(out), "--clusters", "4"]
    subprocess.run([*command, "--threads", "2", "--quiet", "--report", str(report), *extra], check=True)
    told: dict[str, Any] = json.loads(report.read_text())
    return told


def _estimate(told: dict[str, Any]) -> str:
    expected = told["estimate"]
    return f"estimated {expected['seconds']:.1f} s, {expected['bytes'] / GB:.2f} GB"


def _image(side: int) -> np.ndarray:
    picture, _ = random_scene(np.random.default_rng(1), side)
    gray = picture if picture.ndim == 2 else picture.mean(-1)
    return (60_000 * gray).astype(np.uint16)


def _volume() -> np.ndarray:
    rng = np.random.default_rng(0)
    flat = _image(512).astype(np.float32)
    noisy = np.stack([np.roll(flat, shift, axis=1) for shift in range(64)])
    return (noisy + rng.normal(0, 3000, noisy.shape)).clip(0, 65_535).astype(np.uint16)


def _zarr(path: Path, side: int) -> None:
    array = zarr.create_array(path, shape=(side, side), chunks=(512, 512), dtype="uint16")
    part = _image(1024)
    for y in range(0, side, 1024):
        for x in range(0, side, 1024):
            array[y : y + 1024, x : x + 1024] = part
