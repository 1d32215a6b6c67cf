"""Labelling: one path from the pixels of an image to labels, in one piece or block by block.

A strategy looks at a whole sample of an image first, then labels any block of it. What follows is the same for all
strategies and stands in `finish`. An image in memory is one block, and what a strategy found of it is kept, so that
editing segments answers at once; a larger image is labelled block by block, and its features are never held whole.
What a block's labels are follows from the pixels in and around it alone, so blocks may be labelled in any order, by
any process, and again after one was lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

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
SMALLEST_BLOCK = 64
"""Pixels along a block that is tried last when memory runs out; what lies around it costs more than it does."""


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
        """Whether what it finds in an image in one piece is better than what it finds block by block."""

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

    def prepared(self, sample: Sample) -> Any:
        """What has to be known of a sample before any block of it is labelled."""

    def labels(self, known: Any, around: Region, raw: np.ndarray, region: Region, /) -> tuple[np.ndarray, np.ndarray]:
        """Labels (0: no data) and confidence of a region, (*region) each; `raw` are the native values `around` it."""


class Sample(Protocol):
    """One sample of an image, (C, *space), as a strategy sees it."""

    @property
    def space(self) -> tuple[int, ...]:
        """Its size."""

    @property
    def held(self) -> bool:
        """Whether its features are kept in memory."""

    def raw(self, region: Region) -> np.ndarray:
        """Native values (C, *region)."""

    def cells(self, region: Region) -> tuple[Tensor, Region]:
        """Features (F, *outer / grid) of a region and what is around it, and where that is."""

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
    """(C, *outer) native values"""
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
    margin: int = 0
    """Pixels around a region whose features are wanted, too."""
    held: ClassVar[bool] = True

    @property
    def space(self) -> tuple[int, ...]:
        """Its size."""
        return self.prepared.image.shape[2:]

    def raw(self, region: Region) -> np.ndarray:
        """Native values (C, *region)."""
        return self.prepared.raw[self.n][(slice(None), *region)]

    def cells(self, region: Region) -> tuple[Tensor, Region]:
        """Features of a region and of what is around it, and where that is."""
        outer = padded(region, self.margin + self.grid, self.space, self.grid)
        return self.maps[scaled(outer, self.grid)], outer

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
    held: ClassVar[bool] = False

    @property
    def space(self) -> tuple[int, ...]:
        """Its size."""
        return self.image.shape[2:]

    def raw(self, region: Region) -> np.ndarray:
        """Native values (C, *region)."""
        return self.image.block(self.n, region)

    def cells(self, region: Region) -> tuple[Tensor, Region]:
        """Features of a region and what is around it, and where that is: they are made anew, for they are not kept."""
        return self.reader.cells(self.image, self.n, region)

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
        whole = whole_of(image.shape[2:])
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
        cells, outer = self.cells(image, n, region)
        whole = spread(cells, self.space.grid, tuple(one.stop - one.start for one in outer))
        return whole[(slice(None), *within(region, outer))]

    def cells(self, image: Image, n: int, region: Region) -> tuple[Tensor, Region]:
        """Features (F, *outer / grid) of a region of sample `n` and of what they need around it, and where that is."""
        halo, align = self._around(self.space.sources)
        outer = padded(region, halo, image.shape[2:], align)
        return self.space.transform(self._maps(image.block(n, outer), self.space.sources)), outer

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
    samples = [Held(prepared, n, maps, strategy.space.grid, strategy.margin) for n, maps in enumerate(features)]

    def find() -> list[tuple[np.ndarray, np.ndarray]]:
        return [_one_piece(sample, n, len(samples), strategy, report) for n, sample in enumerate(samples)]

    found = prepared.found.get(strategy.parts, strategy.settings, find)
    for sample, (labels, confidence) in zip(samples, found, strict=True):
        whole = whole_of(sample.space)
        yield Block(sample.n, sample, Tile(whole, whole, whole), prepared.raw[sample.n], labels, confidence)


@dataclass(frozen=True)
class Blocks:
    """The blocks of an image that are labelled one by one, in any order; features are not kept."""

    image: Image
    reader: FeatureReader
    strategy: Strategy
    around: int
    """Pixels around a block whose labels are wanted, too."""
    sizes: tuple[int, ...]
    """Sides of a block, multiples of the grid."""

    @cached_property
    def tiles(self) -> list[Tile]:
        """The blocks of one sample."""
        return list(tiles(self.image.shape[2:], self.sizes, self.around, self.strategy.grid))

    def __len__(self) -> int:
        return self.image.shape[0] * len(self.tiles)

    def __getitem__(self, number: int) -> Block:
        """The labelled block of a number: those of the first sample come first."""
        n, at = divmod(number, len(self.tiles))
        return self.block(n, self.tiles[at])

    def block(self, n: int, tile: Tile) -> Block:
        """A labelled block of sample `n`."""
        sample = Streamed(self.reader, self.image, n)
        return _labelled(sample, n, tile, self.strategy, self.strategy.prepared(sample))

    def parts(self, tile: Tile, side: int) -> list[Tile]:
        """A block in smaller ones, of about `side` pixels."""
        grid, space = self.strategy.grid, self.image.shape[2:]
        if all(one.stop - one.start <= side for one in tile.core):
            return [tile]
        found = []
        for small in tiles([one.stop - one.start for one in tile.core], side, 0, grid):
            core = tuple(slice(a.start + b.start, a.start + b.stop) for a, b in zip(tile.core, small.core, strict=True))
            outer = padded(core, self.around, space, grid)
            found.append(Tile(core, outer, within(core, outer)))
        return found


def _labelled(sample: Sample, n: int, tile: Tile, strategy: Strategy, known: Any) -> Block:
    """A labelled block of sample `n`: what the strategy needs around it is read, too."""
    around = padded(tile.outer, strategy.halo, sample.space, strategy.grid)
    raw = sample.raw(around)
    labels, confidence = strategy.labels(known, around, raw, tile.outer)
    return Block(n, sample, tile, raw[(slice(None), *within(tile.outer, around))], labels, confidence)


def _one_piece(sample: Sample, n: int, count: int, strategy: Strategy, report: Report) -> tuple[np.ndarray, np.ndarray]:
    """Labels and confidence (*space) of a sample: block by block, so that what is between needs little memory."""
    labels, confidence = np.zeros(sample.space, np.int32), np.zeros(sample.space, np.float32)
    todo = list(tiles(sample.space, sides(sample.space, 0, strategy.grid), 0, strategy.grid))
    known = strategy.prepared(sample)
    for done, tile in enumerate(todo):
        report(Progress("label", n * len(todo) + done, count * len(todo)))
        block = _labelled(sample, n, tile, strategy, known)
        labels[tile.core], confidence[tile.core] = block.labels, block.confidence
    return labels, confidence


def within(region: Region, outer: Region) -> Region:
    """Where `region` lies in an array of the region `outer`.

    >>> within((slice(4, 8),), (slice(2, 9),))
    (slice(2, 6, None),)
    """
    return tuple(slice(r.start - o.start, r.stop - o.start) for r, o in zip(region, outer, strict=True))


def whole_of(space: tuple[int, ...]) -> Region:
    """The region that is all of `space`."""
    return tuple(slice(0, size) for size in space)


def spread(features: Tensor, grid: int, space: tuple[int, ...]) -> Tensor:
    """Features (F, *space) of every pixel: those of its cell of the grid."""
    for axis, size in enumerate(space):
        index = torch.arange(size, device=features.device) // grid
        features = features.index_select(axis + 1, index)
    return features
