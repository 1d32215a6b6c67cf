"""Trains the encoder for volumes that comes with the package, with the package's own trainer.

    python scripts/train_encoder.py 3        # src/napari_ae_seg/weights/encoder3d.aeseg

It learns from volumes of the package's own generator; every round trains on fresh ones. Grey becomes three equal
channels; channels come in random order and every second volume inverted, so that the encoder serves any stain. The same
seed and threads on the same kind of processor give the same weights. The encoder for pictures is made in `encoder/`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

import napari_ae_seg as ae
from napari_ae_seg.samples import random_volume

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


def volumes(rng: Rng, side: int = 48, count: int = 48) -> Iterator[np.ndarray]:
    """Volumes (side, side, side, 3), most of them grey, the others with two stains and their mean."""
    for number in range(count):
        first = random_volume(rng, (side, side, side))[0]
        second = random_volume(rng, (side, side, side))[0] if number % 4 == 0 else first
        yield np.stack([first, second, (first + second) / 2], -1)


RECIPES = {
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


def _disguised(rng: Rng, picture: np.ndarray) -> np.ndarray:
    """A picture normalised by itself, its channels in random order, every second time inverted."""
    space = tuple(range(picture.ndim - 1))
    low, high = np.percentile(picture, (0.5, 99.5), axis=space)
    unit = np.clip((picture - low) / np.maximum(high - low, 1e-6), 0, 1)
    unit = unit - unit.mean(space)
    standard = unit / max(float(unit.std()), 1e-3)
    return np.asarray(rng.choice([-1.0, 1.0]) * standard[..., rng.permutation(3)], np.float32)


if __name__ == "__main__":
    main()
