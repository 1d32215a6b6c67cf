"""A frozen space of features: fixed linear views of an image and of what a network says about it.

Every space is a sum of *terms*: the channels of one source (the image, a level of the encoder, the decoder), projected,
smoothed and brought to one grid. Projection, smoothing and resampling are linear and commute, so only the few projected
channels are ever smoothed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_ae_seg.core import filters

from .tone import Tone

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ae_seg.autoencoder.maps import Maps


@dataclass(frozen=True)
class Term:
    """Channels of one source, projected to some rows of the features and smoothed by `sigma` pixels per axis."""

    source: str
    stride: int
    """Pixels per cell of the source."""
    sigma: tuple[float, ...]
    rows: tuple[int, int]
    weight: Tensor
    """(rows, C)"""
    bias: Tensor
    """(rows,)"""

    def __call__(self, x: Tensor) -> Tensor:
        """Projected channels: (C, *space) -> (rows, *space)."""
        flat = torch.addmm(self.bias.to(x)[:, None], self.weight.to(x), x.flatten(1))
        return flat.view(-1, *x.shape[1:])


@dataclass(frozen=True)
class FeatureSpace:
    """A fitted view of an image: `transform` gives its features, the same for a tile as for the whole image."""

    name: str
    grid: int
    """Pixels per cell of the features."""
    n_features: int
    tone: Tone
    terms: tuple[Term, ...]
    sentence: str
    """What it is, for the person."""

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
        return {term.source for term in self.terms}

    def transform(self, maps: Maps) -> Tensor:
        """Features of a block: (n_features, *ceil(space / grid)), float32, finite everywhere."""
        maps = maps.toned(self.tone)
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

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Everything fitted, as plain values and named arrays."""
        terms = [
            {"source": t.source, "stride": t.stride, "sigma": list(t.sigma), "rows": list(t.rows)} for t in self.terms
        ]
        meta: dict[str, Any] = {
            "name": self.name,
            "grid": self.grid,
            "n_features": self.n_features,
            "sentence": self.sentence,
        }
        arrays = {f"weight{i}": t.weight.numpy() for i, t in enumerate(self.terms)}
        meta["tone"] = [list(self.tone.low), list(self.tone.high)]
        return {**meta, "terms": terms}, arrays | {f"bias{i}": t.bias.numpy() for i, t in enumerate(self.terms)}

    @classmethod
    def from_state(cls, meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> FeatureSpace:
        """The space that `state` described."""
        terms = tuple(
            Term(
                source=t["source"],
                stride=t["stride"],
                sigma=tuple(t["sigma"]),
                rows=(t["rows"][0], t["rows"][1]),
                weight=torch.from_numpy(np.array(arrays[f"weight{i}"], dtype=np.float32)),
                bias=torch.from_numpy(np.array(arrays[f"bias{i}"], dtype=np.float32)),
            )
            for i, t in enumerate(meta["terms"])
        )
        tone = Tone(tuple(meta["tone"][0]), tuple(meta["tone"][1]))
        return cls(meta["name"], meta["grid"], meta["n_features"], tone, terms, meta["sentence"])

    def _work(self, sigma: tuple[float, ...]) -> list[int]:
        return [max(self.grid, filters.work_stride(s)) for s in sigma]

    def _reach(self, term: Term) -> int:
        work = self._work(term.sigma)
        cells = max(w * (filters.radius(s / w) + 1) for s, w in zip(term.sigma, work, strict=True))
        return cells + term.stride
