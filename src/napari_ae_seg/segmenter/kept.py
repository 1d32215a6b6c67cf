"""What was made last, kept with the things that it was made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Kept(Generic[Made]):
    """The last few things made, each known by the very objects it was made of and by the settings it was made with.

    >>> kept, one, equal = Kept(), [1], [1]
    >>> [kept.get((part,), "sum", lambda: text) for part, text in ((one, "made"), (one, "again"), (equal, "other"))]
    ['made', 'made', 'other']
    """

    def __init__(self, most: int = 1) -> None:
        self.most = most
        self._entries: list[tuple[tuple[object, ...], object, Made]] = []

    def get(self, parts: tuple[object, ...], settings: object, make: Callable[[], Made]) -> Made:
        """What was made of these very `parts` with equal `settings`; `make` makes it where it is not kept."""
        for known, how, made in self._entries:
            same = len(known) == len(parts) and all(a is b for a, b in zip(known, parts, strict=True))
            if same and how == settings:
                return made
        made = make()
        self._entries = [(parts, settings, made), *self._entries][: self.most]
        return made
