"""Labelling: one path from the pixels of an image to labels, in one piece or block by block.

A strategy looks at a whole sample of an image first, then labels any block of it. What follows is the same for all
strategies and stands in `finish`. An image in memory is one block, and what a strategy found of it is kept, so that
editing segments answers at once; a larger image is labelled block by block, and its features are never held whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.autoencoder.encode import encode_array, scaled, sides
from napari_ae_seg.core.progress import Progress, Report
from napari_ae_seg.images.axes import Region
from napari_ae_seg.images.tiles import Tile, padded, tiles

from .kept import Kept

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.maps import Maps
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.clustering.regions.watershed import Regions
    from napari_ae_seg.clustering.tree import Tree
    from napari_ae_seg.features.space import FeatureSpace
    from napari_ae_seg.images.normalize import Normalizer
    from napari_ae_seg.images.stack import Image

IN_MEMORY = 64_000_000
"""Voxels up to which an image is labelled in memory."""


class Strategy(Protocol):
    """How the places of an image get labels 1..K: by their cluster, by what is like strokes, or by whole regions."""

    @property
    def space(self) -> FeatureSpace:
        """The features it looks at."""

    @property
    def grid(self) -> int:
        """Blocks start at multiples of this many pixels."""

    @property
    def whole(self) -> bool:
        """Whether it needs an image in memory."""

    @property
    def margin(self) -> int:
        """Pixels around a block, beside those that its features need, that `prepared` needs to know."""

    @property
    def halo(self) -> int:
        """Pixels around a block that its labels depend on."""

    @property
    def parts(self) -> tuple[object, ...]:
        """What its labels are made of, besides the image: the same for the very same objects and equal `settings`."""

    @property
    def settings(self) -> object:
        """The settings of its labels."""

    def prepared(self, sample: Sample) -> AbstractContextManager[Any]:
        """What has to be known of a whole sample before any block of it is labelled."""

    def labels(self, known: Any, region: Region, raw: np.ndarray, /) -> tuple[np.ndarray, np.ndarray]:
        """Labels (0: no data) and confidence of a region of native values `raw`: (*region) each."""


class Sample(Protocol):
    """One sample of an image, (C, *space), as a strategy sees it."""

    @property
    def space(self) -> tuple[int, ...]:
        """Its size."""

    def raw(self, region: Region) -> np.ndarray:
        """Native values (C, *region)."""

    def blocks(self) -> Iterator[tuple[Tile, Tensor]]:
        """Blocks that cover it, with the features (F, *outer / grid) of each."""

    def features(self, region: Region) -> np.ndarray:
        """Features (F, *region) of every pixel of a region that starts at a multiple of the grid."""

    def leaves(self, tree: Tree, block: Block) -> np.ndarray:
        """The leaf of `tree` of every pixel of a labelled block; -1 where there is none."""


@dataclass(frozen=True)
class Block:
    """A labelled block of sample `n`; the arrays hold its halo, too."""

    n: int
    sample: Sample
    tile: Tile
    raw: np.ndarray
    """(C, *outer) native values."""
    labels: np.ndarray
    confidence: np.ndarray

    @property
    def cut(self) -> tuple[tuple[bool, bool], ...]:
        """Per axis, whether more of the sample lies before and after what the arrays hold."""
        return tuple((o.start > 0, o.stop < n) for o, n in zip(self.tile.outer, self.sample.space, strict=True))

    @property
    def whole(self) -> bool:
        """Whether the arrays hold the whole sample."""
        return self.labels.shape == self.sample.space


@dataclass
class Prepared:
    """What labelling one source needs, kept so that labelling it again costs no reading and no encoding."""

    image: Image
    raw: list[np.ndarray]
    """Per sample the native values (C, *space)."""
    features: list[Tensor]
    """Per sample (F, *grid) of the segmenter's feature space."""
    guide_features: Kept[list[Tensor]] = field(default_factory=Kept, repr=False)
    """The features of a guide, too, made when first asked for."""
    found: Kept[list[tuple[np.ndarray, np.ndarray]]] = field(default_factory=Kept, repr=False)
    """Per sample the labels and the confidence that a strategy found last."""
    regions: Kept[dict[int, Regions]] = field(default_factory=Kept, repr=False)
    """By sample its regions, before any number of them is chosen."""
    leaves: Kept[dict[int, tuple[np.ndarray, np.ndarray]]] = field(default_factory=Kept, repr=False)
    """By sample the labels and the finest segments of every pixel within them."""


