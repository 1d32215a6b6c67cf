"""A compressive tone curve: differences between dark places count more than the same differences between bright ones.

Light comes with noise that grows with its amount, and what a detector clips to white says little. A curve between the
identity and the square root, which would even out pure photon noise, makes the spread within dark and bright classes
more alike, which is what k-means assumes. Volumes stay linear: on those measured, any such curve was worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_ae_seg.core.state import stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_ae_seg.autoencoder.maps import Maps

GAMMA = {2: 0.65, 3: 1.0}
"""Power that intensities within [0, 1] are raised to, in pictures and in volumes."""


@stored("tone")
@dataclass(frozen=True)
class Tone:
    """The curve of each channel, over the range it had when fitted; without a range, none: the channels as they are."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, maps: Sequence[Maps]) -> Tone:
        """The curve over the range of the data in `maps`."""
        data = [torch.nan_to_num(block.raw.flatten(1)[:, block.valid.flatten()]) for block in maps]
        data = [x for x in data if x.numel()]
        channels = len(maps[0].raw)
        if not data:
            return cls((0.0,) * channels, (0.0,) * channels)
        low = torch.stack([x.amin(1) for x in data]).amin(0)
        high = torch.stack([x.amax(1) for x in data]).amax(0)
        return cls(tuple(low.tolist()), tuple(high.tolist()))

    def __call__(self, raw: Tensor) -> Tensor:
        """Normalised channels (C, *space) on the curve: finite, within [0, 1].

        >>> Tone((-1.0,), (1.0,))(torch.tensor([[[-1.0, 0.0, 5.0]]]))
        tensor([[[0.0000, 0.6373, 1.0000]]])
        """
        if not self.low:
            return torch.nan_to_num(raw, nan=0.0, posinf=0.0, neginf=0.0)
        column = (-1, *(1,) * (raw.ndim - 1))
        low = torch.tensor(self.low).to(raw).view(column)
        high = torch.tensor(self.high).to(raw).view(column)
        reach = (high - low).clamp_min(1e-6)
        return torch.nan_to_num((raw - low) / reach, nan=0.0, posinf=1.0, neginf=0.0).clamp(0, 1) ** GAMMA.get(
            raw.ndim - 1, 1.0
        )
