"""What docks hand each other: what was asked, what came out, and what was painted on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.core.wholefile import whole_file

from .preferences import strokes_folder

if TYPE_CHECKING:
    from pathlib import Path

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


@dataclass(frozen=True)
class Result:
    """A request with its answer; `changes` are what was changed since, in order."""

    request: Request
    segmenter: Segmenter
    prepared: tuple[Prepared | None, ...]
    segments: tuple[Segments, ...]
    changes: tuple[tuple[str, Any], ...] = field(default=())

    @property
    def live(self) -> bool:
        """Whether the features are in memory, so that a change answers at once."""
        return all(one is not None for one in self.prepared)


class Strokes:
    """Strokes on the image `number` of a result; as Python they are a file, kept beside the models."""

    def __init__(self, array: np.ndarray, number: int) -> None:
        self.array = array
        self.number = number

    @property
    def path(self) -> Path:
        """The file that holds them, written when it is first asked for."""
        digest = hashlib.blake2b(self.array.tobytes(), digest_size=6).hexdigest()
        path = strokes_folder() / f"{digest}.npz"
        if not path.exists():
            with whole_file(path) as temporary:
                np.savez_compressed(temporary, strokes=self.array)
        return path
