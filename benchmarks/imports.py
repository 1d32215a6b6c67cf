"""Importing the package: how long it takes beside `import numpy`, and what it must not load."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

HEAVY = ("torch", "sklearn", "skimage", "dask", "napari", "qtpy", "PyQt6", "PySide6")
TIMED = "import sys, time, json; start = time.perf_counter(); import {0}; spent = time.perf_counter() - start; "
SAID = "print(json.dumps([spent, [name for name in {1} if name in sys.modules]]))"


def main() -> None:
    """Prints the time of the import and whatever heavy thing it loads."""
    own, other = ([_run(name) for _ in range(7)] for name in ("napari_ae_seg", "numpy"))
    seconds, base = (statistics.median(spent for spent, _ in runs) for runs in (own, other))
    print(f"import napari_ae_seg: {seconds:.3f} s (aim 0.15), {seconds / base:.2f} of import numpy")
    print(f"loaded by it of {', '.join(HEAVY)}: {', '.join(own[0][1]) or 'none'}")


def _run(name: str) -> tuple[float, list[str]]:
    code = (TIMED + SAID).format(name, HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    spent, loaded = json.loads(done.stdout)
    return spent, loaded
