"""`classify train` and `classify apply`: classes of images, slices or objects, learnt from a few examples."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ae_seg.config import ClassificationConfig
from napari_ae_seg.core.colors import color
from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.images.destinations import stem_of

from .console import Talk
from .options import Command, Images, configured, option, switch, takes
from .outputs import label_files

if TYPE_CHECKING:
    from napari_ae_seg.classifier import Classified, Classifier
    from napari_ae_seg.images.stack import Image, Stack

HEADINGS = ("file", "image", "path", "label", "slice", "index", "class")
"""Words by which the first line of a table is known to be its heading."""
SHOWN = 5
"""Features that are named as those that matter most."""


classify = typer.Typer(help="Recognise classes of images, slices or objects from a few examples.", no_args_is_help=True)

ClassifierFile = Annotated[Path, option("The classifier (.aeseg).", "--model", panel="Model")]
LabelFiles = Annotated[
    list[Path] | None, option("Label images whose objects have classes, or their folder.", panel="Image")
]


@takes(ClassificationConfig, reading=True)
def train(
    sources: Annotated[
        list[Path], typer.Argument(help="A folder with a sub-folder per class, a .csv (file,class), or images.")
    ],
    model: ClassifierFile,
    labels: LabelFiles = None,
    classes: Annotated[
        Path | None, option("A .csv: file,class, or file,label,class with --labels.", panel="Image")
    ] = None,
    encoder: Annotated[
        Path | None, option("Autoencoder to look with, instead of the shipped one.", panel="Model")
    ] = None,
    **fields: Any,
) -> None:
    """Learn classes from examples and save the classifier."""
    config = configured(ClassificationConfig, fields)
    if labels and not classes:
        raise typer.BadParameter("--labels: which class the objects have is told by --classes FILE.csv (label,class)")
    if labels and config.slices:
        raise typer.BadParameter("--slices: with --labels the objects have classes, not the slices; leave out one")
    with Talk("classify train", fields) as talk:
        talk.check([*_with_folders(sources), classes, encoder, *(labels or [])], {"--model": [model]})
        from napari_ae_seg.autoencoder.model import Autoencoder
        from napari_ae_seg.classifier import Classifier

        if classes:
            stack = talk.read(sources)
            named = _told(classes, stack, "label" if labels else "slice" if config.slices else "")
        else:
            stack, named = _by_folder(sources, config, talk)
        arrays = _label_arrays(labels or [], stack)
        talk.account.configs(config)
        with talk.account.stage("fit"):
            fitted = Classifier.fit(
                Autoencoder.load(encoder) if encoder else None, stack, named, arrays, config, talk.report
            )
        fitted.save(model)
        _say(fitted, talk)
        talk.say(f"model: {model}")
        talk.say_cost()


@takes(reading=True)
def apply(
    images: Images,
    model: ClassifierFile,
    out: Annotated[Path, option("The table of classes (.csv).")],
    labels: LabelFiles = None,
    labels_out: Annotated[
        Path | None, option("Also write the classes as a label image; a folder for several.", value="PATH")
    ] = None,
    features: Annotated[bool, switch("Add all that was measured to the table.", "--features")] = False,
    **fields: Any,
) -> None:
    """Recognise the classes of IMAGES with a classifier."""
    if out.suffix.lower() != ".csv":
        raise typer.BadParameter(f"--out: the classes are written as a table, .csv, got {out.name}")
    files = label_files(images, labels_out) if labels_out else {}
    with Talk("classify apply", fields) as talk:
        talk.check([*images, model, *(labels or [])], {"--out": [out], "--labels-out": list(files.values())})
        from napari_ae_seg.classifier import Classifier

        with talk.account.stage("load"):
            classifier = Classifier.load(model).on(fields.get("device", "auto"))
        if (classifier.kind == "objects") != bool(labels):
            ask = "give their label images with --labels" if not labels else "leave out --labels"
            raise typer.BadParameter(f"{model.name} tells {classifier.kind} apart: {ask}")
        stack = talk.read(images, classifier.model.ndim)
        arrays = _label_arrays(labels or [], stack)
        with talk.account.stage("classify"):
            found = classifier.apply(stack, arrays, talk.report)
        found.to_csv(out, features)
        talk.say(f"{out}: {found.sentence}")
        talk.account.facts["classes"] = {name: found.names.count(name) for name in found.classes}
        if labels_out:
            _write(found, stack, [files[place] for place in talk.places], talk)
        talk.say_cost()


classify.command(cls=Command)(train)
classify.command(cls=Command)(apply)


def _by_folder(sources: Sequence[Path], config: ClassificationConfig, talk: Talk) -> tuple[Stack, list[Any]]:
    """The images in the sub-folders of the one folder, each with its sub-folder's name as its class."""
    from napari_ae_seg.images.stack import Stack

    if len(sources) == 1 and sources[0].suffix.lower() == ".csv":
        return _by_table(sources[0], config, talk)
    folders = sorted(f for s in sources if s.is_dir() for f in s.iterdir() if f.is_dir() and f.name[0] != ".")
    if len(sources) != 1 or len(folders) < 2:
        raise typer.BadParameter(
            "where are the classes? Give a folder with two or more sub-folders, named after the classes, "
            "a .csv with the columns file,class, or --classes FILE.csv"
        )
    stacks = [talk.read([folder]) for folder in folders]
    stack = Stack(tuple(image for one in stacks for image in one.images), sum((one.roi for one in stacks), ()))
    names = [folder.name for folder, one in zip(folders, stacks, strict=True) for _ in one.images]
    counts = ", ".join(f"{len(one)} {folder.name}" for folder, one in zip(folders, stacks, strict=True))
    talk.say(f"images: {counts}")
    if not config.slices:
        return stack, names
    return stack, [dict.fromkeys(range(i.shape[0]), name) for i, name in zip(stack.images, names, strict=True)]


