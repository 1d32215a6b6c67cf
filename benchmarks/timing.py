"""Seconds of a function: the best of a few runs, since other work on the machine only ever adds to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def best(run: Callable[[], Any], times: int = 5, warm: int = 1) -> float:
    """The fewest seconds that `run` took."""
    for _ in range(warm):
        run()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        spent.append(time.perf_counter() - start)
    return min(spent)
