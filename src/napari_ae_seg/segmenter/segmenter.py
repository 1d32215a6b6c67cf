"""Segmenter: the fitted whole, which gives every image labels that mean the same."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_ae_seg.autoencoder import drift
from napari_ae_seg.autoencoder.encode import check_channels
from napari_ae_seg.autoencoder.model import Autoencoder
from napari_ae_seg.clustering.clusters import Clusters
from napari_ae_seg.clustering.tree import Tree
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core import devices, modelfile
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.features.fit import grid_of
from napari_ae_seg.features.space import FeatureSpace
from napari_ae_seg.features.surround import dark_surround, fill_surround
from napari_ae_seg.images.resample import resampled, stretched
from napari_ae_seg.images.stack import Stack

from . import smooth
from .edits import Edits
from .file import pack, unpack
from .fit import Sample, cluster, default_model, fit_normalizer, largest, method_of, sample_places, view
from .gestures import Gestures
from .granularity import coarser, finer, finer_prepared
from .guidance import Guided, checked, fit_guide_space, identity, joined, learn, painted_on
from .guide import SMOOTHING, Guide
from .label import IN_MEMORY, Labeller, Prepared, finished, reach, spread
from .regions import labeled, regions_of
from .segments import Segments, Tally
from .small_clusters import Canvas, Finish, Survivors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_ae_seg.clustering.lasso import Parted
    from napari_ae_seg.clustering.regions.watershed import Regions
    from napari_ae_seg.images.normalize import Normalizer
    from napari_ae_seg.images.stack import Image
    from napari_ae_seg.images.tiles import Tile

FEW = 8
"""Images of a stack whose error counts as usual."""


@dataclass(frozen=True)
class Segmenter(Gestures):
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
    sample: Sample = field(repr=False)
    usual_error: float = 0.0
    """How badly the network redraws the images that this was fitted on."""
    guide: Guide | None = None
    """What strokes taught."""
    guide_space: FeatureSpace | None = None
    """What the guide looks at."""
    canvas: Canvas = field(default_factory=Canvas, repr=False)
    """A part of the fitting images, to see anew which clusters survive smoothing; not kept in a file."""

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
        seen = view(model, stack, config, grid, anisotropy, report)
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
        return self._labeller(stack.image).prepared(stack.image, report)

    def label(self, prepared: Prepared, quick: bool = False, report: Report = silent) -> Segments:
        """Segments of a prepared source; `quick` leaves out the sharpening of borders, for a first picture."""
        image = prepared.image
        if self.guide:
            labels, confidence = self._clusters_of(prepared, quick, report)
            groups = np.array([0, *self.guide.labels], np.int32)[labels]
        elif self.method == "regions":
            centers = self.clusters.centers if self.config.n_clusters else None
            regions = self._regions_of(prepared)
            groups, confidence = labeled(prepared, regions, self.space.grid, self.config.granularity, centers)
        else:
            labels, confidence = self._clusters_of(prepared, quick, report)
            fine = self.config.granularity > self.clusters.k
            if fine:
                groups = finer_prepared(prepared, self.tree, self.space.grid, labels, self.config.granularity)
            else:
                groups = self._lookup()[labels]
        for n, raw in enumerate(prepared.raw):
            features = None
            if self.edits.splits and not self.guide:
                features = spread(prepared.features[n].cpu(), self.space.grid, groups[n].shape).numpy()
            if self.config.surround and len(raw) == 3:
                groups[n] = fill_surround(groups[n], dark_surround(self.model.normalizer.unit(raw)))
            groups[n] = finished(groups[n], self.edits, self.config, features)
        drawn = painted_on(self.edits, image)
        groups = groups if drawn is None else np.where(drawn >= 0, drawn, groups).astype(np.int32)
        tally = Tally.empty(int(groups.max(initial=0)), image.shape[1])
        for n, raw in enumerate(prepared.raw):
            tally.add(groups[n], confidence[n], raw)
        return self._segments(image, image.to_source(groups), image.to_source(confidence), tally)

    def on(self, device: str) -> Segmenter:
        """The same segmenter that computes on `device`."""
        return replace(self, model=self.model.on(device))

    def cut(self, segments: int) -> Segmenter:
        """The same clusters at another granularity: coarse and fine segments nest. 0 goes back to the clusters."""
        fine = segments > self.clusters.k and self.method != "regions"
        tree = self.canvas.seen(self.tree, self.clusters, self._finish) if fine else self.tree
        return replace(self, tree=tree, config=self.config.but(granularity=min(segments, tree.leaves)))

    def separate(self, parted: Parted, name: str = "") -> Segmenter:
        """The segmenter with one more cluster, the last, of what is like the places that a lasso holds."""
        if self.method == "regions":
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
            lessons += zip(plain._further(one, report), *parts, strict=True)
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
        return self._labeller(image).latents(image, report)

    def save(self, path: str | Path) -> None:
        """Writes everything to one file: autoencoder, features, clusters, edits."""
        modelfile.write(path, *pack(vars(self), self._survivors))

    @classmethod
    def load(cls, path: str | Path) -> Segmenter:
        """The segmenter that `save` wrote; ModelFileError says what is wrong with any other file."""
        fields, kept = unpack(*modelfile.read(path), str(path))
        loaded = cls(**fields)
        loaded.canvas.remember(kept, loaded._finish)
        return loaded

    @property
    def _survivors(self) -> Survivors:
        """The clusters with what keeps smoothing from erasing any of them."""
        return self.canvas.survivors(self.clusters, self._finish)

    @property
    def _finish(self) -> Finish:
        return self.config.smoothing, self.config.sharpen, self.space.grid, self.anisotropy

    def _normalizer(self, image: Image, config: SegmentationConfig | None = None) -> Normalizer:
        return fit_normalizer(self.model, Stack((image,)), config or self.config)

    def _labeller(self, image: Image, config: SegmentationConfig | None = None, **options: Any) -> Labeller:
        config = config or self.config
        normalizer = self._normalizer(image, config)
        space, kept = self.space, self._survivors if config.sharpen == self.config.sharpen else Survivors(self.clusters)
        scorer: Survivors | Guided = kept
        if self.guide and self.guide_space:
            space = joined(space, self.guide_space)
            sigma = smooth.sigmas(space.grid, self.anisotropy)
            lookup, own = self._labels_of_clusters(), self.space.n_features
            scorer = Guided(kept, self.guide, lookup, own, config.smoothing, sigma)
            config = config.but(smoothing=config.smoothing * SMOOTHING)
        return Labeller(self.model, normalizer, space, scorer, config, self.anisotropy, self.grid, **options)

    def _labels_of_clusters(self) -> np.ndarray:
        """(K + 1,) the label of each cluster 0..K after cut, merges and background."""
        lookup = self._lookup()
        return np.asarray(self.edits.mapping(int(lookup.max()))[lookup])

    def places_of(self, label: int) -> np.ndarray:
        """Which places of the fitting sample have `label`: bool (n,)."""
        if self.config.granularity > self.clusters.k:
            raise ValueError("finer segments cannot be split further: set the granularity to 0 first")
        places = torch.from_numpy(np.ascontiguousarray(self.sample.x.T))
        labels = self._lookup()[np.asarray(self.clusters.assign(places)) + 1]
        return np.asarray(self.edits.apply(labels, self.sample.x.T) == label)

    def _further(self, prepared: Prepared, report: Report) -> list[Tensor]:
        """Features of the clusters and of the guide, made when first asked for."""
        if not self.guide_space:
            return prepared.features
        key = id(self.guide_space)
        if key not in prepared.further:
            labeller = replace(self._labeller(prepared.image), space=joined(self.space, self.guide_space))
            prepared.further = {key: (labeller.features(prepared.image, report), self.guide_space)}
        features: list[Tensor] = prepared.further[key][0]
        return features

    def apply_to(self, image: Image, out: Any = None, report: Report = silent, rescale: bool = False) -> Segments:
        """Segments of one image, as `apply` gives them."""
        check_channels(self.model, Stack((image,)))
        if rescale and self.model.spacing and image.spacing != self.model.spacing:
            return self._rescaled(image, out, report)
        drift.warn(self.model, image, self._normalizer(image), self.usual_error)
        if out is None and image.shape[0] * np.prod(image.shape[2:]) <= IN_MEMORY:
            return self.label(self._labeller(image).prepared(image, report), report=report)
        if self.method == "regions":
            raise ValueError(f"{image.name} is too large for regions: choose another method, such as kmeans")
        fine = self.config.granularity > self.clusters.k and not self.guide
        lookup = np.array([0, *self.guide.labels], np.int32) if self.guide else self._lookup()
        drawn = painted_on(self.edits, image)
        tally = Tally.empty(max(self.tree.leaves, self.edits.highest(int(lookup.max()))), image.shape[1])
        labels = np.zeros(image.label_shape, np.int32) if out is None else out
        confidence = np.zeros(image.label_shape, np.float32) if out is None else np.zeros(0, np.float32)

        def write(n: int, tile: Tile, raw: np.ndarray, part: np.ndarray, sure: np.ndarray) -> None:
            part = part[tile.inner]
            if drawn is not None:
                part = np.where(drawn[n][tile.core] >= 0, drawn[n][tile.core], part)
            image.put(labels, n, tile.core, part)
            if out is None:
                image.put(confidence, n, tile.core, sure[tile.inner])
            tally.add(part, sure[tile.inner], raw[(slice(None), *tile.inner)])

        def after(part: np.ndarray, features: Tensor | None) -> np.ndarray:
            if features is None:
                return finished(lookup[part], self.edits, self.config)
            groups = finer(features, self.tree, part, self.config.granularity) if fine else lookup[part]
            return finished(groups, self.edits, self.config, features.cpu().numpy())

        looks = fine or bool(self.edits.splits and not self.guide)
        labeller = self._labeller(image, after=after, looks=looks, reach=reach(self.config))
        labeller.label(image, None, write, report)
        return self._segments(image, labels, confidence, tally)

    def _rescaled(self, image: Image, out: Any, report: Report) -> Segments:
        """Segments found at the pixel size of the training images, brought back to the pixels of `image`."""
        if image.shape[0] * np.prod(image.shape[2:]) > IN_MEMORY:
            raise ValueError(f"{image.name} is too large to be rescaled in memory: resample it to another file first")
        found = self.label(self.prepare(resampled(image, self.model.spacing), report), report=report)
        tally = Tally.empty(int(found.labels.max(initial=0)), image.shape[1])
        labels = stretched(found.labels, (image.shape[0], *image.shape[2:]))
        confidence = stretched(found.confidence, labels.shape)
        for n in range(len(labels)):
            tally.add(labels[n], confidence[n], image.block(n, tuple(slice(0, size) for size in image.shape[2:])))
        whole = image.to_source(labels)
        if out is not None:
            out[...] = whole
        return self._segments(image, whole if out is None else out, image.to_source(confidence), tally)

    def _clusters_of(self, prepared: Prepared, quick: bool, report: Report) -> tuple[np.ndarray, np.ndarray]:
        """Clusters 1..K and confidence (N, *space) of a prepared source, kept until what made them changes."""
        config = self.config.but(sharpen=False) if quick else self.config
        key = (id(self.guide or self.clusters), id(self.clusters), config.smoothing, config.sharpen)
        if key not in prepared.cache:
            image = prepared.image
            labels = np.zeros((image.shape[0], *image.shape[2:]), np.int32)
            confidence = np.zeros(labels.shape, np.float32)

            def write(n: int, tile: Tile, _: np.ndarray, part: np.ndarray, sure: np.ndarray) -> None:
                labels[n][tile.core] = part[tile.inner]
                confidence[n][tile.core] = sure[tile.inner]

            held = replace(prepared, features=self._further(prepared, report)) if self.guide else prepared
            self._labeller(image, config=config).label(image, held, write, report)
            prepared.cache.clear()
            prepared.cache |= {key: (labels, confidence), "made by": (self.clusters, self.guide)}  # ids stay theirs
        found: tuple[np.ndarray, np.ndarray] = prepared.cache[key]
        return found

    def _regions_of(self, prepared: Prepared) -> list[Regions]:
        key = ("regions", self.config.n_clusters, self.config.superpixels)
        if key not in prepared.cache:
            normalizer = self._normalizer(prepared.image)
            prepared.cache[key] = regions_of(prepared, self.space, self.config, normalizer, self.anisotropy)
        found: list[Regions] = prepared.cache[key]
        return found

    def _lookup(self) -> np.ndarray:
        """(K + 1,) the segment of each cluster 0..K at the granularity of `config.granularity`."""
        return coarser(self.tree, self.config.granularity)

    def _segments(self, image: Image, labels: np.ndarray, confidence: np.ndarray, tally: Tally) -> Segments:
        metadata = {
            "config": self.config.model_dump(mode="json"),
            "quality": self.clusters.quality,
            "curve": {str(k): value for k, value in self.clusters.curve.items()},
            "trained_on": self.model.info.get("trained_on", []),
        }
        return Segments.of(image, labels, confidence, tally, self.edits, self.clusters.colors, self.sentence, metadata)
