"""Labels without specks: small regions, holes and ragged borders, in 2D and 3D; no cluster is ever lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_ae_seg.config import SegmentationConfig

SLAB = 1 << 21
"""Pixels filtered at once: the memory of a volume stays flat."""
Sides = Sequence[tuple[bool, bool]]
"""Per axis, whether the labels are cut off from more of the image at its beginning and at its end."""


def tidy(labels: np.ndarray, config: SegmentationConfig, cut: Sides = ()) -> np.ndarray:
    """Labels (*space) after the majority filter, filled holes and the minimum size that `config` asks for; 0 stays 0.

    `labels` may be a block of an image, `cut` off from the rest of it on some sides: what reaches these is not taken
    to be small, and a label is lost where the image would lose it, for it may lie elsewhere, too.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> tidy(np.array([[1, 1, 1, 2], [1, 2, 1, 2], [1, 1, 1, 2]]), SegmentationConfig(fill_holes=1))
    array([[1, 1, 1, 2],
           [1, 1, 1, 2],
           [1, 1, 1, 2]])
    """
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels are integers, got {labels.dtype}")
    done = labels
    if config.majority:
        done = majority(done, config.majority, cut)
    if config.fill_holes:
        done = fill_holes(done, config.fill_holes, cut)
    if config.min_size > 1:
        done = drop_small(done, config.min_size, cut)
    return done


def drop_small(labels: np.ndarray, min_size: int, cut: Sides = ()) -> np.ndarray:
    """Labels whose connected regions of fewer than `min_size` pixels have taken the label around them.

    Regions that touch nothing but 0 stay, and so does the largest region of each label.

    >>> drop_small(np.array([1, 1, 2, 1, 1, 2, 2]), min_size=2)
    array([1, 1, 1, 1, 1, 2, 2])
    """
    regions, owner, sizes = _components(labels)
    small = (sizes < min_size) & (owner > 0)
    _spare(small, regions, owner, sizes, cut)
    if not small.any():
        return labels
    inner, outer, shared = _contacts(regions, small)
    target, settled = owner.copy(), (owner > 0) & ~small
    while True:  # from the large regions inwards, so that specks side by side do not merely swap labels
        open_to = settled[outer] & ~settled[inner]
        if not open_to.any():
            return np.asarray(np.where(small, target, owner)[regions], labels.dtype)
        votes = _tally(inner[open_to], target[outer[open_to]], shared[open_to])
        target[votes[0]] = votes[1]
        settled[votes[0]] = True


def fill_holes(labels: np.ndarray, size: int, cut: Sides = ()) -> np.ndarray:
    """Labels whose regions of at most `size` pixels that lie inside one other region have taken its label.

    >>> fill_holes(np.array([[1, 1, 1, 1], [1, 2, 1, 2], [1, 1, 1, 1]]), 1)
    array([[1, 1, 1, 1],
           [1, 1, 1, 2],
           [1, 1, 1, 1]])
    """
    regions, owner, sizes = _components(labels)
    small = (sizes <= size) & (owner > 0)
    _spare(small, regions, owner, sizes, cut)
    for axis in range(labels.ndim):
        for side in (0, -1):
            small[np.take(regions, side, axis=axis)] = False  # open to the outside
    inner, outer, _ = _contacts(regions, small)
    becomes, changed = np.arange(len(owner)), small
    while changed.any():  # a hole in a hole is filled first, then counts as part of it
        near = changed[inner] & (becomes[inner] == inner) & (becomes[outer] != inner)
        hole, around = np.divmod(_sorted_set(inner[near] * len(owner) + becomes[outer[near]]), len(owner))
        alone = np.bincount(hole, minlength=len(owner))[hole] == 1
        closed = alone & (owner[around] > 0) & (sizes[hole] <= size)
        hole, around = hole[closed], around[closed]
        becomes[hole] = around
        becomes = becomes[becomes]
        np.add.at(sizes, around, sizes[hole])
        changed = np.zeros(len(owner), bool)
        changed[around] = small[around]
    return np.asarray(owner[becomes][regions], labels.dtype)


def majority(labels: np.ndarray, radius: int, cut: Sides = ()) -> np.ndarray:
    """Each pixel's most frequent label in the window of `radius` around it; ties keep the label, 0 has no vote.

    >>> majority(np.array([1, 1, 2, 1, 1, 2, 2, 2]), 1)
    array([1, 1, 1, 1, 1, 2, 2, 2])
    """
    done = np.empty_like(labels)
    depth = max(1, SLAB * len(labels) // labels.size)
    for start in range(0, len(labels), depth):
        low, high = max(0, start - radius), min(len(labels), start + depth + radius)
        won = _vote(labels[low:high], radius)
        done[start : start + depth] = won[start - low : start - low + depth]
    if not _is_cut(cut):
        for lost in np.setdiff1d(np.unique(labels), np.unique(done)):
            done[labels == lost] = lost
    return done


def _vote(labels: np.ndarray, radius: int) -> np.ndarray:
    from scipy.ndimage import uniform_filter

    candidates = [label for label in np.unique(labels) if label]
    best, winner = np.zeros(labels.shape, np.float32), labels.copy()
    for label in candidates:
        own = (labels == label).astype(np.float32)
        votes = uniform_filter(own, 2 * radius + 1, mode="nearest")
        votes += 1e-4 * own  # a tie keeps the label
        better = votes > best
        best[better], winner[better] = votes[better], label
    winner[labels == 0] = 0
    return winner


def _components(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Connected regions of equal label (region 0 is label 0), and the label and size of each region."""
    from skimage.measure import label

    regions = label(labels, background=0, connectivity=1)
    sizes = np.bincount(regions.ravel())
    owner = np.zeros(len(sizes), labels.dtype)
    owner[regions.ravel()] = labels.ravel()
    return regions, owner, sizes


