"""Command-line options made from the fields of config.py: a flag is its field's name with dashes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from napari_ae_seg.config import PRESETS, Config, RunConfig, SettingError, flag_of, preset

C = TypeVar("C", bound=Config)
Command = TypeVar("Command", bound=Callable[..., Any])

READING: dict[str, tuple[Any, str]] = {
    "axes": (str, "Names of the axes, such as ZYX or TCYX, when the file does not say."),
    "spacing": (str, "Pixel size along the spatial axes, such as 2,0.5,0.5."),
    "channels": (str, "Channels to use, such as 0,2."),
    "roi": (Path, "A mask: learn only where it is not 0."),
}
COMMON: dict[str, tuple[Any, str]] = {
    "report": (Path, "Write seconds per stage, memory, device, settings and versions here (JSON)."),
    "quiet": (bool, "Print nothing but errors."),
}


def takes(*configs: type[Config], reading: bool = False, preset: bool = False) -> Callable[[Command], Command]:
    """Gives a command an option for every field of `configs`, and those that every command has."""

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        hints = inspect.get_annotations(command, eval_str=True)
        own = [p.replace(annotation=hints.get(p.name, p.annotation)) for p in own]
        taken = {p.name for p in own}
        made = [p for p in _options(configs, reading, preset) if p.name not in taken]
        keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *made)]
        command.__signature__ = signature.replace(parameters=keyword)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in keyword}
        return command

    return decorate


def given(fields: dict[str, Any]) -> dict[str, Any]:
    """The options that the person gave."""
    return {name: value for name, value in fields.items() if (value is not None and value is not False) or value == 0}


def given_in(config: type[Config], fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of `config` that the preset sets and a person gave."""
    chosen = preset(fields.get("preset", "default"), config)
    return chosen | {name: _value(config, name, value) for name, value in fields.items() if name in config.model_fields}


def configured(config: type[C], fields: dict[str, Any], **defaults: Any) -> C:
    """`config` from the preset and the fields a person gave; wrong values are wrong usage."""
    try:
        return config(**{**defaults, **given_in(config, fields)})
    except SettingError as error:
        raise typer.BadParameter(error.naming(flag_of)) from None


def asks_for(fields: dict[str, Any], *configs: type[Config]) -> list[str]:
    """Flags among `fields` that belong to `configs` alone, whether given or set by the preset."""
    names = {name for config in configs for name in config.model_fields} - set(RunConfig.model_fields)
    chosen = {**{k: v for c in configs for k, v in preset(fields.get("preset", "default"), c).items()}, **fields}
    return [flag_of(name) for name in chosen if name in names]


def numbers(text: str | None, of: type[int] | type[float], flag: str) -> tuple[Any, ...] | None:
    """Numbers separated by commas.

    >>> numbers("2,0.5", float, "spacing")
    (2.0, 0.5)
    """
    if text is None:
        return None
    try:
        return tuple(of(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--{flag}: numbers separated by commas are expected, got {text!r}") from None


def _value(config: type[Config], name: str, value: Any) -> Any:
    """What a person wrote, as the field wants it: sizes separated by commas become a tuple."""
    sizes = get_origin(config.model_fields[name].annotation) is tuple
    return numbers(value, int, flag_of(name)[2:]) if sizes else value


def _options(configs: tuple[type[Config], ...], reading: bool, with_preset: bool) -> Iterator[inspect.Parameter]:
    if with_preset:
        text = "A named set of options: " + "; ".join(f"{name} {_sets(name)}" for name in PRESETS)
        yield _parameter("preset", Literal[tuple(PRESETS)], text, None, "Image")
    for name, (kind, text) in (READING if reading else {}).items():
        yield _parameter(name, kind, text, None, "Image")
    for config in configs:
        for name, field in config.model_fields.items():
            if name not in RunConfig.model_fields:
                panel = config.__name__.removesuffix("Config")
                yield _parameter(name, _kind(field), field.description or "", field.default, panel)
    for name, field in RunConfig.model_fields.items():
        yield _parameter(name, _kind(field), field.description or "", field.default, "Run")
    for name, (kind, text) in COMMON.items():
        yield _parameter(name, kind, text, None, "Run")


def _sets(name: str) -> str:
    """What a preset sets, in brackets."""
    return (
        f"({', '.join(f'{flag_of(key)[2:]} {value}' for key, value in PRESETS[name].items()) or 'what measured best'})"
    )


def _parameter(name: str, kind: Any, text: str, default: Any, panel: str) -> inspect.Parameter:
    flag = flag_of(name)
    names = f"{flag}/--no-{flag[2:]}" if kind is bool and name not in COMMON else flag
    if default not in (None, ()):
        value = ("yes" if default else "no") if kind is bool else default
        text = f"{text} (default {value})"
    option = typer.Option(names, help=text, show_default=False, rich_help_panel=panel)
    annotation = Annotated[Union[kind, None], option]  # noqa: UP007 - built at run time
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _kind(field: FieldInfo) -> Any:
    """The Python type of a field's flag."""
    kind = field.annotation
    if get_origin(kind) is Literal:
        return int if all(isinstance(value, int) for value in get_args(kind)) else kind
    return str if get_origin(kind) is tuple else kind