def _by_table(table: Path, config: ClassificationConfig, talk: Talk) -> tuple[Stack, list[Any]]:
    """The images named in a table beside it, with their classes."""
    rows = _rows(table)
    files = list(dict.fromkeys(row[0] for row in rows))
    stack = talk.read([table.parent / file for file in files])
    return stack, _told(table, stack, "slice" if config.slices else "")


def _told(table: Path, stack: Stack, number: str) -> list[Any]:
    """What a table says of each image: its class, or number -> class. One image need not be named."""
    columns = ["file", *([number] if number else []), "class"]
    found: list[dict[int, str]] = [{} for _ in stack.images]
    for line, row in enumerate(_rows(table), 1):
        if len(row) == len(columns) - 1 and len(stack) == 1:
            row = ["", *row]
        if len(row) != len(columns) or (number and not row[1].lstrip("-").isdigit()):
            raise ValueError(f"{table.name}, row {line}: expected {','.join(columns)}, got {','.join(row)!r}")
        where = _place(row[0], stack) if row[0] else 0
        found[where][int(row[1]) if number else 0] = row[-1]
    return found if number else [entry.get(0, "") for entry in found]


def _place(file: str, stack: Stack) -> int:
    """Which image of `stack` a table means by `file`: its path, or the end of it."""
    wanted = Path(file).parts
    fits = [
        i for i, image in enumerate(stack.images) if image.path and Path(image.path).parts[-len(wanted) :] == wanted
    ]
    if len(fits) != 1:
        raise ValueError(f"the table names {file!r}, which is {'none' if not fits else 'several'} of the images")
    return fits[0]


