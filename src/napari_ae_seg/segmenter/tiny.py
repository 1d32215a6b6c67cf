"""Tiny regions: what the regions of an image are merged from, with their scores, for whoever wants to look at them."""

from __future__ import annotations

from napari_ae_seg.clustering.regions.merging import THINGS
from napari_ae_seg.clustering.regions.watershed import RULES, Regions, fit_regions
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.images.stack import Images, as_stack

from .segmenter import Segmenter


def tiny_regions(images: Images, segmenter: Segmenter | None = None, n_regions: int = 0, most: int = 0) -> Regions:
    """The tiny regions of an image, their scores, and the tree by which they merge into fewer.

    Parameters
    ----------
    images : Stack, array, path, layer
        One image, of which the first sample is taken.
    segmenter : Segmenter, optional
        Its features are the scores; without one they are chosen as for the method "regions".
    n_regions : int, optional
        How many regions remain; 0 is as many as the image shows. `Regions.labels` cuts the tree anywhere.
    most : int, optional
        The most tiny regions; 0 is one per 24 pixels, at most 8000.

    Returns
    -------
    Regions
        The tiny regions (`tiny`), their scores (`means`) and merges (`tree`).

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
    >>> regions = ae.tiny_regions(bands, n_regions=3)
    >>> np.unique(regions.labels()).tolist(), len(regions.means) == int(regions.tiny.max())
    ([1, 2, 3], True)
    """
    stack = as_stack(images)
    segmenter = segmenter or Segmenter.fit(None, stack, SegmentationConfig(method="regions", n_clusters=n_regions))
    prepared = segmenter.prepare(stack)
    raw, normalizer = prepared.raw[0], segmenter.model.normalizer
    return fit_regions(
        prepared.features[0].cpu().numpy(),
        normalizer.standard(raw),
        normalizer.valid(raw),
        k=n_regions,
        superpixels=most,
        rule=RULES.get(segmenter.space.name, THINGS),
        anisotropy=segmenter.anisotropy,
    )
