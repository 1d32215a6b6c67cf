"""`segment`: labels for one image or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ae_seg.config import (
    Config,
    NetworkConfig,
    ObjectsConfig,
    PartingName,
    RunConfig,
    SegmentationConfig,
    TrainingConfig,
    flag_of,
)
from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.images.formats.table import TABLES, Table

from .console import Talk
from .options import Images, asks_for, configured, given_in, numbers, option, switch, takes
from .outputs import SUFFIXES, check_tables, label_files, probability_maps, room

if TYPE_CHECKING:
    import numpy as np

    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.distribute.workers import Workers
    from napari_ae_seg.images.stack import Image, Stack
    from napari_ae_seg.segmenter.segmenter import Segmenter
    from napari_ae_seg.segmenter.segments import Segments
    from napari_ae_seg.segmenter.tracks import Tracks

MOST_SAID = 20
"""Segments of an image that are said; the table holds all."""
OBJECT_SIZE = str(ObjectsConfig.model_fields["min_size"].description)


@takes(SegmentationConfig, further=(NetworkConfig, TrainingConfig), reading=True, preset=True)
def segment(
    images: Images,
    out: Annotated[Path, option(f"Labels ({' '.join(SUFFIXES)}); a folder for several images.", value="PATH")],
    save_model: Annotated[Path | None, option("Write encoder and clusters here (.aeseg).")] = None,
    table: Annotated[
        Path | None, option("Write size, shape, place and intensities of segments or objects here (.csv, .parquet).")
    ] = None,
    shares: Annotated[
        Path | None, option("Write the share of every cluster in every image here (.csv, .parquet).")
    ] = None,
    probabilities: Annotated[
        Path | None, option("Write how likely each segment is at every pixel of the image here (.tif .npy).")
    ] = None,
    objects: Annotated[
        PartingName | None,
        option(
            "Write single objects: what touches, parted where narrow or dark.", value="components|distance|intensity"
        ),
    ] = None,
    summary: Annotated[Path | None, option("Write shares, objects and failures, a row per image, here (.csv).")] = None,
    object_labels: Annotated[str | None, option("Segments that hold objects, such as 2,3.", value="NUMBERS")] = None,
    object_min_size: Annotated[int, option(OBJECT_SIZE, value="NUMBER", min=0)] = 0,
    tracks: Annotated[
        Path | None,
        option(
            "Let --objects keep their number through a movie, and write their tracks here (.csv, .parquet, or a folder "
            "as the Cell Tracking Challenge has it).",
            value="PATH",
        ),
    ] = None,
    model: Annotated[Path | None, option("Apply this model instead of the shipped encoder.", panel="Model")] = None,
    refit: Annotated[bool, switch("Cluster anew with the encoder of --model.", "--refit", panel="Model")] = False,
    train: Annotated[bool, switch("Train the shipped encoder on the images first.", "--train", panel="Model")] = False,
    rescale: Annotated[bool, switch("Resample to the pixel size of --model.", "--rescale", panel="Model")] = False,
    strokes: Annotated[
        list[Path] | None,
        option(
            "A label image of strokes on the first of IMAGES, again for the second: the rest follows.", panel="Model"
        ),
    ] = None,
    workers: Annotated[
        int, option("Share the work among this many processes.", panel="Many processes", value="NUMBER", min=0)
    ] = 0,
    scheduler: Annotated[
        str | None,
        option("Share it among the workers of this dask scheduler.", panel="Many processes", value="ADDRESS"),
    ] = None,
    dashboard: Annotated[
        bool, switch("Serve a page of what the workers do.", "--dashboard", panel="Many processes")
    ] = False,
    part: Annotated[
        str | None,
        option("Do part I of N only, such as 0/8: for job arrays.", panel="Many processes", value="I/N"),
    ] = None,
    **fields: Any,
) -> None:
    """Segment IMAGES and write labels; nothing but an image is needed."""
    wanted = asks_for(fields, NetworkConfig, TrainingConfig)
    learns = [*wanted, *["--train"] * train]
    if model and learns:
        raise typer.BadParameter(
            f"{', '.join(learns)} would train, but --model is trained already; leave out one of them"
        )
    if rescale and not model:
        raise typer.BadParameter("--rescale resamples to the pixel size of --model: give one")
    network, training = configured(NetworkConfig, fields), configured(TrainingConfig, fields)
    config = configured(SegmentationConfig, fields)
    if tracks and not objects:
        raise typer.BadParameter("--tracks follows single objects: give --objects, too")
    if tracks and tracks.suffix and tracks.suffix.lower() not in TABLES:
        raise typer.BadParameter(f"--tracks: its file ends in {' or '.join(TABLES)}, got {tracks.name}")
    parting = ObjectsConfig(method=objects, min_size=object_min_size) if objects else None
    wished = numbers(object_labels, int, "--object-labels")
    files, share = label_files(images, out), _share(part)
    shared = bool(workers or scheduler or share[1] > 1)
    _check_sharing(files, shared, share, model, shares, tracks)
    _check_probabilities(images, probabilities)
    with Talk("segment", fields) as talk:
        results: dict[str, Sequence[Path | None]] = {
            "--out": list(files.values()),
            "--save-model": [save_model],
            "--table": [table],
            "--shares": [shares],
            "--tracks": [tracks],
            "--probabilities": [probabilities],
            "--summary": [summary],
        }
        talk.check([*images, model, *(strokes or [])], results)
        check_tables(table, shares, tracks)
        from napari_ae_seg.autoencoder.model import has_shipped

        stack = talk.read(images, network.ndim, carry_on=True)
        painted = _painted(strokes or [], list(files), stack, talk)
        room(stack, [files[place] for place in talk.places])
        anew = learns or not (model or has_shipped(stack.ndim))
        learning = training if anew else None
        if learning is not None:
            talk.say(trains(learns, network, stack.ndim, config))
        talk.expect(stack, learning, network, config.n_clusters)
        flags = [model, *(strokes or [])], [refit, rescale, learns]
        asked = _asked(stack, talk, *flags, network, training, config) if len(files) == 1 else ""
        known = _before(out, asked, config, talk)
        if known is not None:
            segmenter = known
        elif model:
            segmenter = _loaded(model, stack, config, refit, fields, talk)
        else:
            segmenter = _fitted(stack, network, learning, config, talk)
        talk.say(segmenter.sentence)
        if painted and known is None:
            segmenter = _guided(segmenter, stack, painted, talk)
        if save_model:
            with talk.apart():
                segmenter.save(save_model)
                talk.say(f"model: {save_model}")
        _account(segmenter, talk)
        what = _Wanted(parting, wished, rescale, table is not None, tracks is not None, probabilities, share, asked)
        with _sharing(workers, scheduler, dashboard, talk) as those:
            if len(files) > 1 and (shared or summary):
                written = _label_folder(segmenter, stack, files, talk, what, those)
            else:
                written = _label(segmenter, stack, files, talk, what, those)
        if summary:
            with talk.apart():
                _write_summary(summary, written, talk, segmenter.edits.names)
        _write_tables(written, talk, table, shares, tracks)
        talk.say_cost()


def trains(learns: Sequence[str], network: NetworkConfig, ndim: int, config: SegmentationConfig) -> str:
    """One sentence on a training that is about to begin: what asks for it, and whether its result is sure to be used.

    >>> print(trains(["--preset sparse"], NetworkConfig(sparsity="topk"), 2, SegmentationConfig(features="latent")))
    training: a new network learns these images instead of the encoder that comes along, as --preset sparse asks
    """
    why = f"as {', '.join(learns)} {'asks' if len(learns) == 1 else 'ask'}"
    why = why if learns else f"for none comes along for {ndim}D"
    if network.kind == "shipped":
        return f"training: the encoder that comes along learns these images, {why}; its latents will be clustered"
    unsure = "; --features auto may then choose features that do not need it, --features latent uses it for sure"
    return (
        f"training: a new network learns these images instead of the encoder that comes along, {why}"
        f"{unsure if config.features == 'auto' else ''}"
    )


def refuse(own: SegmentationConfig, asked: dict[str, Any], where: str) -> None:
    """Wrong usage if clusters found with `own` cannot give what is `asked` for."""
    named = [name for name in asked if name not in RunConfig.model_fields or asked[name] != getattr(own, name)]
    calls = own.change(own.but(**asked), named)
    if calls.anew:
        flags = ", ".join(flag_of(name) for name in calls.at("encode", "fit"))
        raise typer.BadParameter(
            f"{flags} would cluster anew, but {where} holds clusters: add --refit to do so, or leave {flags} out"
        )


def _fitted(
    stack: Stack,
    network: NetworkConfig,
    training: TrainingConfig | None,
    config: SegmentationConfig,
    talk: Talk,
) -> Segmenter:
    """A segmenter on the shipped encoder, or on one trained on the images."""
    from napari_ae_seg.segmenter.segmenter import Segmenter

    model: Autoencoder | None = None
    if training is not None:
        model = talk.train(stack, training, network)
    with talk.account.stage("fit"):
        return Segmenter.fit(model, stack, config, talk.report)


def _loaded(
    path: Path, stack: Stack, config: SegmentationConfig, refit: bool, fields: dict[str, Any], talk: Talk
) -> Segmenter:
    """The segmenter in a model file; with `refit`, or if the file holds no clusters, fitted anew to the images."""
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.core import modelfile
    from napari_ae_seg.segmenter.segmenter import Segmenter

    with talk.account.stage("load"):
        clustered = modelfile.find(modelfile.peek(path), "is") == "segmenter"
    if clustered and not refit:
        segmenter = Segmenter.load(path)
        asked = given_in(SegmentationConfig, fields)
        refuse(segmenter.config, asked, path.name)
        return segmenter.on(fields.get("device", "auto")).recluster(**asked)
    with talk.account.stage("fit"):
        return Segmenter.fit(Autoencoder.load(path), stack, config, talk.report)


def _painted(strokes: Sequence[Path], places: Sequence[Path], stack: Stack, talk: Talk) -> list[np.ndarray]:
    """The strokes in files, painted on as many images, the first ones."""
    from napari_ae_seg.images.strokes import read_strokes

    if len(strokes) > len(places):
        raise typer.BadParameter(f"--strokes: {len(strokes)} files of strokes, but {len(places)} image(s)")
    for place in places[: len(strokes)]:
        if place in talk.failures:
            raise ImageReadError(talk.failures[place])
    return [read_strokes(path, image) for path, image in zip(strokes, stack.images, strict=False)]


def _guided(segmenter: Segmenter, stack: Stack, strokes: Sequence[np.ndarray], talk: Talk) -> Segmenter:
    """The segmenter that learnt from strokes on the first images."""
    with talk.account.stage("guide"):
        prepared = [segmenter.prepare(stack[number], talk.report) for number in range(len(strokes))]
        return segmenter.guided(prepared, list(strokes), corrections=False, report=talk.report)


def _account(segmenter: Segmenter, talk: Talk) -> None:
    """Keeps what was used, not only what was asked for, for the report."""
    from napari_ae_seg.segmenter.trust import stability

    talk.account.configs(segmenter.model.network, segmenter.model.training, segmenter.config)
    if talk.reports and not segmenter.by_region:
        with talk.account.stage("stability"):
            talk.account.facts["stability"] = round(stability(segmenter), 4)
    talk.account.facts |= {"sentence": segmenter.sentence, "curve": segmenter.clusters.curve}


@dataclass(frozen=True)
class _Wanted:
    """What is written of every image: single objects of some labels, or all that was found; measured or not."""

    parting: ObjectsConfig | None
    labels: tuple[int, ...] | None
    rescale: bool
    measured: bool
    tracked: bool
    probabilities: Path | None
    share: tuple[int, int] = (0, 1)
    """The part of the blocks or images that is done, and of how many parts"""
    asked: str = ""
    """What the segmenter was fitted for"""


@dataclass(frozen=True)
class _Written:
    """What was written of one image."""

    number: int
    name: str
    file: Path
    table: dict[str, list[Any]]
    segments: Segments | None = None
    """Without its labels"""
    objects: int | None = None
    tracks: Tracks | None = None
    shares: dict[str, float] | None = None


def _label(
    segmenter: Segmenter, stack: Stack, files: dict[Path, Path], talk: Talk, wanted: _Wanted, workers: Workers | None
) -> list[_Written]:
    """Writes the labels of every image, or its objects."""
    from napari_ae_seg.images.batch import CARRIED_ON

    written = []
    for number, (image, place) in enumerate(zip(stack.images, talk.places, strict=True)):
        try:
            with talk.account.stage("label"):
                one = _write(segmenter, image, number, files[place], talk, wanted, workers)
        except KeyboardInterrupt:
            if Path(f"{files[place]}.partial").exists():
                talk.say(f"what is done stays in {files[place]}.partial: the same command goes on there")
            raise
        except CARRIED_ON as error:
            if len(files) == 1:
                raise
            talk.failures[place] = " ".join(str(error).split())
            continue
        if one is None:
            talk.say(f"this part is done: without --part the command completes {files[place].name} when all parts are")
            continue
        assert one.segments is not None  # they were written here
        nothing = np_nothing()  # they are written: those of many images would fill the memory
        named = {"image": [image.name] * len(one.table["index"]), **one.table}
        written.append(replace(one, segments=replace(one.segments, labels=nothing, confidence=nothing), table=named))
        talk.say(f"{files[place]}: {_summary(one)}")
        talk.account.facts.setdefault("labels", []).append({"path": str(files[place]), "table": one.table})
    return written


def np_nothing() -> np.ndarray:
    """Labels of no pixel."""
    import numpy

    return numpy.zeros(0, numpy.uint8)


def _write(
    segmenter: Segmenter,
    image: Image,
    number: int,
    path: Path,
    talk: Talk,
    wanted: _Wanted,
    workers: Workers | None,
) -> _Written | None:
    """Writes the labels of one image, or its objects; what is streamed to a zarr is not measured in full.

    None if others do parts of it, too.
    """
    from napari_ae_seg.distribute.folder import by_block
    from napari_ae_seg.images.formats.write import write_labels

    found: Any
    if by_block(segmenter, image, path, wanted.parting, wanted.rescale) and not wanted.tracked:
        from napari_ae_seg.segmenter.job import Job

        how: dict[str, Any] = {"objects": wanted.parting, "labels": wanted.labels, "share": wanted.share}
        job = Job(segmenter, image, path, workers=workers, asked=wanted.asked, **how).run(talk.report)
        if wanted.share[1] > 1:
            return None
        found = job.found or job.segments
        if wanted.probabilities:
            _write_probabilities(wanted.probabilities, job.segments, image, talk)
        count = job.found.count if job.found else None
        return _Written(number, image.name, path, dict(found.table), job.segments, count)
    segments = segmenter.apply_to(image, None, talk.report, wanted.rescale)
    if wanted.probabilities:
        _write_probabilities(wanted.probabilities, segments, image, talk)
    found = segments.objects(image, wanted.labels, wanted.parting) if wanted.parting else segments
    tracks = None
    if wanted.tracked:
        from napari_ae_seg.segmenter.tracks import track

        with talk.account.stage("track"):
            tracks = track(found, image, report=talk.report)
        found = tracks.objects
    table = found.table
    if wanted.measured:
        from napari_ae_seg.segmenter.measures import measure

        with talk.account.stage("measure"):
            table = measure(found, image)
    legend = segments.legend_of(found) if wanted.parting else segments.legend
    write_labels(path, found.labels, image, legend)
    return _Written(number, image.name, path, table, segments, found.count if wanted.parting else None, tracks)


def _label_folder(
    segmenter: Segmenter, stack: Stack, files: dict[Path, Path], talk: Talk, wanted: _Wanted, workers: Workers | None
) -> list[_Written]:
    """Writes the labels of every image as one job, which goes on where it was stopped."""
    from napari_ae_seg.distribute.folder import Folder

    written, outs = [], [files[place] for place in talk.places]
    how: dict[str, Any] = {"objects": wanted.parting, "labels": wanted.labels, "share": wanted.share}
    with talk.account.stage("label"):
        for done in Folder(segmenter, stack, outs, workers=workers, rescale=wanted.rescale, report=talk.report, **how):
            if done.failure:
                talk.failures[talk.places[done.number]] = done.failure
                continue
            named = {"image": [done.name] * len(done.table["index"]), **done.table}
            one = _Written(done.number, done.name, Path(done.file), named, None, done.objects, None, done.shares)
            written.append(one)
            talk.say(f"{done.file}: {_summary(one)}")
            talk.account.facts.setdefault("labels", []).append({"path": done.file, "table": done.table})
    return sorted(written, key=lambda one: one.number)


def _write_tables(
    written: Sequence[_Written], talk: Talk, table: Path | None, shares: Path | None, tracks: Path | None
) -> None:
    """Writes the tables that were asked for."""
    if table:
        with talk.apart():
            Table.stacked([one.table for one in written]).save(table)
    if shares:
        from napari_ae_seg.segmenter.measures import shares as shares_of

        with talk.apart():
            shares_of([one.segments for one in written if one.segments is not None]).save(shares)
    if tracks:
        with talk.apart():
            _write_tracks(tracks, written)


def _write_summary(path: Path, written: Sequence[_Written], talk: Talk, names: dict[int, str]) -> None:
    """Writes a row for every image: what it is made of, or why it could not be done."""
    from napari_ae_seg.distribute.folder import Outcome, write_summary

    outcomes = []
    for one in written:
        shares = one.shares
        if shares is None and one.segments is not None:
            table = one.segments.table
            shares = {str(n): share for n, share in zip(table["index"], table["share"], strict=True)}
        outcomes.append(Outcome(one.number, one.name, str(one.file), {}, shares or {}, one.objects))
    failed = [Outcome(len(talk.places), path.stem, "", failure=why) for path, why in talk.failures.items()]
    write_summary(path, [*outcomes, *failed], names)


def _check_probabilities(images: Sequence[Path], out: Path | None) -> None:
    """Wrong usage unless `out` can take the probabilities of `images`."""
    if out is None:
        return
    if len(images) > 1:
        raise typer.BadParameter(f"--probabilities: one file holds those of one image, got {len(images)} images")
    if out.suffix.lower() not in (".tif", ".tiff", ".npy"):
        raise typer.BadParameter(f"--probabilities: they are written as .tif or .npy, got {out.name}")


def _write_probabilities(path: Path, segments: Segments, image: Image, talk: Talk) -> None:
    """Writes how likely each segment is at every pixel."""
    from napari_ae_seg.images.formats.write import write_images

    write_images(path, probability_maps(segments, image, path))
    talk.say(f"probabilities: {path}")


def _write_tracks(path: Path, written: Sequence[_Written]) -> None:
    """Writes the tracks of all images as one table, or those of the only one as a folder."""
    found = [(one, one.tracks) for one in written if one.tracks is not None]
    if path.suffix:
        Table.stacked([{"image": [one.name] * held.table.count, **held.table} for one, held in found]).save(path)
        return
    for number, (one, held) in enumerate(found):
        held.to_ctc(path if len(found) == 1 else path / f"{number + 1}_{one.name}")


def _summary(one: _Written) -> str:
    if one.tracks:
        return str(one.tracks)
    if one.objects is not None:
        return f"{one.objects} objects"
    named = list(zip(one.table["name"], one.table["share"], strict=True))
    left = len(named) - MOST_SAID
    said = ", ".join(f"{name} {share:.1%}" for name, share in named[:MOST_SAID])
    return said + (f" and {left} more" if left > 0 else "")


def _before(out: Path, asked: str, config: SegmentationConfig, talk: Talk) -> Segmenter | None:
    """The segmenter of a job that was stopped while it wrote `out`, if it was fitted for what is `asked` now."""
    from napari_ae_seg.segmenter.job import fitted_before
    from napari_ae_seg.segmenter.segmenter import Segmenter

    path = fitted_before(out, asked)
    if path is None:
        return None
    talk.say(f"going on with {out.name}, with the clusters that were fitted before")
    return Segmenter.load(path).on(config.device)


@contextmanager
def _sharing(count: int, scheduler: str | None, dashboard: bool, talk: Talk) -> Iterator[Workers | None]:
    """The workers that were asked for, if any."""
    if not (count or scheduler):
        yield None
        return
    from napari_ae_seg.distribute.workers import Workers

    with Workers(count, scheduler or "", dashboard=dashboard) as workers:
        crew = "1 worker" if len(workers) == 1 else f"{len(workers)} workers"
        talk.say(crew + (f"; what they do: {workers.url}" if dashboard else ""))
        yield workers


def _check_sharing(
    files: dict[Path, Path],
    shared: bool,
    share: tuple[int, int],
    model: Path | None,
    shares: Path | None,
    tracks: Path | None,
) -> None:
    """Wrong usage unless what is asked for can be shared."""
    if share[1] > 1 and not model:
        raise typer.BadParameter("--part: all parts are labelled with the same clusters; give a --model with clusters")
    if shared and len(files) == 1 and next(iter(files.values())).suffix != ".zarr":
        raise typer.BadParameter("--out: several processes write one image to a name that ends in .zarr only")
    if shared and (tracks or (shares and len(files) > 1)):
        raise typer.BadParameter("--tracks and --shares are not made by several processes; --summary is")


def _share(part: str | None) -> tuple[int, int]:
    """Which part of how many is asked for.

    >>> _share("2/8"), _share(None)
    ((2, 8), (0, 1))
    """
    if part is None:
        return 0, 1
    first, _, count = part.partition("/")
    if not (first.isdecimal() and count.isdecimal() and int(first) < int(count)):
        raise typer.BadParameter(f"--part: a number below that of the parts is expected, such as 0/8, got {part}")
    return int(first), int(count)


def _asked(stack: Stack, talk: Talk, read: Sequence[Path | None], flags: Sequence[Any], *configs: Config | None) -> str:
    """What a segmenter that is about to be fitted is known again by."""
    import hashlib

    from napari_ae_seg.segmenter.job import digest, print_of

    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in read if path]
    settings = [config.model_dump(mode="json") if config else None for config in configs]
    return digest(sums, list(flags), settings, talk.asked_of_images, [print_of(image) for image in stack.images])
