"""One block of an image as the network sees it: the input of every space of features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_ae_seg.core import filters
from napari_ae_seg.core.edges import edges

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


@dataclass(frozen=True)
class Maps:
    """One block of an image and what a network says about it."""

    raw: Tensor
    """The normalised image: (C, *space)."""
    levels: list[Tensor]
    """Levels of the encoder, the last is z: (C_l, *ceil(space / stride))."""
    strides: list[int]
    """Pixels per cell of each level."""
    valid: Tensor
    """Where there is data: bool, (*space)."""
    decoded: Tensor | None = None
    """What the decoder draws: (F, *ceil(space / decoded_stride))."""
    decoded_stride: int = 1
    codes: int = 1
    """How many of the last levels describe a place together, each on the scale it counts."""
    edges: Tensor | None = None
    """Slopes, curvatures and grain of the image: (E, *space); made when they are asked for."""
    tone_weight: float | None = None
    """What the image itself counts beside them; None for a network of which nobody knows."""

    @property
    def space(self) -> tuple[int, ...]:
        """Pixels per axis."""
        return tuple(self.raw.shape[1:])

    @property
    def masked(self) -> bool:
        """Whether some of it is without data."""
        return not bool(self.valid.all())

    def cells(self, stride: int) -> Tensor:
        """Which cells of `stride` pixels are at least half covered by data: bool, (*ceil(space / stride))."""
        return filters.coverage(self.valid, [stride] * len(self.space)) >= 0.5

    def toned(self, tone: Callable[[Tensor], Tensor]) -> Maps:
        """The same with the image on a tone curve."""
        return replace(self, raw=tone(self.raw))

    def with_edges(self, anisotropy: Sequence[float]) -> Maps:
        """The same with the edges of the image."""
        return self if self.edges is not None else replace(self, edges=edges(self.raw, anisotropy, self.valid))

    def source(self, name: str) -> tuple[Tensor, int]:
        """Channels and stride of "raw", "edges", "decoded" or a level by its number."""
        if name == "raw":
            return self.raw, 1
        if name == "edges":
            if self.edges is None:
                raise ValueError("these maps hold no edges: ask for them with `with_edges`")
            return self.edges, 1
        if name == "decoded":
            if self.decoded is None:
                raise ValueError("these maps hold no decoder output: encode with features='decoder'")
            return self.decoded, self.decoded_stride
        return self.levels[int(name)], self.strides[int(name)]

    def at(
        self, name: str, stride: Sequence[int], project: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """A source at `stride` pixels per axis and the share of data in each cell (None: data everywhere)."""
        x, own = self.source(name)
        first = project is not None and own >= max(stride)
        if project is not None and first:
            x = project(x)
        source = [own] * len(stride)
        weight = None
        if self.masked:
            weight = filters.coverage(self.valid, stride)
            x = filters.masked_resample(x, filters.coverage(self.valid, source), source, stride, self.space)
        else:
            x = filters.resample(x, source, stride, self.space)
        if project is not None and not first:
            x = project(x)
        return x, weight
