"""A job: an image of any size labelled block by block into an OME-Zarr, which goes on where it was stopped.

All that is done stands in a folder beside the result, `NAME.partial`, until it is complete and takes its name. A block
follows from the image and the segmenter alone, so whoever labels it, in whatever order, writes the same bytes. Only the
journal says what is done: a block that was written but not written down is written again.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from napari_ae_seg import __version__
from napari_ae_seg.autoencoder import drift
from napari_ae_seg.autoencoder.encode import check_channels
from napari_ae_seg.config import ObjectsConfig
from napari_ae_seg.core import devices, modelfile, state
from napari_ae_seg.core.errors import JobError
from napari_ae_seg.core.journal import Journal, entries, sync
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.core.wholefile import put_folder, restore, write_text
from napari_ae_seg.images.formats import ngff as files
from napari_ae_seg.images.formats.lazy import Mapped
from napari_ae_seg.images.stack import Stack
from napari_ae_seg.images.tiles import Tile, padded

from . import stitch
from .edits import Edits
from .label import SMALLEST_BLOCK, Blocks, within
from .objects import Objects, find_objects
from .segments import Segments, Tally

if TYPE_CHECKING:
    from napari_ae_seg.images.stack import Image

    from .finish import Finish
    from .segmenter import Segmenter

OBJECT_HALO = 64
"""Pixels around a block in which objects are parted, too."""
_PROBE = 32  # side of the parts of an image by which it is known again
_SUMMARY = "summary.json"


@dataclass(frozen=True)
class Task:
    """One piece of a job: a block of a stage."""

    stage: str
    number: int
    extra: Any = None


@dataclass(frozen=True)
class Done:
    """A task that is done, and how far its stage has come.

    Parameters
    ----------
    stage : str
        What is done to the blocks.
    number : int
        Of the block.
    done : int
        Blocks of the stage that are done.
    total : int
        Blocks that the stage has.
    region : tuple of int and slice, optional
        Where the labels of the block are, if they are final.

    Examples
    --------
    >>> Done("label", 3, 4, 10).done
    4
    """

    stage: str
    number: int
    done: int
    total: int
    region: tuple[int | slice, ...] | None = None


T = TypeVar("T")


class Engine(Protocol):
    """What does tasks: this process, one after the other, or many workers."""

    def map(self, work: Callable[[T], Any], tasks: Iterable[T]) -> Iterator[tuple[T, Any]]:
        """Every task with its result, in whatever order."""


class Here:
    """The process itself, one task after the other."""

    def map(self, work: Callable[[T], Any], tasks: Iterable[T]) -> Iterator[tuple[T, Any]]:
        """Every task with its result."""
        for task in tasks:
            yield task, work(task)


@dataclass
class Work:
    """How a task of a job is done, by any process that sees its folder."""

    segmenter: Segmenter
    image: Image
    folder: Path
    parting: ObjectsConfig | None = None
    wished: tuple[int, ...] | None = None
    sizes: tuple[int, ...] = ()
    """Sides of a block, multiples of those of a chunk"""

    def __getstate__(self) -> dict[str, Any]:
        own = {name: value for name, value in self.__dict__.items() if name in self.__dataclass_fields__}
        return {**own, "segmenter": (type(self.segmenter), *state.pack(self.segmenter))}

    def __setstate__(self, own: dict[str, Any]) -> None:
        segmenter = state.unpack(*own["segmenter"])
        self.__dict__.update(own, segmenter=segmenter.on(segmenter.config.device))

    def __call__(self, task: Task) -> Any:
        """The result of a task: what JSON knows."""
        stage, _, level = task.stage.partition(" ")
        if stage == "coarsen":
            return self._coarsen(int(level), task.number)
        return {"label": self._label, "part": self._part, "number": self._number}[stage](task)

    @property
    def stages(self) -> list[str]:
        """The stages of the job, in order."""
        things = ["part", "number"] if self.parting else ["number"] if self.own_regions else []
        return ["label", *things, *(f"coarsen {level}" for level in range(1, len(self.levels)))]

    @property
    def own_regions(self) -> bool:
        """Whether every block numbers its own regions."""
        return self.segmenter._own_regions

    @cached_property
    def blocks(self) -> Blocks:
        """The blocks of the image."""
        blocks = self.segmenter._blocks(self.image, self.sizes)
        return replace(blocks, around=max(1, blocks.around)) if self.own_regions else blocks

    @cached_property
    def finish(self) -> Finish:
        """What is done to the labels of a block; regions that are still to be numbered are not edited yet."""
        finish = self.segmenter._finish(self.image)
        return replace(finish, edits=Edits()) if self.own_regions else finish

    @cached_property
    def levels(self) -> list[Any]:
        """The arrays of the labels and of their coarser levels."""
        return files.levels_of(self.folder)

    def array(self, name: str) -> Any:
        """One of the arrays that are only kept until the job is done."""
        import zarr

        return zarr.open_array(str(self.job / name), mode="r+")

    @property
    def job(self) -> Path:
        """Where the job keeps what is not part of the result."""
        return self.folder / files.JOB

    def count(self, stage: str) -> int:
        """How many tasks a stage has."""
        if stage.startswith("coarsen"):
            return len(files.regions_of(self.levels[int(stage.split()[1])]))
        return len(self.blocks)

    def place(self, number: int) -> tuple[int, Tile]:
        """The sample and the place of a block."""
        n, at = divmod(number, len(self.blocks.tiles))
        return n, self.blocks.tiles[at]

    def region(self, number: int) -> tuple[int | slice, ...]:
        """Where the labels of a block are."""
        n, tile = self.place(number)
        return self.image.source_region(n, tile.core)

    def told(self, number: int) -> Path:
        """What a block told of its things."""
        return self.job / "told" / f"{number}.npz"

    def _label(self, task: Task) -> Any:
        if self.own_regions:
            return self._label_regions(task.number)
        part, tally = devices.shrinking(
            lambda side, _: self._labelled(task.number, side),
            max(self.sizes),
            self.segmenter.model.device,
            SMALLEST_BLOCK,
            "block",
        )
        self._put(self.array("segments") if self.parting else self.levels[0], task.number, part)
        return {name: values.tolist() for name, values in vars(tally).items()}

    def _labelled(self, number: int, side: int) -> tuple[np.ndarray, Tally]:
        """The segments of a block, found in parts of at most `side` pixels, and what was counted of them."""
        n, tile = self.place(number)
        found, tally = np.zeros([one.stop - one.start for one in tile.core], np.int32), Tally.empty(self.image.shape[1])
        for small in self.blocks.parts(tile, side):
            block = self.blocks.block(n, small)
            part = found[within(small.core, tile.core)] = self.finish(block)
            tally.add(part, block.confidence[small.inner], block.raw[(slice(None), *small.inner)])
        return found, tally

    def _label_regions(self, number: int) -> Any:
        """The regions of a block, by its own numbers."""
        block, tally = self.blocks[number], Tally.empty(self.image.shape[1])
        whole, inner = self.finish.outer(block), block.tile.inner
        tally.add(whole[inner], block.confidence[inner], block.raw[(slice(None), *inner)])
        self._put(self.array("parts"), number, whole[inner])
        about = stitch.describe(whole, np.ones_like(whole), block.tile, block.sample.space, block.n)
        self._tell(number, {**about, **_counted(tally, len(about["size"]))})
        return None

    def _part(self, task: Task) -> Any:
        assert self.parting is not None  # the stage is there for it
        n, core = self.place(task.number)[0], self.place(task.number)[1].core
        plain, space = self.parting.but(min_size=0, max_size=0), self.image.shape[2:]
        outer = padded(core, 1 if plain.method == "components" else OBJECT_HALO, space)
        tile = Tile(core, outer, within(core, outer))
        labels = self.image.cut(self.array("segments"), n, outer)
        gray = self.image.block(n, tile.outer).mean(0) if plain.method == "intensity" else None
        things = find_objects(labels, self.wished, plain, intensity=gray, spacing=self.image.spacing).labels
        self._put(self.array("parts"), task.number, things[tile.inner])
        self._tell(task.number, stitch.describe(things, labels, tile, space, n))
        return None

    def _number(self, task: Task) -> Any:
        n, tile = self.place(task.number)
        index = self.image.source_region(n, tile.core)
        parts = np.asarray(self.array("parts")[index])
        self._clear(self.levels[0], index)
        self.levels[0][index] = task.extra[parts].astype(self.levels[0].dtype)
        self._keep(self.levels[0], index)
        return None

    def _coarsen(self, level: int, number: int) -> Any:
        region = files.regions_of(self.levels[level])[number]
        self._clear(self.levels[level], region)
        files.shrink(self.levels[level - 1], self.levels[level], region)
        self._keep(self.levels[level], region)
        return None

    def _put(self, array: Any, number: int, part: np.ndarray) -> None:
        n, tile = self.place(number)
        self._clear(array, self.image.source_region(n, tile.core))
        self.image.put(array, n, tile.core, part.astype(array.dtype))
        self._keep(array, self.image.source_region(n, tile.core))

    def _clear(self, array: Any, region: Sequence[int | slice]) -> None:
        """Takes away what a kill or a power cut left of a block: zarr would read it before it writes."""
        files.file_of(array, region).unlink(missing_ok=True)

    def _keep(self, array: Any, region: Sequence[int | slice]) -> None:
        """Flushes what was written to the disk; a block of zeros is no file."""
        path = files.file_of(array, region)
        if path.exists():
            sync(path)
        while not path.exists():
            path = path.parent
        for folder in path.parents:
            sync(folder)
            if folder == self.folder:
                return

    def _tell(self, number: int, about: dict[str, np.ndarray]) -> None:
        path = self.told(number)
        temporary = path.with_suffix(f".{os.getpid()}")
        with temporary.open("wb") as file:
            np.savez(file, **about)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.parent)


class Job:
    """Labels of one image of any size, written block by block; a job that was stopped goes on where it was.

    Iterating does the work: what it yields is done, and stays done if the iteration stops there. `Segmenter.apply` with
    a path as `out` runs a job to its end.

    Parameters
    ----------
    segmenter : Segmenter
        What labels.
    image : Image
        What is labelled: `stack.image`.
    out : path
        The OME-Zarr that is written; until it is complete its name ends in ".partial".
    workers : Workers, optional
        Who labels; this process alone if there are none.
    objects : ObjectsConfig, optional
        Write single objects in place of segments.
    labels : tuple of int, optional
        The segments that hold objects; all by default.
    share : tuple of int, optional
        (i, n): label every n-th block from i on, 0 <= i < n, and leave the rest to others.
    asked : str, optional
        What the segmenter was fitted for, to find it again with `fitted_before`.

    Raises
    ------
    JobError
        If the folder of another job is in the way, or another process is at work on it.

    Examples
    --------
    >>> import numpy as np, tempfile, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
    >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     job = ae.Job(segmenter, ae.read(bands).image, f"{folder}/labels.zarr")
    ...     print([f"{done.stage}: {done.done} of {done.total}" for done in job])
    ...     print(job.segments.labels[0, ::8])
    ['label: 1 of 1']
    [1 1 2 3]
    """

    def __init__(
        self,
        segmenter: Segmenter,
        image: Image,
        out: str | os.PathLike[str],
        *,
        workers: Engine | None = None,
        objects: ObjectsConfig | None = None,
        labels: Sequence[int] | None = None,
        share: tuple[int, int] = (0, 1),
        asked: str = "",
    ) -> None:
        check_channels(segmenter.model, Stack((image,)))
        files.check_fits(Path(out), image)
        self.out, self.workers, self.share = Path(out), workers, share
        self.partial = Path(f"{self.out}{files.PARTIAL}")
        self.found: Objects | None = None
        """The objects, once the job is done, if these were asked for."""
        self._tally: Tally | None = None
        sizes = segmenter._sizes(image)
        plan = Work(segmenter, image, self.partial, objects, tuple(labels) if labels else None, sizes)
        if objects and plan.own_regions:
            raise ValueError("objects are parts of segments that mean something: give n_clusters, or another method")
        self.about = _about(plan, asked)
        restore(self.out)
        if _is_of(self.out / files.JOB, self.about):  # complete, and killed before it was swept
            self.partial = self.out
        else:
            _make(plan, self.about)
        shared = _readable(image, self.partial / files.JOB) if workers else image
        drift.warn(segmenter.model, image, segmenter._normalizer(image), segmenter.usual_error)
        self.work = replace(plan, folder=self.partial, image=shared)

    @property
    def labels(self) -> Any:
        """The labels, as far as they are done: a zarr array."""
        import zarr

        return zarr.open_array(str(self.partial / "0"), mode="r")

    @property
    def regions(self) -> list[tuple[int | slice, ...]]:
        """Where labels are final already: one region per block that is done."""
        return [self.work.region(number) for number in sorted(self._before().get(self._last, {}))]

    @property
    def _last(self) -> str:
        """The stage after which labels are final."""
        return "number" if "number" in self.work.stages else "label"

    @property
    def segments(self) -> Segments:
        """The segments of a job that is done; their labels are a zarr array."""
        if self._tally is None:
            raise JobError(f"{self.out.name} is not complete: iterate over the job until it ends")
        segmenter = self.work.segmenter
        return segmenter._segments(self.work.image, self.labels, np.zeros(0, np.float32), self._tally)

    def run(self, report: Report = silent) -> Job:
        """Do what is left.

        Parameters
        ----------
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        Job
            Itself, done.

        Examples
        --------
        >>> import numpy as np, tempfile, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ae.Job(segmenter, ae.read(bands).image, f"{folder}/labels.zarr").run().segments.table["index"]
        [1, 2, 3]
        """
        clock = Clock()
        for done in self:
            note = clock.left(done)
            report(Progress(done.stage, done.done, done.total, note))
        return self

    def __iter__(self) -> Iterator[Done]:
        if self.partial == self.out:
            yield from self._complete(self._before())
            return
        number, of = self.share
        with ExitStack() as held:
            journals = {self.work.job / "journal" / f"{number}-of-{of}.jsonl"}
            if of == 1:  # whoever completes the job is alone with it
                journals |= {*(self.work.job / "journal").glob("*.jsonl")}
            own = {path: held.enter_context(Journal(path, {"job": self.about["job"]})) for path in sorted(journals)}
            journal, known = own[self.work.job / "journal" / f"{number}-of-{of}.jsonl"], self._before()
            for stage in self.work.stages if of == 1 else ["label"]:
                yield from self._stage(stage, known, journal)
            if of == 1:
                yield from self._complete(known)

    def _stage(self, stage: str, known: Known, journal: Journal) -> Iterator[Done]:
        number, of = self.share
        done, total = known.setdefault(stage, {}), self.work.count(stage)
        todo = [task for task in range(number, total, of) if task not in done]
        extras = self._numbers() if stage == "number" else None
        tasks = (Task(stage, task, extras[task] if extras else None) for task in todo)
        for task, result in (self.workers or Here()).map(self.work, tasks):
            journal.add({"stage": stage, "number": task.number, "result": result})
            done[task.number] = result
            region = self.work.region(task.number) if stage == self._last else None
            yield Done(stage, task.number, len(done), total, region)

    def _before(self) -> Known:
        """What is done already, by stage and number."""
        known: Known = {}
        for path in sorted((self.work.job / "journal").glob("*.jsonl")):
            first, *rest = entries(path) or [{"job": self.about["job"]}]
            if first.get("job") != self.about["job"]:
                raise JobError(f"{path} is of another job: delete {self.partial} to begin anew")
            for entry in rest:
                known.setdefault(entry["stage"], {})[entry["number"]] = entry["result"]
        return known

    @cached_property
    def _joined(self) -> stitch.Joined:
        """The things of all blocks."""
        work = self.work
        told = [dict(np.load(work.told(number))) for number in range(len(work.blocks))]
        config = work.parting
        exact = config is not None and config.method == "components"
        sizes = (config.min_size, config.max_size) if config else (0, 0)
        return stitch.join(told, work.blocks.tiles, work.image.shape[2:], exact, sizes)

    def _numbers(self) -> list[np.ndarray]:
        """Per block the number of each of its things."""
        if self.work.parting:
            return self._joined.numbers
        mapping = self.work.segmenter.edits.mapping(len(self._joined.size))
        return [mapping[numbers] for numbers in self._joined.numbers]

    def _complete(self, known: Known) -> Iterator[Done]:
        """Puts the result in its place and clears away what is not part of it."""
        summary = self.work.job / _SUMMARY
        if not summary.exists():
            write_text(summary, json.dumps(self._summary(known)))
        told = json.loads(summary.read_text())
        self._tally = Tally(*(np.array(told["tally"][name]) for name in ("size", "confidence", "intensity")))
        if self.work.parting:
            self.found = Objects(self.labels, told["objects"])
        if self.partial != self.out:
            segments = self.segments
            files.set_legend(self.partial, segments.legend_of(self.found) if self.found else segments.legend)
            put_folder(self.partial, self.out, files.is_own_labels)
            self.partial = self.out
            self.work = replace(self.work, folder=self.out)
        files.list_labels(self.out)
        for left in self.out.parent.glob(f".{glob.escape(self.out.name + files.PARTIAL)}.*"):  # kills before any block
            shutil.rmtree(left, ignore_errors=True)
        _sweep(self.out / files.JOB)
        if self.found is not None:
            self.found = Objects(self.labels, told["objects"])
        yield from ()

    def _summary(self, known: Known) -> dict[str, Any]:
        """What is told of the result."""
        work, tally = self.work, Tally.empty(self.work.image.shape[1])
        for number in range(len(work.blocks)):  # in this order, whoever came first, for sums depend on it
            if work.own_regions:
                told = np.load(work.told(number))
                tally.merge(Tally(told["tally"], told["confidence"], told["intensity"]), self._numbers()[number])
            else:
                result = known["label"][number]
                tally.merge(Tally(*(np.array(result[name]) for name in ("size", "confidence", "intensity"))))
        rows = stitch.table(self._joined, work.image.spacing, work.image.shape[0]) if work.parting else {}
        return {"tally": {name: values.tolist() for name, values in vars(tally).items()}, "objects": rows}


Known = dict[str, dict[int, Any]]


def fitted_before(out: str | os.PathLike[str], asked: str) -> Path | None:
    """The model file of a job that was stopped while it wrote `out`, if it was fitted for what is `asked` now."""
    for folder in (Path(f"{out}{files.PARTIAL}"), Path(out)):
        about = _read_about(folder / files.JOB)
        if about and about["asked"] == asked and asked and _begun(folder / files.JOB):
            return folder / files.JOB / "model.aeseg"
    return None


def digest(*things: Any) -> str:
    """A checksum of values that JSON knows and of arrays.

    >>> digest({"a": 1}, np.arange(3)) == digest({"a": 1}, np.arange(3.0))
    False
    """
    found = hashlib.sha256()
    for thing in things:
        if isinstance(thing, np.ndarray):
            found.update(f"{thing.dtype.str}{thing.shape}".encode())
            found.update(np.ascontiguousarray(thing).tobytes())
        else:
            found.update(json.dumps(thing, sort_keys=True).encode())
    return found.hexdigest()


def print_of(image: Image) -> str:
    """What an image is known again by: shape and settings, the size and time of its file, or a few of its pixels."""
    facts: list[Any] = [image.shape, image.axes, str(image.dtype), image.picked, image.spacing]
    for source in image.sources:
        path = Path(source.path) if source.path else None
        places = [path, *(path / name for name in ("zarr.json", ".zarray", ".zgroup", ".zattrs"))] if path else []
        stats = [place.stat() for place in places if place.is_file()]
        facts.append([[stat.st_size, stat.st_mtime_ns] for stat in stats])
    held = [source.array for source in image.sources if isinstance(source.array, np.ndarray)]
    if all(source.path and Path(source.path).is_file() for source in image.sources):
        return digest(facts)
    parts = []
    for n in sorted({0, image.shape[0] // 2, image.shape[0] - 1}):
        for share in (0.0, 0.5, 1.0):
            starts = [int(share * max(0, size - _PROBE)) for size in image.shape[2:]]
            region = tuple(slice(a, min(a + _PROBE, size)) for a, size in zip(starts, image.shape[2:], strict=True))
            parts.append(image.native(n, region))
    return digest(facts, *parts, *held)


def _about(work: Work, asked: str) -> dict[str, Any]:
    """What a job is known again by."""
    values, arrays = state.pack(work.segmenter)
    about = {
        "version": __version__,
        "model": digest(values, sorted(arrays), *(arrays[name] for name in sorted(arrays))),
        "image": print_of(work.image),
        "objects": work.parting.model_dump(mode="json") if work.parting else None,
        "labels": list(work.wished) if work.wished else None,
        "blocks": list(work.sizes),
    }
    return {**about, "job": digest(about), "asked": asked}


def _make(work: Work, about: dict[str, Any]) -> None:
    """The folder of a job, unless it is there; JobError if it is another's."""
    folder = work.folder
    there = _read_about(folder / files.JOB)
    if there is not None and there["job"] != about["job"]:
        if _begun(folder / files.JOB):
            names = {"model": "the segmenter", "image": "the image", "version": "the version of napari-ae-seg"}
            other = [names.get(name, f"its {name}") for name in about if there.get(name) != about[name]]
            raise JobError(
                f"{folder} holds what is done of another job: {', '.join(other[:2])} differed; give another name, "
                f"or delete the folder to begin anew"
            )
        shutil.rmtree(folder)
    elif folder.exists() and there is None:
        shutil.rmtree(folder)  # a kill left it before anything was done
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    things = work.parting is not None or work.own_regions
    dtype, into = np.uint32 if things else np.uint16, files.home(folder)
    arrays = files.create_levels(making, work.image, dtype, work.sizes, into)
    job = making / files.JOB
    (job / "journal").mkdir(parents=True)
    (job / "told").mkdir()
    if things:
        files.create_like(arrays[0], job / "parts", np.uint32)
    if work.parting:
        files.create_like(arrays[0], job / "segments", np.uint16)
    modelfile.save(job / "model.aeseg", work.segmenter)
    (job / "job.json").write_text(json.dumps(about))
    for held, _, inside in os.walk(making):
        for name in inside:
            sync(Path(held, name))
        sync(Path(held))
    try:
        making.rename(folder)
    except OSError:  # another share of the job was faster
        shutil.rmtree(making, ignore_errors=True)
        if not _is_of(folder / files.JOB, about):
            raise


