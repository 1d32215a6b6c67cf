"""What a clustering method is: a function of the places, the number of clusters and the settings.

It returns a fitted model that says how much any other place belongs to each cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ae_seg.config import SegmentationConfig


class Model(Protocol):
    """Fitted clusters; `core.state.stored` with `family=Model` lets files hold a class of them."""

    @property
    def k(self) -> int:
        """Number of clusters."""

    @property
    def features(self) -> int:
        """Number of features."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def memberships(self, x: Tensor) -> Tensor:
        """Log memberships (n, K) of points `x` (n, F), unnormalised: each place belongs to the largest."""

    def permuted(self, order: Tensor) -> Self:
        """The clusters in another order: number i is what was number `order[i]`."""

    def to(self, device: torch.device) -> Self:
        """The same model on another device."""


@dataclass(frozen=True)
class Fitted:
    """What a method returns."""

    model: Model
    quality: dict[str, float] = field(default_factory=dict)
    """Figures of merit by name."""
    note: str = ""
    """One sentence on what could not be as asked; empty otherwise."""


class Method(Protocol):
    """Places `x` (n, F) on any device, the number of clusters and the settings become fitted clusters."""

    def __call__(self, x: Tensor, k: int, config: SegmentationConfig, /) -> Fitted:
        """Clusters of the places."""


def drawn(x: Tensor, most: int, seed: int) -> Tensor:
    """At most `most` rows of `x`, drawn at random: the order of rows may be that of the image."""
    if len(x) <= most:
        return x
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:most].to(x.device)]
