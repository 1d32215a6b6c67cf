"""`python -m benchmarks [NAME...]`: each benchmark prints ratios measured in the same run."""

from __future__ import annotations

import importlib
import sys

ALL = (
    "imports",
    "throughput",
    "clustering",
    "explore",
    "responses",
    "memory",
    "encoders",
    "accuracy",
    "classify",
    "eventloop",
    "learning",
    "tracks",
)

ASKED = ("peers", "pages", "scale")
"""Run only when they are named."""


def main() -> None:
    """Runs the benchmarks named on the command line, or all."""
    for name in sys.argv[1:] or ALL:
        if name not in (*ALL, *ASKED):
            sys.exit(f"there is no benchmark {name!r}; there are {', '.join((*ALL, *ASKED))}")
        print(f"\n== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
