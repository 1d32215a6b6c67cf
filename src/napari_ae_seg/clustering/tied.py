"""Gaussians of one shape: clusters may be of any size, and directions in which all of them are broad count less.

k-means cuts a large cluster in two rather than leave a small one alone, and takes every feature for as telling as any
other. Here clusters are found by how likely they make the places, whatever their shares, and distances are measured in
units of what varies within clusters. Which cluster a place belongs to is then told without the shares: a small
cluster keeps what is as near to it as to a large one.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from .kmeans import kmeans
from .method import Fitted
from .mixture import Mixture, roots_of

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ae_seg.config import SegmentationConfig

ROUND = 0.5
"""What is added to every variance, in mean variances within the clusters of k-means: shapes stay near to round."""
ROUNDS, TOLERANCE = 100, 1e-4


def fit(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    """`k` clusters of the places `x` (n, F): of a few starts, each from its own k-means, the likeliest.

    Those that leave no cluster empty go first.
    """
    places = x.cpu().double()  # few, and a difference of large sums is taken
    shift = places.mean(0)
    points = places - shift
    least = 1e-9 * float(points.square().mean()) + 1e-12
    fits = []
    for seed in range(config.seed, config.seed + max(1, config.n_init // 2)):
        found = kmeans(points.float(), k, seed=seed, n_init=1)
        floor = ROUND * found.inertia / points.numel() + least
        fits.append(gaussians(points, found.centers.double(), floor))
    best = max(fits, key=lambda one: (len(one.memberships(points).argmax(1).unique()), one.likelihood))
    even = replace(best.moved(shift), weights=torch.full_like(best.weights, 1 / k))
    parts = {name: part.to(x.device, x.dtype) for name, part in even.tensors().items()}
    return Fitted(replace(even, **parts), {"likelihood": best.likelihood})  # type: ignore[arg-type]


def gaussians(x: Tensor, centers: Tensor, floor: float) -> Mixture:
    """The Gaussians of one shape that `centers` (k, F) of points `x` (n, F) lead to as the likelihood rises.

    `floor` is added to every variance. Stops when the mean log-likelihood gains less than `TOLERANCE`.

    >>> x = torch.cat([torch.linspace(0, 1, 90), torch.linspace(8, 9, 10)])[:, None].double()
    >>> found = gaussians(x, x[[0, 99]], floor=0.1)
    >>> found.means.ravel().round(decimals=2).tolist(), found.weights.round(decimals=2).tolist()
    ([0.5, 8.5], [0.9, 0.1])
    """
    shares = torch.nn.functional.one_hot(torch.cdist(x, centers).argmin(1), len(centers)).to(x.dtype)
    scatter = x.T @ x
    before = -math.inf
    for _ in range(ROUNDS):
        sizes = shares.sum(0) + 10 * torch.finfo(x.dtype).eps
        means = (shares.T @ x) / sizes[:, None]
        spread = (scatter - (means * sizes[:, None]).T @ means) / len(x)
        mixture = Mixture(sizes / sizes.sum(), means, roots_of(spread[None], floor))
        joint = mixture.joint(x)
        likelihood = float(joint.logsumexp(1).mean())
        if likelihood - before < TOLERANCE:
            break
        before, shares = likelihood, joint.softmax(1)
    return Mixture(mixture.weights, mixture.means, mixture.roots, likelihood)