@dataclass(frozen=True)
class Held:
    """A sample of a prepared image: its features are one block."""

    prepared: Prepared
    n: int
    maps: Tensor
    """(F, *space / grid)"""
    grid: int

    @property
    def space(self) -> tuple[int, ...]:
        """Its size."""
        return self.prepared.image.shape[2:]

    def raw(self, region: Region) -> np.ndarray:
        """Native values (C, *region)."""
        return self.prepared.raw[self.n][(slice(None), *region)]

    def blocks(self) -> Iterator[tuple[Tile, Tensor]]:
        """The one block that covers it, with its features."""
        whole = tuple(slice(0, size) for size in self.space)
        yield Tile(whole, whole, whole), self.maps

    def features(self, region: Region) -> np.ndarray:
        """Features (F, *region) of every pixel."""
        return spread(self.maps.cpu(), self.grid, self.space)[(slice(None), *region)].numpy()

    def leaves(self, tree: Tree, block: Block) -> np.ndarray:
        """The leaf of `tree` of every pixel of the sample."""
        found = self.prepared.leaves.get((tree,), None, dict)
        labels, leaves = found.get(self.n, (None, None))
        if leaves is None or labels is not block.labels:
            leaves = tree.leaves_of(spread(self.maps, self.grid, self.space), block.labels)
            found[self.n] = block.labels, leaves
        return leaves


@dataclass(frozen=True)
class Streamed:
    """A sample of an image that is read and encoded block by block."""

    reader: FeatureReader
    image: Image
    n: int
    report: Report

    @property
    def space(self) -> tuple[int, ...]:
        """Its size."""
        return self.image.shape[2:]

    def raw(self, region: Region) -> np.ndarray:
        """Native values (C, *region)."""
        return self.image.block(self.n, region)

    def blocks(self) -> Iterator[tuple[Tile, Tensor]]:
        """Blocks that cover it, with the features of each."""
        for tile, maps in self.reader.encoded(self.image, self.n, self.report):
            yield tile, self.reader.space.transform(maps)

    def features(self, region: Region) -> np.ndarray:
        """Features (F, *region) of every pixel: they are made once more, for they are not kept."""
        return self.reader.pixels(self.image, self.n, region).cpu().numpy()

    def leaves(self, tree: Tree, block: Block) -> np.ndarray:
        """The leaf of `tree` of every pixel of the block."""
        return tree.leaves_of(self.reader.pixels(self.image, self.n, block.tile.outer), block.labels)


