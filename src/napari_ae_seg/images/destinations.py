"""One gate before any work: where results go, and whether they can go there without harm to anything that is read."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_ae_seg.core.errors import DestinationError
from napari_ae_seg.core.wholefile import restore

from .formats.ngff import home_of, is_own_labels
from .formats.read import images_in, is_zarr

_ENDINGS = (".ome.tif", ".ome.tiff", ".nii.gz", ".ome.zarr")
"""Endings of two parts; of any other name the last part is the ending."""
_LABELS = ("--out", "--labels-out")
"""Outputs that may be labels of an image, which lie inside of it."""
_ROOM = 2**20  # bytes that are free beyond what the results take


def check_destinations(inputs: Iterable[str | Path], outputs: Mapping[str, Sequence[str | Path]]) -> None:
    """Make the folders of all `outputs` and see that each can be written and is neither an input nor another output.

    Parameters
    ----------
    inputs : paths
        All that is read: images, models, masks, strokes, tables; folders stand for all that lies in them.
    outputs : what each is called (such as "--out") -> paths
        All that is written.

    Raises
    ------
    DestinationError
        One sentence: which output cannot be written there, why, and what would work.
    """
    read = _Read.of(held for path in inputs for held in _held(Path(path)))
    seen: dict[str, str] = {}
    for name, paths in outputs.items():
        for path in map(Path, paths):
            try:
                known = _checked(name, path, read)
            except OSError as error:
                raise DestinationError(f"{name} {path} cannot be written: {error.strerror or error}") from None
            if known in seen:
                raise DestinationError(f"{name} and {seen[known]} would both write {path}; give each its own file")
            seen[known] = name
    for one in seen:
        other = next((str(parent) for parent in Path(one).parents if str(parent) in seen), None)
        if other:
            raise DestinationError(f"{seen[one]} lies inside {other}, which {seen[other]} would write; move it out")


@dataclass(frozen=True)
class _Read:
    """All that is read, to be looked up by name, by file, and by the folders around it: there may be thousands."""

    names: dict[str, Path]
    files: set[tuple[int, int]]
    """Device and number of each file that exists."""
    around: dict[Path, Path]
    """Every folder that one of them lies in, with one that does."""

    @classmethod
    def of(cls, places: Iterable[Path]) -> _Read:
        names = {os.path.normcase(place): place for place in places}
        there = [place.stat() for place in names.values() if place.exists()]
        around = {parent: place for place in names.values() for parent in place.parents}
        return cls(names, {(found.st_dev, found.st_ino) for found in there}, around)

    def holds(self, place: Path) -> bool:
        """Whether `place` is among them, under whatever name: also as a hard link, or spelled otherwise."""
        if os.path.normcase(place) in self.names:
            return True
        if not place.exists():
            return False
        found = place.stat()
        return (found.st_dev, found.st_ino) in self.files


def check_room(sizes: Mapping[Path, int]) -> None:
    """See that the disks have room for results of about so many bytes each, or raise DestinationError."""
    wanted: dict[int, tuple[Path, int]] = {}
    for path, size in sizes.items():
        folder = _nearest(path)
        device = folder.stat().st_dev
        wanted[device] = (folder, wanted.get(device, (folder, _ROOM))[1] + size)
    for folder, size in wanted.values():
        free = shutil.disk_usage(folder).free
        if free < size:
            raise DestinationError(
                f"the results need about {_large(size)}, but only {_large(free)} are free in {folder}"
            )


def _large(size: int) -> str:
    """A number of bytes as a person says it."""
    return f"{size / 2**30:.2f} GB" if size >= 2**30 / 10 else f"{size / 2**20:.2f} MB"


def result_names(paths: Sequence[str | Path], ending: str = "_labels.tif") -> list[str]:
    """Names for the results of several images, from their own: no two are the same, on no system.

    Images of one name are told apart by their endings or by their folders; what still coincides is numbered.

    >>> result_names(["x/a.tif", "y/a.tif", "a_2.tif", "2024.01.05_a.tif"])
    ['x_a_labels.tif', 'y_a_labels.tif', 'a_2_labels.tif', '2024.01.05_a_labels.tif']
    >>> result_names(["a.tif", "a.png", "b.ome.tif"])
    ['a_tif_labels.tif', 'a_png_labels.tif', 'b_labels.tif']
    """
    levels = [_spellings(Path(path)) for path in paths]
    level = [0] * len(levels)
    names = [spellings[0] for spellings in levels]
    while True:
        counts: dict[str, list[int]] = {}
        for number, name in enumerate(names):
            counts.setdefault(name.casefold(), []).append(number)
        alike = [number for group in counts.values() if len(group) > 1 for number in group]
        finer = [number for number in alike if level[number] + 1 < len(levels[number])]
        if not finer:
            break
        for number in finer:
            level[number] += 1
            names[number] = levels[number][level[number]]
    taken: set[str] = set()
    for number, name in enumerate(names):
        free, count = name, 2
        while free.casefold() in taken or (free != name and free.casefold() in counts):
            free, count = f"{name}_{count}", count + 1
        taken.add(free.casefold())
        names[number] = free
    return [name + ending for name in names]


def stem_of(path: str | Path) -> str:
    """The name of a file without its ending: `2024.01.05_a` of `2024.01.05_a.ome.tif`."""
    name = Path(path).name
    double = next((ending for ending in _ENDINGS if name.lower().endswith(ending)), "")
    return name[: -len(double)] if double else Path(name).stem


def _spellings(path: Path) -> list[str]:
    """The stem of a path, and longer and longer names that tell it from others."""
    stem, parents = stem_of(path), [parent for parent in path.parts[:-1] if parent.strip("./\\")]
    ending = path.name[len(stem) :].replace(".", "_")
    longer = [stem + ending] if ending else []
    folders = ["_".join([*parents[-depth:], stem]) for depth in range(1, len(parents) + 1)]
    with_ending = [folder + ending for folder in folders[-1:]] if ending else []
    return [stem, *folders[:1], *longer, *folders[1:], *with_ending]


def _checked(name: str, path: Path, read: _Read) -> str:
    """The place of an output, as a name by which the same place is known again."""
    restore(path)
    place = path.resolve()
    _check_apart(name, path, place, read)
    _check_kind(name, path)
    _check_writable(name, path)
    return os.path.normcase(place)


def _held(path: Path) -> list[Path]:
    """The path itself, and of a folder that is no zarr the images in it that are read."""
    place = path.expanduser().resolve()
    if not place.is_dir() or is_zarr(place) or place.suffix.lower() == ".zarr":
        return [place]
    return [image.resolve() for image in images_in(place)[0]]


def _check_apart(name: str, path: Path, place: Path, read: _Read) -> None:
    """Refuse an output that is an input, or lies inside a folder that is one, or around one."""
    if read.holds(place):
        raise DestinationError(f"{name} {path} is read by this command and would be overwritten; give another name")
    into = home_of(place)
    own = {into, *into.parents} if name in _LABELS and into is not None else set()  # labels lie inside their image
    for parent in place.parents:
        source = read.names.get(os.path.normcase(parent))
        if source is not None and source not in own and source.is_dir():
            raise DestinationError(f"{name} {path} lies inside {source}, which is read; give a place outside of it")
    if place in read.around and _is_result(place):
        source = read.around[place]
        raise DestinationError(f"{name} {path} would replace the folder that {source} lies in; give another name")


def _is_result(place: Path) -> bool:
    """Whether a folder of this name would be written as one thing, and not have files added to it."""
    return place.suffix.lower() == ".zarr" or place.is_file()


def _check_kind(name: str, path: Path) -> None:
    zarr = path.suffix.lower() == ".zarr" or home_of(path) is not None
    if path.is_dir() and not (zarr and is_own_labels(path)):
        if zarr:
            raise DestinationError(f"{name} {path} is not labels of napari-ae-seg alone; give another name")
        raise DestinationError(f"{name} {path} is a folder; give the name of a file")
    if path.exists() and not path.is_dir() and (zarr or not path.is_file()):
        raise DestinationError(f"{name} {path} is no {'folder' if zarr else 'ordinary file'}; give another name")


def _check_writable(name: str, path: Path) -> None:
    """Make the folder, and make and remove a file there."""
    place = path.resolve() if path.is_symlink() else path
    if place.exists() and not os.access(place, os.W_OK):
        raise DestinationError(f"{name} {path} is write-protected; give another name")
    folder = place.parent
    into = home_of(place)
    if into is not None and not folder.exists():
        folder = into  # nothing is added to an image before there are labels
    folder.mkdir(parents=True, exist_ok=True)
    trial = folder / f".aeseg-trial-{uuid.uuid4().hex[:8]}"
    trial.touch(exist_ok=False)
    trial.unlink()


def _nearest(path: Path) -> Path:
    """The folder that `path` lies in, or will."""
    folder = path.resolve().parent
    while not folder.is_dir():
        folder = folder.parent
    return folder
