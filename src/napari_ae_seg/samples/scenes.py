"""Endlessly many pictures as a microscope gives them: each with the class, 1 to K, of every pixel."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .noise import Image, Rng, camera, octaves, smooth, unit, warp
from .objects import blobs, strewn, tiling
from .textures import fibers as fiber_texture
from .textures import mosaic, random_texture


def random_scene(rng: Rng, size: int) -> tuple[Image, Image]:
    """A picture of a random kind, (size, size) or RGB (size, size, 3), float32 in 0 to 1, and its classes, 1 to K.

    >>> picture, classes = random_scene(np.random.default_rng(0), 48)
    >>> picture.shape[:2] == classes.shape
    True
    """
    kinds = list(SCENES)
    return SCENES[kinds[rng.integers(len(kinds))]](rng, size)


def nuclei(rng: Rng, size: int, radius: float = 0.0) -> tuple[Image, Image]:
    """Fluorescent nuclei on a dark ground: uneven stain, some out of focus, haze. 1 ground, 2 nucleus."""
    radius = radius or rng.uniform(5, 18)
    shape = (size, size)
    places = strewn(rng, shape, rng.uniform(1.7, 3.0) * radius, int(rng.uniform(0.3, 1) * (size / radius / 2.2) ** 2))
    numbers, depth = blobs(rng, shape, places, radius * rng.lognormal(0, 0.15, places.shape))
    stain = np.concatenate([[0], rng.lognormal(-0.4, 0.35, len(places))])[numbers]
    chromatin = 1 + 0.22 * smooth(rng, shape, radius / 6) - 0.35 * (smooth(rng, shape, radius / 4) > 1.6)
    glow = stain * np.clip(chromatin, 0.2, 2) * np.minimum(4 * depth, 1)
    haze = ndimage.gaussian_filter(stain, 2.5 * radius)
    clean = ndimage.gaussian_filter(glow, rng.uniform(0.6, 1.4)) + rng.uniform(0.05, 0.3) * haze + 0.04
    return _shot(rng, clean, 1.6), (1 + (numbers > 0)).astype(np.uint8)


def cells(rng: Rng, size: int, diameter: float = 0.0) -> tuple[Image, Image]:
    """Epithelial cells with stained membranes and faint nuclei. 1 cytoplasm, 2 membrane, 3 nucleus."""
    diameter = diameter or rng.uniform(18, 50)
    shape = (size, size)
    numbers, border = tiling(rng, shape, diameter, bend=0.08)
    width = max(1.2, 0.035 * diameter)
    strength = np.clip(1 + 0.35 * smooth(rng, shape, diameter / 4), 0.3, None)
    membrane = strength * np.exp(-((border / width) ** 2) / 2)
    places = np.array(ndimage.center_of_mass(numbers, numbers, np.unique(numbers)))
    seeds, depth = blobs(
        rng, shape, places, np.full(places.shape, 0.24 * diameter) * rng.lognormal(0, 0.12, places.shape), 0.06
    )
    seeds[border < 1.5 * width] = 0
    nucleus = (seeds > 0) * np.minimum(5 * depth, 1) * (1 + 0.25 * smooth(rng, shape, 2.0))
    level = rng.lognormal(0, 0.2, numbers.max() + 1)[numbers]
    cytoplasm = 0.22 * level * (1 + 0.25 * octaves(rng, shape, 4.0))
    clean = cytoplasm + membrane + rng.uniform(0.2, 0.55) * nucleus
    classes = np.where(border < 1.2 * width, 2, np.where(seeds > 0, 3, 1))
    return _shot(rng, ndimage.gaussian_filter(clean, 0.8), 1.5), classes.astype(np.uint8)


def electron(rng: Rng, size: int) -> tuple[Image, Image]:
    """Neurites in an electron microscope, grey with dark seams. 1 plasma, 2 membrane, 3 mitochondrion."""
    diameter, shape = rng.uniform(20, 55), (size, size)
    numbers, border = tiling(rng, shape, diameter, bend=0.25)
    width = rng.uniform(1.2, 2.6)
    places = strewn(rng, shape, diameter, int((size / diameter) ** 2 / 2) + 1)
    organelles, depth = blobs(rng, shape, places, rng.uniform(0.12, 0.3, places.shape) * diameter, 0.1)
    organelles[border < 2.5 * width] = 0
    cristae = 0.75 + 0.25 * np.sin(smooth(rng, shape, 3.0) * 4)
    plasma = 0.68 + 0.05 * rng.standard_normal(numbers.max() + 1)[numbers] + 0.05 * smooth(rng, shape, 1.2)
    plasma -= 0.25 * (smooth(rng, shape, 1.6) > 2.2)
    picture = plasma * (1 - 0.75 * np.exp(-((border / width) ** 2) / 2))
    picture = np.where(organelles > 0, 0.42 * cristae - 0.15 * (depth < 0.15), picture)
    classes = np.where(border < 1.3 * width, 2, np.where(organelles > 0, 3, 1))
    return unit(camera(rng, ndimage.gaussian_filter(picture, 0.7), rng.uniform(60, 400))), classes.astype(np.uint8)


def fibers(rng: Rng, size: int) -> tuple[Image, Image]:
    """Bright fibres in patches on a dark ground, as collagen or a cytoskeleton. 1 ground, 2 fibres."""
    shape = (size, size)
    patch = smooth(rng, shape, size / 12) > rng.uniform(-0.3, 0.6)
    soft = ndimage.gaussian_filter(patch.astype(np.float32), 2.0)
    clean = 0.05 + soft * unit(fiber_texture(rng, size)) + 0.15 * ndimage.gaussian_filter(soft, 8.0)
    return _shot(rng, clean, 1.0), (1 + patch).astype(np.uint8)


def phase(rng: Rng, size: int) -> tuple[Image, Image]:
    """Unstained cells in phase contrast: thin dark bodies with a bright halo on an even grey. 1 ground, 2 cell."""
    radius, shape = rng.uniform(8, 22), (size, size)
    places = strewn(rng, shape, 2.6 * radius, int(0.7 * (size / radius / 2.2) ** 2))
    numbers, depth = blobs(rng, shape, places, radius * rng.lognormal(0, 0.3, places.shape), 0.2)
    body = (numbers > 0).astype(np.float32)
    halo = np.clip(ndimage.gaussian_filter(body, 2.5) - 0.85 * body, 0, None)
    inside = body * (0.07 * smooth(rng, shape, 1.4) + 0.05 * smooth(rng, shape, 4.0) - 0.08 - 0.15 * depth)
    picture = 0.5 + 0.9 * halo + inside + 0.05 * smooth(rng, shape, size / 4) + 0.015 * smooth(rng, shape, 1.0)
    return unit(camera(rng, picture, rng.uniform(300, 3000))), (1 + (numbers > 0)).astype(np.uint8)


def tissue(rng: Rng, size: int) -> tuple[Image, Image]:
    """Glands in fibrous stroma, stained with haematoxylin and eosin, RGB. 1 glass, 2 stroma, 3 plasma, 4 nucleus."""
    shape, radius = (size, size), rng.uniform(5, 9)
    gland = radius * rng.uniform(6, 9)
    places = strewn(rng, shape, 2.05 * gland, 40)
    glands, depth = blobs(rng, shape, places, gland * rng.uniform(0.75, 1.15, places.shape), 0.12)
    lumen = (glands > 0) & (depth > rng.uniform(0.5, 0.62))
    epithelium = (glands > 0) & ~lumen
    dense = blobs(
        rng, shape, (at := strewn(rng, shape, 2.0 * radius, 4000)), radius * rng.lognormal(-0.1, 0.15, at.shape), 0.15
    )
    sparse = blobs(
        rng,
        shape,
        (at := strewn(rng, shape, 4.5 * radius, 4000)),
        radius * np.array([0.35, 1.2]) * rng.lognormal(0, 0.15, at.shape),
        0.1,
    )
    nucleus = np.where(epithelium & (depth < 0.4), dense[0] > 0, (glands == 0) & (sparse[0] > 0))
    strands = warp(rng, unit(fiber_texture(rng, size)), 4.0, 20.0)
    tear = (glands == 0) & (smooth(rng, shape, 4.0) > 2.0)
    glass = lumen | tear
    eosin = np.where(epithelium, 0.55, 0.35 + 0.55 * strands) * (1 + 0.18 * octaves(rng, shape, 6.0)) * ~glass
    chromatin = nucleus * (1.1 + 0.3 * smooth(rng, shape, 1.5) + 0.25 * smooth(rng, shape, radius))
    classes = np.select([nucleus, glass, epithelium], [4, 1, 3], 2)
    picture = _stained(rng, [0.25 * epithelium * ~glass + chromatin, eosin * (1 - 0.6 * nucleus)])
    return picture, classes.astype(np.uint8)


def blood(rng: Rng, size: int) -> tuple[Image, Image]:
    """A stained blood smear, RGB: red cells and a few white ones. 1 ground, 2 red cell, 3 plasma, 4 nucleus."""
    shape, radius = (size, size), rng.uniform(9, 18)
    at = strewn(rng, shape, 2.0 * radius, int(0.5 * (size / radius / 2) ** 2))
    reds, depth = blobs(rng, shape, at, np.full(at.shape, radius) * rng.lognormal(0, 0.06, at.shape), 0.04)
    at = strewn(rng, shape, 5 * radius, max(1, int((size / radius / 9) ** 2)))
    whites, _ = blobs(rng, shape, at, np.full(at.shape, 1.8 * radius), 0.06)
    lobes = np.repeat(at, 3, axis=0) + rng.normal(0, 0.55 * radius, (3 * len(at), 2))
    nuclei_of, _ = blobs(rng, shape, lobes, rng.uniform(0.6, 0.95, lobes.shape) * radius, 0.1)
    nucleus = (nuclei_of > 0) & (whites > 0)
    pallor = 1 - 0.5 * np.clip(2 * depth - 0.7, 0, 1)
    eosin = 0.45 * (reds > 0) * (whites == 0) * pallor + 0.3 * (whites > 0) * ~nucleus * (
        1 + 0.2 * smooth(rng, shape, 1.5)
    )
    haematoxylin = nucleus * (1.2 + 0.2 * smooth(rng, shape, 2.0)) + 0.18 * (whites > 0)
    classes = np.select([nucleus, whites > 0, reds > 0], [4, 3, 2], 1)
    return _stained(rng, [haematoxylin, eosin + 0.02]), classes.astype(np.uint8)


def texture(rng: Rng, size: int) -> tuple[Image, Image]:
    """One texture, all of one class."""
    return random_texture(rng, size), np.ones((size, size), np.uint8)


SCENES = {
    "texture": texture,
    "mosaic": mosaic,
    "nuclei": nuclei,
    "cells": cells,
    "electron": electron,
    "fibers": fibers,
    "phase": phase,
    "tissue": tissue,
    "blood": blood,
}
"""Kind -> function of a generator and a size: a picture and its classes."""


def _shot(rng: Rng, clean: Image, brightest: float) -> Image:
    """A fluorescence camera's picture of `clean`, 0 to 1, its `brightest` at about 1."""
    seen = camera(rng, clean / brightest, photons=rng.uniform(40, 600), read=rng.uniform(0.003, 0.015))
    return np.asarray(np.clip(seen, 0, 1))


def _stained(rng: Rng, amounts: list[Image]) -> Image:
    """What light is left (Y, X, 3), 0 to 1, behind amounts of haematoxylin and eosin, whose hues vary."""
    hues = np.array([[0.65, 0.70, 0.29], [0.10, 0.90, 0.25]]) * rng.normal(1, 0.06, (2, 3))
    density = sum(amount[..., None] * hue for amount, hue in zip(amounts, hues, strict=True))
    light = np.exp(-rng.uniform(0.8, 1.2) * ndimage.gaussian_filter(np.clip(density, 0, None), (0.8, 0.8, 0)))
    return np.asarray(np.clip(camera(rng, light * rng.uniform(0.92, 0.98), photons=2000), 0, 1))
