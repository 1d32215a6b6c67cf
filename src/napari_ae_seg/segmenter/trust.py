"""Trust: how far the clusters would be the same had other places been sampled, and where they would not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_ae_seg.clustering import stability as resampling

from .label import Prepared, spread

if TYPE_CHECKING:
    from .segmenter import Segmenter


def stability(segmenter: Segmenter) -> float:
    """How far the clusters would be the same had other places been sampled.

    Parameters
    ----------
    segmenter : Segmenter
        What to check.

    Returns
    -------
    float
        Mean adjusted Rand index between clusterings fitted to random halves of the sample: 1 is always the same.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
    >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
    >>> 0.9 < ae.stability(segmenter) <= 1
    True
    """
    return resampling.stability(resampling.resampled(segmenter.clusters, segmenter.config))


def unstable(segmenter: Segmenter, prepared: Prepared) -> np.ndarray:
    """Where the labels would be others had other places been sampled.

    Parameters
    ----------
    segmenter : Segmenter
        What to check.
    prepared : Prepared
        What `segmenter.prepare(image)` gave.

    Returns
    -------
    ndarray
        Share of clusterings of random halves that give a pixel another cluster: float32 of the labels' shape.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
    >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
    >>> ae.unstable(segmenter, segmenter.prepare(bands)).shape
    (32, 32)
    """
    fits = resampling.resampled(segmenter.clusters, segmenter.config)
    space = prepared.image.shape[2:]
    maps = [
        spread(resampling.unstable(features, segmenter.clusters, fits)[None].cpu(), segmenter.space.grid, space)[0]
        for features in prepared.features
    ]
    return prepared.image.to_source(np.stack([one.numpy() for one in maps]))
