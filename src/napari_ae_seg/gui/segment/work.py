"""What the Segment dock does in the background: the calls that a script makes, and nothing heavy until it runs."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ae_seg.config import NetworkConfig, RunConfig, TrainingConfig
from napari_ae_seg.core.errors import AeSegError, JobError
from napari_ae_seg.core.progress import Progress, Stopped
from napari_ae_seg.gui.parts.models import Model, load
from napari_ae_seg.gui.parts.results import Request, Result
from napari_ae_seg.images.destinations import stem_of

from .growing import Piece, Whole

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_ae_seg.config import SegmentationConfig
    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Strokes
    from napari_ae_seg.images.stack import Image, Stack
    from napari_ae_seg.segmenter.segmenter import Segmenter
    from napari_ae_seg.segmenter.segments import Segments

EDITABLE = 2 * 2**30
"""Bytes of labels up to which they are held in memory and can be edited; larger ones are shown from their file."""


def segment(request: Request, report: Reporter) -> Result:
    """Fit a segmenter, or take the model's own, and label every image."""
    report(Progress("loading", 0, 0))
    from napari_ae_seg.segmenter.segmenter import Segmenter

    model, segmenter = load(request.model)
    changes: tuple[tuple[str, Any], ...] = ()
    if segmenter is None or request.refit:
        segmenter = Segmenter.fit(model, request.stack, request.config, report)
    elif changed := differences(segmenter.config, request.config):
        segmenter = segmenter.recluster(**changed)
        changes = (("recluster", changed),)
    prepared, segments = _label(segmenter, request, report)
    result = Result(request, segmenter, prepared, segments, changes)
    return _without_background(result, report) if result.live else result


def train_and_segment(request: Request, report: Reporter) -> Result:
    """Let an autoencoder learn the images, then segment them with it."""
    report(Progress("loading", 0, 0))
    from napari_ae_seg.autoencoder.training import train

    run = {name: getattr(request.config, name) for name in RunConfig.model_fields}
    training, network = TrainingConfig(**run), NetworkConfig()
    model = train(request.stack, training, network, report)
    name = f"trained on {request.images.layers[0].name}"
    held = Model(name, held=model, training=training, network=network)
    return segment(replace(request, model=held), report)


def change(result: Result, config: SegmentationConfig, quick: bool, report: Reporter) -> Result:
    """The result with `config` instead of its own, from the stage on at which the change takes effect."""
    own = result.segmenter.config
    changed, calls = differences(own, config), own.change(config)
    if not changed:
        return result
    if calls.at("encode"):
        shown = result.background is not None and result.background not in result.segmenter.edits.hidden
        return segment(replace(result.request, config=config, refit=True, clear=not shown), report)
    segmenter = result.segmenter.recluster(**changed)
    if calls.at("apply"):
        prepared, segments = _label(segmenter, result.request, report)
        changes = (*result.changes, ("recluster", changed))
        return replace(result, segmenter=segmenter, prepared=prepared, segments=segments, changes=changes)
    return relabel(result, segmenter, ("recluster", changed), quick, report)


def learn(result: Result, strokes: tuple[Strokes, ...], report: Reporter) -> Result:
    """The result of a segmenter that learnt from strokes on some of its images."""
    pairs = [(result.prepared[one.number], one.array) for one in strokes]
    prepared = [one for one, _ in pairs if one is not None]  # the button is grey where features are not in memory
    report(Progress("learning", 0, 0))
    segmenter = result.segmenter.guided(prepared, [array for _, array in pairs], report=report)
    return relabel(result, segmenter, ("guided", strokes), False, report)


def relabel(result: Result, segmenter: Segmenter, edit: tuple[str, Any], quick: bool, report: Reporter) -> Result:
    """The result with another segmenter of the same features, which `edit` made."""
    segments = []
    for number, prepared in enumerate(result.prepared):
        report(Progress("labeling", number, len(result.prepared)))
        if prepared is None:
            segments.append(streamed(segmenter, result.request, number, report))
        else:
            segments.append(segmenter.label(prepared, quick=quick))
    return replace(result, segmenter=segmenter, segments=tuple(segments), changes=(*result.changes, edit))


