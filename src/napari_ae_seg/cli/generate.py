"""`generate`: new images drawn from a variational model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import Talk
from .options import ModelFile, option, takes


@takes()
def generate(
    file: ModelFile,
    out: Annotated[Path, option("Where the images go (.tif .npy).")],
    n: Annotated[int, option("How many images.", "--n", value="NUMBER", min=1)] = 1,
    **fields: Any,
) -> None:
    """Draw new images from a variational model."""
    if out.suffix not in (".tif", ".tiff", ".npy"):
        raise typer.BadParameter(f"--out: images are written as .tif or .npy, got {out.name}")
    with Talk("generate", fields) as talk:
        talk.check([file], {"--out": [out]})
        from napari_ae_seg.autoencoder.decode import generate as draw
        from napari_ae_seg.autoencoder.model import Autoencoder
        from napari_ae_seg.images.formats.write import write_images

        model = Autoencoder.load(file).on(fields.get("device", "auto"))
        with talk.account.stage("generate"):
            images = draw(model, n, fields.get("seed", 0))
        write_images(out, images)
        talk.say(f"{n} image{'s' * (n != 1)}: {out}")
