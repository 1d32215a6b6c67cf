"""Pictures with a third axis: volumes of nuclei and of random kinds, and cells that wander and divide."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from .noise import Image, Rng, bent, camera, octaves, smooth, standard, unit
from .objects import blobs, strewn, tiling


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


def random_volume(rng: Rng, shape: tuple[int, int, int]) -> tuple[Image, Image]:
    """A volume (Z, Y, X) of a random kind, float32 in 0 to 1, and its classes, 1 to K.

    Slices lie up to four pixels apart; blur, noise, contrast and whether dark is bright differ from one to the next.

    >>> picture, classes = random_volume(np.random.default_rng(0), (12, 24, 24))
    >>> picture.shape == classes.shape == (12, 24, 24)
    True
    """
    kinds = list(VOLUMES)
    stretch = rng.choice([1.0, rng.uniform(1, 4)])
    clean, classes = VOLUMES[kinds[rng.integers(len(kinds))]](rng, shape, np.array([1 / stretch, 1, 1]))
    if rng.random() < 0.4:
        clean = standard(clean) + rng.uniform(0.1, 0.6) * smooth(rng, shape, tuple(s / 4 for s in shape))
    across = rng.uniform(0, 1.2)
    seen = ndimage.gaussian_filter(unit(clean), (across * rng.uniform(0.3, 1.5), across, across))
    seen = unit(seen) ** rng.uniform(0.6, 1.6)
    seen = seen if rng.random() < 0.7 else 1 - seen
    seen = camera(rng, seen, photons=10 ** rng.uniform(0.7, 3.3), read=10 ** rng.uniform(-2.5, -0.8))
    return unit(seen), classes.astype(np.uint8)


def _round(rng: Rng, shape: tuple[int, ...], flat: Image) -> tuple[Image, Image]:
    """Nuclei, vesicles or granules."""
    radius = rng.uniform(2.5, 9)
    places = strewn(rng, shape, tuple(rng.uniform(1.8, 3) * radius * flat), int(np.prod(shape) / radius**3 / 8) + 1)
    numbers, depth = blobs(rng, shape, places, radius * flat * rng.lognormal(0, 0.2, places.shape), 0.15)
    stain = np.concatenate([[0], rng.lognormal(0, 0.3, len(places))])[numbers]
    grain = np.clip(1 + rng.uniform(0, 0.5) * smooth(rng, shape, tuple(rng.uniform(0.8, 2.5) * flat)), 0, None)
    edge = np.minimum(rng.uniform(1.5, 8) * depth, 1)
    haze = rng.uniform(0, 0.4) * ndimage.gaussian_filter(stain, tuple(2 * radius * flat))
    return stain * grain * edge + haze, 1 + (numbers > 0)


def _walled(rng: Rng, shape: tuple[int, ...], flat: Image) -> tuple[Image, Image]:
    """Cells side by side, with bright walls, dark walls or none, each with a brightness of its own."""
    size = rng.uniform(9, 24)
    slices = max(4, int(np.ceil(shape[0] / flat[0])))
    numbers, border = tiling(rng, (slices, *shape[1:]), size, bend=rng.uniform(0.05, 0.25))
    wall = np.exp(-((border / rng.uniform(0.7, 1.8)) ** 2) / 2)
    level = rng.lognormal(0, rng.uniform(0.05, 0.5), numbers.max() + 1)[numbers]
    grain = 1 + rng.uniform(0, 0.4) * smooth(rng, border.shape, rng.uniform(0.8, 3))
    clean = 0.4 * level * grain + rng.choice([1.2, 0.7, 0.0, -0.4]) * wall
    kept = np.linspace(0, slices - 1, shape[0]).round().astype(int)
    return clean[kept], (1 + (wall > 0.5))[kept]


def _filtered(rng: Rng, shape: tuple[int, ...], flat: Image) -> tuple[Image, Image]:
    """Noise of one grain or of many, or foam cut out of it."""
    grain = rng.uniform(0.8, 5) * flat * rng.lognormal(0, 0.4, 3)
    field = octaves(rng, shape, rng.uniform(2, 10), rng.uniform(0.4, 0.9)) if rng.random() < 0.3 else 0
    field = field + smooth(rng, shape, tuple(grain))
    field = standard(field - rng.uniform(0, 1) * smooth(rng, shape, tuple(2 * grain)))
    sharpness = rng.uniform(0.3, 6)
    above = field > rng.uniform(-0.6, 0.9)
    return np.tanh(sharpness * field), 1 + above


def _stringy(rng: Rng, shape: tuple[int, ...], flat: Image) -> tuple[Image, Image]:
    """Fibres or vessels: where two random sheets cross."""
    clean, scale, width = np.zeros(shape, np.float32), rng.uniform(3, 10), rng.uniform(0.08, 0.3)
    for _ in range(int(rng.integers(1, 4))):
        along = tuple(scale * flat * rng.choice([1.0, 3.0], 3, p=[0.7, 0.3]))
        sheets = [smooth(rng, shape, along) / width for _ in range(2)]
        clean = np.maximum(clean, rng.uniform(0.5, 1) * np.exp(-(sheets[0] ** 2 + sheets[1] ** 2) / 2))
    return clean + rng.uniform(0, 0.2) * smooth(rng, shape, tuple(2.0 * flat)), 1 + (clean > 0.3)


def _layered(rng: Rng, shape: tuple[int, ...], flat: Image) -> tuple[Image, Image]:
    """Folded layers, as of cortex, skin or retina, each with a brightness and a grain of its own."""
    normal, count = rng.standard_normal(3), int(rng.integers(3, 7))
    places = bent(rng, shape, rng.uniform(1, 6), rng.uniform(5, 14))
    height = np.tensordot(normal / np.linalg.norm(normal), places / flat[:, None, None, None], 1)
    steps = np.quantile(height, np.sort(rng.uniform(0.08, 0.92, count - 1)))
    layer = np.searchsorted(steps, height)
    level, grain = rng.uniform(0, 1, count), rng.uniform(0, 0.3, count)
    fine, coarse = (smooth(rng, shape, tuple(s * flat)) for s in (rng.uniform(0.7, 1.5), rng.uniform(2, 4)))
    mixed = np.where(rng.random(count)[layer] < 0.5, fine, coarse)
    return level[layer] + grain[layer] * mixed, 1 + layer


def _patched(rng: Rng, shape: tuple[int, ...], flat: Image) -> tuple[Image, Image]:
    """Two to four of the other kinds, of the same mean and contrast, side by side."""
    others = [_round, _walled, _filtered, _stringy, _layered]
    count = int(rng.integers(2, 5))
    kinds = [others[number] for number in rng.integers(len(others), size=count)]
    fields = [smooth(rng, shape, tuple(max(shape) / 6 * flat)) for _ in kinds]
    where = np.argmax(fields, 0)
    parts = [standard(kind(rng, shape, flat)[0]) for kind in kinds]
    return np.choose(where, parts), 1 + where


VOLUMES = {
    "round": _round,
    "walled": _walled,
    "filtered": _filtered,
    "stringy": _stringy,
    "layered": _layered,
    "patched": _patched,
}
"""Kind -> function of a generator, a shape and the pixels of each axis per pixel in the plane: picture and classes."""


class Movie(NamedTuple):
    """Nuclei over time, and who they are."""

    image: Image
    """(T, Y, X) float32 in 0 to 1."""

    classes: Image
    """(T, Y, X) uint8: 1 ground, 2 nucleus."""

    cells: Image
    """(T, Y, X) int32: the number of each nucleus, the same in every frame; 0 is ground."""

    mothers: dict[int, int]
    """Number of a nucleus -> that of the one it came from by division."""


def divisions(rng: Rng, frames: int = 10, size: int = 192) -> tuple[Image, Image]:
    """Fluorescent nuclei over time (T, Y, X), float32 in 0 to 1, and their classes: 1 ground, 2 nucleus.

    They wander, grow, and divide in two when they are old enough; a dividing one is small and bright.
    """
    film = movie(rng, frames, size)
    return film.image, film.classes


def movie(
    rng: Rng,
    frames: int = 10,
    size: int = 192,
    *,
    count: int = 22,
    apart: float = 28.0,
    speed: float = 1.0,
    photons: float = 150.0,
) -> Movie:
    """The same nuclei with the number of each and its mother, from which tracks can be judged.

    At most `count` nuclei begin, `apart` pixels from each other at least; `speed` times as fast as in the sample.

    >>> film = movie(np.random.default_rng(8), frames=3, size=96)
    >>> film.cells.shape == film.image.shape == (3, 96, 96)
    True
    """
    places = strewn(rng, (size, size), apart, count)
    ages, headings = rng.uniform(0, 1, len(places)), speed * rng.normal(0, 1.5, places.shape)
    names = np.arange(1, len(places) + 1)
    mothers: dict[int, int] = {}
    pictures, cells = [], []
    for _ in range(frames):
        picture, numbers = _frame(rng, size, places, ages, photons)
        pictures.append(picture)
        cells.append(np.concatenate([[0], names])[numbers].astype(np.int32))
        ages = ages + 0.09
        headings = 0.7 * headings + speed * rng.normal(0, 0.9, places.shape)
        places = places + headings
        old, first = ages > 1, int(names.max()) + 1
        places, ages, headings = _divided(rng, places, ages, headings)
        born = np.arange(first, first + 2 * old.sum())
        mothers |= dict(zip(born.tolist(), np.tile(names[old], 2).tolist(), strict=True))
        names = np.concatenate([names[~old], born])
    who = np.stack(cells)
    seen = set(np.unique(who).tolist())
    return Movie(
        np.stack(pictures), (1 + (who > 0)).astype(np.uint8), who, {n: m for n, m in mothers.items() if n in seen}
    )


def _frame(rng: Rng, size: int, places: np.ndarray, ages: np.ndarray, photons: float) -> tuple[Image, Image]:
    shape, rounding = (size, size), np.clip((ages - 0.85) / 0.15, 0, 1)
    radii = (7 + 4 * np.clip(ages, 0, 1) - 4 * rounding)[:, None] * np.array([0.9, 1.15])
    numbers, depth = blobs(rng, shape, places, radii, 0.08)
    stain = np.concatenate([[0], 0.55 + 0.4 * rounding])[numbers]
    glow = stain * (1 + 0.2 * smooth(rng, shape, 1.5)) * np.minimum(4 * depth, 1)
    haze = ndimage.gaussian_filter(stain, 18)
    seen = camera(rng, ndimage.gaussian_filter(glow, 0.9) + 0.25 * haze + 0.05, photons=photons, read=0.01)
    return np.clip(seen, 0, 1), numbers


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
