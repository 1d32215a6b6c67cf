"""The numbers that rules were fitted with on generated scenes; they come with the encoders."""

from __future__ import annotations

import importlib.resources
import json
from functools import cache
from typing import Any


def rule_name(ndim: int, shipped: bool) -> str:
    """Under which name rules for images of `ndim` axes are kept: of the shipped encoder and its offspring, or others.

    >>> rule_name(2, shipped=True)
    '2D, encoder'
    """
    return f"{ndim}D, {'encoder' if shipped else 'other networks'}"


@cache
def rules() -> dict[str, Any]:
    """The numbers of every rule by its name, as the scripts in `encoder/` wrote them.

    >>> sorted(rules())
    ['features', 'number', 'sharpness', 'smoothing']
    """
    text = (importlib.resources.files("napari_ae_seg") / "weights" / "rules.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
