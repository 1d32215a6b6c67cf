"""Drift: whether an image is unlike those a segmenter was fitted on, by its reconstruction error."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ae_seg.core.errors import AssumptionWarning, DriftWarning

from .encode import pad_to
from .nets.net import PATCH

if TYPE_CHECKING:
    from napari_ae_seg.images.normalize import Normalizer
    from napari_ae_seg.images.stack import Image

    from .model import Autoencoder

PATCHES = 16
PIXEL_SIZE = 1.2
"""Ratio of pixel sizes above which a model may not fit an image."""
BEYOND = 0.5
"""Share of values beyond the model's range from which an image cannot be told by it."""
MUCH = 2.0
"""How many times the error of the fitting images counts as much worse."""


def error(model: Autoencoder, image: Image, normalizer: Normalizer, seed: int = 0) -> float:
    """Mean squared error of the reconstruction of a few patches of `image`, in units of the normalised variance.

    NaN where the image has no valid place or the network draws nothing; the error of a flat image is that of its few
    differences.
    """
    if not model.net.decodes:
        return math.nan
    rng = np.random.default_rng(seed)
    total, count = 0.0, 0
    for n, region in _patches(image, rng):
        raw = image.block(n, region)
        valid = torch.from_numpy(normalizer.valid(raw))
        x = torch.from_numpy(normalizer.apply(raw))
        drawn = model.reconstruct(pad_to(x, model.net.align)[None])[0].cpu()
        drawn = drawn[(slice(None), *(slice(0, size) for size in x.shape[1:]))]
        total += float(((drawn - x) ** 2).mean(0)[valid].sum())
        count += int(valid.sum())
    return total / count if count else math.nan


def warn(model: Autoencoder, image: Image, normalizer: Normalizer, usual: float) -> None:
    """Warns of an image unlike those before, in how badly it is redrawn (`usual`: as those were) or in its pixels."""
    share = outside(image, normalizer)
    if share > BEYOND:
        warnings.warn(
            f"{image.name}: {100 * share:.0f} % of its values lie outside the range of brightness that the model "
            "knows; normalize='image' fits the range to each image",
            DriftWarning,
            stacklevel=4,
        )
        return
    unlike = sentence(error(model, image, normalizer), usual, image.name)
    if unlike:
        warnings.warn(unlike, DriftWarning, stacklevel=4)
    if not model.spacing or image.units != model.units:
        return
    ratio = max(max(a / b, b / a) for a, b in zip(model.spacing, image.spacing, strict=True))
    if ratio > PIXEL_SIZE:
        warnings.warn(
            f"{image.name}: its pixels measure {_measures(image.spacing)}, those of the training images "
            f"{_measures(model.spacing)}: objects look {ratio:.1f} times as large or small; --rescale resamples it",
            AssumptionWarning,
            stacklevel=4,
        )


def sentence(found: float, usual: float, name: str) -> str:
    """What to tell the person, or "" if the image is like the ones before.

    >>> sentence(0.2, 0.15, "a.tif")
    ''
    """
    if not usual or not found > MUCH * usual:
        return ""
    return (
        f"{name} looks unlike the images that the clusters were fitted on: its reconstruction error "
        f"is {found / usual:.1f} times as large; check its labels, or fit the clusters anew"
    )


def outside(image: Image, normalizer: Normalizer, seed: int = 0) -> float:
    """Share of the values of a few patches of `image` that `normalizer` clips."""
    rng = np.random.default_rng(seed)
    clipped, count = 0, 0
    low, high = (edge.reshape(-1, *[1] * image.ndim) for edge in (normalizer.low, normalizer.high))
    for n, region in _patches(image, rng):
        raw = image.block(n, region)
        finite = np.isfinite(raw)
        clipped += int(((raw < low) | (raw > high))[finite].sum())
        count += int(finite.sum())
    return clipped / count if count else 0.0


def _patches(image: Image, rng: np.random.Generator) -> list[tuple[int, tuple[slice, ...]]]:
    """Samples and regions of a few patches; an image that is no larger than one is looked at once."""
    drawn = [
        (int(rng.integers(image.shape[0])), tuple(_span(size, PATCH[image.ndim], rng) for size in image.shape[2:]))
        for _ in range(PATCHES)
    ]
    return list({str(one): one for one in drawn}.values())


def _span(size: int, side: int, rng: np.random.Generator) -> slice:
    start = int(rng.integers(max(1, size - side + 1)))
    return slice(start, min(size, start + side))


def _measures(spacing: tuple[float, ...]) -> str:
    return " x ".join(f"{size:g}" for size in spacing)
