"""The one sample of a stack that normaliser, training and features are fitted on."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_ae_seg.core.errors import AssumptionWarning, ImageReadError

from .axes import Region
from .normalize import Normalizer
from .stack import Image, Stack

BUDGET = 16_000_000
"""Values (voxels times channels) that a sample holds at most."""

_BLOCKS = 64  # of a large image, so that the sample is spread over it
_SEARCHED = 2**28  # places of a region of interest that are looked through for its extent
_TRIES = 20_000  # blocks that are looked at in search of a valid place
_LOOKED_AT = 4  # blocks of an image whose native values are compared with what float32 makes of them
_VALUES = 4096  # of them
_SIDES = {2: 128, 3: 32}  # of the smallest block worth reading


@dataclass
class Block:
    """A part of image `image` of a stack: `data` (C, *space) starts at `origin` of its slice `n`."""

    image: int
    n: int
    origin: tuple[int, ...]
    data: np.ndarray
    valid: np.ndarray
    """(*space), finite in all channels and within the region of interest."""

    @property
    def region(self) -> Region:
        """Where it lies in its slice."""
        return tuple(slice(o, o + s) for o, s in zip(self.origin, self.valid.shape, strict=True))


def sample_blocks(stack: Stack, budget: int = BUDGET, seed: int = 0) -> list[Block]:
    """Whole images while all fit the budget, otherwise random blocks of them; nothing else is read.

    Blocks do not overlap, keep to the chunks of a chunked source, and touch the region of interest if there is one.
    """
    rng = np.random.default_rng(seed)
    if sum(math.prod(image.shape) for image in stack.images) <= budget:
        blocks = [block for block in _whole(stack) if block is not None]
    else:
        blocks = list(_drawn(stack, budget, rng))
    if not blocks:
        raise ValueError("no finite value to learn from: the image, or its region of interest, is empty")
    _say_what_merges(stack, blocks)
    return blocks


def normalized(blocks: Sequence[Block], normalizer: Normalizer) -> list[Block]:
    """The same blocks with normalised values."""
    return [replace(block, data=normalizer.apply(block.data)) for block in blocks]


def _say_what_merges(stack: Stack, blocks: Sequence[Block]) -> None:
    """A warning if 32-bit floats, which all work is done in, cannot tell apart what the native values can."""
    for number, image in enumerate(stack.images):
        if image.dtype.itemsize < 4 or image.dtype == np.float32:
            continue
        own = [block for block in blocks if block.image == number]
        looked = own[:: max(1, len(own) // _LOOKED_AT)][:_LOOKED_AT]
        parts = [image.native(block.n, block.region)[:, block.valid] for block in looked]
        for channel, values in enumerate(np.concatenate(parts, axis=1) if parts else ()):
            some = np.unique(values[:: max(1, values.size // _VALUES)])
            kept = np.unique(some.astype(np.float32)).size
            if kept < some.size / 2:
                low, high, name = some[0], some[-1], image.channel_names[channel]
                warnings.warn(
                    f"{image.name}: the values of {name} ({low} to {high}) lie so close together that only "
                    f"{kept} of {some.size} can be told apart; subtract {low} from the image first",
                    AssumptionWarning,
                    stacklevel=3,
                )


def _whole(stack: Stack) -> Iterator[Block | None]:
    """Every slice of every image."""
    for i, image in enumerate(stack.images):
        for n in range(image.shape[0]):
            yield _read(stack, i, n, tuple(slice(0, size) for size in image.shape[2:]))


def _drawn(stack: Stack, budget: int, rng: np.random.Generator) -> Iterator[Block]:
    """Blocks up to the budget, of which each image has an equal share; what a small one leaves goes to the others."""
    costs = [math.prod(image.shape) for image in stack.images]
    left = budget
    order = sorted(range(len(stack)), key=lambda i: (costs[i], rng.random()))
    if left < len(order) * stack.channels:  # more images than values: some of them have to do
        order = [order[i] for i in rng.permutation(len(order))]
    for rank, i in enumerate(order):
        share = max(left // (len(order) - rank), min(left, stack.channels * _SIDES[stack.ndim] ** stack.ndim))
        for block in _drawn_of(stack, i, share, rng):
            left -= block.data.size
            yield block


def _drawn_of(stack: Stack, i: int, share: int, rng: np.random.Generator) -> Iterator[Block]:
    image, roi = stack.images[i], stack.roi[i]
    channels, space = image.shape[1], image.shape[2:]
    if share < channels:
        return
    shape = list(space) if math.prod(image.shape) <= share else _block_shape(image, share)
    edges = [_edges(*axis) for axis in zip(space, shape, _chunks(image), strict=True)]
    numbers = np.arange(image.shape[0])
    if roi is not None and math.prod(image.label_shape) <= _SEARCHED:
        numbers, reached = image.reach(roi)
        edges = [[e for e in axis if at[slice(*e)].any()] for axis, at in zip(edges, reached, strict=True)]
    grid = (len(numbers), *map(len, edges))
    for tries, number in enumerate(_shuffled(math.prod(grid), rng)):
        n, *cell = (int(at) for at in np.unravel_index(number, grid))
        region = tuple(slice(*axis[at]) for axis, at in zip(edges, cell, strict=True))
        size = channels * math.prod(part.stop - part.start for part in region)
        if size > share or tries >= _TRIES:
            return
        block = _read(stack, i, int(numbers[n]), region)
        if block is not None:
            share -= block.data.size
            yield block


def _read(stack: Stack, i: int, n: int, region: Region) -> Block | None:
    """The block, or None if nothing in it is valid; outside the region of interest no pixel is read."""
    image, roi = stack.images[i], stack.roi[i]
    inside = None if roi is None else image.mask(roi, n, region)
    if inside is not None and not inside.any():
        return None
    try:
        data = image.block(n, region)
    except ImageReadError as error:
        if len(stack) == 1:
            raise
        warnings.warn(f"{error}; it is left out of what is learnt", AssumptionWarning, stacklevel=2)
        return None
    valid = np.isfinite(data).all(axis=0)
    if inside is not None:
        valid &= inside
    return Block(i, n, tuple(part.start for part in region), data, valid) if valid.any() else None


def _chunks(image: Image) -> Sequence[int]:
    return image.chunks or (1,) * image.ndim


def _block_shape(image: Image, share: int) -> list[int]:
    """About a 64th of `share`, towards whole chunks as long as eight blocks fit it."""
    channels, space, chunks = image.shape[1], image.shape[2:], _chunks(image)
    most = max(1, share // (channels * 8))
    wanted = min(max(share // (channels * _BLOCKS), _SIDES[image.ndim] ** image.ndim), most)
    start = int(most ** (1 / image.ndim) + 1e-9)
    sides = [min(size, _SIDES[image.ndim], start) for size in space]
    while True:
        lacking = [min(chunk, size) / side for chunk, size, side in zip(chunks, space, sides, strict=True)]
        if max(lacking) > 1:
            axis, limit = int(np.argmax(lacking)), most
            side = min(sides[axis] * 2, chunks[axis], space[axis])
        else:
            axis = min(range(image.ndim), key=lambda k: (sides[k] == space[k], sides[k]))
            side, limit = min(sides[axis] * 2, space[axis]), wanted
        if side == sides[axis] or math.prod(sides) // sides[axis] * side > limit:
            break
        sides[axis] = side
    triples = zip(sides, chunks, space, strict=True)
    return [side // chunk * chunk if chunk < side < size else side for side, chunk, size in triples]


def _edges(length: int, side: int, chunk: int) -> list[tuple[int, int]]:
    """(start, stop) of the cells along an axis: several whole chunks each, or parts of one."""
    step = max(side, chunk)
    starts = [(s, min(s + step, length)) for s in range(0, length, step)]
    return [(a, min(a + side, stop)) for start, stop in starts for a in range(start, stop, side)]


def _shuffled(count: int, rng: np.random.Generator) -> Iterator[int]:
    """The numbers below `count` in random order; of very many, some."""
    if count <= 1_000_000:
        yield from rng.permutation(count)
        return
    seen: set[int] = set()
    for number in itertools.chain.from_iterable(rng.integers(count, size=1000) for _ in range(100)):
        if number not in seen:
            seen.add(int(number))
            yield int(number)
