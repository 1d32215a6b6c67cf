"""What a file holds of a segmenter, and what must hold of it to be used."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from napari_ae_seg.autoencoder.model import Autoencoder
from napari_ae_seg.clustering.clusters import Clusters
from napari_ae_seg.clustering.tree import Tree
from napari_ae_seg.config import MethodName, SegmentationConfig
from napari_ae_seg.core.edges import count
from napari_ae_seg.features.space import EDGES, FeatureSpace

from .edits import Edits
from .fit import FittingSample
from .guidance import Guide
from .small_clusters import WeightedClusters

if TYPE_CHECKING:
    from .segmenter import Segmenter


@dataclass(frozen=True)
class Saved:
    """The fields of a segmenter, and what keeps its clusters in the picture in place of the images that told it."""

    model: Autoencoder
    config: SegmentationConfig
    space: FeatureSpace
    method: MethodName
    clusters: Clusters
    tree: Tree
    edits: Edits
    sentence: str
    anisotropy: tuple[Annotated[float, (1, 1e6)], ...]
    grid: int
    sample: FittingSample
    usual_error: Annotated[float, (0, 1e30)]
    guide: Guide | None
    guide_space: FeatureSpace | None
    added: tuple[Annotated[float, (0, 1e6)], ...]
    blunt: tuple[int, ...]

    @classmethod
    def of(cls, segmenter: Segmenter) -> Saved:
        """What a file holds of `segmenter`."""
        kept = segmenter._weighted
        own: dict[str, Any] = {one.name: getattr(segmenter, one.name, None) for one in fields(cls)}
        return cls(**{**own, "added": kept.added, "blunt": kept.blunt})

    def made(self, kind: type[Segmenter]) -> Segmenter:
        """The segmenter."""
        own: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        kept = WeightedClusters(self.clusters, own.pop("added"), own.pop("blunt"))
        loaded = kind(**own)
        loaded.canvas.remember(kept, loaded._smoothing)
        return loaded

    def check(self) -> None:
        """ValueError unless its parts are parts of one segmenter."""
        k, count = self.clusters.k, self.space.n_features
        counts = {self.clusters.model.features, self.tree.centers.shape[1], self.sample.x.shape[1]}
        counts |= {len(split.centers[0]) for split in self.edits.splits}
        if counts != {count}:
            raise ValueError(f"there are {count} features, but parts that know {sorted(counts)}")
        if self.tree.k != k or self.config.granularity > self.tree.leaves:
            raise ValueError(f"{k} clusters have a tree of {self.tree.k}, cut at {self.config.granularity}")
        if len(self.anisotropy) != self.model.ndim or self.grid not in (1, 2, 4):
            raise ValueError(f"anisotropy {self.anisotropy} and grid {self.grid} are those of other images")
        if len(self.added) not in (0, k) or not {*self.blunt} <= {*range(k)}:
            raise ValueError(f"what keeps clusters in the picture is not about these {k}")
        if self.guide and (
            not self.guide_space
            or self.guide.places.shape[1] != count
            or max(self.guide.forest.features, self.guide.perceptron.features) > count + self.guide_space.n_features
        ):
            raise ValueError("what strokes taught is about other features")
        for space in (self.space, self.guide_space):
            if space:
                self._check_seen(space)

    def _check_seen(self, space: FeatureSpace) -> None:
        """ValueError unless the model shows what `space` looks at."""
        net, channels = self.model.net, self.model.channels
        if len(space.tone.low) not in (0, channels) or space.grid not in (self.grid, net.stride):
            raise ValueError(f"features of {len(space.tone.low)} channels look at {channels}")
        seen = {"raw": (channels, 1), "decoded": (net.channels, 1), EDGES: (channels * count(self.model.ndim), 1)}
        levels = zip(net.level_channels, net.level_strides, strict=True)
        seen |= {str(number): (size, max(stride, self.grid)) for number, (size, stride) in enumerate(levels)}
        for term in space.terms:
            if len(term.sigma) != self.model.ndim or seen.get(term.source) != (term.weight.shape[1], term.stride):
                raise ValueError(f"there is no {term.source!r} of {term.weight.shape[1]} channels to look at")
