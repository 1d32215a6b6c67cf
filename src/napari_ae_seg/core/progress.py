"""Progress of long work, in one shape for the command line, the docks and scripts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage of the work has come.

    Parameters
    ----------
    stage : str
        What is being done, in a word.
    done : int
        How much of it.
    total : int
        How much there is.
    note : str, optional
        A few words more, such as the loss.

    Examples
    --------
    >>> Progress("train", 20, 200, "loss 0.312").done
    20
    """

    stage: str
    done: int
    total: int
    note: str = ""


Report = Callable[[Progress], None]
"""Is told of progress; it stops the work by raising (KeyboardInterrupt, or `Stopped` from a dock)."""


class Stopped(BaseException):
    """The person asked to stop; passes through `except Exception` on purpose."""


def silent(_: Progress) -> None:
    """A report that nobody reads."""


def progress_bar(progress: Progress) -> None:
    """A report that draws a progress bar, in a terminal or a notebook: `report=ae.progress_bar`.

    Parameters
    ----------
    progress : Progress
        How far the work has come; whatever works for long calls it with that.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> ae.encode(ae.Autoencoder.shipped(2), np.eye(32), report=ae.progress_bar).array.shape
    (1, 16, 16, 16)
    """
    _BAR.show(progress)


class _Bar:
    """One bar at a time: a new stage ends the one before, and a stage that is done ends itself."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def show(self, progress: Progress) -> None:
        from tqdm import tqdm

        if self._bar is not None and (progress.stage != self._stage or progress.done < self._bar.n):
            self._end()
        if self._bar is None:
            self._stage = progress.stage
            self._bar = tqdm(total=progress.total, desc=progress.stage, leave=False, dynamic_ncols=True)
        self._bar.total = progress.total
        self._bar.set_postfix_str(progress.note, refresh=False)
        self._bar.update(progress.done - self._bar.n)
        if progress.done >= progress.total:
            self._end()

    def _end(self) -> None:
        self._bar.close()
        self._bar = None


_BAR = _Bar()
