"""A sheet of scenes, to look at: `python -m encoder.look SHEET.png [--ndim 3] [--mode edges]`."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from .scenes.layouts import KINDS, draw
from .scenes.scene import Dice, render


def sheet(
    ndim: int = 2,
    side: int = 128,
    each: int = 5,
    seed: int = 1,
    mode: str | None = None,
    kinds: list[str] | None = None,
) -> np.ndarray:
    """One row a kind of layout; of each scene the image, the clean image and the classes."""
    rows = []
    for kind in kinds or KINDS:
        layouts = [draw(np.random.default_rng((seed, i)), side, ndim, kind) for i in range(each)]
        scenes = render(layouts, Dice((seed, 7)), modes=[mode] * each)
        tiles = []
        for i in range(each):
            middle = (side // 2,) if ndim == 3 else ()
            for shown in (scenes.image[i], scenes.clean[i]):
                x = shown[(slice(None), *middle)].permute(1, 2, 0).numpy()
                low, high = np.percentile(x, [0.5, 99.5])
                tiles.append(255 * np.clip((x - low) / (high - low + 1e-6), 0, 1))
            classes = scenes.classes[i][middle].numpy() if middle else scenes.classes[i].numpy()
            tiles.append(np.repeat(255 * classes[..., None] / max(1, classes.max()), 3, -1))
        rows.append(np.concatenate(tiles, 1))
    return np.concatenate(rows, 0).astype(np.uint8)


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--ndim", type=int, default=2)
    parser.add_argument("--side", type=int, default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode")
    parser.add_argument("--kinds", nargs="*")
    args = parser.parse_args()
    side = args.side or (128 if args.ndim == 2 else 48)
    Image.fromarray(sheet(args.ndim, side, seed=args.seed, mode=args.mode, kinds=args.kinds)).save(args.out)


if __name__ == "__main__":
    main()
