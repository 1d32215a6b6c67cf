"""What benchmarks measured, in files beside them: every figure of README and docs stands in one of these.

`benchmarks/results/NAME.json` holds, by set and method, the means that a run found, and when, with what and on what
machine it ran. A run narrowed by SETS=, METHODS= or LIMIT= changes what it measured and leaves the rest.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

import napari_ae_seg as ae

FOLDER = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scikit-image", "scikit-learn", "scipy", "torch")


def known(name: str) -> dict[str, Any]:
    """What was measured last under `name`: {} if nothing was."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def keep(name: str, measured: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Adds what was measured, set -> method -> figures, to the file of `name`; what the file holds then."""
    held = known(name)
    sets = held.get("sets", {})
    for one, methods in measured.items():
        sets[one] = {**sets.get(one, {}), **methods}
    held = {"about": about(), "sets": sets}
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(held, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return held


def about() -> dict[str, Any]:
    """When, with what, and on what machine a benchmark runs."""
    versions = {"napari-ae-seg": ae.__version__, "Python": platform.python_version()}
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores, {_memory()} GB of memory",
        "versions": versions | {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def figures(value: Any) -> set[float]:
    """Every number in what a file holds."""
    if isinstance(value, dict):
        return {number for part in value.values() for number in figures(part)}
    if isinstance(value, list):
        return {number for part in value for number in figures(part)}
    return {float(value)} if isinstance(value, int | float) else set()


def _memory() -> int:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return 0
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
