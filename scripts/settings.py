"""docs/settings.md from config.py: every setting with its flag, default, range and help, and what each preset sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from napari_ae_seg import config as configs
from napari_ae_seg.cli.options import flag_of
from napari_ae_seg.config import PRESETS, Config, RunConfig

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
HEAD = """# Settings

Every setting has one name, default, range and help, in `config.py`: the docks, the command line and Python take them
from there. This page is written by `make docs-settings`.
"""


def page() -> str:
    """The page's text."""
    kinds = [kind for kind in vars(configs).values() if isinstance(kind, type) and issubclass(kind, Config)]
    parts = [HEAD, _presets(), *[_table(kind) for kind in kinds if kind not in (Config, RunConfig)], _table(RunConfig)]
    return "\n".join(parts)


def _presets() -> str:
    rows = "".join(f"| `{name}` | {_sets(fields)} |\n" for name, fields in PRESETS.items())
    return f"## Presets\n\n| `--preset` | sets |\n|---|---|\n{rows}"


def _sets(fields: dict[str, Any]) -> str:
    return ", ".join(f"`{name}={value!r}`" for name, value in fields.items()) or "nothing: the defaults below"


def _table(config: type[Config]) -> str:
    shared = {} if config is RunConfig else RunConfig.model_fields
    fields = {name: field for name, field in config.model_fields.items() if name not in shared}
    rows = "".join(
        f"| `{name}` | `--{flag_of(name)}` | `{field.default!r}` | {_range(field)} | {field.description} |\n"
        for name, field in fields.items()
    )
    title = f"## {config.__name__}\n\n{str(config.__doc__).splitlines()[0]}\n"
    return f"{title}\n| field | flag | default | range | |\n|---|---|---|---|---|\n{rows}"


def _range(field: FieldInfo) -> str:
    """What a field admits, in a few characters."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(field.annotation))
    words = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [
        f"{sign} {getattr(rule, name)}"
        for rule in field.metadata
        for name, sign in words.items()
        if hasattr(rule, name)
    ]
    return ", ".join(limits)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
