"""What is learnt from: the sampled blocks of a stack, normalised, and what is known of its images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.images.normalize import Normalizer
from napari_ae_seg.images.sample import Block, normalized, sample_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_ae_seg.images.stack import Stack

GATHERED = {2: 2**19, 3: 2**20}
"""Pixels or voxels that the statistics of a trained network are gathered from, at most."""
_SIDES = {2: 256, 3: 64}  # of the tiles when that is not all: wide enough for borders not to count


@dataclass(frozen=True)
class Material:
    """Normalised blocks, and the normaliser that made them so."""

    blocks: list[Block]
    normalizer: Normalizer
    ndim: int
    about: dict[str, Any]
    """Names, shapes, channels, axes, spacing and units of the images."""

    @classmethod
    def of(cls, stack: Stack, seed: int, normalizer: Normalizer | None = None) -> Material:
        """The sample of `stack`, normalised by `normalizer`, which is fitted to it unless it is given."""
        blocks = sample_blocks(stack, seed=seed)
        normalizer = normalizer or Normalizer.fit(blocks)
        first = stack.images[0]
        about = {
            "trained_on": [image.name for image in stack.images],
            "shapes": [list(image.shape) for image in stack.images],
            "channels": list(first.channel_names),
            "axes": first.axes,
            "spacing": [float(size) for size in first.spacing],
            "units": [str(unit) for unit in first.units],
        }
        return cls(normalized(blocks, normalizer), normalizer, stack.ndim, about)

    @property
    def pixels(self) -> int:
        """How many pixels with a value there are."""
        return sum(int(block.valid.sum()) for block in self.blocks)

    def fingerprint(self) -> str:
        """Differs where a pixel of the sample differs."""
        digest = hashlib.sha256()
        for block in self.blocks:
            digest.update(repr((block.image, block.n, block.origin, block.data.shape)).encode())
            digest.update(np.ascontiguousarray(block.data).view(np.uint8).data)
            digest.update(np.packbits(block.valid).tobytes())
        return digest.hexdigest()

    def tiles(self, align: int, seed: int, pixels: int) -> Iterator[np.ndarray]:
        """Arrays (1, outputs, *space): all blocks if they have no more than `pixels`, else parts of some of them."""
        views = [_valid_part(block) for block in self.blocks]
        sizes = np.array([view[0].size for view in views])
        if sizes.sum() > pixels:
            random = np.random.default_rng(seed)
            side = min(_SIDES[self.ndim], int(pixels ** (1 / self.ndim)))
            chosen = random.choice(len(views), max(1, pixels // side**self.ndim), p=sizes / sizes.sum())
            views = [_part(views[i], side, random) for i in chosen]
        for view in views:
            padding = [(0, -size % align) for size in view.shape[1:]]
            yield np.pad(view, [(0, 0), *padding], mode="edge")[None]


def _valid_part(block: Block) -> np.ndarray:
    """The smallest box of the block's data that holds its valid places."""
    box = []
    for axis in range(block.valid.ndim):
        others = tuple(other for other in range(block.valid.ndim) if other != axis)
        places = np.flatnonzero(block.valid.any(axis=others))
        box.append(slice(int(places[0]), int(places[-1]) + 1))
    return block.data[(slice(None), *box)]


def _part(view: np.ndarray, side: int, random: np.random.Generator) -> np.ndarray:
    """A cube of `side`, or what there is of it, at a random place."""
    starts = [int(random.integers(max(size - side, 0) + 1)) for size in view.shape[1:]]
    return view[(slice(None), *(slice(start, start + side) for start in starts))]
