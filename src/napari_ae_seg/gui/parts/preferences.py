"""What the person set in napari's Preferences for this plugin."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QStandardPaths

from napari_ae_seg.core.wholefile import whole_file

PLUGIN = "napari-ae-seg"


def run_defaults() -> dict[str, Any]:
    """Device and threads that the forms start with."""
    settings = _settings()
    if settings is None:
        return {}
    return {"device": settings.computing.device, "threads": settings.computing.threads}


def models_folder() -> Path:
    """Where models are kept; it is made when it is missing, as far as that can be."""
    settings = _settings()
    chosen = settings.models.folder if settings is not None else ""
    if chosen:
        folder = Path(chosen).expanduser()
    else:
        base = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
        folder = Path(base or Path.home()) / PLUGIN / "models"
    with suppress(OSError):  # saving a model says so
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def kept(array: np.ndarray, what: str) -> Path:
    """A file that holds `array`, for copied Python and command lines to refer to; it is written if there is none."""
    digest = hashlib.blake2b(array.tobytes() + str(array.shape).encode(), digest_size=6).hexdigest()
    path = models_folder() / "copied" / f"{what}-{digest}.npy"
    if not path.exists():
        with whole_file(path) as temporary:
            np.save(temporary, array)
    return path


def _settings() -> Any:
    """Napari's settings of this plugin; None when it is only on the path, and before napari 0.9."""
    from napari import settings

    of_plugins = getattr(settings, "get_plugin_settings", None)
    return of_plugins().get(PLUGIN) if of_plugins is not None else None
