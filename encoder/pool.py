"""A pool of layouts on disk, in shards that runs share: `python -m encoder.pool FOLDER --ndim 2 --shards 100`."""

import argparse
import os
from dataclasses import fields
from pathlib import Path

import numpy as np

from .scenes.layouts import Layout, draw

SIDE = {2: 192, 3: 56}
EACH = 64
HELD_BACK = 10**6
"""Seeds from here on are never trained on."""
COLUMNS = [one.name for one in fields(Layout)]


def shard(index: int, ndim: int, each: int = EACH, side: int | None = None) -> list[Layout]:
    """The layouts of shard `index`: the same whenever they are made."""
    return [draw(np.random.default_rng((ndim, index, i)), side or SIDE[ndim], ndim) for i in range(each)]


def write(folder: Path, index: int, layouts: list[Layout]) -> None:
    """Write a shard, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{index:05d}.{os.getpid()}.part.npz"
    np.savez(part, **{name: np.stack([getattr(a, name) for a in layouts]) for name in COLUMNS})  # type: ignore[arg-type]
    part.rename(folder / f"{index:05d}.npz")


def read(folder: Path, index: int) -> list[Layout]:
    """The layouts of a shard on disk."""
    with np.load(folder / f"{index:05d}.npz") as file:
        columns = {name: file[name] for name in COLUMNS}
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
            write(folder, index, shard(index, ndim, each, side))


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
