"""Trains the encoders that come with the package, on pictures that anyone may use, with the package's own trainer.

    python scripts/train_encoder.py 2        # src/napari_ae_seg/weights/encoder2d.aeseg
    python scripts/train_encoder.py 3        # src/napari_ae_seg/weights/encoder3d.aeseg

In 2D, the pictures are photographs bundled with scikit-image that are in the public domain or CC0, and endless textures
and scenes of the package's own generator; in 3D, volumes of that generator alone. Every round trains on fresh ones at
several scales. Grey becomes three equal channels; channels come in random order and every second picture inverted, so
that the encoder serves any stain. The same seed and threads on the same kind of processor give the same weights.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import ndimage
from skimage import data

import napari_ae_seg as ae
from napari_ae_seg.samples import random_scene, random_texture, random_volume

BUNDLED = [
    "astronaut",
    "brick",
    "camera",
    "cell",
    "chelsea",
    "clock",
    "coffee",
    "grass",
    "gravel",
    "horse",
    "hubble_deep_field",
    "microaneurysms",
    "retina",
    "rocket",
    "text",
]
"""Pictures in scikit-image's own package whose documentation says public domain or CC0."""
WEIGHTS = Path("src/napari_ae_seg/weights")

Rng = np.random.Generator
Pictures = Callable[[Rng], Iterator[np.ndarray]]


@dataclass(frozen=True)
class Recipe:
    """What an encoder is and learns from."""

    network: ae.NetworkConfig
    pictures: Pictures
    axes: str
    rounds: int
    steps: int
    """Per round."""
    precision: Literal["fp32", "mixed"]
    """Said, not probed: the weights depend on it."""
    trained_on: list[str]


def main() -> None:
    """Trains and writes an encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ndim", type=int, choices=RECIPES)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    recipe = RECIPES[asked.ndim]
    model = trained(recipe, asked.rounds or recipe.rounds, asked.width, asked.seed)
    out = asked.out or WEIGHTS / f"encoder{asked.ndim}d.aeseg"
    out.parent.mkdir(parents=True, exist_ok=True)
    model.save(out)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


def trained(recipe: Recipe, rounds: int, width: int, seed: int) -> ae.Autoencoder:
    """An encoder after `rounds` of fresh pictures, each learnt from more gently than the one before."""
    rng, started, model = np.random.default_rng(seed), time.perf_counter(), None
    for number in range(rounds):
        stack = ae.read([_disguised(rng, picture) for picture in recipe.pictures(rng)], axes=recipe.axes)
        rate = 4e-3 * (1 - 0.75 * number / rounds)
        training = ae.TrainingConfig(
            steps=recipe.steps,
            seed=seed + number,
            learning_rate=rate,
            precision=recipe.precision,
            threads=1,
            device="cpu",
            validation=0.05,
        )
        model = ae.train(stack, training, None if model else recipe.network.but(width=width), model=model)
        print(f"round {number}: {model.history[-1]}, {time.perf_counter() - started:.0f} s", flush=True)
    assert model is not None
    kept = ("date", "versions", "latents", "errors")
    info = {name: model.info[name] for name in kept} | {"trained_on": recipe.trained_on, "runs": model.info["runs"]}
    return replace(model, history=model.history[-1:], info=info)


def pictures(rng: Rng, side: int = 128, count: int = 240) -> Iterator[np.ndarray]:
    """Pictures (side, side, 3): a third each of bundled ones, textures and scenes, at several scales."""
    bundled = [_float(getattr(data, name)()) for name in BUNDLED]
    for number in range(count):
        if number % 3 == 0:
            yield _crop(rng, bundled[rng.integers(len(bundled))], side, rng.uniform(1, 3))
        elif number % 3 == 1:
            yield _crop(rng, _rgb(random_texture(rng, side)), side, rng.choice([1.0, rng.uniform(0.5, 1)]))
        else:
            yield _crop(rng, _rgb(random_scene(rng, side)[0]), side, rng.choice([1.0, rng.uniform(0.5, 1)]))


def volumes(rng: Rng, side: int = 48, count: int = 48) -> Iterator[np.ndarray]:
    """Volumes (side, side, side, 3), most of them grey, the others with two stains and their mean."""
    for number in range(count):
        first = random_volume(rng, (side, side, side))[0]
        second = random_volume(rng, (side, side, side))[0] if number % 4 == 0 else first
        yield np.stack([first, second, (first + second) / 2], -1)


RECIPES = {
    2: Recipe(
        ae.NetworkConfig(ndim=2),
        pictures,
        "YXC",
        rounds=8,
        steps=750,
        precision="mixed",
        trained_on=[f"skimage.data.{name}" for name in BUNDLED] + ["napari-ae-seg's own textures and scenes"],
    ),
    3: Recipe(
        ae.NetworkConfig(ndim=3, levels=3),
        volumes,
        "ZYXC",
        rounds=4,
        steps=250,
        precision="fp32",
        trained_on=["napari-ae-seg's own volumes"],
    ),
}
"""By spatial axes."""


def _crop(rng: Rng, picture: np.ndarray, side: int, scale: float) -> np.ndarray:
    """A square of a picture, `scale` times `side` wide or as much as there is, brought to `side`."""
    wide = int(min(side * scale, *picture.shape[:2]))
    y, x = (int(rng.integers(size - wide + 1)) for size in picture.shape[:2])
    part = picture[y : y + wide, x : x + wide]
    if wide == side:
        return part
    blurred = ndimage.gaussian_filter(part, [max(0.0, (wide / side - 1) / 2)] * 2 + [0])
    places = (np.arange(side) + 0.5) * wide / side - 0.5
    grid = np.meshgrid(places, places, indexing="ij")
    return np.stack([ndimage.map_coordinates(blurred[..., c], grid, order=1, mode="nearest") for c in range(3)], -1)


def _disguised(rng: Rng, picture: np.ndarray) -> np.ndarray:
    """A picture normalised by itself, its channels in random order, every second time inverted."""
    space = tuple(range(picture.ndim - 1))
    low, high = np.percentile(picture, (0.5, 99.5), axis=space)
    unit = np.clip((picture - low) / np.maximum(high - low, 1e-6), 0, 1)
    unit = unit - unit.mean(space)
    standard = unit / max(float(unit.std()), 1e-3)
    return np.asarray(rng.choice([-1.0, 1.0]) * standard[..., rng.permutation(3)], np.float32)


def _float(picture: np.ndarray) -> np.ndarray:
    scale = np.iinfo(picture.dtype).max if picture.dtype.kind in "iu" else 1
    return _rgb(np.asarray(picture[..., :3] if picture.ndim == 3 else picture, np.float32) / scale)


def _rgb(picture: np.ndarray) -> np.ndarray:
    return np.asarray(picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, -1), np.float32)


if __name__ == "__main__":
    main()
