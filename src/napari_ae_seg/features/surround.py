"""The uniform dark surround of a colour picture (fundus, endoscopy): no part of the scene, so no cluster of its own.

Grey images are left alone: there, dark is where a fluorescent or an MR image has nothing to show, a class like others.
"""

from __future__ import annotations

import numpy as np

DARK = 0.06
"""Every channel of the surround is darker than this, within [0, 1]."""
EVEN = 0.02
"""Largest standard deviation of any channel inside it."""
SHARE = 0.02
"""Smallest share of the image."""
OPENING = 2


def dark_surround(image: np.ndarray) -> np.ndarray:
    """Where a colour image (3, Y, X) within [0, 1] shows nothing but its dark surround: bool (Y, X).

    >>> image = np.full((3, 20, 20), 0.5)
    >>> image[:, :, :8] = 0.01
    >>> int(dark_surround(image).sum())
    160
    """
    nothing = np.zeros(image.shape[1:], bool)
    if image.ndim != 3 or len(image) != 3:
        return nothing
    with np.errstate(invalid="ignore"):
        dark = np.asarray((image < DARK).all(0))
    if dark.mean() < SHARE:
        return nothing
    found = _touching_the_border(_opened(dark))
    if found.mean() < SHARE or image[:, found].std(1).max() >= EVEN:
        return nothing
    return found


def fill_surround(labels: np.ndarray, surround: np.ndarray) -> np.ndarray:
    """Labels (*space) in which the surround takes the label that is most frequent along its edge.

    >>> fill_surround(np.array([1, 2, 2, 1]), np.array([True, False, False, False]))
    array([2, 2, 2, 1])
    """
    from scipy.ndimage import binary_dilation

    along = labels[binary_dilation(surround) & ~surround]
    along = along[along > 0]
    if not along.size:
        return labels
    return np.where(surround, np.bincount(along).argmax(), labels).astype(labels.dtype)


def _opened(dark: np.ndarray) -> np.ndarray:
    """Without thin parts; beyond the image counts as dark, so that its border is not worn away."""
    from scipy.ndimage import binary_opening

    opened = binary_opening(np.pad(dark, 2 * OPENING, mode="edge"), iterations=OPENING)
    inside = slice(2 * OPENING, -2 * OPENING)
    return np.asarray(opened[inside, inside])


def _touching_the_border(mask: np.ndarray) -> np.ndarray:
    from scipy.ndimage import label

    regions, _ = label(mask)
    border = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    return np.isin(regions, np.unique(border[border > 0]))
