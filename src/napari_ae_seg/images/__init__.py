"""Reading images as lazy stacks, normalising them, and cutting them into patches and tiles; never imports torch."""

from .normalise import Normaliser
from .patches import Block, PatchSampler, normalised, sample_blocks
from .stack import Image, Stack, read
from .tiles import Tile, tiles

__all__ = [
    "Block",
    "Image",
    "Normaliser",
    "PatchSampler",
    "Stack",
    "Tile",
    "normalised",
    "read",
    "sample_blocks",
    "tiles",
]
