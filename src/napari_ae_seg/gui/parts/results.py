"""What docks hand each other: what was asked, what came out, and what was painted on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from napari_ae_seg.config import NetworkConfig, SegmentationConfig, TrainingConfig
    from napari_ae_seg.images.stack import Stack
    from napari_ae_seg.segmenter.label import Prepared
    from napari_ae_seg.segmenter.segmenter import Segmenter
    from napari_ae_seg.segmenter.segments import Segments

    from .models import Model
    from .sources import Images


@dataclass(frozen=True)
class Plan:
    """What to train, on what, from which model on if from any."""

    images: Images
    stack: Stack
    training: TrainingConfig
    network: NetworkConfig
    start: Model | None = None


@dataclass(frozen=True)
class Request:
    """What to segment, with which model, how."""

    images: Images
    stack: Stack
    model: Model
    config: SegmentationConfig
    refit: bool = False
    """Find new clusters although the model holds some."""
    clear: bool = True
    """Do not paint over a plain background."""


@dataclass(frozen=True)
class Result:
    """A request with its answer; `changes` are what was changed since, in order."""

    request: Request
    segmenter: Segmenter
    prepared: tuple[Prepared | None, ...]
    segments: tuple[Segments, ...]
    changes: tuple[tuple[str, Any], ...] = field(default=())
    background: int | None = None
    """The label of the plain background, if the first image has one."""

    @property
    def live(self) -> bool:
        """Whether the features are in memory, so that a change answers at once."""
        return all(one is not None for one in self.prepared)


@dataclass(frozen=True, eq=False)
class Strokes:
    """Strokes on the image `number` of a result."""

    array: np.ndarray
    number: int
