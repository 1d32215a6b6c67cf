"""A frozen space of features: fixed linear views of an image and of what a network says about it.

Every space is a sum of *terms*: the channels of one source (the image, a level of the encoder, the decoder), projected,
smoothed and brought to one grid. Projection, smoothing and resampling are linear and commute, so only the few projected
channels are ever smoothed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import torch
from torch import Tensor

from napari_ae_seg.core import filters
from napari_ae_seg.core.edges import halo
from napari_ae_seg.core.state import stored

from .tone import Tone

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.maps import Maps


EDGES = "edges"
"""The source that is made of the image where a space asks for it."""
WIDEST = 128
"""Pixels of a stride or a sigma that a file may hold, at most."""


@stored("term")
@dataclass(frozen=True)
class Term:
    """Channels of one source, projected to some rows of the features and smoothed by `sigma` pixels per axis."""

    source: str
    stride: Annotated[int, (1, WIDEST)]
    """Pixels per cell of the source."""
    sigma: tuple[Annotated[float, (0, WIDEST)], ...]
    rows: tuple[int, int]
    weight: Annotated[Tensor, "float32 R C"]
    """(rows, C)"""
    bias: Annotated[Tensor, "float32 R"]
    """(rows,)"""

    def __call__(self, x: Tensor) -> Tensor:
        """Projected channels: (C, *space) -> (rows, *space)."""
        flat = torch.addmm(self.bias.to(x)[:, None], self.weight.to(x), x.flatten(1))
        return flat.view(-1, *x.shape[1:])


@stored("features")
@dataclass(frozen=True)
class FeatureSpace:
    """A fitted view of an image: `transform` gives its features, the same for a tile as for the whole image."""

    name: str
    grid: Annotated[int, (1, 64)]
    """Pixels per cell of the features."""
    n_features: Annotated[int, (1, 65535)]
    tone: Tone
    terms: tuple[Term, ...]
    sentence: str
    """What it is, for the person."""
    anisotropy: tuple[Annotated[float, (1, 4096)], ...] = ()
    """Pixel size over the finest, per axis; only spaces that look at edges need it."""

    @property
    def halo(self) -> int:
        """Pixels around a tile that its features depend on, on top of the network's own."""
        return max(self._reach(term) for term in self.terms)

    @property
    def align(self) -> int:
        """Tiles start at multiples of this many pixels."""
        return math.lcm(*(w for term in self.terms for w in (term.stride, *self._work(term.sigma))))

    @property
    def sources(self) -> set[str]:
        """What it needs: "raw", "decoded" and levels by number."""
        return {"raw" if term.source == EDGES else term.source for term in self.terms}

    def transform(self, maps: Maps) -> Tensor:
        """Features of a block: (n_features, *ceil(space / grid)), float32, finite everywhere."""
        maps = maps.toned(self.tone)
        if any(term.source == EDGES for term in self.terms):
            maps = maps.with_edges(self.anisotropy)
        space, grid = maps.space, [self.grid] * len(maps.space)
        out = maps.raw.new_zeros((self.n_features, *(math.ceil(n / self.grid) for n in space)))
        for (sigma, rows), terms in groupby(self.terms, key=lambda term: (term.sigma, term.rows)):
            work = self._work(sigma)
            total, weight = torch.zeros(()), None
            for term in terms:
                part, weight = maps.at(term.source, work, term)
                total = total + part
            total = filters.smooth(total, [s / w for s, w in zip(sigma, work, strict=True)], weight)
            out[slice(*rows)] += filters.resample(total, work, grid, space)
        return out

    def check(self) -> None:
        """ValueError unless its terms fill its features."""
        axes = {len(term.sigma) for term in self.terms}
        if len(axes) != 1 or not axes <= {2, 3} or len(self.tone.low) != len(self.tone.high):
            raise ValueError("the terms of features have a sigma for each of two or three axes, and a tone per channel")
        for term in self.terms:
            start, stop = term.rows
            if not 0 <= start < stop <= self.n_features or len(term.bias) != stop - start or not term.weight.numel():
                raise ValueError(
                    f"a term of {len(term.bias)} features cannot be rows {start} to {stop} of {self.n_features}"
                )
            if term.source == EDGES and len(self.anisotropy) != len(term.sigma):
                raise ValueError("features that look at edges know the pixel size along every axis")
            if term.source not in {"raw", "decoded", EDGES} and not (term.source.isascii() and term.source.isdigit()):
                raise ValueError(
                    f"features look at the image, its decoded levels or a level by number, not {term.source!r}"
                )

    def _work(self, sigma: tuple[float, ...]) -> list[int]:
        return [max(self.grid, filters.work_stride(s)) for s in sigma]

    def _reach(self, term: Term) -> int:
        work = self._work(term.sigma)
        cells = max(w * (filters.radius(s / w) + 1) for s, w in zip(term.sigma, work, strict=True))
        return cells + term.stride + (halo(self.anisotropy) if term.source == EDGES else 0)
