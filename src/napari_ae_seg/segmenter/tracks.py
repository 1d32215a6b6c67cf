"""Tracks: objects that keep their number through a movie, where they split and where they merge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.config import TrackingConfig
from napari_ae_seg.core.progress import Report, silent
from napari_ae_seg.core.wholefile import whole_folder
from napari_ae_seg.images.formats.table import Table
from napari_ae_seg.images.stack import Images, as_stack

from .linking import Frame, Linked
from .objects import Objects

if TYPE_CHECKING:
    from napari_ae_seg.images.stack import Image


@dataclass(frozen=True, repr=False)
class Tracks:
    """Objects of a movie under numbers they keep, and how they came from one another.

    Parameters
    ----------
    labels : ndarray
        int32 of the image's shape without channels: the number of the track of every object.
    table : Table
        A row per object and frame: track, t, z, y, x (its centre in pixels; z is 0 in 2D), object (its number before),
        cluster (of the track) and size.
    graph : dict of int to list of int
        Track -> the tracks it came from: one after a split, two or more after a merge.
    image : Image
        What was tracked.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> labels = np.zeros((3, 32, 32), int)
    >>> for t in range(3):
    ...     labels[t, 8:16, 8 + t : 16 + t] = 1
    >>> tracks = ae.track(labels, ae.read(labels, axes="TYX"))
    >>> tracks
    Tracks of image: 1 track in 3 frames, 0 splits, 0 merges
    >>> tracks.table["track"], tracks.table["x"]
    ([1, 1, 1], [11.5, 12.5, 13.5])
    """

    labels: np.ndarray
    table: Table
    graph: dict[int, list[int]]
    image: Image = field(compare=False)

    def __repr__(self) -> str:
        count, frames = self.count, self.image.source_shape[self.image.axes.index("T")]
        splits, merges = len(self.splits), len(self.merges)
        return (
            f"Tracks of {self.image.name}: {count} track{'s' * (count != 1)} in {frames} frames, "
            f"{splits} split{'s' * (splits != 1)}, {merges} merge{'s' * (merges != 1)}"
        )

    @property
    def count(self) -> int:
        """How many tracks there are."""
        return len(set(self.table["track"]))

    @property
    def splits(self) -> dict[int, list[int]]:
        """Track that ends by splitting -> the tracks that go on."""
        found: dict[int, list[int]] = {}
        for child, parents in self.graph.items():
            if len(parents) == 1:
                found.setdefault(parents[0], []).append(child)
        return found

    @property
    def merges(self) -> dict[int, list[int]]:
        """Track that begins by a merge -> the tracks that ended in it."""
        return {child: list(parents) for child, parents in self.graph.items() if len(parents) > 1}

    @property
    def summary(self) -> Table:
        """A row per track: cluster, frames, the tracks before and after it, mean size, path, distance and speed.

        Lengths are in the image's units where they are known, else in pixels; the speed is that per frame.
        """
        step = self._step
        rows: dict[str, list[Any]] = {name: [] for name in SUMMARY}
        after: dict[int, list[int]] = {}
        for child, parents in self.graph.items():
            for parent in parents:
                after.setdefault(parent, []).append(child)
        columns = {name: np.asarray(self.table[name]) for name in ("track", "t", "z", "y", "x", "size")}
        clusters = dict(zip(self.table["track"], self.table.get("cluster", [0] * self.table.count), strict=True))
        names, first = np.unique(columns["track"], return_index=True)  # rows lie by track, then by time
        for track, start, stop in zip(names, first, [*first[1:], self.table.count], strict=True):
            own = slice(int(start), int(stop))
            places = np.stack([columns[axis][own] for axis in "zyx"], 1) * step
            moves = np.linalg.norm(np.diff(places, axis=0), axis=1)
            times = columns["t"][own]
            span = int(times[-1] - times[0])
            found = {
                "index": int(track),
                "cluster": clusters[int(track)],
                "first t": int(times[0]),
                "last t": int(times[-1]),
                "frames": int(stop - start),
                "from": " ".join(map(str, self.graph.get(int(track), []))),
                "into": " ".join(map(str, after.get(int(track), []))),
                "size": _short(columns["size"][own].mean()),
                "path": _short(moves.sum()),
                "distance": _short(float(np.linalg.norm(places[-1] - places[0]))),
                "speed": _short(moves.sum() / span if span else 0.0),
            }
            for name, value in found.items():
                rows[name].append(value)
        return Table(rows)

    @property
    def objects(self) -> Objects:
        """The tracks as objects, to be shown or measured: a row per track with its cluster, frames and path."""
        return Objects(self.labels, dict(self.summary))

    @property
    def data(self) -> np.ndarray:
        """(rows, 1 + axes) for `viewer.add_tracks`: track, t, and the places along the other axes, in pixels.

        A ValueError says so if time is not the first of the image's axes, as napari has it.
        """
        axes = self.image.label_axes
        if axes[0] != "T":
            raise ValueError(f"napari takes tracks with time as the first axis, {self.image.name} has {axes}")
        others = [self.table[axis.lower()] if axis in "ZYX" else self.table[axis] for axis in axes[1:]]
        return np.stack([self.table["track"], self.table["t"], *others], 1).astype(float)

    @property
    def layer(self) -> dict[str, Any]:
        """Keyword arguments for `viewer.add_tracks(tracks.data, **tracks.layer)`."""
        features = {name: self.table[name] for name in ("track", "cluster", "size") if name in self.table}
        return {
            "name": f"{self.image.name} tracks",
            "features": features,
            "graph": {child: list(parents) for child, parents in self.graph.items()},
            "tail_length": max(10, self.image.source_shape[self.image.axes.index("T")]),
            **self.image.transform,
        }

    def to_ctc(self, folder: str | Path) -> None:
        r"""Write a folder as the Cell Tracking Challenge has it, which trackastra, btrack and Fiji read.

        `mask000.tif` and so on hold the labels of each frame, `res_track.txt` a line per track: its number, first and
        last frame, and the track it came from, or 0. The format knows no gaps: where an object is missing for a while
        its track ends, and the rest is a track that came from it. Of a merge only the first track before is kept.

        Parameters
        ----------
        folder : path
            A new folder, or one that this package wrote before.

        Raises
        ------
        ValueError
            If the image has several movies, or a number does not fit into 16 bits.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae, tempfile, pathlib
        >>> labels = np.ones((2, 32, 32), int)
        >>> tracks = ae.track(labels, ae.read(labels, axes="TYX"))
        >>> with tempfile.TemporaryDirectory() as place:
        ...     tracks.to_ctc(f"{place}/ctc")
        ...     pathlib.Path(f"{place}/ctc/res_track.txt").read_text()
        '1 0 1 0\n'
        """
        import tifffile

        series = list(_series(self.image))
        if len(series) != 1:
            raise ValueError(f"{self.image.name} holds {len(series)} movies: write each on its own")
        frames, lines = _challenge(self, self.image.from_source(self.labels)[series[0]])
        if frames.max(initial=0) > np.iinfo(np.uint16).max:
            raise ValueError(f"{len(lines)} tracks are more than the 65535 that this format has room for")
        with whole_folder(folder, replaces=_is_ctc) as place:
            for t, frame in enumerate(frames.astype(np.uint16)):
                tifffile.imwrite(place / _mask_name(t, len(frames)), frame, compression="zlib")
            (place / "res_track.txt").write_text("".join(f"{line}\n" for line in lines))

    @property
    def _step(self) -> np.ndarray:
        """Size of a pixel along z, y and x."""
        spacing = self.image.spacing
        return np.array([*[1.0] * (3 - len(spacing)), *spacing])


SUMMARY = ("index", "cluster", "first t", "last t", "frames", "from", "into", "size", "path", "distance", "speed")
"""The columns of `Tracks.summary`."""


def track(
    objects: Objects | np.ndarray, images: Images, config: TrackingConfig | None = None, report: Report = silent
) -> Tracks:
    """Give the objects of a movie numbers that they keep from frame to frame.

    Parameters
    ----------
    objects : Objects or ndarray
        The objects of every frame, such as `segments.objects(movie)`, or labels of the movie's shape without channels.
    images : Image, Stack, array, path or layer
        The movie; its axes name T.
    config : TrackingConfig, optional
        How far objects move, and whether splits and merges are looked for.
    report : callable, optional
        Is told of progress; `progress_bar` shows it.

    Returns
    -------
    Tracks
        Labels under the numbers of tracks, tables, and which track came from which.

    Raises
    ------
    ValueError
        If the image has no time axis, or the labels another shape.
    TypeError
        If the labels are no integers.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> labels = np.zeros((2, 32, 32), int)
    >>> labels[0, 8:16, 8:24] = labels[1, 8:16, 8:14] = labels[1, 8:16, 18:24] = 1
    >>> labels[1, 8:16, 18:24] = 2
    >>> ae.track(labels, ae.read(labels, axes="TYX")).splits
    {1: [2, 3]}
    """
    config, image = TrackingConfig.of(config), as_stack(images).image
    given = np.asarray(objects if isinstance(objects, np.ndarray) else objects.labels)
    if given.dtype.kind not in "iub":
        raise TypeError(f"labels are integers, got {given.dtype}")
    if given.shape != image.label_shape:
        raise ValueError(f"labels of {image.name} have its shape {image.label_shape}, got {given.shape}")
    if "T" not in image.axes:
        raise ValueError(f"{image.name} has the axes {image.axes}: objects are tracked through T; name it when reading")
    samples = image.from_source(given)
    clusters = (
        {}
        if isinstance(objects, np.ndarray)
        else dict(zip(objects.table["index"], objects.table["cluster"], strict=True))
    )
    out = np.zeros(samples.shape, np.int32)
    tables, first = [], 1
    graph: dict[int, list[int]] = {}
    for numbers in _series(image):
        frames = [Frame.of(samples[n]) for n in numbers]
        linked = Linked.of(frames, config, np.asarray(image.spacing, float), report)
        frames = linked.frames
        names, came = linked.numbered(first)
        graph |= came
        for t, (n, frame) in enumerate(zip(numbers, frames, strict=True)):
            out[n] = np.concatenate([[0], names[t]])[frame.labels]
            tables.append(_rows(frame, names[t], t, image, n))
        first += len(set(np.concatenate(names).tolist()))
    table = _steady(Table.stacked(tables), clusters)
    order = np.lexsort((table["t"], table["track"]))
    sorted_rows = {name: [values[row] for row in order] for name, values in table.items()}
    return Tracks(image.to_source(out), Table(sorted_rows), graph, image)


def _series(image: Image) -> Iterator[np.ndarray]:
    """The numbers of the samples of every movie in the image, in the order of time."""
    others = image.others
    sizes = [image.source_shape[image.axes.index(axis)] for axis in others]
    grid = np.moveaxis(np.arange(image.shape[0]).reshape(sizes), others.index("T"), -1)
    yield from grid.reshape(-1, grid.shape[-1])


def _rows(frame: Frame, names: np.ndarray, t: int, image: Image, n: int) -> dict[str, list[Any]]:
    places = dict(zip("zyx"[-frame.labels.ndim :], frame.center.T, strict=True))
    known = dict(zip(image.others, np.unravel_index(n, _sizes(image)), strict=True))
    z = places["z"].tolist() if "z" in places else [int(known.get("Z", 0))] * len(names)
    rows: dict[str, list[Any]] = {"track": names.tolist(), "t": [t] * len(names), "z": z}
    rows |= {axis: [_short(value) for value in places[axis]] for axis in "yx"}
    rows |= {axis: [int(at)] * len(names) for axis, at in known.items() if axis not in "TZ"}
    return {**rows, "object": frame.index.tolist(), "size": frame.size.tolist()}


def _sizes(image: Image) -> list[int]:
    return [image.source_shape[image.axes.index(axis)] for axis in image.others]


def _steady(table: Table, clusters: dict[int, int]) -> Table:
    """The table with the cluster that each track has in most of its pixels, if clusters are known."""
    if not clusters:
        return table
    votes: dict[int, dict[int, int]] = {}
    for name, number, size in zip(table["track"], table["object"], table["size"], strict=True):
        held = votes.setdefault(name, {})
        held[clusters[number]] = held.get(clusters[number], 0) + size
    main = {name: max(held, key=lambda cluster: held[cluster]) for name, held in votes.items()}
    table["cluster"] = [main[name] for name in table["track"]]
    return table


def _challenge(tracks: Tracks, frames: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Labels (T, *space) and lines of a Cell Tracking Challenge folder, where every track is in all of its frames."""
    frames = frames.copy()
    times: dict[int, list[int]] = {}
    for track, t in zip(tracks.table["track"], tracks.table["t"], strict=True):
        times.setdefault(track, []).append(t)
    following = max(times, default=0) + 1
    last: dict[int, int] = {}  # the number under which each track ends
    rows: list[tuple[int, int, int, int, int | None]] = []
    for track, seen in times.items():
        number, parent = track, None
        for run in np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1):
            if parent is not None:
                number, following = following, following + 1
                rest = frames[run[0] : run[-1] + 1]
                rest[rest == track] = number
            rows.append((number, run[0], run[-1], track, parent))
            parent = number
        last[track] = number
    before = {track: last[parents[0]] for track, parents in tracks.graph.items()}
    lines = [
        f"{number} {start} {stop} {before.get(track, 0) if parent is None else parent}"
        for number, start, stop, track, parent in rows
    ]
    return frames, lines


def _mask_name(t: int, frames: int) -> str:
    """The name of the file of a frame: as many digits as let the names of all frames lie in order.

    >>> _mask_name(7, 10), _mask_name(7, 1001)
    ('mask007.tif', 'mask0007.tif')
    """
    return f"mask{t:0{max(3, len(str(frames - 1)))}d}.tif"


def _is_ctc(folder: Path) -> bool:
    """Whether a folder holds tracks and nothing else, so that new ones may take its place."""
    names = {item.name for item in folder.iterdir()} if folder.is_dir() else set()
    return "res_track.txt" in names and all(n == "res_track.txt" or n.startswith("mask") for n in names)


def _short(value: float) -> float:
    return float(f"{value:.8g}")
