"""Options of the command line: those that commands share, and those made from the fields of config.py."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

from napari_ae_seg.config import PRESETS, Config, RunConfig, SettingError, flag_of, meant, preset, shown

C = TypeVar("C", bound=Config)

NOTHING = " "  # in place of the type of a value, for an option that takes none


def option(text: str, *flags: str, panel: str = "Result", value: str = "FILE", **rules: Any) -> Any:
    """An option that takes a value, in the help's `panel`."""
    return typer.Option(*flags, help=text, metavar=value, show_default=False, rich_help_panel=panel, **rules)


def switch(text: str, *flags: str, panel: str = "Result") -> Any:
    """An option that takes no value."""
    return option(text, *flags, panel=panel, value=NOTHING)


Images = Annotated[list[Path], typer.Argument(help="Images, volumes, OME-Zarr folders, or folders of images.")]
ModelFile = Annotated[Path, typer.Argument(help="A model file (.aeseg).")]

READING: dict[str, tuple[Any, str, str]] = {
    "axes": (str, "AXES", "Names of the axes, such as ZYX or TCYX, when the file does not say."),
    "spacing": (str, "SIZES", "Pixel size along the spatial axes, such as 2,0.5,0.5."),
    "channels": (str, "NUMBERS", "Channels to use, such as 0,2."),
    "roi": (Path, "FILE", "A mask: learn only where it is not 0."),
    "level": (int, "NUMBER", "Level of a pyramid: 0 is the finest, each further one coarser."),
}
COMMON: dict[str, tuple[Any, str, str]] = {
    "report": (Path, "FILE", "Write seconds per stage, memory, device, settings and versions here (JSON)."),
    "quiet": (bool, NOTHING, "Print nothing but errors."),
}


class Command(TyperCommand):
    """A command whose help shows what most people need, and all of it on request."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; of an option that does not exist, name the one that was most likely meant."""
        try:
            return super().parse_args(ctx, args)
        except USAGE_ERROR as error:
            if hasattr(error, "possibilities"):  # no such option
                known = {flag.removeprefix("--").replace("-", "_") for one in self.params for flag in one.opts}
                asked = str(getattr(error, "option_name", "")).lstrip("-").replace("-", "_")
                near = meant(asked, {*known, "n_clusters"} if "clusters" in known else known)
                error.possibilities = []
                error.message = f"there is no option --{asked.replace('_', '-')}" + (
                    f"; did you mean {flag_of(near)}?" if near else f"; see napari-ae-seg {self.name} --help-all"
                )
            raise

    def get_help_option(self, ctx: Any) -> Any:
        """`--help`, beside the other options of a run."""
        found = super().get_help_option(ctx)
        if found is not None:
            found.metavar, found.rich_help_panel = NOTHING, "Run"
        return found


USAGE_ERROR: Any = typer.BadParameter.__mro__[1]


def takes(
    *configs: type[Config], further: tuple[type[Config], ...] = (), reading: bool = False, preset: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command an option for every field of `configs`, and those that every command has.

    The command gets what a person gave as keywords. Fields of `further` stand in the whole help alone.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        hints = inspect.get_annotations(function, eval_str=True)
        own = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
        taken = {p.name for p in own}
        made = [p for p in _options(configs, further, reading, preset) if p.name not in taken]
        named = [p.replace(annotation=hints[p.name], kind=inspect.Parameter.KEYWORD_ONLY) for p in own]

        def command(**values: Any) -> None:
            function(**{name: value for name, value in values.items() if name in taken or value is not None})

        command.__name__, command.__doc__ = function.__name__, function.__doc__
        command.__signature__ = inspect.Signature([*named, *made])  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in (*named, *made)}
        return command

    return decorate


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
    """What a person gave that is for `configs` alone: flags, and the preset if it sets any of their fields.

    >>> from napari_ae_seg.config import NetworkConfig
    >>> asks_for({"preset": "sparse", "width": 4, "seed": 1}, NetworkConfig)
    ['--preset sparse', '--width']
    """
    named = fields.get("preset", "default")
    sets = [f"--preset {named}"] if any(preset(named, config) for config in configs) else []
    own = {name for config in configs for name in config.model_fields} - set(RunConfig.model_fields)
    return sets + [flag_of(name) for name in fields if name in own]


