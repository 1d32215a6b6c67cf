"""Labelling: from features to the labels of a whole image, in memory or block by block.

Two passes, so that halos stay small: the first encodes blocks and keeps every cluster's score on the coarse grid,
the second smooths the scores, sharpens the borders against the image and writes labels.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.autoencoder.encode import encode_array, scaled, sides
from napari_ae_seg.core import filters
from napari_ae_seg.core.progress import Progress, Report
from napari_ae_seg.images.axes import Region
from napari_ae_seg.images.tiles import Tile, padded, tiles

from . import smooth
from .tidy import tidy

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.maps import Maps
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.config import SegmentationConfig
    from napari_ae_seg.features.space import FeatureSpace
    from napari_ae_seg.images.normalize import Normalizer
    from napari_ae_seg.images.stack import Image

    from .edits import Edits

SCORES = 256 * 2**20
"""Bytes of scores above which they are kept in a temporary file."""
IN_MEMORY = 64_000_000
"""Voxels up to which an image is labelled in memory."""
TIDY_HALO = 64
"""Farthest that tidying looks beyond a block, in pixels."""

Write = Callable[[int, Tile, np.ndarray, np.ndarray, np.ndarray], None]
"""Takes sample n, a tile, and its native values, labels and confidence, halo included."""
After = Callable[[np.ndarray, Tensor | None], np.ndarray]


class Scorer(Protocol):
    """Clusters, or a guide on top of them."""

    @property
    def k(self) -> int:
        """Number of labels."""

    @property
    def halo(self) -> int:
        """Cells around a place that its scores depend on."""

    def scores(self, features: Tensor) -> Tensor:
        """Log memberships (K, *grid) of features (F, *grid)."""

    def sharpened(self, memberships: Tensor, guide: Tensor, anisotropy: Sequence[float]) -> Tensor:
        """Memberships (K, *space) whose borders follow the edges of `guide`."""


@dataclass
class Prepared:
    """What labelling one source needs, kept so that labelling it again costs no reading and no encoding."""

    image: Image
    raw: list[np.ndarray]
    """Per sample the native values (C, *space)."""
    features: list[Tensor]
    """Per sample (F, *grid) of the segmenter's feature space."""
    further: dict[int, Any] = field(default_factory=dict)
    """Features of a guide, too, made when first asked for."""
    cache: dict[object, Any] = field(default_factory=dict)
    """What was made of them last: clusters and their confidence, and leaves."""


def finished(
    labels: np.ndarray, edits: Edits, config: SegmentationConfig, features: np.ndarray | None = None
) -> np.ndarray:
    """Segments (*space) with what the person split (by `features`), merged or set as background, tidied."""
    return tidy(edits.apply(labels, features), config)


def reach(config: SegmentationConfig) -> int:
    """Pixels around a block that tidying depends on: regions that reach farther are not small or holes to it."""
    sized = min(TIDY_HALO, max(config.min_size, config.fill_holes))
    return sized + config.majority


