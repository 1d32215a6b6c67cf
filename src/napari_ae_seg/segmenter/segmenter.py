"""Segmenter: the fitted whole, which gives every image labels that mean the same."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_ae_seg.autoencoder import drift
from napari_ae_seg.autoencoder.encode import BLOCK, check_channels, fitting, sides
from napari_ae_seg.autoencoder.model import Autoencoder
from napari_ae_seg.clustering.clusters import Clusters
from napari_ae_seg.clustering.kmeans import kmeans
from napari_ae_seg.clustering.tree import Tree
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core import devices, modelfile
from napari_ae_seg.core.errors import AssumptionWarning, OutOfMemoryError
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.core.rules import rule_name, rules
from napari_ae_seg.core.state import stored
from napari_ae_seg.features.fit import grid_of
from napari_ae_seg.features.space import FeatureSpace
from napari_ae_seg.images.formats.ngff import SIDES, home_of
from napari_ae_seg.images.formats.write import write_labels
from napari_ae_seg.images.resample import resampled, stretched
from napari_ae_seg.images.stack import Images, Stack, as_stack
from napari_ae_seg.images.tiles import tiles

from .clustered import ByCluster
from .edits import Edits
from .file import Saved
from .finish import Finish
from .fit import FittingSample, cluster, default_model, fit_features, fit_normalizer, largest, method_of, sample_places
from .guidance import ByStroke, Guide, checked, guide_space, identity, joined, learn, surviving
from .job import Engine, Job
from .label import IN_MEMORY, SMALLEST_BLOCK, Block, Blocks, FeatureReader, Prepared, Strategy, Streamed, in_memory
from .regions import ByRegion
from .segments import Segments, Tally
from .shown import page, printed
from .small_clusters import Canvas, Smoothing, WeightedClusters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

    from napari_ae_seg.clustering.lasso import Parted
    from napari_ae_seg.images.normalize import Normalizer
    from napari_ae_seg.images.stack import Image

FEW = 8
"""Images of a stack whose reconstruction error is measured when a segmenter is fitted."""


@stored("segmenter", via=Saved)
@dataclass(frozen=True, repr=False)
class Segmenter:
    """An autoencoder with its features, its clusters and what a person changed; `apply` labels any image with it.

    Labels are numbered by brightness, the darkest is 1; clustered again, they keep the numbers they had. Every change
    gives a new segmenter, so that the one before is the way back. `Segmenter.fit` makes it, `save` and `load` keep it
    in a file.

    Parameters
    ----------
    model : Autoencoder
        The network.
    config : SegmentationConfig
        How features become labels.
    space : FeatureSpace
        The features that are clustered.
    method : str
        How they are clustered.
    clusters : Clusters
        The clusters.
    tree : Tree
        Which clusters are alike, for coarser and finer segments.
    edits : Edits
        What a person changed.
    sentence : str
        What was chosen, and why.
    anisotropy : tuple of float
        Spacing along each axis, relative to the finest.
    grid : int
        Pixels per clustered place, along each axis.
    sample : FittingSample
        The places that the clusters were fitted on.
    usual_error : float, optional
        Largest reconstruction error of the network on the images that this was fitted on.
    guide : Guide, optional
        What strokes taught.
    guide_space : FeatureSpace, optional
        The features from which strokes teach.
    canvas : Canvas, optional
        A part of the fitting images, to see what smoothing leaves of each cluster; not kept in a file.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
    >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
    >>> segmenter
    Segmenter: 3 segments by kmeans on ... features
      1 cluster 1
      2 cluster 2
      3 cluster 3
      ...
      Autoencoder: unet, 2D, 1 channel, 16 latents of 2 x 2 pixels
    >>> segmenter.rename(1, "gap").merge(2, 3).apply(bands).names
    {1: 'gap', 2: 'cluster 2'}
    """

    model: Autoencoder
    config: SegmentationConfig
    space: FeatureSpace
    method: str
    clusters: Clusters
    tree: Tree
    edits: Edits
    sentence: str
    anisotropy: tuple[float, ...]
    grid: int
    sample: FittingSample
    usual_error: float = 0.0
    guide: Guide | None = None
    guide_space: FeatureSpace | None = None
    canvas: Canvas = field(default_factory=Canvas)

    def __repr__(self) -> str:
        return printed(self)

    def _repr_html_(self) -> str:
        return page(self)

    @classmethod
    def fit(
        cls,
        model: Autoencoder | None,
        images: Images,
        config: SegmentationConfig | None = None,
        report: Report = silent,
    ) -> Segmenter:
        """Fit features and clusters on a sample of images.

        Parameters
        ----------
        model : Autoencoder or None
            The network; None takes the encoder that comes with the package.
        images : Stack, array, path, layer, or list of them
            What the clusters are found in.
        config : SegmentationConfig, optional
            How features become labels.
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        Segmenter
            Ready to `apply`.

        Raises
        ------
        ValueError
            If the images do not fit the model, or hold no finite value.
        TypeError
            If model or configuration are something else.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.apply(bands).labels[0, ::8].tolist()
        [1, 1, 2, 3]
        """
        if not isinstance(model, (Autoencoder, type(None))):
            got = type(model).__name__
            raise TypeError(f"an Autoencoder comes first, or None, then the images; got a {got}")
        config, stack = SegmentationConfig.of(config), as_stack(images)
        devices.use_threads(config.threads)
        model, _ = fitting(default_model(stack, config, report) if model is None else model, stack)
        model = model.on(config.device)
        anisotropy = tuple(spacing / min(stack.spacing) for spacing in stack.spacing)
        grid = grid_of(config, largest(stack), anisotropy)
        seen = fit_features(model, stack, config, grid, anisotropy, report)
        sample, patches = sample_places(seen.maps, seen.space, config.max_samples, config.seed)
        clusters, why = cluster(sample, config, seen.method, None)
        tree = clusters.tree(config.seed)
        usual = max(drift.error(seen.model, one, fit_normalizer(model, one, config)) for one in stack.images[:FEW])
        report(Progress("cluster", 1, 1))
        sentence = _said(seen.sentence, clusters, why)
        found = (seen.space, seen.method, clusters, tree, Edits(), sentence)
        fitted = cls(seen.model, config, *found, anisotropy, grid, sample, usual, canvas=Canvas(patches))
        return fitted.cut(config.granularity)

    def recluster(self, **changes: Any) -> Segmenter:
        """The same features with other clusters or another finish; labels that match the old ones keep their number.

        Parameters
        ----------
        **changes
            Fields of SegmentationConfig whose stage is not "encode": those need a new `fit`.

        Returns
        -------
        Segmenter
            With the changes.

        Raises
        ------
        ValueError
            If a change needs other features, or a value is out of range.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.recluster(n_clusters=2).apply(bands).table["index"]
        [1, 2]
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
        sentence = _said(f"{self.sentence.split('. ')[0].rstrip('.')}.", clusters, why)
        fitted = replace(moved, config=config, method=method, clusters=clusters, tree=tree, sentence=sentence)
        return fitted.cut(config.granularity)

    def previews(self, side: int = 72) -> dict[int, np.ndarray]:
        """How the image would look with each of the likeliest numbers of clusters.

        Parameters
        ----------
        side : int, optional
            Pixels of a picture's longer side, at most.

        Returns
        -------
        dict of int to ndarray
            Labels (Y, X) of the middle of an image the clusters were fitted on, small, not smoothed; 0 where there is
            no data. Nothing where the number was given, or the model comes from a file.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands)
        >>> segmenter.clusters.k in segmenter.previews(side=16)
        True
        """
        if not self.canvas.patches:
            return {}
        patch, found = self.canvas.patches[0], {}
        middle: tuple[int, ...] = tuple(n // 2 for n in patch.valid.shape[:-2])
        sides = patch.valid.shape[-2:]
        step = min(2, max(1, -(-max(sides) // side)))  # the middle of a large image: all of it would be specks
        shown = [(max(0, (n - step * side) // 2), min(n, (n + step * side) // 2)) for n in sides]
        part: tuple[int | slice, ...] = (*middle, *(slice(first, last, step) for first, last in shown))
        features, valid = patch.features[(slice(None), *part)], patch.valid.numpy()[part]
        for k in self.clusters.likely:
            clusters, _ = cluster(self.sample, self.config.but(n_clusters=k), self.method, self.clusters)
            found[k] = np.where(valid, np.asarray(clusters.assign(features)) + 1, 0)
        return found

    def apply(
        self,
        images: Images,
        out: Any = None,
        report: Report = silent,
        rescale: bool = False,
        workers: Engine | None = None,
    ) -> Segments | list[Segments]:
        """Label images: the same label means the same in each.

        Parameters
        ----------
        images : Stack, array, path, layer, or list of them
            What to label.
        out : path, or numpy or zarr array, optional
            Takes the labels of one image block by block, so that images larger than memory can be labelled. A path
            ending in .zarr becomes an OME-Zarr; if that is interrupted, the same call goes on where it stopped. An
            array is of the image's shape without its channel axis.
        report : callable, optional
            Is told of progress; `progress_bar` shows it.
        rescale : bool, optional
            Look at each image at the pixel size of the training images.
        workers : Workers, optional
            The processes that share the blocks, where `out` is a path.

        Returns
        -------
        Segments or list of Segments
            Of one image Segments, of several a list.

        Raises
        ------
        ValueError
            If the images do not fit the model, or `out` is to take several images.
        JobError
            If what is done of another job lies at `out`.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.apply(bands).labels.shape, len(segmenter.apply([bands, bands[:20]]))
        ((32, 32), 2)
        """
        stack = as_stack(images)
        if out is not None and len(stack) > 1:
            raise ValueError(f"`out` takes the labels of one image, the stack has {len(stack)}")
        found = [self.apply_to(image, out, report, rescale, workers) for image in stack.images]
        return found[0] if len(stack) == 1 else found

    def prepare(self, images: Images, report: Report = silent) -> Prepared:
        """Encode an image once, so that `label` answers at once after every change.

        Parameters
        ----------
        images : Stack, array, path, layer, or list of them
            One image.
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        Prepared
            Its features, kept in memory.

        Raises
        ------
        ValueError
            If the image does not fit the model, or there are several.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> prepared = segmenter.prepare(bands)
        >>> segmenter.merge(1, 2).label(prepared).table["index"]
        [1, 3]
        """
        stack = as_stack(images)
        check_channels(self.model, stack)
        return self._reader(stack.image).prepared(stack.image, report)

    def label(self, prepared: Prepared, quick: bool = False, report: Report = silent) -> Segments:
        """Label an image that `prepare` encoded.

        Parameters
        ----------
        prepared : Prepared
            What `prepare` gave.
        quick : bool, optional
            Leave out the sharpening of borders, for a first picture.
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        Segments
            The labels.

        Raises
        ------
        TypeError
            If it is an image that is not prepared.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.label(segmenter.prepare(bands), quick=True).labels.max()
        np.int32(3)
        """
        if not isinstance(prepared, Prepared):
            got = type(prepared).__name__
            raise TypeError(f"label takes what prepare(images) gives, got a {got}; apply(images) labels images at once")
        strategy = self._strategy(prepared.image, self.config.sharpen and not quick)
        features = self._guide_features(prepared, report) if self.guide else prepared.features
        return self._finished(prepared.image, in_memory(prepared, features, strategy, report))

    def on(self, device: str) -> Segmenter:
        """The same segmenter that computes on another device.

        Parameters
        ----------
        device : str
            "cpu", "cuda", "cuda:1", "mps", or "auto".

        Returns
        -------
        Segmenter
            With its network there.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.on("cpu").model.device
        device(type='cpu')
        """
        return replace(self, model=self.model.on(device))

    def cut(self, segments: int) -> Segmenter:
        """The same clusters at another granularity: coarse and fine segments nest.

        Parameters
        ----------
        segments : int
            How many segments there are to be; 0 goes back to the clusters.

        Returns
        -------
        Segmenter
            At that granularity.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.cut(2).apply(bands).table["index"]
        [1, 2]
        """
        fine = segments > self.clusters.k and not self.by_region
        tree = self.canvas.pruned(self.tree, self.clusters, self._smoothing) if fine else self.tree
        return replace(self, tree=tree, config=self.config.but(granularity=min(segments, tree.leaves)))

    def separate(self, parted: Parted, name: str = "") -> Segmenter:
        """One more cluster, the last, of what is like the places that a lasso holds.

        Parameters
        ----------
        parted : Parted
            What `Exploration.parted` gave.
        name : str, optional
            Of the new cluster.

        Returns
        -------
        Segmenter
            With one cluster more.

        Raises
        ------
        ValueError
            If strokes, regions, splits or another granularity decide the labels.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 8)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=2))
        >>> inside = ae.Exploration.of(segmenter, bands).parted(bands == 3)
        >>> segmenter.separate(inside, "brightest").clusters.k
        3
        """
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
        """Learn from strokes that a person painted on prepared images.

        A stroke's number is that of the segment it is, or a new one. Painted pixels are kept, segments that nobody
        painted stay where the image is unlike every stroke, and other images follow, too.

        Parameters
        ----------
        prepared : Prepared or sequence of Prepared
            What `prepare` gave, of one image or several.
        strokes : array or sequence of arrays
            Of the labels' shape, 0 where nothing is painted; as many as images.
        names : dict, optional
            Number -> name.
        corrections : bool, optional
            Whether the strokes correct the segments; False where their numbers were chosen without looking at them.
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        Segmenter
            That learnt from the strokes.

        Raises
        ------
        ValueError
            If strokes and images do not fit, or nothing is painted.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> strokes = np.zeros((32, 32), int)
        >>> strokes[4, :8], strokes[4, 24:] = 1, 2
        >>> segmenter.guided(segmenter.prepare(bands), strokes, {2: "right"}).edits.names
        {2: 'right'}
        """
        pairs = checked(prepared, strokes)
        images, edits = [one.image for one, _ in pairs], self.edits
        grounds = self.config, self.anisotropy, self.space, self.grid
        extra = self.guide_space or guide_space(self.model, images, *grounds, report)
        plain = replace(self, guide=None, guide_space=extra)
        lessons: list[tuple[Tensor, np.ndarray, np.ndarray]] = []
        for one, painted in pairs:
            before = plain.unguided().label(one, report=report).labels
            parts = (one.image.from_source(part) for part in (painted, before))
            lessons += zip(plain._guide_features(one, report), *parts, strict=True)
            edits = edits.paint(identity(one.image), np.where(painted > 0, painted, -1))
        taught = self._weighted, self._labels_of_clusters(), extra.grid, corrections, self.config.seed
        guide = learn(lessons, *taught)
        way = replace(plain, guide=guide)._strategy(images[0], self.config.sharpen)
        assert isinstance(way, ByStroke)
        guide = surviving(guide, [way.scores(one) for one, _, _ in lessons], [one for _, one, _ in lessons], way)
        for label, name in (names or {}).items():
            edits = edits.rename(label, name)
        return replace(plain, guide=guide, edits=edits)

    def unguided(self) -> Segmenter:
        """The segmenter without what strokes taught it, and without the painted pixels.

        Returns
        -------
        Segmenter
            As before any stroke.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.unguided().guide is None
        True
        """
        return replace(self, guide=None, edits=replace(self.edits, painted={}))

    def latents(self, image: Image, report: Report = silent) -> list[Tensor]:
        """Latent maps of an image as the network gives them.

        Parameters
        ----------
        image : Image
            One image: `stack.image`.
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        list of Tensor
            Per sample (latents, *space / stride).

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.latents(ae.read(bands).image)[0].shape
        torch.Size([16, 16, 16])
        """
        return self._reader(image).latents(image, report)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one file: autoencoder, features, clusters and edits.

        Parameters
        ----------
        path : path
            The file, usually named .aeseg; one that is there is replaced.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     segmenter.save(f"{folder}/bands.aeseg")
        ...     ae.Segmenter.load(f"{folder}/bands.aeseg").clusters.k
        3
        """
        modelfile.save(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Segmenter:
        """The segmenter in a file that `save` wrote.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        Segmenter
            On the CPU.

        Raises
        ------
        ModelFileError
            If the file is damaged, foreign, or holds no clusters.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     segmenter.save(f"{folder}/bands.aeseg")
        ...     ae.Segmenter.load(f"{folder}/bands.aeseg").clusters.k
        3
        """
        return modelfile.load(path, cls, "fit a Segmenter on it first")

    def merge(self, *labels: int) -> Segmenter:
        """Make segments one; it has the number of the smallest.

        Parameters
        ----------
        *labels : int
            Numbers of segments.

        Returns
        -------
        Segmenter
            In which they are one.

        Raises
        ------
        ValueError
            If there is no such segment.
        TypeError
            If a number is none.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.merge(1, 2).apply(bands).table["index"]
        [1, 3]
        """
        return self._edited(self.edits.merge(*self._known(*labels)))

    def split(self, label: int, into: int = 2) -> Segmenter:
        """Part a segment by its features; the first part keeps the number.

        Parameters
        ----------
        label : int
            Number of the segment.
        into : int, optional
            How many parts.

        Returns
        -------
        Segmenter
            In which it is parted.

        Raises
        ------
        ValueError
            If there is no such segment, or it holds too few different places.
        TypeError
            If a number is none.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.cut(2).split(1).apply(bands).table["index"]
        [1, 2, 4]
        """
        (label,) = self._known(label)
        inside = self.places_of(label)
        points = torch.from_numpy(self.sample.x[inside])
        if len(torch.unique(points, dim=0)) < into:
            raise ValueError(f"segment {label} holds too few different places to be split into {into}")
        found = kmeans(points, into, seed=self.config.seed, n_init=self.config.n_init)
        order = torch.bincount(found.labels, minlength=into).argsort(descending=True)
        most = max(self.clusters.k, self.config.granularity)
        return self._edited(self.edits.split(label, found.centers[order].numpy(), most))

    def rename(self, label: int, name: str) -> Segmenter:
        """Give a segment a name.

        Parameters
        ----------
        label : int
            Number of the segment.
        name : str
            Its name.

        Returns
        -------
        Segmenter
            In which it has it.

        Raises
        ------
        ValueError
            If there is no such segment.
        TypeError
            If a number is none.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.rename(2, "nuclei").apply(bands).names[2]
        'nuclei'
        """
        return self._edited(self.edits.rename(self._known(label)[0], name))

    def recolor(self, label: int, color: tuple[float, float, float]) -> Segmenter:
        """Give a segment another color.

        Parameters
        ----------
        label : int
            Number of the segment.
        color : tuple of float
            Red, green and blue of 0 to 1.

        Returns
        -------
        Segmenter
            In which it has it.

        Raises
        ------
        ValueError
            If there is no such segment, or the color is none.
        TypeError
            If a number is none.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.recolor(2, (1, 0, 0)).apply(bands).colors[2]
        (1.0, 0.0, 0.0)
        """
        return self._edited(self.edits.recolor(self._known(label)[0], color))

    def background(self, *labels: int) -> Segmenter:
        """Make segments background: their places get the label 0.

        Parameters
        ----------
        *labels : int
            Numbers of segments.

        Returns
        -------
        Segmenter
            In which they are background.

        Raises
        ------
        ValueError
            If there is no such segment.
        TypeError
            If a number is none.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.background(1).apply(bands).labels[0, ::8].tolist()
        [0, 0, 2, 3]
        """
        return self._edited(self.edits.background(*self._known(*labels)))

    def foreground(self, *labels: int) -> Segmenter:
        """Take segments back from the background.

        Parameters
        ----------
        *labels : int
            Numbers of segments.

        Returns
        -------
        Segmenter
            In which they are segments again.

        Raises
        ------
        ValueError
            If there is no such segment.
        TypeError
            If a number is none.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.background(1).foreground(1).apply(bands).table["index"]
        [1, 2, 3]
        """
        return self._edited(self.edits.foreground(*self._known(*labels)))

    def hide(self, *labels: int) -> Segmenter:
        """Do not show segments in layers; their places keep their label.

        Parameters
        ----------
        *labels : int
            Numbers of segments.

        Returns
        -------
        Segmenter
            Whose layers do not show them.

        Raises
        ------
        ValueError
            If there is no such segment.
        TypeError
            If a number is none.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.hide(2).apply(bands).hidden
        frozenset({2})
        """
        return self._edited(self.edits.hide(*self._known(*labels)))

    def show(self, *labels: int) -> Segmenter:
        """Show hidden segments again.

        Parameters
        ----------
        *labels : int
            Numbers of segments.

        Returns
        -------
        Segmenter
            Whose layers show them.

        Raises
        ------
        ValueError
            If there is no such segment.
        TypeError
            If a number is none.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.hide(2).show(2).apply(bands).hidden
        frozenset()
        """
        return self._edited(self.edits.show(*self._known(*labels)))

    def places_of(self, label: int) -> np.ndarray:
        """Which places of the fitting sample lie in a segment.

        Parameters
        ----------
        label : int
            Number of the segment.

        Returns
        -------
        ndarray
            bool (n,).

        Raises
        ------
        ValueError
            If the segments are finer than the clusters.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.places_of(1).mean().round(2)
        np.float64(0.34)
        """
        if self.config.granularity > self.clusters.k:
            raise ValueError("finer segments cannot be split further: set the granularity to 0 first")
        places = torch.from_numpy(np.ascontiguousarray(self.sample.x.T))
        labels = self._lookup()[np.asarray(self.clusters.assign(places)) + 1]
        return np.asarray(self.edits.apply(labels, self.sample.x.T) == label)

    def apply_to(
        self,
        image: Image,
        out: Any = None,
        report: Report = silent,
        rescale: bool = False,
        workers: Engine | None = None,
    ) -> Segments:
        """Label one image, as `apply` does.

        Parameters
        ----------
        image : Image
            One image: `stack.image`.
        out : path, or numpy or zarr array, optional
            Takes the labels, block by block.
        report : callable, optional
            Is told of progress; `progress_bar` shows it.
        rescale : bool, optional
            Look at it at the pixel size of the training images.
        workers : Workers, optional
            The processes that share the blocks, where `out` is a path.

        Returns
        -------
        Segments
            The labels.

        Raises
        ------
        ValueError
            If the image does not fit the model, or is too large to be labelled in memory.
        OutOfMemoryError
            If memory runs out even with the smallest blocks.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> segmenter.apply_to(ae.read(bands).image).labels.shape
        (32, 32)
        """
        check_channels(self.model, Stack((image,)))
        rescale = bool(rescale and self.model.spacing and image.spacing != self.model.spacing)
        if isinstance(out, (str, os.PathLike)):
            return self._written(image, Path(out), report, rescale, workers)
        if rescale:
            return self._rescaled(image, out, report)
        drift.warn(self.model, image, self._normalizer(image), self.usual_error)
        strategy = self._strategy(image, self.config.sharpen)
        if voxels(image) <= IN_MEMORY and (out is None or self._better_whole(image)):
            try:
                return self._in_one(image, strategy, out, report)
            except (RuntimeError, MemoryError, OutOfMemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
            devices.release(self.model.device)
            notice = f"{image.name}: memory ran out, so it is labelled block by block"
            warnings.warn(notice, AssumptionWarning, stacklevel=2)
        if self._own_regions:
            raise ValueError(
                f"{image.name} is too large for its regions to be numbered in memory: "
                f"give out='labels.zarr', or say how many regions there are with n_clusters"
            )
        try:
            return devices.shrinking(
                lambda side, device: self.on(str(device))._in_blocks(image, side, out, report),
                BLOCK[image.ndim],
                self.model.device,
                SMALLEST_BLOCK,
                "block",
            )
        except OutOfMemoryError:
            raise OutOfMemoryError(_what_fits(image, out is None)) from None

    def _in_one(self, image: Image, strategy: Strategy, out: Any, report: Report) -> Segments:
        """The labels of an image whose features fit into memory."""
        prepared = self._reader(image).prepared(image, report)
        features = self._guide_features(prepared, report) if self.guide else prepared.features
        return self._finished(image, in_memory(prepared, features, strategy, report), out)

    def _in_blocks(self, image: Image, side: int, out: Any, report: Report) -> Segments:
        """The labels of an image, made a block of about `side` pixels at a time."""
        blocks = self._blocks(image, sides(image.shape[2:], side, self.grid))
        return self._finished(image, _reporting(blocks, report), out)

    @property
    def by_region(self) -> bool:
        """Whether whole regions are labelled, not places by themselves."""
        return self.method == "regions"

    def _written(self, image: Image, out: Path, report: Report, rescale: bool, workers: Engine | None) -> Segments:
        """Labels of `image` as an OME-Zarr: of one piece where that finds more, else block by block."""
        if out.suffix != ".zarr" and not home_of(out):
            raise ValueError(f"labels of any size are written to a path that ends in .zarr, got {out.name}")
        if rescale or self._in_memory(image):
            segments = self.apply_to(image, None, report, rescale)
            write_labels(out, segments.labels, image, segments.legend)
            return segments
        return Job(self, image, out, workers=workers).run(report).segments

    def _in_memory(self, image: Image) -> bool:
        """Whether `image` is labelled in one piece even where its labels are written block by block."""
        return voxels(image) <= IN_MEMORY and self._better_whole(image)

    @property
    def _own_regions(self) -> bool:
        """Whether every image, and every block of a large one, has as many regions as it shows."""
        return self.by_region and not (self.guide or self.config.n_clusters)

    def _better_whole(self, image: Image) -> bool:
        """Whether more is found in all of `image` than block by block."""
        around = self.config.surround and image.shape[1] == 3 and image.ndim == 2
        return around or self._strategy(image, self.config.sharpen).whole

    def _blocks(self, image: Image, sizes: tuple[int, ...]) -> Blocks:
        """The blocks of `image`, of `sizes` pixels along its axes."""
        strategy = self._strategy(image, self.config.sharpen)
        reader = self._reader(image, strategy.space, strategy.margin)
        return Blocks(image, reader, strategy, self._finish(image).around, sizes)

    def _sizes(self, image: Image) -> tuple[int, ...]:
        """Sides of the blocks of `image` that no chunk of labels has a share in two of."""
        return sides(image.shape[2:], 0, math.lcm(self.grid, SIDES[image.ndim]))

    @property
    def _weighted(self) -> WeightedClusters:
        """The clusters with what keeps smoothing from erasing any of them."""
        return self.canvas.weighted(self.clusters, self._smoothing)

    @property
    def _smoothing(self) -> Smoothing:
        return self._strength, self.config.sharpen, self.space.grid, self.anisotropy

    @property
    def _strength(self) -> float:
        """Smoothing of clusters: less for features that know the surroundings of a place already."""
        return self.config.smoothing * self._rule("smoothing")

    def _rule(self, name: str) -> float:
        """A number that was learnt for the features that are clustered; 1 for those nobody knows."""
        known = rules()[name].get(rule_name(self.model.ndim, self.model.net.tone_weight is not None), {})
        return float(known.get(self.space.name, 1.0))

    def _normalizer(self, image: Image) -> Normalizer:
        return fit_normalizer(self.model, image, self.config)

    def _reader(self, image: Image, space: FeatureSpace | None = None, margin: int = 0) -> FeatureReader:
        return FeatureReader(self.model, self._normalizer(image), space or self.space, self.grid, margin)

    def _strategy(self, image: Image, sharpen: bool) -> Strategy:
        """How places of `image` get labels."""
        normalizer, config = self._normalizer(image), self.config
        if self.by_region and not self.guide:
            numbers = config.n_clusters, config.superpixels, config.granularity
            return ByRegion(self.space, normalizer, self.grid, self.anisotropy, *numbers, self.clusters.centers)
        weighted = self._weighted if sharpen == config.sharpen else WeightedClusters(self.clusters)
        how = normalizer, self.model.device, self.grid, self.anisotropy
        if self.guide and self.guide_space:
            taught = self.guide, self._labels_of_clusters(), self.space.n_features, self._strength
            space = joined(self.space, self.guide_space)
            return ByStroke(space, weighted, *how, config.smoothing, sharpen, 1.0, *taught)
        return ByCluster(self.space, weighted, *how, self._strength, sharpen, self._rule("sharpness"))

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
            guided=self.guide is not None,
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

    def _known(self, *labels: int) -> list[int]:
        """`labels` as numbers of segments; an error says which is none."""
        wrong = [label for label in labels if isinstance(label, bool) or not isinstance(label, (int, np.integer))]
        if wrong:
            raise TypeError(f"segments are given by their numbers, one after another, such as 1, 2; got {wrong[0]!r}")
        own = max(self.clusters.k, self.config.granularity, *(self.guide.labels if self.guide else ()))
        most = self.edits.highest(own)
        missing = [int(label) for label in labels if label < 1 or (label > most and not self.by_region)]
        if missing:
            raise ValueError(f"there is no segment {missing[0]}; the segments are 1 to {most}")
        return [int(label) for label in labels]

    def _edited(self, edits: Edits) -> Segmenter:
        return replace(self, edits=edits)

    def _rescaled(self, image: Image, out: Any, report: Report) -> Segments:
        """Segments found at the pixel size of the training images, brought back to the pixels of `image`."""
        if voxels(image) > IN_MEMORY:
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
            "likely": list(self.clusters.likely),
            "trained_on": self.model.info.get("trained_on", []),
        }
        known = self.edits, self.clusters.colors, self.sentence, metadata
        chances = None if self.by_region and not self.guide else lambda: self._probabilities(image)
        return Segments.of(image, labels, confidence, tally, *known, chances)

    def _probabilities(self, image: Image) -> np.ndarray:
        """Probability of every label of `image`: (labels, *shape of its labels) float16, made block by block."""
        strategy = self._strategy(image, self.config.sharpen)
        assert isinstance(strategy, ByCluster)  # regions have none
        lookup = np.array([0, *self.guide.labels], np.int32) if self.guide else self._lookup()
        lookup = np.asarray(self.edits.mapping(int(lookup.max()))[lookup])
        out = np.zeros((int(lookup.max()), image.shape[0], *image.shape[2:]), np.float16)
        reader = self._reader(image, strategy.space, strategy.margin)
        for n in range(image.shape[0]):
            sample = Streamed(reader, image, n)
            known, cut = strategy.prepared(sample), sides(sample.space, 0, strategy.grid)
            for tile in tiles(sample.space, cut, strategy.halo, strategy.grid):
                found = strategy.probabilities(known, tile.outer, sample.raw(tile.outer))
                for label, part in zip(lookup[1:], found, strict=True):
                    if label:
                        out[label - 1, n][tile.core] += part[tile.inner].astype(np.float16)
        return np.stack([image.to_source(one) for one in out]) if len(out) else out


def _said(features: str, clusters: Clusters, why: str) -> str:
    """What was chosen, and why; where nothing was told apart, the features do not matter."""
    return why if clusters.k == 1 and why else " ".join(part for part in (features, why) if part)


def _what_fits(image: Image, held: bool) -> str:
    """Why the labels of `image` do not fit into memory, and what would; `held`: they are asked for in memory."""
    size = " x ".join(map(str, image.label_shape))
    if not held:
        return f"{image.name}: there is too little memory to label {size} pixels in small blocks; close other programs"
    need = 8 * math.prod(image.label_shape) / 2**30
    return (
        f"{image.name}: there is too little memory to label {size} pixels: labels and confidence alone take {need:.2g} "
        "GB; close other programs, label a part of it, or write the labels to a .zarr (segment --out labels.zarr, or "
        "apply_to with out), which holds a block at a time"
    )


def voxels(image: Image) -> int:
    """Voxels of all samples of `image`."""
    return image.shape[0] * math.prod(image.shape[2:])


def _reporting(blocks: Blocks, report: Report) -> Iterator[Block]:
    for number in range(len(blocks)):
        report(Progress("label", number, len(blocks)))
        yield blocks[number]
