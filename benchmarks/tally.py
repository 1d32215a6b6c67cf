"""What a torture came to: how many tries, and how many of them ended in one of the three ways that must not be."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

import napari_ae_seg

PACKAGE = str(Path(napari_ae_seg.__file__).parent)


@dataclass
class Tally:
    """Counts of tries.

    >>> print(Tally(3, raw=1))
    3 tries: 0 lost, 0 silent, 1 raw errors
    """

    tries: int = 0
    lost: int = 0
    """Files that were there and are gone, torn or mixed."""
    silent: int = 0
    """Results that are wrong without a word."""
    raw: int = 0
    """Crashes, hangs, memory filled, and errors that are no sentence of ours."""

    def add(self, other: Tally) -> None:
        """Count what `other` counted, too."""
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + count)

    @property
    def bad(self) -> int:
        """How many tries ended as none may."""
        return self.lost + self.silent + self.raw

    def __str__(self) -> str:
        return f"{self.tries} tries: {self.lost} lost, {self.silent} silent, {self.raw} raw errors"


def is_ours(error: BaseException) -> bool:
    """Whether `error` is one sentence that this package says, and none that escaped from what it calls."""
    frames = traceback.extract_tb(error.__traceback__)
    own = bool(frames) and frames[-1].filename.startswith(PACKAGE)
    return own and bool(str(error).strip()) and "\n" not in str(error).strip()
