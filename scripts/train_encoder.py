"""Trains the 2D encoder that comes with the package, from pictures that anyone may use, with the package's own trainer.

    python scripts/train_encoder.py [--steps 6000] [--seed 0] [--out src/napari_ae_seg/weights/encoder2d.aeseg]

The pictures: the photographs and micrographs bundled with scikit-image, and endless textures and scenes of the package's
own generator. Every round trains on fresh crops at several scales. Grey pictures become three equal channels; channels
come in random order and every second picture inverted, so that the encoder serves any stain.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from skimage import data, transform

import napari_ae_seg as ae
from napari_ae_seg.samples import random_scene, random_texture

BUNDLED = (
    "astronaut brick camera cell chelsea clock coffee coins grass gravel horse hubble_deep_field immunohistochemistry "
    "microaneurysms moon page retina rocket text"
).split()
"""Pictures in scikit-image's own package: public domain, CC0, or free to use as its documentation says of each."""
SIDE, PICTURES, ROUND = 128, 240, 750


def main() -> None:
    """Trains and writes the encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--latents", type=int, default=16)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("src/napari_ae_seg/weights/encoder2d.aeseg"))
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    bundled = [_float(getattr(data, name)()) for name in BUNDLED]
    network = ae.NetworkConfig(width=asked.width, latents=asked.latents, ndim=2)
    model = None
    started = time.perf_counter()
    for number, first in enumerate(range(0, asked.steps, ROUND)):
        stack = ae.read([_disguised(rng, crop) for crop in _pictures(rng, bundled)], axes="YXC")
        training = ae.TrainingConfig(
            steps=min(ROUND, asked.steps - first), seed=asked.seed + number, threads=asked.threads, validation=0.05
        )
        model = ae.train(stack, training, None if model else network, model=model)
        loss = model.history[-1]
        print(f"round {number}: {loss}, {time.perf_counter() - started:.0f} s", flush=True)
    assert model is not None
    model.info["trained_on"] = ["pictures bundled with scikit-image", "napari-ae-seg's own textures and scenes"]
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    replace(model, history=model.history[-1:]).save(asked.out)
    print(f"{asked.out}: {asked.out.stat().st_size / 1e6:.2f} MB")


def _pictures(rng: np.random.Generator, bundled: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Crops of a round: a third each of bundled pictures, textures and scenes."""
    for number in range(PICTURES):
        if number % 3 == 0:
            yield _crop(rng, bundled[rng.integers(len(bundled))])
        elif number % 3 == 1:
            yield _rgb(random_texture(rng, SIDE))
        else:
            yield _rgb(random_scene(rng, SIDE)[0])


def _crop(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """A square of a picture, shrunk by up to three."""
    side = int(min(SIDE * rng.uniform(1, 3), *picture.shape[:2]))
    y, x = (int(rng.integers(size - side + 1)) for size in picture.shape[:2])
    return transform.resize(picture[y : y + side, x : x + side], (SIDE, SIDE), anti_aliasing=True).astype(np.float32)


def _disguised(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """A picture normalised by itself, its channels in random order, every second time inverted."""
    low, high = np.percentile(picture, (0.5, 99.5), axis=(0, 1))
    unit = np.clip((picture - low) / np.maximum(high - low, 1e-6), 0, 1)
    unit = unit - unit.mean((0, 1))
    standard = unit / max(float(unit.std()), 1e-3)
    return np.float32(rng.choice([-1.0, 1.0]) * standard[..., rng.permutation(3)])


def _float(picture: np.ndarray) -> np.ndarray:
    scale = np.iinfo(picture.dtype).max if picture.dtype.kind in "iu" else 1
    return _rgb(np.asarray(picture[..., :3] if picture.ndim == 3 else picture, np.float32) / scale)


def _rgb(picture: np.ndarray) -> np.ndarray:
    return np.asarray(picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, -1), np.float32)


if __name__ == "__main__":
    main()
