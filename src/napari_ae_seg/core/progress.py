"""Progress of long work, in one shape for the command line, the docks and scripts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage of the work has come: `done` of `total` units of `stage`, with a short `note`."""

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
