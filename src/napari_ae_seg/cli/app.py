"""The command line: a table of commands, and how it ends when something is wrong."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Callable
from typing import Annotated

import typer

from napari_ae_seg import __version__
from napari_ae_seg.core.errors import AeSegError, DestinationError

from .classify import classify
from .console import speak
from .demo import demo
from .devices import devices
from .export import export
from .generate import generate
from .info import info
from .options import Command
from .report import report
from .segment import segment
from .train import train

app = typer.Typer(
    name="napari-ae-seg",
    help="Segment microscopy and medical images without labels. For research, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


STOPPED = {130: "stopped by Ctrl-C", 143: "stopped by SIGTERM"}
"""Exit status of a command that was ended from outside, and what it says."""


def main() -> None:
    """Runs the command line: exit status 0 done, 2 wrong usage, 1 anything else with one line on stderr."""
    debug = "--debug" in sys.argv
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is half written is cleared away
    if not debug:  # a person needs what it says, not the line of code it comes from
        warnings.formatwarning = lambda message, *_, **__: f"napari-ae-seg: {message}\n"
    try:
        app(args=[argument for argument in sys.argv[1:] if argument != "--debug"])
    except SystemExit as ended:
        if ended.code in STOPPED:
            speak(f"napari-ae-seg: {STOPPED[ended.code]}; results that are there are whole", sys.stderr)
        raise
    except Exception as error:
        if debug:
            raise
        speak(f"napari-ae-seg: {_sentence(error)}", sys.stderr)
        sys.exit(2 if isinstance(error, DestinationError) else 1)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


COMMANDS: tuple[Callable[..., None], ...] = (segment, train, demo, generate, info, export, report, devices)
"""Every command, in the order of the help; each has a file of its own."""

for _command in COMMANDS:
    app.command(cls=Command)(_command)
app.add_typer(classify, name="classify")


def _sentence(error: Exception) -> str:
    """One line that says what was wrong."""
    from napari_ae_seg.core.devices import is_out_of_memory

    text = " ".join(str(error).split()) or type(error).__name__
    if is_out_of_memory(error) and not isinstance(error, AeSegError):
        return f"memory ran out: close other programs, or work on a smaller image ({text[:120]})"
    known = isinstance(error, AeSegError | ValueError | TypeError | OSError | MemoryError)
    return text if known else f"{type(error).__name__}: {text} (add --debug for details)"


if __name__ == "__main__":
    main()
