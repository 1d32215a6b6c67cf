"""The package beside what people use today, on the same images: `python -m benchmarks peers`, or `make bench-peers`.

SETS=, METHODS= and LIMIT= narrow it, so that it can be run a set at a time; what is done is kept. At the end it writes
docs/benchmarks.md and the table in README.md. With MEMORY=yes each method is also run alone on one image, for its
memory.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import napari_ae_seg as ae

from . import cache, pages, results, scores, sets
from .methods import BASELINES, OURS, Run
from .others import OTHERS, possible
from .sets import Case

METHODS: dict[str, Run] = {
    "blank": BASELINES["blank"],
    **OTHERS,
    "basic_forest": BASELINES["forest"],
    "default": OURS["default"],
    "guided": OURS["guided"],
}
"""Every row, by the name under which its figures are kept."""
NAMES = tuple(name for name in sets.K if sets.K[name])
"""Sets whose truth is classes."""
LIBRARIES = ("sklearn.cluster", "sklearn.ensemble", "skimage.feature", "skimage.segmentation", "torch.nn")
MEASURED = "wbc_dataset1"
"""The set whose first image memory is measured on."""


def main() -> None:
    """Scores every method on every set, a line each as it is done, and writes the pages."""
    found = sets.cases(NAMES)
    if not found:
        print("peers: skipped - set NAPARI_AE_SEG_DATA to the folder of images with ground truth")
        return
    asked = [part for part in os.environ.get("METHODS", "").split(",") if part] or list(METHODS)
    for module in LIBRARIES:  # what is loaded once is no part of a method
        importlib.import_module(module)
    for name, cases in found.items():
        for method in asked:
            able = [case for case in cases if possible(method, case)]
            if able:
                rows = [scored(case, method) for case in able]
                figures = {figure: float(np.mean([row[figure] for row in rows])) for figure in ("miou", "seconds")}
                results.keep("peers", {name: {method: {**figures, "images": len(rows), "of": sets.size(name)}}})
                print(f"{name:26} {method:20} {figures['miou']:.3f} {figures['seconds']:8.2f} s", flush=True)
    if os.environ.get("MEMORY") and MEASURED in found:
        results.keep("memory", {MEASURED: {method: {"gigabytes": memory(method)} for method in asked}})
    pages.write()


def scored(case: Case, method: str) -> dict[str, float]:
    """mIoU and seconds of one image, from the cache if the same code has made them before."""
    own = method in ("default", "guided")
    key = f"peers/{case.set}/{case.name}/{method}" + ("" if own else f"/{_code()}")
    row: dict[str, Any] | None = cache.kept(key, ours=own)
    if row is None:
        start = time.process_time()  # of this process alone: others on the machine only make it wait
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            labels, _ = METHODS[method](case)
        seconds = time.process_time() - start
        row = {"miou": scores.miou(case.truth(), labels), "seconds": seconds}
        cache.keep(key, row, ours=own)
    return row


@lru_cache
def _code() -> str:
    """What identifies the code of the other methods."""
    return hashlib.sha256(Path(__file__).with_name("others.py").read_bytes()).hexdigest()[:16]


def memory(method: str) -> float:
    """The most memory that a process which runs `method` on one image has held, in GB."""
    command = [sys.executable, "-c", f"from benchmarks.peers import alone; alone({method!r})"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def alone(method: str) -> None:
    """Runs one method on the first image of `MEASURED` and prints the memory of this process."""
    [case, *_] = sets.cases((MEASURED,))[MEASURED]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ae.AssumptionWarning)
        METHODS[method](case)
    unit = 2**30 if sys.platform == "darwin" else 2**20
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit))


if __name__ == "__main__":
    main()
