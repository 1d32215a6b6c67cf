"""Many images as one job: a file of labels each, what was found in each, and why some could not be done.

A journal in the folder of the results says which images are done; the same job goes on with the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ae_seg.core import state
from napari_ae_seg.core.journal import Journal, entries
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.images.batch import CARRIED_ON
from napari_ae_seg.images.formats.ngff import home_of
from napari_ae_seg.images.formats.table import write_csv
from napari_ae_seg.images.formats.write import write_labels
from napari_ae_seg.segmenter.job import Engine, Job, digest, print_of
from napari_ae_seg.segmenter.label import IN_MEMORY
from napari_ae_seg.segmenter.segmenter import voxels

if TYPE_CHECKING:
    from napari_ae_seg.config import ObjectsConfig
    from napari_ae_seg.images.stack import Image, Stack
    from napari_ae_seg.segmenter.segmenter import Segmenter

JOURNAL = ".napari-ae-seg-job.jsonl"


@dataclass(frozen=True)
class Outcome:
    """What became of one image.

    Parameters
    ----------
    number : int
        Of the image, counted from 0.
    name : str
        Of the image.
    file : str
        Where its labels are.
    table : dict of list
        A row for each segment, or for each object.
    shares : dict
        Label -> share of the pixels.
    objects : int or None
        How many objects there are, if objects were asked for.
    failure : str
        Why it could not be done; "" if it is done.

    Examples
    --------
    >>> Outcome(0, "a", "a_labels.tif", failure="a.tif: the file is cut off").failure
    'a.tif: the file is cut off'
    """

    number: int
    name: str
    file: str
    table: dict[str, list[Any]] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    objects: int | None = None
    failure: str = ""


@dataclass
class _Labelling:
    """Labels one image of many and writes its file, in any process."""

    segmenter: Segmenter
    stack: Stack
    files: tuple[Path, ...]
    parting: ObjectsConfig | None
    wished: tuple[int, ...] | None
    rescale: bool

    def __getstate__(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**own, "segmenter": (type(self.segmenter), *state.pack(self.segmenter))}

    def __setstate__(self, own: dict[str, Any]) -> None:
        segmenter = state.unpack(*own["segmenter"])
        self.__dict__.update(own, segmenter=segmenter.on(segmenter.config.device))

    def by_block(self, number: int) -> bool:
        """Whether an image is labelled block by block into its file."""
        image, file = self.stack.images[number], self.files[number]
        return by_block(self.segmenter, image, file, self.parting, self.rescale)

    def __call__(self, number: int) -> dict[str, Any]:
        return asdict(self.done(number, None, silent))

    def done(self, number: int, workers: Engine | None, report: Report) -> Outcome:
        """What became of an image; an error of this image alone is part of it."""
        image, file = self.stack.images[number], self.files[number]
        about = Outcome(number, image.name, str(file))
        try:
            if self.by_block(number):
                job = Job(self.segmenter, image, file, workers=workers, objects=self.parting, labels=self.wished)
                segments, found = job.run(report).segments, job.found
            else:
                segments = self.segmenter.apply_to(image, None, report, self.rescale)
                found = segments.objects(image, self.wished, self.parting) if self.parting else None
                legend = segments.legend_of(found) if found else segments.legend
                write_labels(file, found.labels if found else segments.labels, image, legend)
        except CARRIED_ON as error:
            return replace(about, failure=" ".join(str(error).split()))
        shares = {str(n): share for n, share in zip(segments.table["index"], segments.table["share"], strict=True)}
        table = dict(found.table if found else segments.table)
        return replace(about, table=table, shares=shares, objects=found.count if found else None)


def by_block(
    segmenter: Segmenter, image: Image, file: Path, objects: ObjectsConfig | None, rescale: bool = False
) -> bool:
    """Whether labels of `image`, or its objects, are written to `file` block by block."""
    whole = rescale or segmenter._in_memory(image) or (objects is not None and voxels(image) <= IN_MEMORY)
    return (file.suffix == ".zarr" or home_of(file) is not None) and not whole


class Folder:
    """Labels of many images, a file each; a job that was stopped goes on with the images that are not done.

    Iterating does the work and yields what became of each image. An image that cannot be done does not stop the others.

    Parameters
    ----------
    segmenter : Segmenter
        What labels.
    images : Stack
        What is labelled.
    files : sequence of path
        Where the labels of each image go; the ending says the format.
    workers : Workers, optional
        Who labels: an image each, and of one that is larger than memory and goes to a .zarr the blocks.
    objects : ObjectsConfig, optional
        Write single objects in place of segments.
    labels : sequence of int, optional
        The segments that hold objects; all by default.
    rescale : bool, optional
        Look at each image at the pixel size of the training images.
    share : tuple of int, optional
        (i, n): every n-th image from i on, 0 <= i < n; the rest is left to others.
    report : callable, optional
        Is told of progress; `progress_bar` shows it.
    replace : bool, optional
        Write over files that are there already and are not of this job.

    Examples
    --------
    >>> import numpy as np, tempfile, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
    >>> stack = ae.read([bands, bands[:20]])
    >>> segmenter = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=3))
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for outcome in ae.Folder(segmenter, stack, [f"{name}/a.tif", f"{name}/b.tif"]):
    ...         print(outcome.number, outcome.shares)
    0 {'1': 0.34375, '2': 0.34375, '3': 0.3125}
    1 {'1': 0.34375, '2': 0.34375, '3': 0.3125}
    """

    def __init__(
        self,
        segmenter: Segmenter,
        images: Stack,
        files: Sequence[str | os.PathLike[str]],
        *,
        workers: Engine | None = None,
        objects: ObjectsConfig | None = None,
        labels: Sequence[int] | None = None,
        rescale: bool = False,
        share: tuple[int, int] = (0, 1),
        report: Report = silent,
        replace: bool = True,
    ) -> None:
        if len(files) != len(images):
            raise ValueError(f"every image has a file: got {len(images)} images and {len(files)} files")
        wished = tuple(labels) if labels else None
        self._work = _Labelling(segmenter, images, tuple(map(Path, files)), objects, wished, rescale)
        self._workers, self._share, self._report, self._replace = workers, share, report, replace

    def __iter__(self) -> Iterator[Outcome]:
        work, (first, every) = self._work, self._share
        mine = range(first, len(work.stack), every)
        folder = work.files[0].parent
        folder.mkdir(parents=True, exist_ok=True)
        name = JOURNAL if every == 1 else JOURNAL.replace("job", f"job-{first}-of-{every}")
        if any(entry.get("job") != self._digest for entry in entries(folder / name)[:1]):
            (folder / name).unlink()  # of another job: its results are replaced
        with Journal(folder / name, {"job": self._digest}) as journal:
            done = {entry["number"]: Outcome(**entry) for entry in entries(folder / name)[1:]}
            kept = {n: outcome for n, outcome in done.items() if not outcome.failure and Path(outcome.file).exists()}
            yield from kept.values()
            left = [number for number in mine if number not in kept]
            there = [] if self._replace else [number for number in left if work.files[number].exists()]
            yield from map(self._left_alone, there)
            for outcome in self._outcomes([number for number in left if number not in there]):
                journal.add(asdict(outcome))
                count = len(kept) + 1
                kept[outcome.number] = outcome
                self._report(Progress("images", count, len(mine)))
                yield outcome
        if every == 1:
            with suppress(OSError):
                (folder / name).unlink()

    def _left_alone(self, number: int) -> Outcome:
        file = self._work.files[number]
        told = f"{file.name} is there already; it was left as it is"
        return Outcome(number, self._work.stack.images[number].name, str(file), failure=told)

    def _outcomes(self, numbers: Sequence[int]) -> Iterator[Outcome]:
        work, workers = self._work, self._workers
        small = [number for number in numbers if not work.by_block(number)]
        large = [number for number in numbers if work.by_block(number)]
        if workers is None:
            yield from (work.done(number, None, self._report) for number in small)
        else:
            yield from (Outcome(**found) for _, found in workers.map(work, small))
        yield from (work.done(number, workers, self._report) for number in large)

    @cached_property
    def _digest(self) -> str:
        """What the job is known again by."""
        work = self._work
        values, arrays = state.pack(work.segmenter)
        parts = [values, *(arrays[name] for name in sorted(arrays)), [print_of(image) for image in work.stack.images]]
        config = work.parting.model_dump(mode="json") if work.parting else None
        return digest(*parts, [str(file) for file in work.files], config, work.wished, work.rescale)


def write_summary(
    path: str | os.PathLike[str], outcomes: Sequence[Outcome], names: dict[int, str] | None = None
) -> None:
    """Write what became of images as comma-separated values: one row each.

    Parameters
    ----------
    path : path
        The file.
    outcomes : sequence of Outcome
        What `Folder` yielded.
    names : dict, optional
        Label -> name, for the titles of the columns.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as name:
    ...     write_summary(f"{name}/t.csv", [Outcome(0, "a", "a.tif", shares={"1": 0.25, "2": 0.75})])
    ...     print(Path(name, "t.csv").read_text())
    image,labels,objects,share 1,share 2,failure
    a,a.tif,,0.25,0.75,
    <BLANKLINE>
    """
    labels = sorted({int(label) for outcome in outcomes for label in outcome.shares})
    titles = [f"share {(names or {}).get(label, label)}" for label in labels]
    rows = []
    for outcome in sorted(outcomes, key=lambda one: one.number):
        shares = [outcome.shares.get(str(label), "" if outcome.failure else 0.0) for label in labels]
        count = "" if outcome.objects is None else outcome.objects
        rows.append([outcome.name, outcome.file, count, *shares, outcome.failure])
    write_csv(Path(path), ["image", "labels", "objects", *titles, "failure"], rows)
