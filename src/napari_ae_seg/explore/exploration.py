"""Exploration: one segmented image with its latents, and what can be asked of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_ae_seg.autoencoder.decode import prototypes, segmented_image
from napari_ae_seg.clustering.lasso import Parted
from napari_ae_seg.clustering.number import choose_k
from napari_ae_seg.core import filters
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.images.notebook import colored
from napari_ae_seg.images.stack import Images, as_stack
from napari_ae_seg.segmenter.label import IN_MEMORY, Prepared
from napari_ae_seg.segmenter.objects import find_objects
from napari_ae_seg.segmenter.segments import Segments

from . import layout, typical
from .plane import PROJECTIONS, Plane, ramp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_ae_seg.images.stack import Image
    from napari_ae_seg.segmenter.segmenter import Segmenter

PATCH_CELLS = {2: 4, 3: 2}
"""Side of a typical patch in cells of the latents, by spatial axes."""
PATCH_SIDE = {2: 16, 3: 8}
"""Pixels that it has at least."""
INSIDE, OUTSIDE = 2000, 8000
"""Places inside and outside a lasso that a new cluster is learnt from, at most."""
TELLING = 3
"""How many latents are named per cluster as setting it apart."""
FIRES = 1e-3
"""Share of a unit's largest value above which it counts as active."""


