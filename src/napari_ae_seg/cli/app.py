"""The command line: every option is a field of config.py, every command a few lines over the pipeline."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from napari_ae_seg import __version__
from napari_ae_seg.config import ClassificationConfig, NetworkConfig, SegmentationConfig, TrainingConfig
from napari_ae_seg.core.errors import AeSegError

from .options import given, takes

app = typer.Typer(
    name="napari-ae-seg",
    help="Segment microscopy and medical images without labels. For research, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Images = Annotated[list[Path], typer.Argument(help="Images, volumes, OME-Zarr folders, or folders of images.")]
ModelOut = Annotated[Path, typer.Option("--model", help="Where to write the model (.aeseg).")]
Out = Annotated[Path, typer.Option("--out", help="Labels file (.tif .png .npy .nii.gz .zarr); a folder for several.")]
Parting = Literal["components", "distance", "intensity"]
ModelFile = Annotated[Path, typer.Argument(help="A model file (.aeseg).")]


def main() -> None:
    """Runs the command line: exit status 0 done, 2 wrong usage, 1 anything else with one line on stderr."""
    debug = "--debug" in sys.argv
    if not debug:  # a person needs what it says, not the line of code it comes from
        warnings.formatwarning = lambda message, *_, **__: f"napari-ae-seg: {message}\n"
    try:
        app(args=[argument for argument in sys.argv[1:] if argument != "--debug"])
    except Exception as error:
        if debug:
            raise
        print(f"napari-ae-seg: {_sentence(error)}", file=sys.stderr)
        sys.exit(1)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
@takes(NetworkConfig, TrainingConfig, reading=True, preset=True)
def train(images: Images, model: ModelOut, **fields: Any) -> None:
    """Train an autoencoder on IMAGES and save it."""
    from .commands import train as run

    run(images, model, given(fields))


@app.command()
@takes(NetworkConfig, TrainingConfig, SegmentationConfig, reading=True, preset=True)
def segment(
    images: Images,
    out: Out,
    model: Annotated[Path | None, typer.Option(help="Apply this model instead of the shipped encoder.")] = None,
    save_model: Annotated[Path | None, typer.Option(help="Write encoder and clusters here (.aeseg).")] = None,
    refit: Annotated[bool, typer.Option("--refit", help="Cluster anew with the encoder of --model.")] = False,
    train: Annotated[bool, typer.Option("--train", help="Train on the images first.")] = False,
    finetune: Annotated[int, typer.Option(min=0, help="Steps of training that start from the encoder.")] = 0,
    rescale: Annotated[bool, typer.Option("--rescale", help="Resample to the pixel size of --model.")] = False,
    strokes: Annotated[
        list[Path] | None,
        typer.Option(help="A label image of strokes on the first of IMAGES, again for the second: the rest follows."),
    ] = None,
    objects: Annotated[
        Parting | None, typer.Option(help="Write single objects: what touches, parted where narrow or dark.")
    ] = None,
    object_labels: Annotated[str | None, typer.Option(help="Segments that hold objects, such as 2,3.")] = None,
    object_min_size: Annotated[int, typer.Option(min=0, help="Objects of fewer pixels are left out.")] = 0,
    table: Annotated[Path | None, typer.Option(help="Write the table of segments or objects here (.csv).")] = None,
    **fields: Any,
) -> None:
    """Segment IMAGES and write labels; nothing but an image is needed."""
    from .commands import segment as run

    asked = {
        "model": model,
        "save_model": save_model,
        "refit": refit,
        "train": train,
        "finetune": finetune,
        "rescale": rescale,
        "strokes": strokes,
        "table": table,
        "objects": objects,
        "object_labels": object_labels,
        "object_min_size": object_min_size,
    }
    run(images, out, asked, given(fields))


@app.command()
@takes()
def generate(
    file: ModelFile,
    out: Annotated[Path, typer.Option(help="Where the images go (.tif .npy).")],
    n: Annotated[int, typer.Option("--n", min=1, help="How many images.")] = 1,
    **fields: Any,
) -> None:
    """Draw new images from a variational model."""
    from .commands import generate as run

    run(file, out, n, given(fields))


@app.command()
@takes()
def info(
    file: ModelFile,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
    **fields: Any,
) -> None:
    """Say what a model file holds."""
    from .commands import info as run

    run(file, as_json, given(fields))


@app.command()
@takes(reading=True)
def report(
    file: ModelFile,
    images: Images,
    out: Annotated[Path, typer.Option("--out", help="Where the page goes (.html).")],
    **fields: Any,
) -> None:
    """One web page on IMAGES labelled with the clusters in a model: pictures, tables, charts, settings."""
    from .report import report as run

    run(file, images, out, given(fields))


@app.command()
@takes()
def devices(**fields: Any) -> None:
    """Say where training and encoding run, and why."""
    from .commands import devices as run

    run(given(fields))


@app.command()
@takes()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the labels and the picture.")] = Path("demo-output"),
    window: Annotated[bool, typer.Option("--window/--no-window", help="Open napari if there is a display.")] = True,
    **fields: Any,
) -> None:
    """Train on a sample image, segment it, and show the labels."""
    from .commands import demo as run

    run(out, window, given(fields))


classify = typer.Typer(help="Recognise classes of images, slices or objects from a few examples.", no_args_is_help=True)
app.add_typer(classify, name="classify")

ClassifierFile = Annotated[Path, typer.Option("--model", help="The classifier (.aeseg).")]
LabelFiles = Annotated[
    list[Path] | None, typer.Option(help="Label images whose objects have classes, or their folder.")
]


@classify.command("train")
@takes(ClassificationConfig, reading=True)
def classify_train(
    sources: Annotated[
        list[Path], typer.Argument(help="A folder with a sub-folder per class, a .csv (file,class), or images.")
    ],
    model: ClassifierFile,
    labels: LabelFiles = None,
    classes: Annotated[Path | None, typer.Option(help="A .csv: file,class, or file,label,class with --labels.")] = None,
    encoder: Annotated[Path | None, typer.Option(help="Autoencoder to look with, instead of the shipped one.")] = None,
    **fields: Any,
) -> None:
    """Learn classes from examples and save the classifier."""
    from .classify import train as run

    run(sources, model, labels or [], classes, encoder, given(fields))


@classify.command("apply")
@takes(reading=True)
def classify_apply(
    images: Images,
    model: ClassifierFile,
    out: Annotated[Path, typer.Option("--out", help="The table of classes (.csv).")],
    labels: LabelFiles = None,
    labels_out: Annotated[
        Path | None, typer.Option("--labels-out", help="Also write the classes as a label image; a folder for several.")
    ] = None,
    features: Annotated[bool, typer.Option("--features", help="Add all that was measured to the table.")] = False,
    **fields: Any,
) -> None:
    """Recognise the classes of IMAGES with a classifier."""
    from .classify import apply as run

    run(images, model, out, labels or [], labels_out, features, given(fields))


def _sentence(error: Exception) -> str:
    """One line that says what was wrong."""
    text = " ".join(str(error).split()) or type(error).__name__
    known = isinstance(error, AeSegError | ValueError | TypeError | OSError | MemoryError)
    return text if known else f"{type(error).__name__}: {text} (add --debug for details)"


if __name__ == "__main__":
    main()
