"""docs/settings.md from config.py: every setting with its flag, default, range and help, and what each preset sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from napari_ae_seg import config as configs
from napari_ae_seg.config import PRESETS, Config, RunConfig, flag_of, shown, stage_of

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
HEAD = """# Settings

Every setting has one name, default, range and help, in `config.py`: the docks, the command line and Python take them
from there. This page is written by `make docs-settings`.

The stage says what another value calls for once there are clusters. The docks do it at once; `Segmenter.recluster` does
all but `encode`; the command line does `apply` and `finish`, and asks for `--refit` otherwise.

| stage | another value |
|---|---|
| `train` | needs another training |
| `encode` | needs other features, and clusters of them: `Segmenter.fit` |
| `fit` | needs other clusters of the same features |
| `apply` | keeps the clusters and looks at the image again |
| `finish` | keeps the clusters and finishes the labels otherwise |
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
    names = [name for name in config.model_fields if name not in shared]
    title = f"## {config.__name__}\n\n{str(config.__doc__).splitlines()[0]}\n"
    head = "| field | in the docks | option | default | range | stage | |\n|---|---|---|---|---|---|---|\n"
    return f"{title}\n{head}" + "".join(_row(config, name) for name in names)


def _row(config: type[Config], name: str) -> str:
    field, words = config.model_fields[name], shown(config, name)
    label = f"{words.label} ({words.unit})" if words.unit else words.label
    default = f"`{field.default!r}`" + (f" ({words.zero})" if words.zero and field.default == 0 else "")
    cases = [
        " and ".join(f"`{other}` is {' or '.join(f'`{v}`' for v in values)}" for other, values in case.items())
        for case in words.cases
    ]
    when = ", or ".join(filter(None, cases))
    text = " ".join(str(field.description).split()) + (f" Matters where {when}." if when else "")
    cells = (f"`{name}`", label, f"`{flag_of(name)}`", default, _range(field), stage_of(config, name))
    return f"| {' | '.join((*cells, text))} |\n"


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