def differences(own: SegmentationConfig, config: SegmentationConfig) -> dict[str, Any]:
    """The fields of `config` that are not those of `own`."""
    return {name: value for name, value in config if value != getattr(own, name)}


def _without_background(result: Result, report: Reporter) -> Result:
    """The result whose plain background, if the first image has one, is not painted over."""
    from napari_ae_seg.segmenter.background import plain_background

    segmenter, request = result.segmenter, result.request
    found = plain_background(result.segments[0], request.stack.images[0])
    result = replace(result, background=found)
    if found is None or not request.clear or found in segmenter.edits.hidden:
        return result
    return relabel(result, segmenter.hide(found), ("hide", (found,)), False, report)


def _label(segmenter: Segmenter, request: Request, report: Reporter) -> tuple[tuple[Any, ...], tuple[Segments, ...]]:
    from napari_ae_seg.segmenter.label import IN_MEMORY

    stack = request.stack
    prepared: list[Any] = []
    segments = []
    for number in range(len(stack)):
        one = stack[number]
        if stack.voxels <= IN_MEMORY and (held := _held(segmenter, one, report)):
            prepared.append(held[0])
            segments.append(held[1])
        else:
            prepared.append(None)
            segments.append(streamed(segmenter, request, number, report))
    return tuple(prepared), tuple(segments)


def streamed(segmenter: Segmenter, request: Request, number: int, report: Reporter) -> Segments:
    """Labels of an image too large for memory: what is done is shown, and kept in a file if the person stops."""
    one = request.stack[number]
    image = one.image
    if segmenter._in_memory(image):
        found = segmenter.apply(one, report=report)
        assert not isinstance(found, list)  # of one source
        return found
    layers = request.images.layers
    return _streamed(segmenter, image, place_of(image, layers[min(number, len(layers) - 1)]), report)


def _streamed(segmenter: Segmenter, image: Image, out: Path, report: Reporter) -> Segments:
    from napari_ae_seg.segmenter.job import Clock, Job

    try:
        job = Job(segmenter, image, out)
    except JobError:  # of other settings, which the person has changed since
        shutil.rmtree(f"{out}.partial")
        job = Job(segmenter, image, out)
    report(Progress("labeling", 0, 0, f"into {out}"))
    for region in job.regions:  # what was done before it was stopped
        report.send(Piece.of(image, region, job.labels))
    clock = Clock()
    for done in job:
        if done.region is not None:
            report.send(Piece.of(image, done.region, job.labels))
        left = clock.left(done)
        report(Progress(done.stage, done.done, done.total, f"{left + ', ' if left else ''}into {out.name}"))
    segments = job.segments
    if segments.labels.nbytes <= EDITABLE:
        return replace(segments, labels=segments.labels[:])
    report.send(Whole(segments, job.work.levels))
    raise Stopped


def place_of(image: Image, layer: Layer) -> Path:
    """Where labels of a large image go: beside the file of its layer, or where temporary files are."""
    path = image.path or layer.source.path
    source = Path(path) if path else None
    if source is not None and source.exists() and os.access(source.parent, os.W_OK):
        return source.with_name(f"{stem_of(source)}_segments.zarr")
    return Path(tempfile.gettempdir(), f"{image.name}_segments.zarr")


def _held(segmenter: Segmenter, one: Stack, report: Reporter) -> tuple[Any, Segments] | None:
    """An image with its features, and its labels; None where memory is too small to hold them."""
    from napari_ae_seg.core.devices import is_out_of_memory, release

    try:
        prepared = segmenter.prepare(one, report)
        return prepared, segmenter.label(prepared, report=report)
    except (AeSegError, RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    release(segmenter.model.device)
    return None