def _is_cut(cut: Sides) -> bool:
    return any(side for sides in cut for side in sides)


def _spare(small: np.ndarray, regions: np.ndarray, owner: np.ndarray, sizes: np.ndarray, cut: Sides) -> None:
    """Takes from the `small` regions those that are kept: the largest of each label, or in a block what is cut off."""
    if not _is_cut(cut):
        small[_largest(owner, sizes)] = False
    for axis, (before, after) in enumerate(cut):
        for side in [0] * before + [-1] * after:
            small[np.take(regions, side, axis=axis)] = False


def _largest(owner: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The largest region of each label."""
    order = np.lexsort((sizes, owner))
    return order[np.flatnonzero(np.diff(owner[order], append=owner.max() + 1))]


def _contacts(regions: np.ndarray, small: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Small regions, the regions beside them, and the faces that each such pair shares."""
    inside = small[regions]
    sides = []
    for axis in range(regions.ndim):
        before, after = (np.moveaxis(regions, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        either = np.moveaxis(inside, axis, 0)
        meets = np.nonzero((either[:-1] | either[1:]) & (before != after))
        sides += [(before[meets], after[meets]), (after[meets], before[meets])]
    inner = np.concatenate([one for one, _ in sides]).astype(np.int64)
    outer = np.concatenate([other for _, other in sides]).astype(np.int64)
    keep = small[inner]
    pairs, shared = np.unique(inner[keep] * len(small) + outer[keep], return_counts=True)
    return pairs // len(small), pairs % len(small), shared


def _tally(voter: np.ndarray, choice: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each voter once, and its choice of greatest summed weight."""
    span = int(choice.max()) + 1
    pairs, index = np.unique(voter * span + choice, return_inverse=True)
    voter, choice = np.divmod(pairs, span)
    summed = np.bincount(index.ravel(), weight)
    order = np.lexsort((summed, voter))
    last = order[np.flatnonzero(np.diff(voter[order], append=-1))]
    return voter[last], choice[last]


def _sorted_set(values: np.ndarray) -> np.ndarray:
    """What `np.unique` gives, by sorting: with a million different values its hashing takes ten times as long."""
    values = np.sort(values)
    return values[np.diff(values, prepend=-1) > 0]