@dataclass(frozen=True)
class FeatureReader:
    """The features of an image, made a block of about `side` pixels at a time."""

    model: Autoencoder
    normalizer: Normalizer
    space: FeatureSpace
    grid: int
    margin: int = 0
    """Pixels around a block that are wanted beside those that its features need."""
    side: int = 0

    def encoded(self, image: Image, n: int, report: Report, everything: bool = False) -> Iterator[tuple[Tile, Maps]]:
        """Every block of sample `n` with its maps: what the features need of them, or `everything`."""
        wanted = None if everything else self.space.sources
        halo, align = self._around(wanted)
        todo = list(tiles(image.shape[2:], sides(image.shape[2:], self.side, align), halo, align))
        for done, tile in enumerate(todo):
            report(Progress("encode", n * len(todo) + done, image.shape[0] * len(todo)))
            yield tile, self._maps(image.block(n, tile.outer), wanted)

    def prepared(self, image: Image, report: Report) -> Prepared:
        """The pixels and features of `image`, to be labelled many times."""
        whole = tuple(slice(0, size) for size in image.shape[2:])
        return Prepared(image, [image.block(n, whole) for n in range(image.shape[0])], self.features(image, report))

    def features(self, image: Image, report: Report) -> list[Tensor]:
        """Per sample of `image` its features (F, *grid)."""
        found = []
        for n in range(image.shape[0]):
            size = tuple(-(-s // self.space.grid) for s in image.shape[2:])
            whole = torch.zeros((self.space.n_features, *size), device=self.model.device)
            for tile, maps in self.encoded(image, n, report):
                part = self.space.transform(maps)
                whole[scaled(tile.core, self.space.grid)] = part[scaled(tile.inner, self.space.grid)]
            found.append(whole)
        return found

    def pixels(self, image: Image, n: int, region: Region) -> Tensor:
        """Features (F, *region) of every pixel of a region of sample `n` that starts at a multiple of the grid."""
        halo, align = self._around(self.space.sources)
        outer = padded(region, halo, image.shape[2:], align)
        raw = image.block(n, outer)
        whole = spread(self.space.transform(self._maps(raw, self.space.sources)), self.space.grid, raw.shape[1:])
        inner = (slice(r.start - o.start, r.stop - o.start) for r, o in zip(region, outer, strict=True))
        return whole[(slice(None), *inner)]

    def latents(self, image: Image, report: Report) -> list[Tensor]:
        """Per sample of `image` the latent map (latents, *space / stride) on the CPU, as the network gives it."""
        net, found = self.model.net, []
        for n in range(image.shape[0]):
            whole: Tensor | None = None
            for tile, maps in self.encoded(image, n, report, everything=True):
                part, stride = maps.levels[-1], maps.strides[-1]
                if whole is None:
                    whole = torch.zeros((net.latents, *(-(-s // stride) for s in image.shape[2:])))
                whole[scaled(tile.core, stride)] = part[scaled(tile.inner, stride)].cpu()
            assert whole is not None  # an image has no empty axes
            found.append(whole)
        return found

    def _maps(self, raw: np.ndarray, wanted: set[str] | None) -> Maps:
        return encode_array(self.model, raw, self.grid, self.space.name == "decoder", self.normalizer, wanted)

    def _around(self, wanted: set[str] | None) -> tuple[int, int]:
        """The halo that a block needs, and what its corners are multiples of."""
        align = math.lcm(self.model.net.align, self.grid, self.space.align)
        network = 0 if wanted == {"raw"} else self.model.net.halo
        return self.space.halo + align + network + self.margin, align


def in_memory(prepared: Prepared, features: list[Tensor], strategy: Strategy, report: Report) -> Iterator[Block]:
    """Every sample of a prepared image as one labelled block; `features` are those that the strategy looks at."""
    samples = [Held(prepared, n, maps, strategy.space.grid) for n, maps in enumerate(features)]

    def find() -> list[tuple[np.ndarray, np.ndarray]]:
        return [_one_piece(sample, n, len(samples), strategy, report) for n, sample in enumerate(samples)]

    found = prepared.found.get(strategy.parts, strategy.settings, find)
    for sample, (labels, confidence) in zip(samples, found, strict=True):
        (tile, _), raw = next(sample.blocks()), prepared.raw[sample.n]
        yield Block(sample.n, sample, tile, raw, labels, confidence)


def block_by_block(
    image: Image, reader: FeatureReader, strategy: Strategy, around: int, report: Report
) -> Iterator[Block]:
    """Every block of `image` with its labels, and those of `around` pixels around it; features are not kept."""
    for n in range(image.shape[0]):
        yield from _blocks(Streamed(reader, image, n, report), n, image.shape[0], strategy, around, report, reader.side)


def _blocks(
    sample: Sample, n: int, count: int, strategy: Strategy, around: int, report: Report, side: int = 0
) -> Iterator[Block]:
    """Every block of sample `n` of `count`."""
    todo = list(tiles(sample.space, sides(sample.space, side, strategy.grid), strategy.halo + around, strategy.grid))
    with strategy.prepared(sample) as known:
        for done, tile in enumerate(todo):
            report(Progress("label", n * len(todo) + done, count * len(todo)))
            raw = sample.raw(tile.outer)
            yield Block(n, sample, tile, raw, *strategy.labels(known, tile.outer, raw))


def _one_piece(sample: Sample, n: int, count: int, strategy: Strategy, report: Report) -> tuple[np.ndarray, np.ndarray]:
    """Labels and confidence (*space) of a sample: block by block, so that its scores need little memory."""
    labels, confidence = np.zeros(sample.space, np.int32), np.zeros(sample.space, np.float32)
    for block in _blocks(sample, n, count, strategy, 0, report):
        labels[block.tile.core] = block.labels[block.tile.inner]
        confidence[block.tile.core] = block.confidence[block.tile.inner]
    return labels, confidence


def spread(features: Tensor, grid: int, space: tuple[int, ...]) -> Tensor:
    """Features (F, *space) of every pixel: those of its cell of the grid."""
    for axis, size in enumerate(space):
        index = torch.arange(size, device=features.device) // grid
        features = features.index_select(axis + 1, index)
    return features
