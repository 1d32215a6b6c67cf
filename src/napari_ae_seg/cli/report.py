"""What the command `report` does: one web page on images labelled with a model that holds clusters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from .commands import read_images
from .console import Talk


def report(model: Path, images: Sequence[Path], out: Path, fields: dict[str, Any]) -> None:
    """A page at `out` on `images`, labelled with the clusters in `model`."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"--out: a report is written as .html, got {out.name}")
    with Talk("report", fields) as talk:
        from napari_ae_seg.explore.exploration import Exploration
        from napari_ae_seg.report.page import write_report
        from napari_ae_seg.segmenter.segmenter import Segmenter

        with talk.account.stage("load"):
            segmenter = Segmenter.load(model).on(fields.get("device", "auto"))
        stack = read_images(images, fields, segmenter.model.ndim, talk)
        with talk.account.stage("explore"):
            explored = [Exploration.of(segmenter, stack[i], report=talk.report) for i in range(len(stack))]
        with talk.account.stage("write"):
            write_report(out, explored, talk.report)
        talk.say(f"report: {out}")
        talk.say_cost()
