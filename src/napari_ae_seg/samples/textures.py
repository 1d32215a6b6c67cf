"""Endlessly many grey textures, and mosaics of them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, spatial

from .noise import Image, Rng, banded, bent, camera, octaves, smooth, standard, unit, warp


def random_texture(rng: Rng, size: int) -> Image:
    """A texture (size, size), float32 in 0 to 1, of a random kind, scale, direction and contrast.

    >>> random_texture(np.random.default_rng(0), 32).shape
    (32, 32)
    """
    names = list(TEXTURES)
    image = TEXTURES[names[rng.integers(len(names))]](rng, size)
    if rng.random() < 0.2:
        other = TEXTURES[names[rng.integers(len(names))]](rng, size)
        image = image + rng.uniform(0.2, 0.8) * other
    if rng.random() < 0.4:
        image = warp(rng, image, rng.uniform(1, 5), rng.uniform(8, 30))
    if rng.random() < 0.5:
        image = standard(image) + rng.uniform(0.1, 0.5) * smooth(rng, (size, size), size / 5)
    image = unit(image) ** rng.uniform(0.5, 2.0)
    return np.asarray(np.clip(camera(rng, image, photons=rng.uniform(50, 2000)), 0, 1))


def mosaic(rng: Rng, size: int, textures: list[Image] | None = None) -> tuple[Image, Image]:
    """A mosaic (size, size) of textures and which one is where, 1 to K.

    All have the same mean and contrast: brightness alone does not tell them apart.
    """
    if textures is None:
        textures = [random_texture(rng, size) for _ in range(rng.integers(2, 7))]
    regions = _regions(rng, size, len(textures))
    image = np.zeros((size, size), np.float32)
    for number, texture in enumerate(textures):
        image = np.where(regions == number, standard(texture), image)
    return unit(image), (regions + 1).astype(np.uint8)


def five(rng: Rng, size: int) -> list[Image]:
    """Waves, wool, a weave, spots and a labyrinth."""
    return [
        waves(rng, size, wavelength=11.0),
        octaves(rng, (size, size), coarse=6.0, persistence=0.8),
        weave(rng, size, thread=9.0),
        spots(rng, size, gap=13.0),
        labyrinth(rng, size, wavelength=9.0),
    ]


def waves(rng: Rng, size: int, wavelength: float = 0.0) -> Image:
    """Parallel ripples, slightly bent, as in sand, wood or muscle."""
    wavelength = wavelength or rng.uniform(4, 28)
    direction = rng.uniform(0, np.pi)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    along = x * np.cos(direction) + y * np.sin(direction)
    phase = along / wavelength * 2 * np.pi + rng.uniform(0.2, 1.2) * smooth(rng, (size, size), wavelength * 2)
    sharpness = rng.uniform(0.5, 3)
    return standard(np.tanh(sharpness * np.sin(phase))) + 0.35 * smooth(rng, (size, size), 1.0)


def grain(rng: Rng, size: int) -> Image:
    """Filtered noise: from fine to coarse, in all directions or in one."""
    direction, spread = rng.uniform(0, np.pi), rng.choice([0.15, 0.4, np.pi])
    return banded(rng, size, rng.uniform(3, 24), rng.uniform(0.3, 1.0), direction, spread)


def wool(rng: Rng, size: int) -> Image:
    """Noise at every scale, as in stone, clouds or tissue."""
    rough = octaves(rng, (size, size), rng.uniform(3, 25), rng.uniform(0.4, 0.9))
    return standard(np.abs(rough)) if rng.random() < 0.3 else rough


def weave(rng: Rng, size: int, thread: float = 0.0) -> Image:
    """Threads over and under each other, as in cloth or a basket."""
    thread, over = thread or rng.uniform(5, 18), int(rng.integers(1, 3))
    direction = rng.uniform(0, np.pi)
    y, x = np.mgrid[:size, :size].astype(np.float32) / thread
    y = y + 0.08 * smooth(rng, (size, size), 2 * thread)
    u, v = x * np.cos(direction) + y * np.sin(direction), y * np.cos(direction) - x * np.sin(direction)
    above = (np.floor(u / over) + np.floor(v / over)) % 2
    round_u, round_v = np.abs(np.sin(np.pi * u)), np.abs(np.sin(np.pi * v))
    twist = 0.15 * np.sin(2 * np.pi * 3 * np.where(above > 0, v, u))
    cloth = np.where(above > 0, round_u * (0.6 + 0.4 * round_v), 0.8 * round_v * (0.6 + 0.4 * round_u)) + twist
    return standard(cloth) + 0.3 * smooth(rng, (size, size), 0.8)


def spots(rng: Rng, size: int, gap: float = 0.0) -> Image:
    """Round spots, in rows or strewn, alike or not, light or dark."""
    gap = gap or rng.uniform(6, 24)
    y, x = np.mgrid[0 : size + gap : gap, 0 : size + gap : gap]
    x = x + (np.arange(len(x)) % 2 * gap / 2)[:, None]
    places = np.stack([y.ravel(), x.ravel()], 1) + rng.normal(0, gap * rng.uniform(0.05, 0.3), (y.size, 2))
    inside = places[((places >= 0) & (places < size - 1)).all(1)].astype(int)
    impulses = np.zeros((size, size), np.float32)
    impulses[inside[:, 0], inside[:, 1]] = rng.uniform(0.5, 1.5, len(inside))
    radius = gap * rng.uniform(0.16, 0.28)
    disc = ndimage.gaussian_filter(impulses, radius, mode="wrap") * 2 * np.pi * radius**2
    dots = np.tanh(2.5 * disc) * rng.choice([-1, 1])
    return standard(dots) + 0.3 * smooth(rng, (size, size), 1.5)


def labyrinth(rng: Rng, size: int, wavelength: float = 0.0) -> Image:
    """A reaction-diffusion pattern: winding bands or spots of even width, as on coral or a zebrafish."""
    wavelength = wavelength or rng.uniform(5, 22)
    state, bias = banded(rng, size, wavelength, 0.25), rng.uniform(-0.5, 0.5)
    inner, outer = wavelength * 0.18, wavelength * 0.36
    for _ in range(6):
        near, far = (
            ndimage.gaussian_filter(state, inner, mode="wrap"),
            ndimage.gaussian_filter(state, outer, mode="wrap"),
        )
        state = np.tanh(3 * standard(near - far) + bias)
    return standard(state) + 0.25 * smooth(rng, (size, size), 1.0)


def cracks(rng: Rng, size: int) -> Image:
    """Cells of a mosaic with dark or light seams, as in leather, mud or epithelium."""
    gap = rng.uniform(7, 30)
    places = rng.uniform(-gap, size + gap, (int(((size + 2 * gap) / gap) ** 2), 2))
    nearest, _ = spatial.cKDTree(places).query(np.moveaxis(np.indices((size, size)), 0, -1), k=2)
    seam = nearest[..., 1] - nearest[..., 0]
    relief = np.minimum(seam / gap * rng.uniform(1, 5), 1) * rng.choice([-1, 1])
    return standard(relief) + 0.3 * octaves(rng, (size, size), gap / 3)


def fibers(rng: Rng, size: int) -> Image:
    """Long thin threads across each other, all ways or one way, as in felt, collagen or cotton."""
    spread, direction = rng.choice([0.15, 0.5, np.pi]), rng.uniform(0, np.pi)
    image = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(2, 5))):
        layer = banded(rng, size, rng.uniform(8, 20), 0.35, direction + rng.uniform(-spread, spread), 0.12)
        image = np.maximum(image, np.exp(-((np.abs(layer) / rng.uniform(0.1, 0.4)) ** 2)) * rng.uniform(0.4, 1))
    return standard(image) + 0.25 * smooth(rng, (size, size), 1.0)


TEXTURES = {
    "waves": waves,
    "grain": grain,
    "wool": wool,
    "weave": weave,
    "spots": spots,
    "labyrinth": labyrinth,
    "cracks": cracks,
    "fibers": fibers,
}
"""Kind -> function of a generator and a size: (size, size) with mean about 0 and deviation about 1."""


def _regions(rng: Rng, size: int, count: int) -> Image:
    """(size, size) of 0 to count - 1: regions of similar size with wavy borders."""
    places = rng.uniform(0.15 * size, 0.85 * size, (count, 2))
    for _ in range(6):
        pixels = rng.uniform(0, size, (2000, 2))
        owner = spatial.cKDTree(places).query(pixels)[1]
        places = np.stack([pixels[owner == k].mean(0) if (owner == k).any() else places[k] for k in range(count)])
    grid = np.moveaxis(bent(rng, (size, size), size / 40, size / 14), 0, -1)
    return np.asarray(spatial.cKDTree(places).query(grid)[1])
