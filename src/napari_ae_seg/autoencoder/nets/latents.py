"""How many latents an image needs, read from the image before anything is trained."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from napari_ae_seg.config import NetworkConfig

SCALES = (1, 2, 4, 8)
"""Patches are looked at in full and reduced by these."""
SIDE = {2: 8, 3: 4}
"""Side of the squares that are compared at each scale."""
MULTIPLE = 4
LARGEST = {"conv": 64, "dense": 512, "unet": 64}


def choose_latents(patches: Tensor, config: NetworkConfig) -> tuple[int, str]:
    """A number of latents for normalised `patches` (P, C, *space) of the images, and a sentence on how it was found.

    At each scale, small squares are compared by their principal components; those that noise would not have count
    as much as they weigh (the exponential of their entropy), and the scales add up.

    >>> from napari_ae_seg.config import NetworkConfig
    >>> choose_latents(torch.zeros(8, 1, 32, 32), NetworkConfig(kind="conv", latents=0))[0]
    4
    """
    counts = [effective_rank(_squares(patches, scale)) for scale in SCALES if _fits(patches, scale)]
    found = math.fsum(counts)
    size = MULTIPLE * math.ceil(max(found, 1.0) / MULTIPLE)
    size = min(max(size, config.active), LARGEST[config.kind])
    each = ", ".join(f"{count:.1f}" for count in counts)
    return size, f"{size} latents: the image varies in {found:.0f} independent ways ({each}, from fine to coarse)"


def effective_rank(rows: Tensor) -> float:
    """Number of directions in which rows (n, d) vary more than unrelated numbers do, counted by share of the variance.

    >>> effective_rank(torch.zeros(10, 3))
    0.0
    """
    n, d = rows.shape
    centered = rows.double() - rows.double().mean(0)
    values = torch.linalg.eigvalsh(centered.T @ centered / n)
    # the largest value that n rows of d unrelated numbers with the same variance would have (Marchenko and Pastur)
    unrelated = values.mean() * (1 + math.sqrt(d / n)) ** 2
    related = values[values > unrelated * 1.05]
    if float(values.sum()) < 1e-6 or not len(related):
        return 0.0
    share = related / related.sum()
    return float(torch.exp(-(share * share.log()).sum()))


def _fits(patches: Tensor, scale: int) -> bool:
    return min(patches.shape[2:]) // scale >= SIDE[patches.ndim - 2]


def _squares(patches: Tensor, scale: int) -> Tensor:
    """Rows (n, C * side^ndim) of the squares that tile the patches at a scale."""
    ndim = patches.ndim - 2
    side = SIDE[ndim]
    pool = F.avg_pool2d if ndim == 2 else F.avg_pool3d
    small = pool(patches, scale) if scale > 1 else patches
    for axis in range(2, 2 + ndim):
        small = small.unfold(axis, side, side)  # (P, C, *cells, *square)
    order = [0, *range(2, 2 + ndim), 1, *range(2 + ndim, 2 + 2 * ndim)]
    return small.permute(order).flatten(ndim + 1).flatten(0, ndim)
