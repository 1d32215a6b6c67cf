"""Regions: many tiny ones, merged by what they look like and by the edges between them until few remain.

The tiny regions are the catchment basins of the image's gradient, so that their borders lie on its edges. They merge by
a `Rule`, the cheapest pair of neighbours first, down to as many as the image shows; whoever asks for fewer gets those
that look alike as one, wherever they lie: so nuclei become one region and do not drown in what is around them. The
whole tree of merges is kept: any number of regions is a cut through it, and coarse and fine cuts nest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from .borders import borders, region_means
from .merging import TEXTURES, THINGS, Rule, merge_alike, merge_tree

RULES = {"texture": TEXTURES}
"""The rule for some features; THINGS for all others."""

_GRADIENT, _BASINS = 1.0, 1.5
"""Sigmas in pixels: of the edge evidence, and of the gradient whose basins are the tiny regions."""
_PIXELS_PER_REGION, _MOST_REGIONS, _MOST_ALIKE = 24, 8000, 2000
_COMPONENTS = 8
_LEAP, _FEW, _NOTHING = 4.0, 64, 0.03
"""Merging stops where, among the last `_FEW` merges, one costs `_LEAP` times as much as the one before;
`_NOTHING` times the threshold is added to them first, so that factors between negligible costs do not count."""


@dataclass(frozen=True)
class Regions:
    """An image cut into tiny regions and the tree that merges them; `ae.tiny_regions` makes them.

    Parameters
    ----------
    tiny : ndarray
        (*space) int32: the tiny regions 1..n, 0 where there is no data.
    tree : ndarray
        (n - 1, 4) as in scipy: the two nodes joined, the cost so far (it never falls), the pixels of both.
    means : ndarray
        (n, F) the scores of the tiny regions: their mean features.
    k : int
        How many regions the image shows, or were asked for.

    Examples
    --------
    >>> image = np.repeat([[0.0, 0.0, 0.0, 5.0, 5.0, 5.0]], 6, axis=0)[None]
    >>> fit_regions(image, image, k=2).labels()[0].tolist()
    [1, 1, 1, 2, 2, 2]
    """

    tiny: np.ndarray
    tree: np.ndarray
    means: np.ndarray
    k: int

    def labels(self, k: int = 0) -> np.ndarray:
        """The image in `k` regions.

        A finer cut splits one region after the other: the larger part keeps its label, the smaller gets the next one.

        Parameters
        ----------
        k : int, optional
            How many; 0 is the number chosen when fitted.

        Returns
        -------
        ndarray
            (*space) int32: 1..k, 0 where there is no data.

        Examples
        --------
        >>> image = np.repeat([[0.0, 0.0, 0.0, 5.0, 5.0, 5.0]], 6, axis=0)[None]
        >>> fit_regions(image, image, k=2).labels(1)[0].tolist()
        [1, 1, 1, 1, 1, 1]
        """
        lookup = np.concatenate([[0], self.members(k)]).astype(np.int32)
        return np.asarray(lookup[self.tiny])

    def members(self, k: int = 0) -> np.ndarray:
        """The region that each tiny region is part of.

        Parameters
        ----------
        k : int, optional
            How many regions; 0 is the number chosen when fitted.

        Returns
        -------
        ndarray
            (n,) labels 1..k.

        Examples
        --------
        >>> image = np.repeat([[0.0, 0.0, 0.0, 5.0, 5.0, 5.0]], 6, axis=0)[None]
        >>> sorted(set(fit_regions(image, image, k=2).members(2).tolist()))
        [1, 2]
        """
        count = len(self.tree) + 1
        k = min(k or self.k, count)
        sizes = np.concatenate([np.bincount(self.tiny.ravel(), minlength=count + 1)[1:], self.tree[:, 3]])
        children = self.tree[:, :2].astype(int)
        label = np.ones(2 * count - 1, dtype=np.int32)
        for step, row in enumerate(range(count - 2, -1, -1), start=2):
            left, right = children[row]
            label[left] = label[right] = label[count + row]
            if step <= k:
                label[left if sizes[left] < sizes[right] else right] = step
        return label[:count]

    def prototypes(self, k: int = 0) -> np.ndarray:
        """The scores of the regions: their mean features.

        Parameters
        ----------
        k : int, optional
            How many regions; 0 is the number chosen when fitted.

        Returns
        -------
        ndarray
            (k, F).

        Examples
        --------
        >>> image = np.repeat([[0.0, 0.0, 0.0, 5.0, 5.0, 5.0]], 6, axis=0)[None]
        >>> fit_regions(image, image, k=2).prototypes().round().tolist()
        [[0.0], [5.0]]
        """
        members = self.members(k) - 1
        sizes = np.bincount(self.tiny.ravel(), minlength=len(self.means) + 1)[1:]
        total = np.bincount(members, sizes)
        return np.stack([np.bincount(members, sizes * column) / total for column in self.means.T], axis=1)


def fit_regions(
    features: np.ndarray,
    guide: np.ndarray,
    valid: np.ndarray | None = None,
    *,
    k: int = 0,
    superpixels: int = 0,
    rule: Rule = THINGS,
    anisotropy: Sequence[float] = (),
) -> Regions:
    """The regions of one image: `guide` (C, *space) is normalised, `features` (F, *grid) on its grid or a coarser one.

    `k` regions remain (0: as many as the image shows, for the next merge of neighbours would cost more than the rule's
    threshold, or many times the one before). `superpixels` is the most tiny regions to start from (0: one per 24
    pixels, at most 8000), `anisotropy` the pixel size per axis relative to the smallest.
    """
    space = guide.shape[1:]
    if features.ndim != guide.ndim:
        raise ValueError(f"features {features.shape} and image {guide.shape} differ in their number of spatial axes")
    valid = np.ones(space, dtype=bool) if valid is None else np.asarray(valid, dtype=bool)
    if not valid.any():
        raise ValueError("there is no valid pixel to make regions of")
    scale = np.asarray(anisotropy if len(anisotropy) else (1.0,) * len(space))
    colors = _colors(np.where(valid, guide, 0.0), valid)
    most = superpixels or min(_MOST_REGIONS, max(2, int(valid.sum()) // _PIXELS_PER_REGION))
    spread = _on_grid(features, space)
    tiny = _basins(colors, valid, max(most, k), k, scale)
    weight = rule.balance / _deviation(spread, valid)
    looks, own = _looks(colors, scale), 1 - rule.balance
    steps = _gradient(features * weight, _GRADIENT, scale, space)
    edges = np.hypot(_gradient(own * colors, _GRADIENT, scale, space), _on_grid(steps[None], space)[0])
    found = borders(tiny, edges)
    count = int(tiny.max())
    sizes = np.bincount(tiny.ravel(), minlength=count + 1)[1:]
    means = region_means(spread, tiny, count + 1)[1:]
    appearance = np.concatenate([own * region_means(looks, tiny, count + 1)[1:], weight * means], axis=1)
    tree = merge_tree(sizes, appearance, found, rule)
    natural = _natural(tree[::-1, 2], rule.threshold)
    tree = merge_alike(tree, min(natural, _MOST_ALIKE), sizes, means)
    return Regions(tiny, tree, means.astype(np.float32), min(k or natural, count))


def _natural(costs: np.ndarray, threshold: float) -> int:
    """How many regions remain when a merge would cost more than `threshold`, or many times what the one before did.

    `costs` fall: entry i is the cost of the merge that leaves i + 1 regions.
    """
    dear = 1 + int((costs > threshold).sum())
    least = costs[:_FEW] + _NOTHING * threshold
    leaps = np.flatnonzero(least[:-1] > _LEAP * least[1:])
    return max(2, dear, int(leaps[-1]) + 2 if len(leaps) else 0)


def _colors(guide: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Uncorrelated channels of total variance 1, the weak ones raised: for RGB much like CIE Lab, for any image."""
    x = guide[:, valid].astype(np.float64)
    middle = x.mean(axis=1)
    variance, directions = np.linalg.eigh(np.atleast_2d(np.cov(x, bias=True)))
    variance, directions = variance[::-1][:_COMPONENTS], directions[:, ::-1][:, :_COMPONENTS]
    variance = np.maximum(variance, 1e-3 * variance[0] + 1e-12)
    weights = variance**-0.25 / np.sqrt(np.sqrt(variance).sum())
    mixed = np.tensordot((directions * weights).T, guide - middle.reshape((-1,) + (1,) * valid.ndim), axes=1)
    return np.where(valid, mixed, 0.0).astype(np.float32)


