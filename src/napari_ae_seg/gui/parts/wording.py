"""What errors say, as a dock says it: whole sentences, and settings by the names and choices of their rows."""

from __future__ import annotations

import re

from napari_ae_seg.config import (
    ClassificationConfig,
    Config,
    NetworkConfig,
    ObjectsConfig,
    SegmentationConfig,
    TrainingConfig,
    choice_of,
    label_of,
    shown,
)

_CONFIGS: tuple[type[Config], ...] = (
    NetworkConfig,
    TrainingConfig,
    SegmentationConfig,
    ObjectsConfig,
    ClassificationConfig,
)
_SETTING = re.compile(r"\b([a-z_]+)=('?)([\w.:]*)\2")
_WORD = re.compile(r"[a-z]+[ ,;]")
_ROWS = {"channels": "Channels", "roi": "Learn inside"}
"""Rows of a dock that are no field of a configuration."""


def as_sentence(text: str) -> str:
    """What an error says, as a sentence begins and ends; a name that it begins with stays as it is.

    >>> as_sentence("tick an image"), as_sentence("a.tif holds no image"), as_sentence("Saved as /a/b.tif.")
    ('Tick an image.', 'a.tif holds no image.', 'Saved as /a/b.tif.')
    >>> as_sentence("that needs kind='conv'"), as_sentence("pick the same ones with channels=, or one kind")
    ('That needs “Network: new, convolutional”.', 'Pick the same ones with “Channels”, or one kind.')
    """
    text = _SETTING.sub(_as_row, text)
    start = text[:1].upper() + text[1:] if _WORD.match(text) else text
    return start if not start or start[-1] in ".!?…)" else f"{start}."


def _as_row(found: re.Match[str]) -> str:
    """A setting as its row shows it."""
    name, _, value = found.groups()
    if name in _ROWS:
        return f"“{_ROWS[name]}”"
    config = next((config for config in _CONFIGS if name in config.model_fields), None)
    if config is None:
        return found[0]
    given = next((choice for choice in shown(config, name).choices if str(choice) == value), value)
    word = choice_of(config, name, given)
    if name == "ndim":  # a row of another name in each dock
        return f"“{word}”"
    return f"“{label_of(config, name)}: {word}”" if value else f"“{label_of(config, name)}”"
