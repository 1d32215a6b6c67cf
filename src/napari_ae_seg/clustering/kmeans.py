"""k-means in torch: many starts at once, on whatever device the points are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .method import Fitted
from .prototypes import BLOCK, around, assign, distances, unit

if TYPE_CHECKING:
    from napari_ae_seg.config import SegmentationConfig


@dataclass(frozen=True)
class Partition:
    """The best of several k-means fits."""

    centers: Tensor
    """(k, F)"""
    labels: Tensor
    """(n,) of 0 .. k-1"""
    inertia: float
    """Sum of squared distances to the nearest centre."""


def fit(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    """`k` clusters of the places `x` (n, F): a place belongs to the nearest centre."""
    found = kmeans(x, k, seed=config.seed, n_init=config.n_init)
    spread = float(x.var(0, correction=0).sum()) * len(x)
    return Fitted(around(x, found.centers), {"explained": 1 - found.inertia / max(spread, 1e-30)})


def kmeans(
    x: Tensor, k: int, *, seed: int = 0, n_init: int = 8, spherical: bool = False, iterations: int = 300
) -> Partition:
    """The partition of points `x` (n, F) into `k` groups with the least inertia of `n_init` starts (k-means++).

    `spherical` compares directions: points and centres have length 1. `x` holds at least `k` distinct points.

    >>> kmeans(torch.tensor([[0.0], [2.0], [8.0], [10.0]]), 2).centers.ravel().sort().values
    tensor([1., 9.])
    """
    if not 1 <= k <= len(x):
        raise ValueError(f"k-means makes between 1 and {len(x)} groups of {len(x)} points, got k={k}")
    shift = torch.zeros_like(x[0]) if spherical else x.mean(0)
    points = unit(x) if spherical else x - shift
    generator = torch.Generator().manual_seed(seed)
    at_once = max(1, min(n_init, BLOCK // (len(x) * k)))
    best: tuple[float, Tensor] | None = None
    for first in range(0, n_init, at_once):
        starts = _plus_plus(points, k, min(at_once, n_init - first), generator)
        inertias, centers = _lloyd(points, starts, spherical, iterations)
        winner = int(inertias.argmin())
        if best is None or float(inertias[winner]) < best[0]:
            best = float(inertias[winner]), centers[winner]
    assert best is not None
    # To its end, so that the same points in another order, as of a flipped image, end in the same place.
    centers = _lloyd(points, best[1][None], spherical, iterations, settled=0.0)[1][0]
    labels, nearest = assign(points, centers)
    return Partition(centers + shift, labels, float(nearest.cpu().double().sum()))


def _plus_plus(x: Tensor, k: int, starts: int, generator: torch.Generator) -> Tensor:
    """Greedy k-means++ for several `starts` at once: centres (starts, k, F)."""
    n = len(x)
    trials = 2 + int(math.log(k))
    chosen = x[torch.randint(n, (starts,), generator=generator).to(x.device)]
    centers = [chosen]
    nearest = distances(x, chosen).T  # (starts, n)
    for _ in range(1, k):
        draws = torch.rand(starts, trials, generator=generator, dtype=torch.float64).to(x.device, x.dtype)
        heap = nearest.cumsum(1)
        picks = torch.searchsorted(heap, draws * heap[:, -1:]).clamp_max(n - 1)  # (starts, trials)
        reach = distances(x, x[picks.ravel()]).T.reshape(starts, trials, n)
        reach = torch.minimum(reach, nearest[:, None])
        winner = reach.sum(2).argmin(1)
        rows = torch.arange(starts, device=x.device)
        nearest = reach[rows, winner]
        centers.append(x[picks[rows, winner]])
    return torch.stack(centers, 1)


def _lloyd(
    x: Tensor, centers: Tensor, spherical: bool, iterations: int, settled: float = 1e-4
) -> tuple[Tensor, Tensor]:
    """Inertias (starts,) and centres (starts, k, F) once no centre moves by more than `settled` of the variance."""
    starts, k, _ = centers.shape
    squares = x.square().sum(1)
    tolerance = settled * float(x.var(0, correction=0).mean())
    centers = centers.clone()
    inertias = torch.zeros(starts, device=x.device)
    active = torch.arange(starts, device=x.device)
    for _ in range(iterations):
        now = centers[active]
        scores = torch.einsum("nf,skf->snk", x, now).mul_(-2).add_(now.square().sum(2)[:, None])
        low, labels = scores.min(2)  # (s, n)
        low = (low + squares).clamp_min_(0)
        inertias[active] = low.sum(1)
        moved = _means(x, labels, low, k)
        if spherical:
            moved = moved / moved.norm(dim=2, keepdim=True).clamp_min(1e-12)
        centers[active] = moved
        travel = (moved - now).square().sum((1, 2))
        active = active[travel > tolerance]
        if not len(active):
            break
    return inertias, centers


def _means(x: Tensor, labels: Tensor, low: Tensor, k: int) -> Tensor:
    """Means (s, k, F) of the points of each label; an empty label takes the point farthest from its centre."""
    means = torch.empty(len(labels), k, x.shape[1], device=x.device, dtype=x.dtype)
    for start, (label, far) in enumerate(zip(labels, low, strict=True)):
        member = torch.zeros(k, len(x), device=x.device, dtype=x.dtype)
        member.scatter_(0, label[None], 1.0)
        sizes = member.sum(1)
        means[start] = (member @ x) / sizes.clamp_min(1)[:, None]
        empty = (sizes == 0).nonzero().ravel()
        if len(empty):
            means[start, empty] = x[far.topk(len(empty)).indices]
    return means
