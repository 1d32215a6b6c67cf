"""Pictures with a third axis: a volume of nuclei, and cells that wander and divide."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .noise import Image, Rng, camera, smooth
from .objects import blobs, strewn


def volume(rng: Rng, shape: tuple[int, int, int] = (32, 128, 128), stretch: float = 3.0) -> tuple[Image, Image]:
    """Nuclei in 3D (Z, Y, X), float32 in 0 to 1, and their classes: 1 ground, 2 nucleus.

    A step in z is `stretch` steps in y; as in a confocal microscope z is blurred more, and deep slices are darker.
    """
    radius = shape[1] / 14
    flat = np.array([1 / stretch, 1, 1])
    places = strewn(rng, shape, tuple(1.9 * radius * flat), 110)
    numbers, depth = blobs(rng, shape, places, radius * flat * rng.lognormal(0, 0.14, places.shape), 0.12)
    stain = np.concatenate([[0], rng.lognormal(-0.3, 0.25, len(places))])[numbers]
    chromatin = 1 + 0.3 * smooth(rng, shape, tuple(2.5 * flat))
    clean = ndimage.gaussian_filter(stain * np.clip(chromatin, 0.2, 2) * np.minimum(4 * depth, 1), (1.0, 1.0, 1.0))
    haze = ndimage.gaussian_filter(stain, tuple(3 * radius * flat))
    fading = np.linspace(1, 0.55, shape[0], dtype=np.float32)[:, None, None]
    seen = camera(rng, fading * (clean + 0.2 * haze + 0.03) / 1.6, photons=70, read=0.01)
    return np.clip(seen, 0, 1), (1 + (numbers > 0)).astype(np.uint8)


def divisions(rng: Rng, frames: int = 10, size: int = 192) -> tuple[Image, Image]:
    """Fluorescent nuclei over time (T, Y, X), float32 in 0 to 1, and their classes: 1 ground, 2 nucleus.

    They wander, grow, and divide in two when they are old enough; a dividing one is small and bright.
    """
    places = strewn(rng, (size, size), 28, 22)
    ages, headings = rng.uniform(0, 1, len(places)), rng.normal(0, 1.5, places.shape)
    pictures, classes = [], []
    for _ in range(frames):
        picture, inside = _frame(rng, size, places, ages)
        pictures.append(picture)
        classes.append(1 + inside)
        ages = ages + 0.09
        headings = 0.7 * headings + rng.normal(0, 0.9, places.shape)
        places = places + headings
        places, ages, headings = _divided(rng, places, ages, headings)
    return np.stack(pictures), np.stack(classes).astype(np.uint8)


def _frame(rng: Rng, size: int, places: np.ndarray, ages: np.ndarray) -> tuple[Image, Image]:
    shape, rounding = (size, size), np.clip((ages - 0.85) / 0.15, 0, 1)
    radii = (7 + 4 * np.clip(ages, 0, 1) - 4 * rounding)[:, None] * np.array([0.9, 1.15])
    numbers, depth = blobs(rng, shape, places, radii, 0.08)
    stain = np.concatenate([[0], 0.55 + 0.4 * rounding])[numbers]
    glow = stain * (1 + 0.2 * smooth(rng, shape, 1.5)) * np.minimum(4 * depth, 1)
    haze = ndimage.gaussian_filter(stain, 18)
    seen = camera(rng, ndimage.gaussian_filter(glow, 0.9) + 0.25 * haze + 0.05, photons=150, read=0.01)
    return np.clip(seen, 0, 1), numbers > 0


def _divided(
    rng: Rng, places: np.ndarray, ages: np.ndarray, headings: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    old = ages > 1
    angle = rng.uniform(0, np.pi, old.sum())
    apart = 8 * np.stack([np.sin(angle), np.cos(angle)], 1)
    return (
        np.concatenate([places[~old], places[old] - apart, places[old] + apart]),
        np.concatenate([ages[~old], np.zeros(2 * old.sum())]),
        np.concatenate([headings[~old], -apart / 5, apart / 5]),
    )