@dataclass(frozen=True, repr=False)
class Exploration:
    """The latents of one image and the clusters in it: planes, prototypes, typical patches, units.

    Rows are in the order of `labels`, the clusters that are present. `Exploration.of` makes it.

    Parameters
    ----------
    segmenter : Segmenter
        What clustered it.
    prepared : Prepared
        The image and its features.
    segments : Segments
        Its labels.
    z : tuple of ndarray
        Per sample the latent map (latents, *space / stride).
    stride : int
        Pixels per place of the latent map.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
    >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
    >>> explored = ae.Exploration.of(segmenter, bands)
    >>> explored
    Exploration of image: 3 clusters, 16 latents of 2 x 2 pixels
    """

    segmenter: Segmenter
    prepared: Prepared
    segments: Segments
    z: tuple[np.ndarray, ...]
    stride: int

    def __repr__(self) -> str:
        count, wide = len(self.labels), " x ".join([str(self.stride)] * self.segmenter.model.ndim)
        clusters = f"{count} cluster{'s' * (count != 1)}"
        return f"Exploration of {self.image.name}: {clusters}, {len(self.z[0])} latents of {wide} pixels"

    @classmethod
    def of(
        cls,
        segmenter: Segmenter,
        images: Images,
        segments: Segments | None = None,
        prepared: Prepared | None = None,
        report: Report = silent,
    ) -> Exploration:
        """Explore one image.

        Parameters
        ----------
        segmenter : Segmenter
            What clustered it.
        images : Stack, array, path, layer, or list of them
            One image.
        segments : Segments, optional
            Its labels, if they are known.
        prepared : Prepared, optional
            Its features, if they are known.
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        Exploration
            Its latents and clusters.

        Raises
        ------
        ValueError
            If the image is too large to be explored at once, or there are several.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> explored = ae.Exploration.of(segmenter, bands)
        >>> explored.labels
        [1, 2, 3]
        """
        stack = as_stack(images)
        image = stack.image
        if image.shape[0] * np.prod(image.shape[2:]) > IN_MEMORY:
            raise ValueError(f"{image.name} is too large to be explored at once: take a slice or a region of it")
        prepared = prepared or segmenter.prepare(stack, report)
        segments = segments or segmenter.label(prepared)
        report(Progress("latents", 0, 0))
        z = tuple(np.asarray(one) for one in segmenter.latents(image, report))
        return cls(segmenter, prepared, segments, z, max(segmenter.model.net.stride, segmenter.grid))

    def now(self, segmenter: Segmenter, segments: Segments) -> Exploration:
        """The same latents under other clusters of the same features.

        Parameters
        ----------
        segmenter : Segmenter
            With the other clusters.
        segments : Segments
            The other labels.

        Returns
        -------
        Exploration
            With those.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> explored = ae.Exploration.of(segmenter, bands)
        >>> merged = segmenter.merge(1, 2)
        >>> explored.now(merged, merged.apply(bands)).labels
        [1, 3]
        """
        return replace(self, segmenter=segmenter, segments=segments)

    @property
    def image(self) -> Image:
        """What is explored."""
        return self.prepared.image

    @property
    def labels(self) -> list[int]:
        """The clusters that are present."""
        return list(self.segments.table["index"])

    @cached_property
    def pixels(self) -> np.ndarray:
        """The label of every pixel, (N, *space)."""
        return np.ascontiguousarray(self.image.from_source(np.asarray(self.segments.labels)))

    @cached_property
    def centers(self) -> np.ndarray:
        """(K, latents): the mean latents of each cluster's pixels, weighted by their membership in it."""
        total = self._weights.sum((0, 2))
        sums = sum(w @ z.reshape(len(z), -1).T for w, z in zip(self._weights, self.z, strict=True))
        return np.asarray(sums / np.maximum(total, 1e-12)[:, None], np.float32)

    @cached_property
    def prototypes(self) -> np.ndarray:
        """(K, C, *side): what the decoder draws of each centre, everywhere the same, in input units."""
        side = self._cells * self.stride
        net, model = self.segmenter.model.net, self.segmenter.model
        if getattr(net.config, "up", "") != "unpool":
            return prototypes(model, self.centers, side)
        drawn = []  # an unpooling decoder puts maxima where they were in the patch nearest to the centre
        for center, patches in zip(self.centers, self.typical(1), strict=True):
            patch = patches[0] if len(patches) else np.zeros((model.channels, *[side] * model.ndim), np.float32)
            drawn.append(typical.redrawn(model, patch, center))
        return np.stack(drawn)

    @cached_property
    def spread(self) -> np.ndarray:
        """(latents,) standard deviation of each latent over the image."""
        flat = np.concatenate([z.reshape(len(z), -1) for z in self.z], 1)
        return np.asarray(flat.std(1) + 1e-12)

    @cached_property
    def usage(self) -> np.ndarray:
        """(K, latents) of 0 to 1: in how much of each cluster a unit is active."""
        peak = np.max([np.abs(z).reshape(len(z), -1).max(1) for z in self.z], axis=0)
        total = np.maximum(self._weights.sum((0, 2)), 1e-12)
        sums = 0.0
        for weights, z in zip(self._weights, self.z, strict=True):
            active = np.abs(z).reshape(len(z), -1) > FIRES * np.maximum(peak, 1e-12)[:, None]
            sums = sums + weights @ active.T
        return np.asarray(sums / total[:, None])

    @cached_property
    def contrasts(self) -> np.ndarray:
        """(K, latents): how far a cluster's mean lies from that of all others, in standard deviations."""
        total = self._weights.sum((0, 2))
        share = (total / max(float(total.sum()), 1e-12))[:, None]
        mean = (share * self.centers).sum(0)
        rest = (mean - share * self.centers) / np.maximum(1 - share, 1e-9)
        return np.asarray(np.where(share < 1, (self.centers - rest) / self.spread, 0))

    @property
    def table(self) -> dict[str, list[Any]]:
        """The table of the clusters, with the latents that set each apart and, if they are sparse, which fire in it."""
        told = [
            ", ".join(f"z{unit} {row[unit]:+.1f}" for unit in np.argsort(-np.abs(row))[:TELLING])
            for row in self.contrasts
        ]
        table = {**self.segments.table, "set apart by": told}
        if self.sparse:
            most = [np.argsort(-row)[:TELLING] for row in self.usage]
            table["active units"] = [round(float(row.sum()), 2) for row in self.usage]
            table["fires"] = [
                ", ".join(f"z{unit} {row[unit]:.0%}" for unit in units if row[unit] > 0)
                for row, units in zip(self.usage, most, strict=True)
            ]
        return table

    @property
    def sparse(self) -> bool:
        """Whether the network keeps only some of its latents active."""
        return self.segmenter.model.network.sparsity != "none"

    @property
    def curve(self) -> dict[int, float]:
        """Probability of each number of clusters: what chose it, or would have."""
        own, sample = self.segmenter.clusters.curve, self.segmenter.sample
        return dict(own) or choose_k(sample.x, self.segmenter.config, self.segmenter.method, sample.trios).curve

    def to_csv(self, path: str | Path) -> None:
        """Write `table` as comma-separated values.

        Parameters
        ----------
        path : path
            The file; one that is there is replaced.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> explored = ae.Exploration.of(segmenter, bands)
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     explored.to_csv(f"{folder}/table.csv")
        ...     pathlib.Path(f"{folder}/table.csv").read_text()[:10]
        'index,name'
        """
        replace(self.segments, table=self.table).to_csv(path)

    def segmented(self) -> np.ndarray:
        """The image as the decoder draws it when every latent is its cluster's mean.

        Returns
        -------
        ndarray
            (samples, channels, *space) in input units.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> explored = ae.Exploration.of(segmenter, bands)
        >>> explored.segmented().shape
        (1, 1, 32, 32)
        """
        rows = np.zeros(int(self.pixels.max(initial=0)) + 1, np.int64)
        for row, label in enumerate(self.labels):
            rows[label] = row + 1
        return segmented_image(self.segmenter.model, self.image, rows[self.pixels], self.centers)

    def typical(self, count: int = 8) -> list[np.ndarray]:
        """The patches most typical of each cluster.

        Parameters
        ----------
        count : int, optional
            How many of each, at most.

        Returns
        -------
        list of ndarray
            Per cluster (patches, channels, *side) in native values, most typical first.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> explored = ae.Exploration.of(segmenter, bands)
        >>> len(explored.typical(2))
        3
        """
        found = []
        for row, center in enumerate(self.centers):
            like = typical.Likeness(center, self.spread, self.stride, self._cells)
            shares = [share[row].reshape(z.shape[1:]) for share, z in zip(self._weights, self.z, strict=True)]
            found.append(typical.patches(self.prepared.raw, shares, self.z, like, count))
        return found

    def thumbnail(self, patch: np.ndarray) -> np.ndarray:
        """A patch as a picture.

        Parameters
        ----------
        patch : ndarray
            (channels, *side) in native values.

        Returns
        -------
        ndarray
            (Y, X, 3) uint8: of a volume the middle slice, of many channels three.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> explored = ae.Exploration.of(segmenter, bands)
        >>> explored.thumbnail(explored.typical(1)[0][0]).shape
        (16, 16, 3)
        """
        return colored(self.segmenter.model.normalizer.unit(patch))

    def activation(self, unit: int) -> np.ndarray:
        """How strongly a latent is active at every pixel.

        Parameters
        ----------
        unit : int
            Number of the latent, counted from 0.

        Returns
        -------
        ndarray
            Of the labels' shape.

        Raises
        ------
        ValueError
            If there is no such latent.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> explored = ae.Exploration.of(segmenter, bands)
        >>> explored.activation(0).shape
        (32, 32)
        """
        if not 0 <= unit < len(self.centers[0]):
            raise ValueError(f"the units are 0 to {len(self.centers[0]) - 1}, got {unit}")
        return self.image.to_source(
            np.stack([layout.enlarged(z[unit : unit + 1], self.stride, self.pixels.shape[1:])[0] for z in self.z])
        )

    def objects(self) -> np.ndarray:
        """Number what touches within a cluster.

        Returns
        -------
        ndarray
            Labels 1..n over all samples, of the image's shape without channels.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> explored = ae.Exploration.of(segmenter, bands)
        >>> explored.objects().max()
        np.int32(3)
        """
        numbers = np.zeros(self.pixels.shape, np.int32)
        for n, labels in enumerate(self.pixels):
            found = find_objects(labels).labels
            numbers[n] = np.where(found > 0, found + numbers.max(initial=0), 0)
        return self.image.to_source(numbers)

    def plane(self, of: str = "latents", method: str = "pca", objects: np.ndarray | None = None) -> Plane:
        """All pixels, or objects, on a plane where those that are alike lie together.

        Parameters
        ----------
        of : {"latents", "features"}, optional
            Alike in their latents, or in the features that were clustered.
        method : {"pca", "umap"}, optional
            How many numbers become two.
        objects : ndarray, optional
            Labels of objects; each is a point at the mean of its pixels.

        Returns
        -------
        Plane
            Where every pixel lies.

        Raises
        ------
        ValueError
            If there is no such projection.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> explored = ae.Exploration.of(segmenter, bands)
        >>> explored.plane().counts.sum()
        np.int64(1024)
        """
        if of not in ("latents", "features"):
            raise ValueError(f"a plane is of latents or features, got {of!r}")
        if method not in PROJECTIONS:
            raise ValueError(f"there is no projection {method!r}; there are {', '.join(PROJECTIONS)}")
        maps = self.z if of == "latents" else tuple(f.cpu().numpy() for f in self.prepared.features)
        stride = self.stride if of == "latents" else self.segmenter.space.grid
        words = f"The {len(maps[0])} {of} of every {'pixel' if objects is None else 'object'}"
        shown = "by UMAP" if method == "umap" else "in the two directions in which they differ most"
        if objects is None:
            bins, counts = layout.of_pixels(maps, stride, method, self.valid)
        else:
            bins, counts = layout.of_objects(maps, stride, method, self.image.from_source(np.asarray(objects)))
        return Plane(bins, counts, f"{words}, {shown}.")

    def colors(self, by: str) -> np.ndarray | None:
        """A color for every pixel, to color the plane by.

        Parameters
        ----------
        by : str
            One of `colorings`.

        Returns
        -------
        ndarray or None
            (samples, *space, 3) of 0 to 1; None for "density".

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> explored = ae.Exploration.of(segmenter, bands)
        >>> explored.colors("cluster").shape
        (1, 32, 32, 3)
        """
        if by == "density":
            return None
        if by == "cluster":
            palette = np.full((max(self.labels, default=0) + 1, 3), 0.35)
            for label, rgb in self.segments.colors.items():
                palette[label] = rgb
            return np.asarray(palette[np.minimum(self.pixels, len(palette) - 1)])
        if by == "confidence":
            return ramp(self.image.from_source(np.asarray(self.segments.confidence)))
        channel = list(self.image.channel_names).index(by) if by in self.image.channel_names else int(by)
        unit = [self.segmenter.model.normalizer.unit(raw)[channel] for raw in self.prepared.raw]
        return ramp(np.nan_to_num(np.stack(unit)))

    @property
    def colorings(self) -> list[str]:
        """What the plane can be coloured by."""
        names = [name or str(number) for number, name in enumerate(self.image.channel_names)]
        return ["density", "cluster", "confidence", *names]

    @cached_property
    def valid(self) -> np.ndarray:
        """Which pixels (N, *space) have data."""
        return np.stack([self.segmenter.model.normalizer.valid(raw) for raw in self.prepared.raw])

    def parted(
        self, inside: np.ndarray | Sequence[tuple[float, float]], of: str = "latents", made: str = "", seed: int = 0
    ) -> Parted:
        """What `Segmenter.separate` makes a cluster of.

        Parameters
        ----------
        inside : ndarray or sequence of (column, row)
            Pixels, bool of the image's shape; or a lasso on the plane.
        of : {"latents", "features"}, optional
            The plane that the lasso is on.
        made : str, optional
            How it was made, for the record.
        seed : int, optional
            Which places are taken of many.

        Returns
        -------
        Parted
            Features of places inside and outside.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> explored = ae.Exploration.of(segmenter, bands)
        >>> explored.parted(bands > 1).inside.shape[1] == segmenter.space.n_features
        True
        """
        if not isinstance(inside, np.ndarray):
            inside = self.plane(of).inside(inside)
        elif inside.shape == self.image.label_shape:
            inside = np.ascontiguousarray(self.image.from_source(inside))
        grid, rng = self.segmenter.space.grid, np.random.default_rng(seed)
        within, without = [], []
        for features, chosen, known in zip(self.prepared.features, inside, self.valid, strict=True):
            chosen, known = (torch.from_numpy(part) for part in (chosen, known))
            held = filters.coverage(chosen, [grid] * chosen.ndim) >= 0.5
            flat = features.flatten(1).cpu()
            within.append(flat[:, held.flatten()].T.numpy())
            data = filters.coverage(known, [grid] * chosen.ndim) >= 0.5
            without.append(flat[:, (~held & data).flatten()].T.numpy())
        parts = [np.concatenate(part) for part in (within, without)]
        few = [part[rng.permutation(len(part))[:most]] for part, most in zip(parts, (INSIDE, OUTSIDE), strict=True)]
        sizes = [len(part) / max(len(some), 1) for part, some in zip(parts, few, strict=True)]
        return Parted(few[0], few[1], sizes[1] / max(sizes[0], 1e-9), made)

    @property
    def _cells(self) -> int:
        ndim = self.segmenter.model.ndim
        return max(PATCH_CELLS[ndim], -(-PATCH_SIDE[ndim] // self.stride))

    @cached_property
    def _weights(self) -> np.ndarray:
        """(N, K, cells): the mean membership of each cell's pixels in each cluster, 0 where they have another."""
        sure = self.image.from_source(np.asarray(self.segments.confidence))
        size, known = self.stride ** sure[0].ndim, np.array(self.labels, np.int64)
        rows = np.full(int(self.pixels.max(initial=0)) + 1, -1)
        rows[known] = np.arange(len(known))
        out = []
        for labels, weight, z in zip(self.pixels, sure, self.z, strict=True):
            cells = int(np.prod(z.shape[1:]))
            row, cell = rows[labels].ravel(), self._cell_of(labels.shape, z.shape[1:]).ravel()
            inside = row >= 0
            flat = np.bincount((row * cells + cell)[inside], weight.ravel()[inside], len(known) * cells)
            out.append(flat.reshape(len(known), cells) / size)
        return np.stack(out)

    def _cell_of(self, space: tuple[int, ...], cells: tuple[int, ...]) -> np.ndarray:
        """The number of the cell of latents that each pixel lies in."""
        index = np.zeros((1,) * len(space), np.int64)
        for axis, size in enumerate(space):
            along = (np.arange(size) // self.stride).reshape([-1 if a == axis else 1 for a in range(len(space))])
            index = index * cells[axis] + along
        return index
