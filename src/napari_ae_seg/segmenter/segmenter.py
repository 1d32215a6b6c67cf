"""Segmenter: the fitted whole, which gives every image labels that mean the same."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_ae_seg.autoencoder import drift
from napari_ae_seg.autoencoder.encode import check_channels
from napari_ae_seg.autoencoder.model import Autoencoder
from napari_ae_seg.clustering.clusters import Clusters
from napari_ae_seg.clustering.kmeans import kmeans
from napari_ae_seg.clustering.tree import Tree
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core import devices, modelfile
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.core.state import stored
from napari_ae_seg.features.fit import grid_of
from napari_ae_seg.features.space import FeatureSpace
from napari_ae_seg.images.resample import resampled, stretched
from napari_ae_seg.images.stack import Stack

from .clustered import ByCluster
from .edits import Edits
from .file import Saved
from .finish import Finish
from .fit import FittingSample, cluster, default_model, fit_features, fit_normalizer, largest, method_of, sample_places
from .guidance import ByStroke, Guide, checked, fit_guide_space, identity, joined, learn
from .label import IN_MEMORY, Block, FeatureReader, Prepared, Strategy, block_by_block, in_memory
from .regions import ByRegion
from .segments import Segments, Tally
from .small_clusters import Canvas, Smoothing, WeightedClusters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_ae_seg.clustering.lasso import Parted
    from napari_ae_seg.images.normalize import Normalizer
    from napari_ae_seg.images.stack import Image

FEW = 8
"""Images of a stack whose reconstruction error is measured when a segmenter is fitted."""


@stored("segmenter", via=Saved)
@dataclass(frozen=True)
class Segmenter:
    """An autoencoder with its features, its clusters and what a person changed; `apply` labels any image with it.

    Labels are numbered by brightness, the darkest is 1; clustered again, they keep the numbers they had.
    """

    model: Autoencoder
    config: SegmentationConfig
    space: FeatureSpace
    method: str
    clusters: Clusters
    tree: Tree
    edits: Edits
    sentence: str
    """What was chosen, and why."""
    anisotropy: tuple[float, ...]
    grid: int
    sample: FittingSample = field(repr=False)
    usual_error: float = 0.0
    """Largest reconstruction error of the network on the images that this was fitted on."""
    guide: Guide | None = None
    """What strokes taught."""
    guide_space: FeatureSpace | None = None
    """What the guide looks at."""
    canvas: Canvas = field(default_factory=Canvas, repr=False)
    """A part of the fitting images, to see what smoothing leaves of each cluster; not kept in a file."""

    @classmethod
    def fit(
        cls,
        model: Autoencoder | None,
        stack: Stack,
        config: SegmentationConfig | None = None,
        report: Report = silent,
    ) -> Segmenter:
        """A segmenter fitted on a sample of `stack`; without a `model`, on what the shipped encoder sees."""
        config = config or SegmentationConfig()
        devices.use_threads(config.threads)
        model = (model or default_model(stack, config, report)).on(config.device)
        check_channels(model, stack)
        anisotropy = tuple(spacing / min(stack.spacing) for spacing in stack.spacing)
        grid = grid_of(config, largest(stack))
        seen = fit_features(model, stack, config, grid, anisotropy, report)
        sample, patches = sample_places(seen.maps, seen.space, config.max_samples, config.seed)
        clusters, why = cluster(sample, config, seen.method, None)
        tree = clusters.tree(config.seed)
        usual = max(drift.error(seen.model, one, fit_normalizer(model, stack, config)) for one in stack.images[:FEW])
        report(Progress("cluster", 1, 1))
        sentence = " ".join(part for part in (seen.sentence, why) if part)
        found = (seen.space, seen.method, clusters, tree, Edits(), sentence)
        fitted = cls(seen.model, config, *found, anisotropy, grid, sample, usual, canvas=Canvas(patches))
        return fitted.cut(config.granularity)

    def recluster(self, **changes: Any) -> Segmenter:
        """The same features with other clusters or another finish; labels that match the old ones keep their number.

        `changes` are fields of SegmentationConfig whose stage is not "encode": those need a new `fit`.
        """
        config = self.config.but(**changes)
        calls = self.config.change(config)
        if encoded := calls.at("encode"):
            asked = ", ".join(f"{name}={getattr(config, name)!r}" for name in encoded)
            raise ValueError(
                f"{asked} needs other features than these clusters have: "
                f"Segmenter.fit(model, stack, config.but({asked})) finds them and clusters anew"
            )
        moved = self.on(config.device) if config.device != self.config.device else self
        if config.threads != self.config.threads:
            devices.use_threads(config.threads)
        if not calls.anew:
            return replace(moved, config=config).cut(config.granularity)
        method = self.method if config.method == self.config.method else method_of(config.method, self.space.name)
        clusters, why = cluster(self.sample, config, method, self.clusters)
        tree = clusters.tree(config.seed)
        sentence = " ".join(part for part in (f"{self.sentence.split('. ')[0].rstrip('.')}.", why) if part)
        fitted = replace(moved, config=config, method=method, clusters=clusters, tree=tree, sentence=sentence)
        return fitted.cut(config.granularity)

    def apply(
        self, stack: Stack, out: Any = None, report: Report = silent, rescale: bool = False
    ) -> Segments | list[Segments]:
        """Segments of `stack`: of one source Segments, of several a list of them.

        `rescale` looks at each image at the pixel size of the training images.

        `out`, an array of the source's `label_shape` (numpy or zarr), takes the labels of one source block by block,
        so that images larger than memory can be labelled.
        """
        if out is not None and len(stack) > 1:
            raise ValueError(f"one array takes the labels of one source, the stack has {len(stack)}")
        found = [self.apply_to(image, out, report, rescale) for image in stack.images]
        return found[0] if len(stack) == 1 else found

    def prepare(self, stack: Stack, report: Report = silent) -> Prepared:
        """The features of the one source of `stack`, kept so that `label` answers at once."""
        check_channels(self.model, stack)
        return self._reader(stack.image).prepared(stack.image, report)

    def label(self, prepared: Prepared, quick: bool = False, report: Report = silent) -> Segments:
        """Segments of a prepared source; `quick` leaves out the sharpening of borders, for a first picture."""
        strategy = self._strategy(prepared.image, self.config.sharpen and not quick)
        features = self._guide_features(prepared, report) if self.guide else prepared.features
        return self._finished(prepared.image, in_memory(prepared, features, strategy, report))

    def on(self, device: str) -> Segmenter:
        """The same segmenter that computes on `device`."""
        return replace(self, model=self.model.on(device))

    def cut(self, segments: int) -> Segmenter:
        """The same clusters at another granularity: coarse and fine segments nest. 0 goes back to the clusters."""
        fine = segments > self.clusters.k and not self.by_region
        tree = self.canvas.pruned(self.tree, self.clusters, self._smoothing) if fine else self.tree
        return replace(self, tree=tree, config=self.config.but(granularity=min(segments, tree.leaves)))

    def separate(self, parted: Parted, name: str = "") -> Segmenter:
        """The segmenter with one more cluster, the last, of what is like the places that a lasso holds."""
        if self.by_region:
            raise ValueError("regions are merged, not clustered: choose another method to add a cluster")
        if self.config.granularity:
            raise ValueError("a new cluster stands beside the clusters themselves: set the granularity to 0 first")
        if self.guide is not None:
            raise ValueError("strokes decide the labels: paint the new cluster as a stroke, or forget what was learnt")
        if self.edits.splits:
            raise ValueError("a segment was split before, and its parts have the next numbers: undo that first")
        clusters = self.clusters.separated(parted, self.config.seed)
        tree = clusters.tree(self.config.seed)
        edits = self.edits.rename(clusters.k, name) if name else self.edits
        return replace(self, clusters=clusters, tree=tree, edits=edits)

    def guided(
        self,
        prepared: Prepared | Sequence[Prepared],
        strokes: np.ndarray | Sequence[np.ndarray],
        names: dict[int, str] | None = None,
        corrections: bool = True,
        report: Report = silent,
    ) -> Segmenter:
        """The segmenter that learnt from `strokes` on a prepared source: an array of its labels' shape, 0 not painted.

        Of several sources, as many arrays. A stroke's number is that of the segment it is, or a new one; `names` may
        name them. Painted pixels are kept, segments that nobody painted stay where the image is unlike every stroke,
        and other images follow, too. Where the numbers were chosen without looking at the segments, say that the
        strokes are no `corrections` of them.
        """
        pairs = checked(prepared, strokes)
        images, edits = [one.image for one, _ in pairs], self.edits
        extra = self.guide_space or fit_guide_space(self.model, images, self.config, self.anisotropy, self.grid, report)
        plain = replace(self, guide=None, guide_space=extra)
        lessons: list[tuple[Tensor, np.ndarray, np.ndarray]] = []
        for one, painted in pairs:
            before = plain.unguided().label(one, report=report).labels
            parts = (one.image.from_source(part) for part in (painted, before))
            lessons += zip(plain._guide_features(one, report), *parts, strict=True)
            edits = edits.paint(identity(one.image), np.where(painted > 0, painted, -1))
        guide = learn(lessons, self.space.n_features, extra.grid, corrections, self.config.seed)
        for label, name in (names or {}).items():
            edits = edits.rename(label, name)
        return replace(plain, guide=guide, edits=edits)

    def unguided(self) -> Segmenter:
        """The segmenter without what strokes taught it, and without the painted pixels."""
        return replace(self, guide=None, edits=replace(self.edits, painted={}))

    def latents(self, image: Image, report: Report = silent) -> list[Tensor]:
        """Per sample of `image` the latent map (latents, *space / stride) as the network gives it."""
        return self._reader(image).latents(image, report)

    def save(self, path: str | Path) -> None:
        """Writes everything to one file: autoencoder, features, clusters, edits."""
        modelfile.save(path, self)

    @classmethod
    def load(cls, path: str | Path) -> Segmenter:
        """The segmenter that `save` wrote; ModelFileError says what is wrong with any other file."""
        return modelfile.load(path, cls, "fit a Segmenter on it first")

    def merge(self, *labels: int) -> Segmenter:
        """The segmenter in which `labels` are one; it has the number of the smallest."""
        return self._edited(self.edits.merge(*labels))

    def split(self, label: int, into: int = 2) -> Segmenter:
        """The segmenter in which `label` is parted by its features; the first part keeps the number."""
        inside = self.places_of(label)
        points = torch.from_numpy(self.sample.x[inside])
        if len(torch.unique(points, dim=0)) < into:
            raise ValueError(f"segment {label} holds too few different places to be split into {into}")
        found = kmeans(points, into, seed=self.config.seed, n_init=self.config.n_init)
        order = torch.bincount(found.labels, minlength=into).argsort(descending=True)
        most = max(self.clusters.k, self.config.granularity)
        return self._edited(self.edits.split(label, found.centers[order].numpy(), most))

    def rename(self, label: int, name: str) -> Segmenter:
        """The segmenter in which `label` is called `name`."""
        return self._edited(self.edits.rename(label, name))

    def recolor(self, label: int, color: tuple[float, float, float]) -> Segmenter:
        """The segmenter in which `label` has another colour: red, green and blue of 0 to 1."""
        return self._edited(self.edits.recolor(label, color))

    def background(self, *labels: int) -> Segmenter:
        """The segmenter that gives the places of `labels` the label 0."""
        return self._edited(self.edits.background(*labels))

    def foreground(self, *labels: int) -> Segmenter:
        """The segmenter in which `labels` are no background any more."""
        return self._edited(self.edits.foreground(*labels))

    def hide(self, *labels: int) -> Segmenter:
        """The segmenter whose layers do not show `labels`."""
        return self._edited(self.edits.hide(*labels))

    def show(self, *labels: int) -> Segmenter:
        """The segmenter whose layers show `labels` again."""
        return self._edited(self.edits.show(*labels))

    def places_of(self, label: int) -> np.ndarray:
        """Which places of the fitting sample have `label`: bool (n,)."""
        if self.config.granularity > self.clusters.k:
            raise ValueError("finer segments cannot be split further: set the granularity to 0 first")
        places = torch.from_numpy(np.ascontiguousarray(self.sample.x.T))
        labels = self._lookup()[np.asarray(self.clusters.assign(places)) + 1]
        return np.asarray(self.edits.apply(labels, self.sample.x.T) == label)

    def apply_to(self, image: Image, out: Any = None, report: Report = silent, rescale: bool = False) -> Segments:
        """Segments of one image, as `apply` gives them."""
        check_channels(self.model, Stack((image,)))
        if rescale and self.model.spacing and image.spacing != self.model.spacing:
            return self._rescaled(image, out, report)
        drift.warn(self.model, image, self._normalizer(image), self.usual_error)
        strategy = self._strategy(image, self.config.sharpen)
        in_one = strategy.whole or (self.config.surround and image.shape[1] == 3 and image.ndim == 2)
        if _voxels(image) <= IN_MEMORY and (out is None or in_one):
            prepared = self._reader(image).prepared(image, report)
            features = self._guide_features(prepared, report) if self.guide else prepared.features
            return self._finished(image, in_memory(prepared, features, strategy, report), out)
        if strategy.whole:
            raise ValueError(f"{image.name} is too large for regions: choose another method, such as kmeans")
        reader = self._reader(image, strategy.space, strategy.margin)
        around = self._finish(image).around
        return self._finished(image, block_by_block(image, reader, strategy, around, report), out)

    @property
    def by_region(self) -> bool:
        """Whether whole regions are labelled, not places by themselves."""
        return self.method == "regions"

    @property
    def _weighted(self) -> WeightedClusters:
        """The clusters with what keeps smoothing from erasing any of them."""
        return self.canvas.weighted(self.clusters, self._smoothing)

    @property
    def _smoothing(self) -> Smoothing:
        return self.config.smoothing, self.config.sharpen, self.space.grid, self.anisotropy

    def _normalizer(self, image: Image) -> Normalizer:
        return fit_normalizer(self.model, Stack((image,)), self.config)

    def _reader(self, image: Image, space: FeatureSpace | None = None, margin: int = 0) -> FeatureReader:
        return FeatureReader(self.model, self._normalizer(image), space or self.space, self.grid, margin)

    def _strategy(self, image: Image, sharpen: bool) -> Strategy:
        """How places of `image` get labels."""
        normalizer, config = self._normalizer(image), self.config
        if self.by_region and not self.guide:
            numbers = config.n_clusters, config.superpixels, config.granularity
            return ByRegion(self.space, normalizer, self.grid, self.anisotropy, *numbers, self.clusters.centers)
        weighted = self._weighted if sharpen == config.sharpen else WeightedClusters(self.clusters)
        how = normalizer, self.model.device, self.grid, self.anisotropy, config.smoothing, sharpen
        if self.guide and self.guide_space:
            taught = self.guide, self._labels_of_clusters(), self.space.n_features
            return ByStroke(joined(self.space, self.guide_space), weighted, *how, *taught)
        return ByCluster(self.space, weighted, *how)

    def _finish(self, image: Image) -> Finish:
        """What is done to the labels that the strategy finds in `image`."""
        plain = not (self.guide or self.by_region)
        fine = plain and self.config.granularity > self.clusters.k
        lookup = self._lookup() if plain else None
        if self.guide:
            lookup = np.array([0, *self.guide.labels], np.int32)
        return Finish(
            self.config,
            self.edits,
            self._normalizer(image),
            lookup,
            finer=self.tree if fine else None,
            splits=self.guide is None,
            painted=self._painted_on(image),
        )

    def _finished(self, image: Image, blocks: Iterable[Block], out: Any = None) -> Segments:
        """The labelled `blocks` of `image`, finished and put together."""
        finish, tally = self._finish(image), Tally.empty(image.shape[1])
        labels = np.zeros(image.label_shape, np.int32) if out is None else out
        confidence = np.zeros(image.label_shape if out is None else 0, np.float32)
        for block in blocks:
            part, sure = finish(block), block.confidence[block.tile.inner]
            image.put(labels, block.n, block.tile.core, part)
            if out is None:
                image.put(confidence, block.n, block.tile.core, sure)
            tally.add(part, sure, block.raw[(slice(None), *block.tile.inner)])
        return self._segments(image, labels, confidence, tally)

    def _painted_on(self, image: Image) -> np.ndarray | None:
        """What was painted on `image`, (N, *space), -1 where nothing was; None if nothing was at all."""
        painted = self.edits.painted.get(identity(image)) if self.edits.painted else None
        if painted is None:
            return None
        return image.from_source(painted.apply(np.full(image.label_shape, -1, np.int32)))

    def _guide_features(self, prepared: Prepared, report: Report) -> list[Tensor]:
        """Features of the clusters and of the guide, made when first asked for."""
        assert self.guide_space is not None  # there is one wherever strokes were learnt from
        reader = self._reader(prepared.image, joined(self.space, self.guide_space))
        parts = self.space, self.guide_space
        return prepared.guide_features.get(parts, None, lambda: reader.features(prepared.image, report))

    def _labels_of_clusters(self) -> np.ndarray:
        """(K + 1,) the label of each cluster 0..K after granularity, merges and background."""
        lookup = self._lookup()
        return np.asarray(self.edits.mapping(int(lookup.max()))[lookup])

    def _lookup(self) -> np.ndarray:
        """(K + 1,) the segment of each cluster 0..K at this granularity."""
        return self.tree.lookup(self.config.granularity)

    def _edited(self, edits: Edits) -> Segmenter:
        return replace(self, edits=edits)

    def _rescaled(self, image: Image, out: Any, report: Report) -> Segments:
        """Segments found at the pixel size of the training images, brought back to the pixels of `image`."""
        if _voxels(image) > IN_MEMORY:
            raise ValueError(f"{image.name} is too large to be rescaled in memory: resample it to another file first")
        found = self.label(self.prepare(resampled(image, self.model.spacing), report), report=report)
        tally = Tally.empty(image.shape[1])
        labels = stretched(found.labels, (image.shape[0], *image.shape[2:]))
        confidence = stretched(found.confidence, labels.shape)
        for n in range(len(labels)):
            tally.add(labels[n], confidence[n], image.block(n, tuple(slice(0, size) for size in image.shape[2:])))
        whole = image.to_source(labels)
        if out is not None:
            out[...] = whole
        return self._segments(image, whole if out is None else out, image.to_source(confidence), tally)

    def _segments(self, image: Image, labels: np.ndarray, confidence: np.ndarray, tally: Tally) -> Segments:
        metadata = {
            "config": self.config.model_dump(mode="json"),
            "quality": self.clusters.quality,
            "curve": {str(k): value for k, value in self.clusters.curve.items()},
            "trained_on": self.model.info.get("trained_on", []),
        }
        return Segments.of(image, labels, confidence, tally, self.edits, self.clusters.colors, self.sentence, metadata)


def _voxels(image: Image) -> int:
    """Voxels of all samples of `image`."""
    return image.shape[0] * math.prod(image.shape[2:])