def _rows(table: Path) -> list[list[str]]:
    """The rows of a table without its heading."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except FileNotFoundError:
        raise ImageReadError(f"there is no table {str(table)!r}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ImageReadError(f"{table.name} is no table of comma-separated values: {error}") from None
    if rows and all(cell.lower() in HEADINGS for cell in rows[0]):
        rows = rows[1:]
    if not rows:
        raise ImageReadError(f"{table.name} holds no row")
    return rows


def _label_arrays(labels: Sequence[Path], stack: Stack) -> list[Any] | None:
    """The label images of `stack`: one file each, or a folder that holds `<name>.*` or `<name>_labels.*`."""
    from napari_ae_seg.images.stack import read

    if not labels:
        return None
    files = list(labels)
    if len(labels) == 1 and labels[0].is_dir() and labels[0].suffix != ".zarr":
        files = [_beside(labels[0], image) for image in stack.images]
    if len(files) != len(stack):
        raise typer.BadParameter(f"--labels: {len(stack)} images need as many label images, got {len(files)}")
    found = []
    for file, image in zip(files, stack.images, strict=True):
        axes = image.label_axes if len(image.label_axes) > 2 else None
        found.append(read(str(file), axes=axes).image.sources[0].array)
    return found


def _beside(folder: Path, image: Image) -> Path:
    stem = stem_of(image.path) if image.path else image.name
    fits = [file for file in sorted(folder.iterdir()) if stem_of(file) in (stem, f"{stem}_labels")]
    if len(fits) != 1:
        raise ImageReadError(f"the folder {folder.name!r} holds {len(fits)} label images for {stem!r}, one is needed")
    return fits[0]


def _say(classifier: Classifier, talk: Talk) -> None:
    """What was learnt: accuracy, what is taken for what, what matters, and what should not be overlooked."""
    from napari_ae_seg.classifier import blocks_of, plain

    talk.say(classifier.sentence)
    quality = classifier.quality
    assert quality is not None  # fitted, so checked
    with talk.account.stage("weigh features"):
        weights = classifier.importance(talk.report)
    if quality.accuracy is not None:
        talk.say(confusion(classifier.classes, quality.confusion))
    shares = ", ".join(f"{block} {share:.0%}" for block, share in blocks_of(weights).items())
    first = "; ".join(map(plain, list(weights)[:SHOWN]))
    talk.say(f"what matters: {shares}; most of all {first}")
    for warning in quality.warnings:
        talk.say(f"warning: {warning}")
    talk.account.facts |= {
        "classes": list(classifier.classes),
        "quality": asdict(quality),
        "importance": {name: round(weight, 6) for name, weight in weights.items()},
    }


def confusion(classes: Sequence[str], counts: Sequence[Sequence[float]]) -> str:
    """The confusion matrix as text.

    >>> print(confusion(["a", "bb"], [[3, 1], [0, 2.5]]))
    true / taken for     a    bb
    a                    3     1
    bb                   0   2.5
    """
    corner = "true / taken for"
    first = max(len(corner), *(len(name) for name in classes))
    widths = [max(len(name), 5) for name in classes]
    heads = (f"{name:>{width}}" for name, width in zip(classes, widths, strict=True))
    lines = [" ".join([f"{corner:{first}}", *heads])]
    for name, row in zip(classes, counts, strict=True):
        cells = (f"{value:>{width}.4g}" for value, width in zip(row, widths, strict=True))
        lines.append(" ".join([f"{name:{first}}", *cells]))
    return "\n".join(lines)


def _write(found: Classified, stack: Stack, paths: Sequence[Path], talk: Talk) -> None:
    """The number of the class at every pixel, as label images."""
    from napari_ae_seg.images.formats.write import write_labels
    from napari_ae_seg.images.legend import Legend

    legend = Legend(dict(enumerate(found.classes, 1)), {n: color(n) for n in range(1, len(found.classes) + 1)})
    for number, path in enumerate(paths):
        with talk.account.stage("write"):
            write_labels(path, found.of(number).class_labels, stack.images[number], legend)
    numbers = ", ".join(f"{number} {name}" for number, name in enumerate(found.classes, 1))
    talk.say(f"{paths[0] if len(paths) == 1 else paths[0].parent}: {numbers}")


def _with_folders(sources: Sequence[Path]) -> list[Path]:
    """The sources, and the folders in them."""
    return [*sources, *(item for source in sources if source.is_dir() for item in source.iterdir() if item.is_dir())]
