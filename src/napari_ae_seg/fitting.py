"""Fitting: the sample of an image on which feature spaces and clusters are fitted once, to be frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from .encoding import encode_array
from .images.normalise import Normaliser
from .images.sample import sample_blocks
from .progress import Progress, Report

if TYPE_CHECKING:
    from .config import SegmentationConfig
    from .images.stack import Stack
    from .model import Autoencoder
    from .segment.maps import Maps
    from .segment.space import FeatureSpace

BUDGET = 2_000_000
"""Pixels whose maps are held at once while fitting."""


@dataclass(frozen=True)
class Sample:
    """Places of the fitting stack, with what the clusters need to know of them."""

    x: np.ndarray
    """(n, F) features."""
    latents: np.ndarray
    """(n, Z) latents of the network, whatever features are clustered."""
    intensity: np.ndarray
    """(n,) mean of the normalised channels."""


def largest(stack: Stack) -> tuple[int, ...]:
    """Longest side of any image of `stack` along each spatial axis."""
    return tuple(max(sides) for sides in zip(*(image.shape[2:] for image in stack.images), strict=True))


def fit_normaliser(model: Autoencoder, stack: Stack, config: SegmentationConfig) -> Normaliser:
    """The model's normaliser, or one with the range of brightness of `stack` if `config.normalise` is "image"."""
    if config.normalise == "model":
        return model.normaliser
    fitted = Normaliser.fit(sample_blocks(stack, budget=BUDGET * stack.channels, seed=config.seed))
    return replace(model.normaliser, low=fitted.low, high=fitted.high)


def fitting_maps(
    model: Autoencoder, stack: Stack, config: SegmentationConfig, grid: int, report: Report, normaliser: Normaliser
) -> list[Maps]:
    """Maps of the blocks on which everything is fitted; places outside the region of interest are not valid."""
    blocks = sample_blocks(stack, budget=BUDGET * stack.channels, seed=config.seed)
    maps = []
    for done, block in enumerate(blocks):
        report(Progress("encode", done, len(blocks), "sample"))
        one = encode_array(model, block.data, grid, decoder=config.features == "decoder", normaliser=normaliser)
        maps.append(replace(one, valid=one.valid & torch.from_numpy(block.valid).to(one.valid.device)))
    if not any(bool(one.valid.any()) for one in maps):
        raise ValueError("the image has no finite pixel to learn from (inside the region of interest, if one is given)")
    return maps


def sample_places(maps: Sequence[Maps], space: FeatureSpace, count: int, seed: int) -> Sample:
    """At most `count` valid places of `maps`, spread evenly over the blocks by their size."""
    rng = np.random.default_rng(seed)
    valid = [_cells(one.valid, space.grid).cpu().numpy().ravel() for one in maps]
    total = sum(int(v.sum()) for v in valid)
    x, latents, intensity = [], [], []
    for one, cells in zip(maps, valid, strict=True):
        places = np.flatnonzero(cells)
        share = min(len(places), -(-count * len(places) // total))
        places = np.sort(rng.choice(places, share, replace=False)) if share else places[:0]
        index = torch.from_numpy(places)
        features = space.transform(one).flatten(1)
        x.append(features[:, index.to(features.device)].T.cpu().numpy())
        size = tuple(-(-s // space.grid) for s in one.raw.shape[1:])
        where = np.stack(np.unravel_index(places, size)) * space.grid
        latents.append(_at(one.levels[-1], where // one.strides[-1]))
        intensity.append(_at(one.raw, where).mean(1))
    return Sample(np.concatenate(x), np.concatenate(latents), np.concatenate(intensity))


def _cells(valid: torch.Tensor, grid: int) -> torch.Tensor:
    """Which cells of the grid hold data: those whose first pixel does."""
    return valid[tuple(slice(None, None, grid) for _ in valid.shape)]


def _at(maps: torch.Tensor, where: np.ndarray) -> np.ndarray:
    """Values (n, C) of `maps` (C, *space) at the cells `where` (ndim, n)."""
    index = tuple(torch.from_numpy(axis).to(maps.device) for axis in where)
    return maps[(slice(None), *index)].T.cpu().numpy()
