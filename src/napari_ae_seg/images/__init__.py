"""Reading images as lazy stacks, normalising them, and cutting them into patches and tiles; never imports torch."""

from napari_ae_seg.images.normalise import Normaliser
from napari_ae_seg.images.patches import Block, PatchSampler, normalised, sample_blocks
from napari_ae_seg.images.stack import Image, Stack, read
from napari_ae_seg.images.tiles import Tile, tiles

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
