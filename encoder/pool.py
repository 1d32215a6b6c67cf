"""A pool of layouts on disk, in shards that runs share: `python -m encoder.pool FOLDER --ndim 2 --shards 100`."""

import argparse
import os
from dataclasses import fields
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from napari_ae_seg.samples.scenes import SCENES

from .scenes.layouts import REACH, Layout, draw

SIDE = {2: 192, 3: 56}
EACH = 64
HELD_BACK = 10**6
"""Seeds from here on are never trained on."""
COLUMNS = [one.name for one in fields(Layout)]
DRAWN_EVERY = 4
"""Of so many shards one is of pictures that the package draws itself, each kind with its own look."""
DRAWN = ("nuclei", "cells", "electron", "fibers", "phase", "tissue", "blood")


def shard(index: int, ndim: int, each: int = EACH, side: int | None = None) -> list[Layout]:
    """The layouts of shard `index`: the same whenever they are made."""
    return [draw(np.random.default_rng((ndim, index, i)), side or SIDE[ndim], ndim) for i in range(each)]


def drawn(index: int, each: int = EACH, side: int | None = None) -> list[Layout]:
    """Layouts of shard `index` that look as the package draws them, larger or smaller."""
    return [_drawn(np.random.default_rng((9, index, i)), side or SIDE[2]) for i in range(each)]


def _drawn(rng: np.random.Generator, side: int) -> Layout:
    kind = str(rng.choice(DRAWN))
    size = round(side / np.exp(rng.uniform(np.log(0.6), np.log(1.7))))
    picture, classes = SCENES[kind](rng, size)
    picture = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)
    picture = ndi.zoom(picture, (side / size, side / size, 1), order=1)
    classes = ndi.zoom(classes, side / size, order=0)
    _, parts = np.unique(classes, return_inverse=True)
    parts = parts.reshape(classes.shape).astype(np.uint8)
    nowhere = np.full(parts.shape, -2 * REACH, np.int8), np.zeros(parts.shape, np.uint8)
    image = np.moveaxis(picture, 2, 0).astype(np.float16)
    return Layout(kind, parts, parts, np.zeros(parts.shape, np.int16), *nowhere, has_objects=False, picture=image)


def write(folder: Path, index: int, layouts: list[Layout]) -> None:
    """Write a shard, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{index:05d}.{os.getpid()}.part.npz"
    names = [name for name in COLUMNS if getattr(layouts[0], name) is not None]
    np.savez(part, **{name: np.stack([getattr(a, name) for a in layouts]) for name in names})  # type: ignore[arg-type]
    part.rename(folder / f"{index:05d}.npz")


def read(folder: Path, index: int) -> list[Layout]:
    """The layouts of a shard on disk."""
    with np.load(folder / f"{index:05d}.npz") as file:
        columns = {name: file[name] for name in COLUMNS if name in file}
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [Layout(**row | {"kind": str(row["kind"]), "has_objects": bool(row["has_objects"])}) for row in rows]


def fill(
    folder: Path, ndim: int, shards: int, parent: int | None = None, each: int = EACH, side: int | None = None
) -> None:
    """Make the shards that are missing, in order, until `shards` are there or the `parent` process is gone."""
    for index in range(shards):
        if parent is not None and os.getppid() != parent:
            return
        if not (folder / f"{index:05d}.npz").exists():
            pictures = ndim == 2 and index % DRAWN_EVERY == DRAWN_EVERY - 1
            write(folder, index, drawn(index, each, side) if pictures else shard(index, ndim, each, side))


def main() -> None:
    """Fill a pool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ndim", type=int, default=2)
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--parent", type=int)
    args = parser.parse_args()
    fill(args.folder, args.ndim, args.shards, args.parent)


if __name__ == "__main__":
    main()
