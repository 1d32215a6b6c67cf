"""Results kept from run to run, by image, method, and the state of the code that made them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(".bench-cache")


@cache
def code() -> str:
    """What identifies the code: the package's tree in git and what is not committed of it."""
    parts = [
        ("git", "rev-parse", "HEAD:src"),
        ("git", "diff", "HEAD", "--", "src", "benchmarks"),
        ("git", "rev-parse", "HEAD:benchmarks"),
    ]
    text = b"".join(subprocess.run(part, capture_output=True, check=False).stdout for part in parts)
    return hashlib.sha256(text).hexdigest()[:16]


def kept(key: str, *, ours: bool) -> Any:
    """What was kept under `key`; None if nothing was. Results of `ours` count only for the same code."""
    path = _path(key, ours)
    return json.loads(path.read_text()) if path.exists() else None


def keep(key: str, value: Any, *, ours: bool) -> None:
    """Keeps `value` under `key`."""
    path = _path(key, ours)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def _path(key: str, ours: bool) -> Path:
    digest = hashlib.sha256(f"{code() if ours else 'baseline'} {key}".encode()).hexdigest()[:24]
    return FOLDER / f"{digest}.json"
