"""One normaliser at the door of the network: native values -> what it learns from, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from napari_ae_seg.core.state import stored

if TYPE_CHECKING:
    from .sample import Block

_WIDE = 1e38  # differences of values that span more do not fit float32
_FLAT = 1e-30  # a channel that spans less is constant: its inverse would not fit float32


@stored("normalizer")
@dataclass(frozen=True)
class Normalizer:
    """(value clipped to [low, high] -> [0, 1] - mean) / deviation, then the channels mixed if `mix` is given."""

    low: Annotated[np.ndarray, "float64 C"]
    """Per channel (C,), as are `high` and `mean`."""
    high: Annotated[np.ndarray, "float64 C"]
    mean: Annotated[np.ndarray, "float64 C"]
    """Of the values within [0, 1]."""
    deviation: float
    """Of all channels together, each around its own mean."""
    mix: Annotated[np.ndarray, "float64 M C"] | None = None
    """(M, C): each of M outputs as a sum of channels."""

    @classmethod
    def fit(cls, blocks: Sequence[Block], low: float = 0.5, high: float = 99.5, mix_to: int = 0) -> Normalizer:
        """Percentiles `low` and `high` of each channel over the valid places of all `blocks`.

        `mix_to=3` brings any number of channels to three: one is repeated, two are followed by their mean, more than
        three become their first three principal components.
        """
        if not any(block.valid.any() for block in blocks):
            raise ValueError("no finite value to learn from: the image, or its region of interest, is empty")
        count = blocks[0].data.shape[0]
        lows, highs, means, variances = (np.zeros(count) for _ in range(4))
        for channel in range(count):
            values = np.concatenate([block.data[channel][block.valid] for block in blocks])
            lows[channel], highs[channel] = _span(values, low, high)
            unit = _unit(values, lows[channel], highs[channel])
            means[channel], variances[channel] = unit.mean(dtype=float), unit.var(dtype=float)
        deviation = float(np.sqrt(variances.mean()))
        fitted = cls(lows, highs, means, deviation if deviation > 1e-6 else 1.0)
        return cls(lows, highs, means, fitted.deviation, _mix(fitted, blocks, mix_to)) if mix_to else fitted

    @property
    def channels(self) -> int:
        """Channels that go in."""
        return len(self.low)

    @property
    def outputs(self) -> int:
        """Channels that come out."""
        return self.channels if self.mix is None else len(self.mix)

    def apply(self, block: np.ndarray) -> np.ndarray:
        """(C, *space) native values -> (outputs, *space) float32; 0 where a value is NaN or inf."""
        out = self.standard(block)
        return out if self.mix is None else np.tensordot(self.mix.astype(np.float32), out, axes=1)

    def standard(self, block: np.ndarray) -> np.ndarray:
        """(C, *space) native values -> the same channels standardised, float32; 0 where a value is NaN or inf."""
        finite = np.isfinite(block)
        out = self._unit(block)
        out -= self._wide(self.mean, block)
        out /= np.float32(self.deviation)
        if not finite.all():
            out[~finite] = 0
        return out

    def unit(self, block: np.ndarray) -> np.ndarray:
        """(C, *space) native values -> within [0, 1], float32; 0 where a value is NaN or inf."""
        out = self._unit(block)
        out[~np.isfinite(block)] = 0
        return out

    def valid(self, block: np.ndarray) -> np.ndarray:
        """Where all channels of (C, *space) hold a finite value."""
        return np.asarray(np.isfinite(block).all(axis=0))

    def invert(self, x: np.ndarray) -> np.ndarray:
        """(outputs, *space) -> native values (C, *space), as near as the mix allows."""
        out = np.asarray(x, np.float32)
        if self.mix is not None:
            out = np.tensordot(np.linalg.pinv(self.mix).astype(np.float32), out, axes=1)
        unit = out * np.float32(self.deviation) + self._wide(self.mean, out)
        span = self._wide(self.high - self.low, out, float)
        return np.asarray(unit * span + self._wide(self.low, out, float), np.float32)

    def bounded(self, values: np.ndarray) -> np.ndarray:
        """Native values (C, *space) within the range that the normalizer was fitted to; NaN stays NaN."""
        low, high = (self._wide(side, values, np.float32) for side in (self.low, self.high))
        return np.asarray(np.clip(values, low, high), np.float32)

    def check(self) -> None:
        """ValueError unless its ranges are ranges."""
        if not self.channels or not self.outputs or self.deviation <= 0 or (self.high < self.low).any():
            raise ValueError("a normalizer has a channel or more, each from low to high, and a deviation above 0")

    def _unit(self, block: np.ndarray) -> np.ndarray:
        if len(block) != self.channels:
            raise ValueError(f"the model was fitted to {self.channels} channels, the image has {len(block)}")
        return _unit(block, self._wide(self.low, block, float), self._wide(self.high, block, float))

    @staticmethod
    def _wide(values: np.ndarray, like: np.ndarray, dtype: Any = np.float32) -> np.ndarray:
        return values.astype(dtype).reshape(-1, *[1] * (like.ndim - 1))


def _span(values: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """The range of `values` between two percentiles, or their whole range where the percentiles coincide."""
    bottom, top = (float(edge) for edge in np.percentile(values, (low, high), method="nearest"))
    if top - bottom <= _FLAT:
        bottom, top = float(values.min()), float(values.max())
    return bottom, top


def _unit(values: np.ndarray, low: Any, high: Any) -> np.ndarray:
    """`values` (float32) from [low, high] to [0, 1], clipped; a range of no width gives 0. NaN stays NaN."""
    span = np.asarray(high) - np.asarray(low)
    kind = np.float64 if np.max(span) > _WIDE else np.float32
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 is beyond `high`, clipped; inf is masked later
        out = np.subtract(values, np.asarray(low, kind), dtype=kind)
        out /= np.where(span > _FLAT, span, np.inf).astype(kind)
    return np.asarray(np.clip(out, 0, 1, out=out), np.float32)


def _mix(fitted: Normalizer, blocks: Sequence[Block], outputs: int) -> np.ndarray:
    """(outputs, C): how the channels become `outputs` of them, at an overall variance of 1."""
    count = fitted.channels
    if count == outputs:
        return np.eye(count)
    if count < outputs:
        rows = [np.eye(count)[c] for c in range(count)]
        return np.array([*rows, *[np.full(count, 1 / count)] * (outputs - count)])
    scatter, places = np.zeros((count, count)), 0
    for block in blocks:
        values = fitted.apply(block.data)[:, block.valid].astype(float)
        scatter += values @ values.T
        places += values.shape[1]
    variances, vectors = np.linalg.eigh(scatter / places)
    vectors = vectors[:, ::-1][:, :outputs].T
    vectors *= np.sign(vectors[np.arange(outputs), np.abs(vectors).argmax(1)])[:, None]  # an eigenvector has no sign
    total = variances[::-1][:outputs].mean()
    return np.asarray(vectors / np.sqrt(total) if total > 1e-12 else vectors)
