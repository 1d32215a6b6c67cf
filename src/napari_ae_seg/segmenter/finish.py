"""Finishing: what is done to labels after a strategy found them, the same for every strategy and size of image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_ae_seg.features.surround import dark_surround, fill_surround

from .tidy import tidy

if TYPE_CHECKING:
    from napari_ae_seg.clustering.tree import Tree
    from napari_ae_seg.config import SegmentationConfig
    from napari_ae_seg.images.normalize import Normalizer

    from .edits import Edits
    from .label import Block

TIDY_HALO = 64
"""Farthest that tidying looks beyond a block, in pixels."""


@dataclass(frozen=True, eq=False)
class Finish:
    """Segments of a labelled block: granularity, surround, splits, merges and background, tidying, painted pixels."""

    config: SegmentationConfig
    edits: Edits
    normalizer: Normalizer
    lookup: np.ndarray | None
    """The segment of each label; None where labels are segments."""
    finer: Tree | None
    """The tree whose leaves make segments finer than the labels, if they are."""
    guided: bool
    """Whether strokes decide, also over the parts of split segments and in a dark surround."""
    painted: np.ndarray | None
    """(N, *space) what was painted on the image, -1 where nothing was."""

    @property
    def around(self) -> int:
        """Pixels around a block that tidying depends on: what reaches farther is neither small nor a hole to it."""
        return min(TIDY_HALO, max(self.config.min_size, self.config.fill_holes)) + self.config.majority

    def __call__(self, block: Block) -> np.ndarray:
        """Segments of the block without its halo: (*core) int32."""
        segments = self.outer(block)[block.tile.inner]
        if self.painted is not None:
            drawn = self.painted[block.n][block.tile.core]
            segments = np.where(drawn >= 0, drawn, segments)
        return segments.astype(np.int32)

    def outer(self, block: Block) -> np.ndarray:
        """Segments of the block and what is around it, before anything was painted: (*outer)."""
        segments = self._segments(block)
        if self.config.surround and not self.guided and block.whole and len(block.raw) == 3:
            segments = fill_surround(segments, dark_surround(self.normalizer.unit(block.raw)))
        features = block.sample.features(block.tile.outer) if self.edits.splits and not self.guided else None
        return tidy(self.edits.apply(segments, features), self.config, block.cut)

    def _segments(self, block: Block) -> np.ndarray:
        if self.finer is not None:
            return self.finer.segments(block.sample.leaves(self.finer, block), self.config.granularity)
        return block.labels if self.lookup is None else self.lookup[block.labels]
