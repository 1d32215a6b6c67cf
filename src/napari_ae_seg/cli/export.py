"""`export`: labels to other programs, and what a model shows of an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_ae_seg.config import ObjectsConfig, PartingName
from napari_ae_seg.images.formats import WRITERS

from .console import Talk
from .options import numbers, option, takes
from .outputs import is_file, probability_maps

if TYPE_CHECKING:
    import numpy as np

    from napari_ae_seg.images.labelfile import LabelFile
    from napari_ae_seg.images.legend import Legend

MODEL = ".aeseg"
SHOWS = ("confidence", "probabilities", "prototypes", "segmented")
"""What a model shows of an image."""
Shown = Literal["confidence", "probabilities", "prototypes", "segmented"]
PICTURES = (".tif", ".tiff", ".npy", ".png")


@takes(reading=True)
def export(
    files: Annotated[
        list[Path], typer.Argument(help="A file of labels; or a model that holds clusters (.aeseg), and an image.")
    ],
    out: Annotated[Path, option(f"Where to ({' '.join(WRITERS)}), or IMAGE.zarr/labels/NAME.", value="PATH")],
    show: Annotated[
        Shown | None,
        option("What a model shows of the image: decoded clusters, the image drawn from them.", value="|".join(SHOWS)),
    ] = None,
    objects: Annotated[
        PartingName | None,
        option("Single objects of the labels, parted where narrow.", value="components|distance"),
    ] = None,
    object_labels: Annotated[str | None, option("Labels that hold objects, such as 2,3.", value="NUMBERS")] = None,
    object_min_size: Annotated[int, option("The fewest pixels of an object.", value="NUMBER", min=0)] = 0,
    names: Annotated[str | None, option("Names of labels, such as 1=plasma,2=nucleus.", value="NAMES")] = None,
    bioimageio: Annotated[
        bool, option("The encoder of a model (.aeseg) for the BioImage Model Zoo (.zip), tried on an image.")
    ] = False,
    **fields: Any,
) -> None:
    """Write labels for another program: QuPath (.geojson), ImageJ (.zip), OME-Zarr, or any file of labels."""
    model = files[0].suffix.lower() == MODEL
    if bioimageio:
        _package(files, out, fields)
        return
    if len(files) != 1 + model:
        raise typer.BadParameter("give one file of labels, or a model and one image")
    if model and show is None:
        raise typer.BadParameter(f"a model and an image: say what of them with --show {'|'.join(SHOWS)}")
    if show and not model:
        raise typer.BadParameter(f"--show {show} needs a model that holds clusters (.aeseg), and an image")
    if objects == "intensity":
        raise typer.BadParameter("--objects intensity needs the image: use napari-ae-seg segment --objects intensity")
    wished, called = numbers(object_labels, int, "--object-labels"), _named(names)
    if not model and not is_file(out):
        raise typer.BadParameter(f"--out: labels are written as {' '.join(WRITERS)}, got {out.name}")
    if model and not out.name.lower().endswith(PICTURES):
        raise typer.BadParameter(f"--out: images are written as {' '.join(PICTURES)}, got {out.name}")
    with Talk("export", fields) as talk:
        talk.check(files, {"--out": [out]})
        if model:
            _show(files[0], files[1], str(show), out, talk)
            talk.say(f"{show}: {out}")
            return
        from napari_ae_seg.images.formats.write import write_labels
        from napari_ae_seg.images.labelfile import read_labels

        found = read_labels(files[0], fields.get("axes"))
        if fields.get("spacing"):
            found = found._replace(image=talk.read(files).images[0])
        labels, legend = _renamed(found, called)
        if objects:
            labels, legend = _objects(found._replace(legend=legend), objects, object_min_size, wished)
        write_labels(out, labels, found.image, legend)
        count = len(legend.table.get("index", ())) if objects else int((_sizes(labels) > 0).sum())
        talk.say(f"{out}: {count} {'objects' if objects else 'labels'}")


def _package(files: list[Path], out: Path, fields: dict[str, Any]) -> None:
    """Writes the encoder of a model as a package of the BioImage Model Zoo."""
    if len(files) != 2 or files[0].suffix.lower() != MODEL or out.suffix.lower() != ".zip":
        raise typer.BadParameter("--bioimageio takes a model (.aeseg) and an image to try it on, and --out PACKAGE.zip")
    with Talk("export", fields) as talk:
        talk.check(files, {"--out": [out]})
        from napari_ae_seg.autoencoder.model import Autoencoder
        from napari_ae_seg.autoencoder.zoo import write_bioimageio

        model = Autoencoder.load(files[0])
        write_bioimageio(model, talk.read(files[1:]), out)
        talk.say(f"{out}: an encoder with {model.net.latents} latents")


def _named(text: str | None) -> dict[int, str]:
    """Names by the numbers of labels."""
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    if not all(mark and number.strip().isdecimal() and name.strip() for number, mark, name in pairs):
        raise typer.BadParameter(f"--names: numbers and names such as 1=plasma,2=nucleus are expected, got {text!r}")
    return {int(number): name.strip() for number, _, name in pairs}


def _sizes(labels: np.ndarray) -> np.ndarray:
    """Pixels of each label from 1 on that is there."""
    import numpy as np

    values, sizes = np.unique(labels, return_counts=True)
    return sizes[values > 0]


def _renamed(found: LabelFile, called: dict[int, str]) -> tuple[np.ndarray, Legend]:
    """The labels, with a legend that names and colors each of them."""
    import numpy as np

    from napari_ae_seg.images.legend import Legend

    present = [int(label) for label in np.unique(found.labels) if label > 0]
    legend = found.legend
    rows, sizes = legend.rows, _sizes(found.labels)
    names = {n: called.get(n, legend.name(n)) for n in present}
    columns = dict.fromkeys(name for row in rows.values() for name in row) or {"size": None}
    table: dict[str, list[Any]] = {"index": present}
    for column in columns:
        table[column] = [rows.get(n, {}).get(column) for n in present]
    table |= {"name": [names[n] for n in present], "size": sizes.tolist()}
    return found.labels, Legend(names, {n: legend.color(n) for n in present}, table, legend.objects, legend.hidden)


def _objects(
    found: LabelFile, method: PartingName, min_size: int, wished: tuple[int, ...] | None
) -> tuple[np.ndarray, Legend]:
    """The single objects of labels."""
    from napari_ae_seg.core.errors import ImageReadError
    from napari_ae_seg.images.legend import Legend
    from napari_ae_seg.segmenter.objects import find_objects

    if found.image.shape[0] > 1:
        raise ImageReadError(f"{found.image.name}: objects are looked for in one plane or volume, it has several")
    space = found.image.from_source(found.labels)[0]
    config = ObjectsConfig(method=method, min_size=min_size)
    parted = find_objects(space, wished, config, spacing=found.image.spacing)
    of = dict(zip(parted.table["index"], parted.table["cluster"], strict=True))
    names = {n: found.legend.name(cluster) for n, cluster in of.items()}
    colors = {n: found.legend.color(cluster) for n, cluster in of.items()}
    return found.image.to_source(parted.labels[None]), Legend(names, colors, parted.table, objects=True)


def _show(model: Path, image: Path, what: str, out: Path, talk: Talk) -> None:
    """Writes what a model shows of an image."""
    import numpy as np

    from napari_ae_seg.explore.exploration import Exploration
    from napari_ae_seg.images.formats.write import write_images
    from napari_ae_seg.segmenter.segmenter import Segmenter

    with talk.account.stage("load"):
        segmenter = Segmenter.load(model)
    stack = talk.read([image], segmenter.model.ndim)
    if what in ("confidence", "probabilities"):
        segments = segmenter.apply_to(stack.image, report=talk.report)
        if what == "confidence":
            found = stack.image.from_source(np.asarray(segments.confidence, np.float32))[:, None]
        else:
            found = probability_maps(segments, stack.image, out)
    else:
        explored = Exploration.of(segmenter, stack, report=talk.report)
        found = explored.prototypes if what == "prototypes" else explored.segmented()
    if out.suffix.lower() == ".png":
        found = _picture(found if what != "probabilities" else found.reshape(-1, 1, *found.shape[2:]))
    write_images(out, found)


def _picture(images: np.ndarray) -> np.ndarray:
    """Images (N, C, Y, X) side by side in one of uint8, from the darkest to the brightest."""
    import numpy as np

    flat = images if images.ndim == 4 else images[:, :, images.shape[2] // 2]
    flat = flat[:, : 3 if flat.shape[1] >= 3 else 1]
    low, high = float(flat.min()), float(flat.max())
    scaled = (255 * (flat - low) / max(high - low, 1e-12)).round().astype(np.uint8)
    return np.concatenate(list(scaled), axis=-1)[None]
