"""How noisy an image is: whether it is nothing but noise, and how much smoothing a volume calls for.

A Gaussian lowers the variance of noise by the number of voxels it averages. Too little leaves speckle, too much blurs
thin parts away, so the amount follows from the noise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_ae_seg.autoencoder.maps import Maps

LEFT = 0.01
"""Share of the signal's variance that noise may have after smoothing."""
LEAST, MOST = 0.5, 2.0
"""Smallest and largest sigma in pixels."""
STRAY = 4.0
"""Deviations within which the correlation of what is unrelated lies."""
PAIRS = 400
"""Pairs of neighbors that it takes to tell."""


def sigma_for(maps: Sequence[Maps]) -> float:
    """Sigma in pixels of the Gaussian that brings the noise of volumes down to LEFT of their signal's variance."""
    noise, total = [], []
    for block in maps:
        residual = residuals(block.raw, block.valid)
        noise.append(residual.abs().mean().item() ** 2 * math.pi / 2 if residual.numel() else 0.0)
        total.append(block.raw[:, block.valid].double().var(1, correction=0).mean().item())
    share = min(sum(noise) / max(sum(total), 1e-12), 0.99)
    return sigma_of(share, maps[0].raw.ndim - 1)


def sigma_of(share: float, ndim: int) -> float:
    """The same for noise that makes up `share` of all variance.

    >>> sigma_of(0.0, 3), round(sigma_of(0.36, 3), 2), sigma_of(0.99, 3)
    (0.5, 1.08, 2.0)
    """
    averaged = share / (1 - share) / LEFT  # voxels; a Gaussian averages (4 pi sigma^2)^(ndim / 2) of them
    sigma: float = averaged ** (1 / ndim) / math.sqrt(4 * math.pi)
    return min(max(sigma, LEAST), MOST)


def residuals(raw: Tensor, valid: Tensor) -> Tensor:
    """What is left of the channels (C, *space) where neighbours predict each other: noise at the strength it has there.

    Mixed second differences along all axes (Immerkaer 1996), of places with data all around.

    >>> import torch
    >>> line = torch.arange(5.0)
    >>> residuals((line[:, None] + line)[None], torch.ones(5, 5, dtype=torch.bool)).abs().max().item()
    0.0
    """
    for axis, size in enumerate(valid.shape):
        if size < 3:
            return raw.new_zeros(0)
        raw = raw.diff(n=2, dim=axis + 1) / math.sqrt(6)
        valid = valid.narrow(axis, 0, size - 2) & valid.narrow(axis, 1, size - 2) & valid.narrow(axis, 2, size - 2)
    return raw[:, valid]


def white(maps: Sequence[Maps]) -> bool:
    """Whether places tell nothing of their neighbors, one or two further along any axis: nothing but noise.

    Neither what they hold nor how far that is from the mean goes together, in any channel of any block.
    """
    return all(_unrelated(channel, block.valid) for block in maps for channel in block.raw)


def _unrelated(channel: Tensor, valid: Tensor) -> bool:
    """The same for one channel (*space), where `valid`.

    >>> import torch
    >>> noise, there = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)), torch.ones(64, 64).bool()
    >>> slope = torch.linspace(0, 1, 64)
    >>> _unrelated(noise, there), _unrelated(noise + slope, there), _unrelated(noise[:5], there[:5])
    (True, False, False)
    """
    values = channel.double()
    for _ in range(2):  # what they hold, then how far it is from the mean
        known = values[valid]
        deviation = known.std(correction=0) if len(known) else known.sum()
        if not float(deviation) > 0:
            return False
        values = (values - known.mean()) / deviation
        for axis, size in enumerate(valid.shape):
            for step in (1, 2):
                left = max(0, size - step)
                both = valid.narrow(axis, 0, left) & valid.narrow(axis, size - left, left)
                pairs = int(both.sum())
                if pairs < PAIRS:
                    return False
                product = values.narrow(axis, 0, left) * values.narrow(axis, size - left, left)
                if abs(float(product[both].mean())) > STRAY / math.sqrt(pairs):
                    return False
        values = values.square()
    return True
