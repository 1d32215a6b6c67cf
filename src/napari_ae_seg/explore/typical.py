"""Typical patches: the places of an image whose latents are nearest to a cluster's mean, and that mean decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ae_seg.autoencoder.decode import native

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.model import Autoencoder


@dataclass(frozen=True)
class Likeness:
    """The similarity of places to the mean latents of a cluster."""

    center: np.ndarray
    """(latents,)"""
    spread: np.ndarray
    """(latents,) unit of distance"""
    stride: int
    cells: int
    """Side of a patch, in cells."""

    def of(self, z: np.ndarray, share: np.ndarray) -> np.ndarray:
        """(*cells), high where a patch lies in the cluster and its middle is near the centre; `share` (*cells)."""
        from scipy import ndimage as ndi

        own = self.spread[(...,) + (None,) * share.ndim]
        middle = ndi.uniform_filter(z, (1, *[min(3, size) for size in share.shape]), mode="nearest")
        gap = np.sqrt((((middle - self.center[(...,) + (None,) * share.ndim]) / own) ** 2).mean(0))
        pure = ndi.uniform_filter(share, self.cells, mode="nearest")
        return np.where(share > 0.5 * max(float(share.max()), 1e-12), 2 * pure - gap, -np.inf)


def patches(
    raw: Sequence[np.ndarray], shares: Sequence[np.ndarray], z: Sequence[np.ndarray], like: Likeness, count: int
) -> np.ndarray:
    """The `count` most alike patches (P, C, *side) of samples `raw` (C, *space); fewer if they would overlap."""
    scores = [like.of(maps, share) for maps, share in zip(z, shares, strict=True)]
    flat = np.concatenate([score.ravel() for score in scores])
    which = np.concatenate([np.full(score.size, n) for n, score in enumerate(scores)])
    first = np.cumsum([0, *(score.size for score in scores)])
    found: list[np.ndarray] = []
    taken: list[tuple[int, np.ndarray]] = []
    for index in np.argsort(-flat, kind="stable"):
        if not np.isfinite(flat[index]) or len(found) == count:
            break
        n = int(which[index])
        cell = np.array(np.unravel_index(index - first[n], scores[n].shape))
        if any(n == m and np.abs(cell - other).max() < max(1, like.cells - 1) for m, other in taken):
            continue
        taken.append((n, cell))
        found.append(_cut(raw[n], cell, like))
    space = [min(like.cells * like.stride, size) for size in raw[0].shape[1:]]
    return np.stack(found) if found else np.zeros((0, len(raw[0]), *space), np.float32)


def redrawn(model: Autoencoder, patch: np.ndarray, center: np.ndarray) -> np.ndarray:
    """A patch (C, *side) as the decoder draws it when every latent is `center`, maxima where they are in `patch`."""
    net = model.net
    side = [size - size % net.align for size in patch.shape[1:]]
    x = torch.from_numpy(model.normalizer.apply(patch[(slice(None), *(slice(0, size) for size in side))]))[None]
    with torch.inference_mode():
        seen = net.encode(x.to(model.device))
        z = torch.from_numpy(center).to(model.device).reshape(1, -1, *[1] * net.ndim).expand_as(seen.z)
        return native(model, net.decode(z, seen.indices)[0])


def _cut(raw: np.ndarray, cell: np.ndarray, like: Likeness) -> np.ndarray:
    """The patch round a cell, moved inside where it would reach over the edge."""
    index: list[slice] = []
    for at, size in zip(cell, raw.shape[1:], strict=True):
        side = min(like.cells * like.stride, size)
        start = int(np.clip(at * like.stride + like.stride // 2 - side // 2, 0, size - side))
        index.append(slice(start, start + side))
    return np.asarray(np.nan_to_num(raw[(slice(None), *index)]))