@dataclass(frozen=True)
class Labeller:
    """Turns an image into clusters 1..K and a confidence, a block of about `side` pixels at a time."""

    model: Autoencoder
    normalizer: Normalizer
    space: FeatureSpace
    scorer: Scorer
    config: SegmentationConfig
    anisotropy: tuple[float, ...]
    grid: int
    after: After | None = None
    """Changes the labels of a block, halo included, before they are written; takes its features (F, *space), too."""
    looks: bool = False
    """Whether `after` looks at the features: they are made once more for every block, for they are not kept."""
    reach: int = 0
    """Pixels around a block that `after` depends on."""
    side: int = 0

    def encoded(self, image: Image, n: int, report: Report, everything: bool = False) -> Iterator[tuple[Tile, Maps]]:
        """Every block of sample `n` with its maps: what the features need of them, or `everything`."""
        wanted = None if everything else self.space.sources
        halo, align = self._margin(wanted)
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

    def features_in(self, image: Image, n: int, region: Region) -> Tensor:
        """Features (F, *region) of every pixel of a region of sample `n` that starts at a multiple of the grid."""
        halo, align = self._margin(self.space.sources)
        outer = padded(region, halo, image.shape[2:], align)
        raw = image.block(n, outer)
        whole = spread(self.space.transform(self._maps(raw, self.space.sources)), self.space.grid, raw.shape[1:])
        inner = (slice(r.start - o.start, r.stop - o.start) for r, o in zip(region, outer, strict=True))
        return whole[(slice(None), *inner)]

    def _maps(self, raw: np.ndarray, wanted: set[str] | None) -> Maps:
        return encode_array(self.model, raw, self.grid, self.space.name == "decoder", self.normalizer, wanted)

    def _margin(self, wanted: set[str] | None) -> tuple[int, int]:
        """The halo that a block needs, and what its corners are multiples of."""
        align = math.lcm(self.model.net.align, self.grid, self.space.align)
        network = 0 if wanted == {"raw"} else self.model.net.halo
        return self.space.halo + align + network + self.scorer.halo * self.space.grid, align

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

    def label(self, image: Image, prepared: Prepared | None, write: Write, report: Report) -> None:
        """Writes the labels and the confidence of every pixel of `image`."""
        for n in range(image.shape[0]):
            if prepared:
                held = _Held(self._score(prepared.features[n], image.shape[2:]))
                self._finish(image, n, prepared.raw[n], held, write, report)
                continue
            with self._stored(image) as scores:
                for tile, maps in self.encoded(image, n, report):
                    part = self._score(self.space.transform(maps), maps.space)
                    scores.write(scaled(tile.core, self.grid)[1:], part[scaled(tile.inner, self.grid)])
                self._finish(image, n, None, scores, write, report)

    def _score(self, features: Tensor, space: tuple[int, ...]) -> Tensor:
        """Scores (K, *grid): found where the features are and interpolated to the grid, so that borders stay smooth."""
        ndim = len(space)
        return filters.resample(self.scorer.scores(features), [self.space.grid] * ndim, [self.grid] * ndim, space)

    @contextmanager
    def _stored(self, image: Image) -> Iterator[Scores]:
        size = (self.scorer.k, *(-(-s // self.grid) for s in image.shape[2:]))
        if 4 * math.prod(size) <= SCORES:
            yield _Held(torch.zeros(size))
            return
        import zarr

        with tempfile.TemporaryDirectory(prefix="napari-ae-seg-") as folder:
            chunks = (size[0], *(min(s, 128) for s in size[1:]))
            yield _OnDisk(zarr.create_array(folder, shape=size, chunks=chunks, dtype="float32"))

    def _finish(
        self, image: Image, n: int, raw: np.ndarray | None, scores: Scores, write: Write, report: Report
    ) -> None:
        space, sharpen = image.shape[2:], self.config.sharpen
        sigma = smooth.sigmas(self.grid, self.anisotropy)
        halo = self.grid * (smooth.mean_field_halo(sigma) + 1)
        halo += (smooth.sharpen_halo() if sharpen else 0) + self.reach
        todo = list(tiles(space, sides(space, self.side, self.grid), halo, self.grid))
        for done, tile in enumerate(todo):
            report(Progress("label", n * len(todo) + done, image.shape[0] * len(todo)))
            block = image.block(n, tile.outer) if raw is None else raw[(slice(None), *tile.outer)]
            part = scores.read(scaled(tile.outer, self.grid)[1:]).to(self.model.device)
            labels, confidence = self._memberships(part, block, sigma)
            if self.after:
                labels = self.after(labels, self.features_in(image, n, tile.outer) if self.looks else None)
            write(n, tile, block, labels, confidence)

    def _memberships(
        self, scores: Tensor, block: np.ndarray, sigma: tuple[float, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Labels and confidence (*space) of a block of native values, its halo included."""
        valid = torch.from_numpy(self.normalizer.valid(block)).to(scores.device)
        data = filters.coverage(valid, [self.grid] * valid.ndim)
        weight = None if bool(valid.all()) else (data > 0).float()
        sure = filters.smooth(torch.softmax(scores, 0), sigma, weight)  # what mean-field makes of it is sure of all
        q = smooth.mean_field(scores, self.config.smoothing, sigma, weight)
        q = smooth.upsample(q, self.grid, block.shape[1:])
        if self.config.sharpen:
            guide = torch.from_numpy(self.normalizer.standard(block)).to(q.device).mean(0)
            q = self.scorer.sharpened(q, guide, self.anisotropy)
        label = q.max(0).indices
        confidence = smooth.upsample(sure, self.grid, block.shape[1:]).gather(0, label[None])[0]
        labels = torch.where(valid, label + 1, 0).to(torch.int32)
        return labels.cpu().numpy(), (confidence.clamp(0, 1) * valid).cpu().numpy()


class Scores(Protocol):
    """Scores (K, *grid) of one sample."""

    def read(self, region: Region) -> Tensor:
        """The scores of a region of the grid."""

    def write(self, region: Region, scores: Tensor) -> None:
        """Keeps the scores of a region of the grid."""


@dataclass
class _Held:
    whole: Tensor

    def read(self, region: Region) -> Tensor:
        return self.whole[(slice(None), *region)]

    def write(self, region: Region, scores: Tensor) -> None:
        self.whole[(slice(None), *region)] = scores


@dataclass
class _OnDisk:
    array: Any

    def read(self, region: Region) -> Tensor:
        return torch.from_numpy(np.asarray(self.array[(slice(None), *region)]))

    def write(self, region: Region, scores: Tensor) -> None:
        self.array[(slice(None), *region)] = scores.cpu().numpy()


def spread(features: Tensor, grid: int, space: tuple[int, ...]) -> Tensor:
    """Features (F, *space) of every pixel: those of its cell of the grid."""
    for axis, size in enumerate(space):
        index = torch.arange(size, device=features.device) // grid
        features = features.index_select(axis + 1, index)
    return features
