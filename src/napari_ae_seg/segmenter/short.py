"""The short way from images to segments."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeAlias

from napari_ae_seg.autoencoder.model import Autoencoder
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core import modelfile
from napari_ae_seg.core.progress import Report, silent
from napari_ae_seg.images.stack import Images, as_stack, read

from .segmenter import Segmenter
from .segments import Segments

Model: TypeAlias = Autoencoder | Segmenter | str | os.PathLike[str] | None
"""A network, a segmenter, or a file with one of them; None is the encoder that comes with the package."""


def segment(
    images: Images,
    n_clusters: int | None = None,
    *,
    model: Model = None,
    axes: str | None = None,
    spacing: Sequence[float] | float | None = None,
    channels: Sequence[int] | None = None,
    ndim: int = 0,
    report: Report = silent,
    **fields: Any,
) -> Segments | list[Segments]:
    """Segment images in one call; `Segmenter` does it step by step, and can be saved.

    Parameters
    ----------
    images : Stack, array, path, layer, or list of them
        What to segment. Several images are clustered together, so that a label means the same in all.
    n_clusters : int, optional
        How many segments; without it the number is chosen from the data.
    model : Autoencoder, Segmenter, or path of a model file, optional
        The network to look with, by default the encoder that comes with the package; or a segmenter, whose clusters
        are used again.
    axes : str, optional
        A letter per axis, as in `read`.
    spacing : float or sequence of float, optional
        Size of a pixel along the spatial axes.
    channels : sequence of int, optional
        Numbers of the channels to use, counted from 0.
    ndim : int, optional
        2 takes volumes slice by slice, 3 as volumes, 0 decides by the z axis.
    report : callable, optional
        Is told of progress; `progress_bar` shows it.
    **fields
        Further fields of SegmentationConfig, such as `features="texture"` or `smoothing=2`.

    Returns
    -------
    Segments or list of Segments
        Of one image Segments, of several a list.

    Raises
    ------
    ImageReadError
        If an image cannot be read.
    ModelFileError
        If the model file is damaged or foreign.
    ValueError
        If a field does not exist or is out of range, or the images do not fit the model.
    TypeError
        If the model is something else.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
    >>> segments = ae.segment(bands, n_clusters=3)
    >>> segments.labels[0, ::8].tolist()
    [1, 1, 2, 3]
    """
    asked = fields if n_clusters is None else {"n_clusters": n_clusters, **fields}
    named = axes is not None or spacing is not None or channels is not None or ndim
    stack = read(images, axes, ndim=ndim, spacing=spacing, channels=channels) if named else as_stack(images)
    known = _opened(model) if isinstance(model, (str, os.PathLike)) else model
    if isinstance(known, Segmenter):
        return (known.recluster(**asked) if asked else known).apply(stack, report=report)
    return Segmenter.fit(known, stack, SegmentationConfig(**asked), report).apply(stack, report=report)


def _opened(path: str | os.PathLike[str]) -> Autoencoder | Segmenter:
    """What the model file at `path` holds."""
    held = modelfile.find(modelfile.peek(path), "is")
    return Segmenter.load(path) if held == "segmenter" else Autoencoder.load(path)