def _readable(image: Image, job: Path) -> Image:
    """The image as other processes can read it, too: an array in memory as a file of the job."""
    for number, source in enumerate(image.sources):
        if isinstance(source.array, np.ndarray):
            np.ascontiguousarray(source.array).tofile(job / f"image-{number}")
    sources = [
        replace(source, array=Mapped(job / f"image-{number}", source.array.shape, source.array.dtype, 0), coarser=())
        if isinstance(source.array, np.ndarray)
        else replace(source, coarser=())
        for number, source in enumerate(image.sources)
    ]
    return replace(image, sources=tuple(sources))


def _read_about(job: Path) -> dict[str, Any] | None:
    try:
        about: dict[str, Any] = json.loads((job / "job.json").read_text())
    except (OSError, ValueError):
        return None
    return about


def _is_of(job: Path, about: dict[str, Any]) -> bool:
    there = _read_about(job)
    return there is not None and there["job"] == about["job"]


def _sweep(job: Path) -> None:
    """Delete what a complete job kept; what says that it is complete goes last: a kill in between is made good."""
    for path in job.iterdir() if job.is_dir() else ():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in ("job.json", _SUMMARY):
            path.unlink(missing_ok=True)
    (job / "job.json").unlink(missing_ok=True)
    shutil.rmtree(job, ignore_errors=True)


def _begun(job: Path) -> bool:
    """Whether any block is done."""
    return any(len(entries(path)) > 1 for path in (job / "journal").glob("*.jsonl"))


def _counted(tally: Tally, count: int) -> dict[str, np.ndarray]:
    """The sums of a tally of `count` things, by name."""
    more = count - len(tally.size)
    return {
        "tally": np.pad(tally.size, (0, more)),
        "confidence": np.pad(tally.confidence, (0, more)),
        "intensity": np.pad(tally.intensity, ((0, more), (0, 0))),
    }


@dataclass
class Clock:
    """How long a stage still takes, from what was done since it began."""

    stage: str = ""
    start: float = 0.0
    first: int = 0

    def left(self, done: Done) -> str:
        """In words."""
        now = time.monotonic()
        if done.stage != self.stage:
            self.stage, self.start, self.first = done.stage, now, done.done
            return ""
        seconds = (now - self.start) / (done.done - self.first) * (done.total - done.done)
        for unit, size in (("h", 3600), ("min", 60)):
            if seconds > 1.5 * size:
                return f"{seconds / size:.1f} {unit} left"
        return f"{seconds:.0f} s left"
