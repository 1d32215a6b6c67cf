"""A source of pixels as a reader found it: an array that is only read where it is indexed, and what is known of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import ImageReadError

from .axes import CHANNELS

Extra = dict[str, Any]

_MOST = 2**52  # values of an image: some thousand times more than the largest that were ever taken


@dataclass(frozen=True)
class Source:
    """An array with named axes. `array` needs `shape`, `dtype` and basic indexing; nothing else touches it."""

    array: Any
    axes: str
    name: str = "image"
    path: str | None = None
    spacing: dict[str, float] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    alpha: bool = False
    """The last channel is transparency."""
    assumed: str = ""
    transform: Extra | None = None
    """Further arguments for a layer of the array without its channel axis."""
    affine: np.ndarray | None = None
    """Of a medical image: voxel numbers -> millimetres."""
    coarser: tuple[Source, ...] = ()
    """The further levels of a pyramid, each coarser than the one before."""

    def __post_init__(self) -> None:
        shape, dtype = tuple(self.array.shape), np.dtype(self.array.dtype)
        if dtype.kind not in "biuf":
            hint = "; take np.abs of it, or its real and imaginary parts as channels" if dtype.kind == "c" else ""
            raise ImageReadError(f"{self.name}: an image holds real numbers, got an array of dtype {dtype}{hint}")
        if any(math.isnan(size) for size in shape):
            raise ImageReadError(
                f"{self.name}: the dask array does not know its shape; call compute_chunk_sizes() on it"
            )
        if any(size < 1 for size in shape):
            raise ImageReadError(f"{self.name}: the image is empty, its shape is {shape}")
        if math.prod(int(size) for size in shape) > _MOST:
            raise ImageReadError(f"{self.name}: no image has as many values as its shape {shape} claims")
        unknown = "".join(axis for axis, size in self.spacing.items() if not 0 < size < math.inf)
        if unknown:
            known = {axis: size for axis, size in self.spacing.items() if axis not in unknown}
            note = f"{self.name}: the size of a pixel along {', '.join(unknown)} is no number and is left out"
            object.__setattr__(self, "spacing", known)
            object.__setattr__(self, "assumed", "; ".join(filter(None, (self.assumed, note))))

    def at(self, level: int) -> Source:
        """A level of the pyramid, 0 being the finest; ValueError if there is no such level."""
        if not 0 <= level <= len(self.coarser):
            has = f"levels 0 to {len(self.coarser)}" if self.coarser else "one resolution, level 0"
            raise ValueError(f"{self.name}: the image has {has}, got level {level}")
        return replace((self, *self.coarser)[level], coarser=self.coarser[level:])

    def noting(self, sentence: str) -> Source:
        """The same source, with a sentence more on what was assumed."""
        return replace(self, assumed="; ".join(filter(None, (self.assumed, sentence))))

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along `axes`."""
        return tuple(int(size) for size in self.array.shape)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Size of the pieces the array is stored in, if it is."""
        chunks = getattr(self.array, "shards", None) or getattr(self.array, "chunks", None)
        if not chunks:
            return None
        return tuple(max(c) if isinstance(c, tuple) else int(c) for c in chunks)

    @property
    def channels(self) -> int:
        """How many channels there are, transparency included."""
        return math.prod(size for axis, size in zip(self.axes, self.shape, strict=True) if axis in CHANNELS)
