"""Results kept from run to run, by image, method, and the state of the code that made them."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(".bench-cache")


ASIDE = ("gui", "classifier", "explore", "samples")
"""Rooms of the package that labels do not depend on."""


@cache
def code() -> str:
    """What identifies the code that makes labels: the content of its files."""
    root = Path(__file__).parent.parent / "src" / "napari_ae_seg"
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix in (".py", ".aeseg", ".json"))
    digest = hashlib.sha256()
    for path in files:
        if path.relative_to(root).parts[0] not in ASIDE:
            digest.update(path.read_bytes())
    for name in ("methods", "scores", "strokes"):
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()[:16]


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