def _basins(colors: np.ndarray, valid: np.ndarray, most: int, least: int, scale: np.ndarray) -> np.ndarray:
    """Catchment basins of the gradient, at least `least` (if there are so many pixels) and at most `most`."""
    from skimage.segmentation import watershed

    sigma = _BASINS
    while True:
        landscape = _gradient(colors, sigma, scale, valid.shape)
        lowest = (ndi.minimum_filter(landscape, 3) == landscape) & valid
        markers, count = ndi.label(lowest, np.ones((3,) * valid.ndim))
        if count <= most:
            break
        sigma *= 1.25
    if count < max(least, 1):
        inside = np.flatnonzero(valid)
        chosen = inside[np.linspace(0, len(inside) - 1, min(least or 1, len(inside))).astype(int)]
        markers = np.zeros(valid.shape, dtype=np.int32)
        markers.ravel()[chosen] = np.arange(1, len(chosen) + 1)
    basins = watershed(_gradient(colors, _BASINS, scale, valid.shape), markers, mask=valid)
    _, flat = np.unique(basins, return_inverse=True)  # a basin may be cut off from its marker: numbers stay contiguous
    flat = flat.reshape(valid.shape)
    return _islands(flat if not valid.all() else flat + 1, valid)


def _islands(basins: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Valid pixels that no marker reached become regions of their own."""
    lost = valid & (basins == 0)
    if lost.any():
        extra, _ = ndi.label(lost)
        basins = np.where(lost, extra + basins.max(), basins)
    return basins.astype(np.int32)


def _looks(colors: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Colours and the energy of fine texture, by direction: (L, *space)."""
    first, energies = colors[0], []
    for sigma in (1.0, 2.0):
        for axis in range(first.ndim):
            order = tuple(int(axis == other) for other in range(first.ndim))
            energies.append(sigma * ndi.gaussian_filter(first, sigma / scale, order=order))
    local = [np.sqrt(ndi.gaussian_filter(e * e, 4.0 / scale) + 1e-6) for e in energies]
    return np.concatenate([colors, np.stack(local)])


def _deviation(features: np.ndarray, valid: np.ndarray) -> float:
    """Root of the total variance of `features` (F, *space), of a part of the pixels; 1 where they are constant."""
    inside = np.flatnonzero(valid)
    some = features.reshape(len(features), -1)[:, inside[:: 1 + len(inside) // 50_000]]
    return float(np.sqrt(some.var(axis=1).sum())) or 1.0


def _gradient(x: np.ndarray, sigma: float, scale: np.ndarray, space: tuple[int, ...]) -> np.ndarray:
    """Length of the gradient, per pixel of `space`, of the channels `x` (C, *grid) on its grid: (*grid)."""
    cell = np.array(space) / x.shape[1:]
    widths = np.maximum(sigma / scale / cell, 0.5)
    total = np.zeros(x.shape[1:], dtype=np.float32)
    for channel in x:
        for axis in range(channel.ndim):
            order = tuple(int(axis == other) for other in range(channel.ndim))
            total += (ndi.gaussian_filter(channel, widths, order=order) / cell[axis]) ** 2
    return np.asarray(np.sqrt(total))


def _on_grid(features: np.ndarray, space: tuple[int, ...]) -> np.ndarray:
    """`features` (F, *grid) repeated onto the pixels of `space`."""
    for axis, size in enumerate(space, start=1):
        if features.shape[axis] != size:
            where = np.minimum(np.arange(size) * features.shape[axis] // size, features.shape[axis] - 1)
            features = features.take(where, axis=axis)
    return features
