"""Multiplexed tissue: cells of several kinds under many stains, each of which tells some kinds from others."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .noise import Image, Rng, camera, smooth
from .objects import tiling

MARKERS = (
    "DNA", "CD45", "CD3", "CD4", "CD8", "FoxP3", "CD20", "CD68", "CD163", "CD11c", "HLA-DR", "PD1", "PDL1", "Ki67",
    "PanCK", "ECad", "SMA", "Vimentin", "CD31", "Collagen",
)  # fmt: skip
"""The stains, in the order of the channels."""

KINDS: dict[str, tuple[str, ...]] = {
    "tumour": ("PanCK", "ECad", "Ki67"),
    "helper T cell": ("CD45", "CD3", "CD4"),
    "killer T cell": ("CD45", "CD3", "CD8", "PD1"),
    "B cell": ("CD45", "CD20", "HLA-DR"),
    "macrophage": ("CD45", "CD68", "CD163", "HLA-DR"),
    "stroma": ("SMA", "Vimentin", "Collagen"),
}
"""Kind of cell -> the stains that it takes up, beside DNA."""

NUCLEAR = {"DNA", "FoxP3", "Ki67"}
"""Stains of the nucleus; the others are of the rim of a cell and of what lies between."""


def multiplexed(rng: Rng, size: int = 192) -> tuple[Image, Image, Image]:
    """Cells (C, Y, X), float32 in 0 to 1; the kind of each pixel, 1 ground, 2 and on those of KINDS; and their numbers.

    >>> picture, kinds, cells = multiplexed(np.random.default_rng(0), 48)
    >>> picture.shape, int(kinds.max()) <= 1 + len(KINDS), cells.shape
    ((20, 48, 48), True, (48, 48))
    """
    shape = (size, size)
    places, border = tiling(rng, shape, 15.0, bend=0.08)
    inside = border > 1.6
    regions = [smooth(rng, shape, size / 7) for _ in KINDS]
    count = np.maximum(np.bincount(places.ravel()), 1)[1:]  # some lie outside altogether
    at = tuple((np.bincount(places.ravel(), axis.ravel())[1:] / count).astype(int) for axis in np.indices(shape))
    taste = np.stack([region[at] for region in regions]) + rng.gumbel(0, 0.5, (len(KINDS), len(count)))
    kind = np.concatenate([[0], taste.argmax(0)])
    depth = np.clip(border / 6, 0, 1)
    nucleus, rim = inside * (depth > 0.5) * depth, inside * np.exp(-(((border - 2.5) / 1.8) ** 2))
    pictures = []
    for marker in MARKERS:
        taken = np.array([marker == "DNA" or marker in stains for stains in KINDS.values()])
        level = taken[kind] * rng.lognormal(0, 0.25, len(kind)) + 0.04 * rng.lognormal(0, 0.5, len(kind))
        where = nucleus if marker in NUCLEAR else 0.35 * inside + 0.65 * rim
        light = level[places] * where * (1 + 0.15 * smooth(rng, shape, 1.5))
        strength = rng.uniform(0.4, 1.0)  # stains differ in how bright they are
        seen = camera(rng, strength * ndimage.gaussian_filter(light, 0.8) / 1.4 + 0.03, photons=120, read=0.01)
        pictures.append(np.clip(seen, 0, 1))
    classes = np.where(inside, 2 + kind[places], 1).astype(np.uint8)
    return np.stack(pictures).astype(np.float32), classes, (places * inside).astype(np.int32)
