"""Trust: how far the clusters would be the same had other places been sampled, and where they would not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_ae_seg.clustering import stability as resampling

from .label import Prepared, spread

if TYPE_CHECKING:
    from .segmenter import Segmenter


def stability(segmenter: Segmenter) -> float:
    """Mean adjusted Rand index between clusterings fitted to random halves of the sample: 1 is always the same."""
    return resampling.stability(resampling.resampled(segmenter.clusters, segmenter.config))


def unstable(segmenter: Segmenter, prepared: Prepared) -> np.ndarray:
    """Share of those clusterings that give a pixel another cluster: float32 of the shape of the source's labels."""
    fits = resampling.resampled(segmenter.clusters, segmenter.config)
    space = prepared.image.shape[2:]
    maps = [
        spread(resampling.unstable(features, segmenter.clusters, fits)[None].cpu(), segmenter.space.grid, space)[0]
        for features in prepared.features
    ]
    return prepared.image.to_source(np.stack([one.numpy() for one in maps]))
