"""What a person does to segments: each gesture gives a new segmenter, so undo is the one before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from napari_ae_seg.clustering.kmeans import kmeans

if TYPE_CHECKING:
    import numpy as np

    from napari_ae_seg.clustering.clusters import Clusters
    from napari_ae_seg.config import SegmentationConfig

    from .edits import Edits
    from .fit import Sample


class Gestures:
    """Merging, splitting, naming, colouring, hiding and clearing segments, by their number."""

    config: SegmentationConfig
    clusters: Clusters
    edits: Edits
    sample: Sample

    def merge(self, *labels: int) -> Self:
        """The segmenter in which `labels` are one; it has the number of the smallest."""
        return self._edited(self.edits.merge(*labels))

    def split(self, label: int, into: int = 2) -> Self:
        """The segmenter in which `label` is parted by its features; the first part keeps the number."""
        import torch

        inside = self.places_of(label)
        points = torch.from_numpy(self.sample.x[inside])
        if len(torch.unique(points, dim=0)) < into:
            raise ValueError(f"segment {label} holds too few different places to be split into {into}")
        found = kmeans(points, into, seed=self.config.seed, n_init=self.config.n_init)
        order = torch.bincount(found.labels, minlength=into).argsort(descending=True)
        most = max(self.clusters.k, self.config.granularity)
        return self._edited(self.edits.split(label, found.centers[order].numpy(), most))

    def rename(self, label: int, name: str) -> Self:
        """The segmenter in which `label` is called `name`."""
        return self._edited(self.edits.rename(label, name))

    def recolor(self, label: int, color: tuple[float, float, float]) -> Self:
        """The segmenter in which `label` has another colour: red, green and blue of 0 to 1."""
        return self._edited(self.edits.recolor(label, color))

    def background(self, *labels: int) -> Self:
        """The segmenter that gives the places of `labels` the label 0."""
        return self._edited(self.edits.background(*labels))

    def foreground(self, *labels: int) -> Self:
        """The segmenter in which `labels` are no background any more."""
        return self._edited(self.edits.foreground(*labels))

    def hide(self, *labels: int) -> Self:
        """The segmenter whose layers do not show `labels`."""
        return self._edited(self.edits.hide(*labels))

    def show(self, *labels: int) -> Self:
        """The segmenter whose layers show `labels` again."""
        return self._edited(self.edits.show(*labels))

    def places_of(self, label: int) -> np.ndarray:
        """Which places of the fitting sample have `label`: bool (n,)."""
        raise NotImplementedError

    def _edited(self, edits: Edits) -> Self:
        changed: Any = replace(self, edits=edits)  # type: ignore[type-var]
        return changed  # type: ignore[no-any-return]
