"""What the person set in napari's Preferences for this plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QStandardPaths

PLUGIN = "napari-ae-seg"


def run_defaults() -> dict[str, Any]:
    """Device and threads that the forms start with."""
    settings = _settings()
    if settings is None:
        return {}
    return {"device": settings.computing.device, "threads": settings.computing.threads}


def models_folder() -> Path:
    """Where models are kept; it is made when it is missing."""
    settings = _settings()
    chosen = settings.models.folder if settings is not None else ""
    if chosen:
        folder = Path(chosen).expanduser()
    else:
        base = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
        folder = Path(base or Path.home()) / PLUGIN / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def strokes_folder() -> Path:
    """Where strokes are kept that copied Python refers to."""
    folder = models_folder() / "strokes"
    folder.mkdir(exist_ok=True)
    return folder


def _settings() -> Any:
    """Napari's settings of this plugin; None when it is not installed, only on the path."""
    from napari.settings import get_plugin_settings

    return get_plugin_settings().get(PLUGIN)
