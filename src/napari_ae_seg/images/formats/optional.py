"""Libraries that come with an extra."""

from __future__ import annotations

import importlib
from typing import Any

from napari_ae_seg.core.errors import MissingExtraError


def optional(module: str, what: str, extra: str = "medical") -> Any:
    """An optional module, or one sentence on how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtraError(f'{what} needs {module}: pip install "napari-ae-seg[{extra}]"') from None
