"""An image at another pixel size, and labels brought back from there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .stack import Image, Stack, read


def resampled(image: Image, spacing: Sequence[float]) -> Stack:
    """`image` with pixels of size `spacing`, in memory, linear between the centres of its own pixels."""
    from scipy import ndimage

    zoom = [own / wanted for own, wanted in zip(image.spacing, spacing, strict=True)]
    whole = tuple(slice(0, size) for size in image.shape[2:])
    samples = []
    for n in range(image.shape[0]):
        block = image.block(n, whole)
        sizes = [max(1, round(size * factor)) for size, factor in zip(block.shape[1:], zoom, strict=True)]
        places = np.meshgrid(*map(_centers, sizes, block.shape[1:]), indexing="ij")
        samples.append([ndimage.map_coordinates(channel, places, order=1, mode="nearest") for channel in block])
    return read(np.asarray(samples, np.float32), axes="TC" + "ZYX"[-image.ndim :], ndim=image.ndim, spacing=spacing)


def stretched(labels: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """`labels` at `shape`, each pixel that of the nearest one.

    >>> stretched(np.array([1, 2]), (5,)).tolist()
    [1, 1, 2, 2, 2]
    """
    labels = labels.reshape([*([1] * (len(shape) - labels.ndim)), *labels.shape])
    index = [np.floor(_centers(new, old) + 0.5).astype(int) for new, old in zip(shape, labels.shape, strict=True)]
    return labels[np.ix_(*(np.clip(i, 0, old - 1) for i, old in zip(index, labels.shape, strict=True)))]


def _centers(new: int, old: int) -> np.ndarray:
    """Where the centres of `new` pixels lie among `old` pixels of the same extent."""
    return (np.arange(new) + 0.5) * old / new - 0.5