def numbers(text: str | None, of: type[int] | type[float], flag: str) -> tuple[Any, ...] | None:
    """Numbers separated by commas.

    >>> numbers("2,0.5", float, "--spacing")
    (2.0, 0.5)
    """
    if text is None:
        return None
    try:
        return tuple(of(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{flag}: numbers separated by commas are expected, got {text!r}") from None


def _value(config: type[Config], name: str, value: Any) -> Any:
    """What a person wrote, as the field wants it: sizes separated by commas become a tuple."""
    sizes = get_origin(config.model_fields[name].annotation) is tuple
    return numbers(value, int, flag_of(name)) if sizes else value


def _options(
    configs: tuple[type[Config], ...], further: tuple[type[Config], ...], reading: bool, with_preset: bool
) -> Iterator[inspect.Parameter]:
    for name, (kind, value, text) in (READING if reading else {}).items():
        yield _parameter(name, kind, option(text, flag_of(name), panel="Image", value=value))
    if with_preset:
        text = "A named set of options: " + "; ".join(f"{name} {_sets(name)}" for name in PRESETS)
        yield _parameter("preset", Literal[tuple(PRESETS)], option(text, panel="Model", value="NAME"))
    for config in (*configs, *further):
        for name in (name for name in config.model_fields if name not in RunConfig.model_fields):
            panel = config.__name__.removesuffix("Config")
            yield _of_field(config, name, panel, hidden=config in further or not shown(config, name).common)
    for name in RunConfig.model_fields:
        yield _of_field(RunConfig, name, "Run", hidden=not shown(RunConfig, name).common)
    for name, (kind, value, text) in COMMON.items():
        yield _parameter(name, kind, option(text, flag_of(name), panel="Run", value=value))
    every = switch("Every option that this command takes.", "--help-all", panel="Run")
    every.is_eager, every.callback, every.expose_value = True, _help_all, False
    yield _parameter("help_all", bool, every)


def _help_all(ctx: typer.Context, asked: bool | None) -> None:
    """The help with every option."""
    if asked:
        for one in ctx.command.params:
            one.hidden = False  # type: ignore[attr-defined]
        typer.echo(ctx.get_help())
        raise typer.Exit


def _sets(name: str) -> str:
    """What a preset sets, in brackets."""
    return (
        f"({', '.join(f'{flag_of(key)[2:]} {value}' for key, value in PRESETS[name].items()) or 'what measured best'})"
    )


def _of_field(config: type[Config], name: str, panel: str, hidden: bool) -> inspect.Parameter:
    """The option that sets a field of a configuration."""
    field, flag = config.model_fields[name], flag_of(name)
    text = " ".join(str(field.description).split())
    if field.default != ():
        value = ("yes" if field.default else "no") if field.annotation is bool else field.default
        text = f"{text} (default {value})"
    if field.annotation is bool:
        return _parameter(
            name, bool, option(text, f"{flag}/--no-{flag[2:]}", panel=panel, value=NOTHING, hidden=hidden)
        )
    return _parameter(name, _kind(field), option(text, flag, panel=panel, value=_value_word(field), hidden=hidden))


def _parameter(name: str, kind: Any, made: Any) -> inspect.Parameter:
    annotation = Annotated[Union[kind, None], made]  # noqa: UP007 - built at run time
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _value_word(field: FieldInfo) -> str:
    """What the value of an option looks like."""
    if get_origin(field.annotation) is Literal:
        return "|".join(map(str, get_args(field.annotation)))
    words = {int: "NUMBER", float: "NUMBER", str: "NAME"}
    return words.get(field.annotation, "SIZES") if isinstance(field.annotation, type) else "SIZES"


def _kind(field: FieldInfo) -> Any:
    """The Python type of a field's flag."""
    kind = field.annotation
    if get_origin(kind) is Literal:
        return int if all(isinstance(value, int) for value in get_args(kind)) else kind
    return str if get_origin(kind) is tuple else kind
