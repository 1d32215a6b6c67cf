"""Reading images as lazy stacks, normalising them, and cutting them into patches and tiles; never imports torch."""

from .normalize import Normalizer
from .patches import Block, PatchSampler, normalized, sample_blocks
from .stack import Image, Stack, read
from .tiles import Tile, tiles

__all__ = [
    "Block",
    "Image",
    "Normalizer",
    "PatchSampler",
    "Stack",
    "Tile",
    "normalized",
    "read",
    "sample_blocks",
    "tiles",
]
