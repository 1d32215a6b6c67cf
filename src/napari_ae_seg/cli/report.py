"""`report`: one web page on images labelled with a model that holds clusters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import Talk
from .options import Images, ModelFile, option, takes


@takes(reading=True)
def report(
    file: ModelFile, images: Images, out: Annotated[Path, option("Where the page goes (.html).")], **fields: Any
) -> None:
    """One web page on IMAGES labelled with the clusters in a model: pictures, tables, charts, settings."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"--out: a report is written as .html, got {out.name}")
    with Talk("report", fields) as talk:
        talk.check([file, *images], {"--out": [out]})
        from napari_ae_seg.explore.exploration import Exploration
        from napari_ae_seg.report.page import write_report
        from napari_ae_seg.segmenter.segmenter import Segmenter

        with talk.account.stage("load"):
            segmenter = Segmenter.load(file).on(fields.get("device", "auto"))
        stack = talk.read(images, segmenter.model.ndim, carry_on=True)
        with talk.account.stage("explore"):
            explored = [Exploration.of(segmenter, stack[i], report=talk.report) for i in range(len(stack))]
        with talk.account.stage("write"):
            write_report(out, explored, talk.report)
        talk.say(f"report: {out}")
        talk.say_cost()
