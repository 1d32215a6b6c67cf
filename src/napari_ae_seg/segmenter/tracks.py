"""Tracks: objects that keep their number through a movie, where they split and where they merge.

Objects of two frames are linked by how much they overlap, fast ones moved on as they moved before, or by distance where
they do not; every object has at most one link to the next frame, chosen for the best sum. What is left over and
overlaps a linked object is the other half of a split, or of a merge. Then gaps of a few frames are closed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.config import TrackingConfig
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.core.wholefile import whole_folder
from napari_ae_seg.images.formats.table import Table
from napari_ae_seg.images.stack import Images, as_stack

from .objects import Objects

if TYPE_CHECKING:
    from napari_ae_seg.images.stack import Image

MERGED = 0.5
"""Share of an object that lies in another's successor where the two have merged."""
ALIKE = 0.5
"""How large the smaller half of a split is beside the larger one, at least, where it lies apart from the whole; and a
part beside what it was before, where what merged is parted again."""

FAST = 0.5
"""Part of its diameter that an object must have moved for the same move to be expected of it in the next frame; slower
ones overlap themselves, and change their course."""

Link = tuple[int, int]
"""Rows of two objects, in a frame and the next."""


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
        last frame, and the track it came from, or 0. Of a merge only the first of the tracks before is kept.

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
        if self.labels.max(initial=0) > np.iinfo(np.uint16).max:
            raise ValueError(f"{self.count} tracks are more than the 65535 that this format has room for")
        frames = self.image.from_source(self.labels)[series[0]].astype(np.uint16)
        about = self.summary
        rows = zip(about["index"], about["first t"], about["last t"], strict=True)
        lines = [f"{track} {first} {last} {self.graph.get(track, [0])[0]}" for track, first, last in rows]
        with whole_folder(folder, replaces=_is_ctc) as place:
            for t, frame in enumerate(frames):
                tifffile.imwrite(place / f"mask{t:03d}.tif", frame, compression="zlib")
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
        frames = [_Frame.of(samples[n]) for n in numbers]
        linked = _Linked.of(frames, config, np.asarray(image.spacing, float), report)
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


def _rows(frame: _Frame, names: np.ndarray, t: int, image: Image, n: int) -> dict[str, list[Any]]:
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


@dataclass(frozen=True)
class _Frame:
    """The objects of one frame: rows 0..n-1."""

    labels: np.ndarray
    """(*space) 1..n; 0 is none."""
    index: np.ndarray
    """(n,) their numbers as given."""
    size: np.ndarray
    center: np.ndarray
    """(n, axes) in pixels"""
    places: np.ndarray
    """(pixels, axes) of all objects."""
    row: np.ndarray
    """(pixels,) the row of the object that each belongs to."""

    @classmethod
    def of(cls, given: np.ndarray, names: np.ndarray | None = None) -> _Frame:
        """The objects of labels (*space); `names` are what the labels 1..n are called, if not by their number."""
        index, flat = np.unique(np.maximum(given, 0), return_inverse=True)
        labels = flat.reshape(given.shape) + (1 if index[0] > 0 else 0)
        index = index[index > 0]
        index = index if names is None else names[index - 1]
        places = np.argwhere(labels)
        row = labels[tuple(places.T)] - 1
        size = np.bincount(row, minlength=len(index))
        sums = [np.bincount(row, axis, minlength=len(index)) for axis in places.T]
        return cls(labels, index, size, np.stack(sums, 1) / size[:, None], places, row)

    @property
    def count(self) -> int:
        return len(self.index)


@dataclass
class _Linked:
    """Links between frames, and what split and merged."""

    frames: list[_Frame]
    links: list[dict[int, int]]
    """Per frame: row -> row of the next."""
    splits: list[dict[int, list[int]]]
    """Per frame: row -> rows of the next that it split into."""
    merges: list[dict[int, list[int]]]
    """Per frame: row of the next -> rows that merged into it."""

    @classmethod
    def of(cls, frames: list[_Frame], config: TrackingConfig, step: np.ndarray, report: Report) -> _Linked:
        found = cls([frames[0]], [], [], [])
        moved = np.zeros((frames[0].count, len(step)))  # how each object moved into its frame, in pixels
        known = np.ones(frames[0].count, bool)  # which objects were there before, apart from others
        for t, other in enumerate(frames[1:]):
            report(Progress("tracking", t, len(frames) - 1))
            pair = _Pair.of(found.frames[-1], other, moved, step, config)
            links = pair.links()
            merges = pair.merges(links) if config.merges != "ignore" else {}
            if config.merges == "part" and merges:
                other = pair.parted(merges, known)
                pair = _Pair.of(found.frames[-1], other, moved, step, config)
                links = pair.links()
                merges = pair.merges(links)
            one = pair.one
            splits = pair.splits(links) if config.splits else {}
            splits = {row: into for row, into in splits.items() if not set(into) & set(merges)}
            found.frames.append(other)
            found.links.append({a: b for a, b in links.items() if a not in splits and b not in merges})
            found.splits.append(splits)
            found.merges.append(merges)
            moved, known = np.zeros((other.count, len(step))), np.zeros(other.count, bool)
            for a, b in found.links[-1].items():
                known[b] = True
                move = other.center[b] - one.center[a]
                if np.linalg.norm(move * step) > FAST * _diameter(one.size[a], step):
                    moved[b] = move
        found._close_gaps(config, step)
        return found

    def numbered(self, first: int) -> tuple[list[np.ndarray], dict[int, list[int]]]:
        """The number of every object of every frame, from `first` on, and the tracks that each new one came from."""
        names = [np.zeros(frame.count, np.int32) for frame in self.frames]
        graph: dict[int, list[int]] = {}
        number = first
        for t, frame in enumerate(self.frames):
            parents: dict[int, list[int]] = {}
            if t:
                for row, into in self.splits[t - 1].items():
                    parents |= {child: [row] for child in into}
                parents |= self.merges[t - 1]
            for row in range(frame.count):
                if not names[t][row]:
                    names[t][row] = number
                    if row in parents:
                        graph[number] = sorted(int(names[t - 1][parent]) for parent in parents[row])
                    number += 1
            if t < len(self.links):
                for a, b in self.links[t].items():
                    names[t + 1][b] = names[t][a]
            for (start, a), (end, b) in self.gaps.items():
                if start == t:
                    names[end][b] = names[start][a]
        return names, graph

    gaps: dict[Link, Link] = field(default_factory=dict)
    """(frame, row) -> (frame, row) where the object is found again some frames later."""

    def _close_gaps(self, config: TrackingConfig, step: np.ndarray) -> None:
        """Join what vanishes to what appears nearby a few frames later."""
        from scipy.spatial import cKDTree

        begun, ended = self._loose()
        pairs = []
        for t, rows in ended.items():
            for wait in range(2, config.gap + 2):
                starts = begun.get(t + wait, [])
                if not starts:
                    continue
                one, other = self.frames[t], self.frames[t + wait]
                tree = cKDTree(other.center[starts] * step)
                for row in rows:
                    limit = config.reach * float(_diameter(one.size[row], step)) * wait
                    place = one.center[row] * step
                    for near in tree.query_ball_point(place, limit):
                        away = float(np.linalg.norm(tree.data[near] - place))
                        pairs.append((away / max(limit, 1e-9), (t, row), (t + wait, starts[near])))
        taken: set[Link] = set()
        for _, end, start in sorted(pairs):
            if end not in self.gaps and start not in taken:
                self.gaps[end] = start
                taken.add(start)

    def _loose(self) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        """Per frame what begins there with no track before it (not the first), and what ends with none after it."""
        begun, ended = {}, {}
        for t, (one, other) in enumerate(itertools.pairwise(self.frames)):
            after = {*self.links[t], *self.splits[t], *(row for rows in self.merges[t].values() for row in rows)}
            before = {*self.links[t].values(), *self.merges[t], *(r for rows in self.splits[t].values() for r in rows)}
            ended[t] = [row for row in range(one.count) if row not in after]
            begun[t + 1] = [row for row in range(other.count) if row not in before]
        return begun, ended


@dataclass(frozen=True)
class _Pair:
    """Two frames, the objects of the first moved on, and which of the second they overlap."""

    one: _Frame
    other: _Frame
    shared: dict[Link, int]
    """Pixels that an object of the first, moved on, shares with one of the second."""
    away: dict[Link, float]
    """Distance of the centres of pairs that are near enough, in units."""
    reach: np.ndarray
    """(n,) how far each object of the first may move, in units."""
    expected: np.ndarray
    """(n, axes) where the objects of the first are expected, in pixels."""
    config: TrackingConfig

    @classmethod
    def of(cls, one: _Frame, other: _Frame, moved: np.ndarray, step: np.ndarray, config: TrackingConfig) -> _Pair:
        from scipy.spatial import cKDTree

        shared: dict[Link, int] = {}
        away: dict[Link, float] = {}
        reach = config.reach * _diameter(one.size, step)
        if one.count and other.count:
            places = one.places + np.rint(moved).astype(int)[one.row]
            inside = np.all((places >= 0) & (places < other.labels.shape), 1)
            met = other.labels[tuple(places[inside].T)] - 1
            rows = one.row[inside][met >= 0]
            keys, counts = np.unique(rows * other.count + met[met >= 0], return_counts=True)
            shared = {(int(k) // other.count, int(k) % other.count): int(n) for k, n in zip(keys, counts, strict=True)}
            tree = cKDTree(other.center * step)
            for row, near in enumerate(tree.query_ball_point((one.center + moved) * step, reach)):
                place = (one.center[row] + moved[row]) * step
                away |= {(row, b): float(np.linalg.norm(other.center[b] * step - place)) for b in near}
        return cls(one, other, shared, away, reach, one.center + moved, config)

    def links(self) -> dict[int, int]:
        """At most one object of the second frame for each of the first, and the other way round, at the least cost."""
        costs = {pair: 1 + distance / max(self.reach[pair[0]], 1e-9) for pair, distance in self.away.items()}
        costs |= {(a, b): 1 - self._likeness(a, [b]) for a, b in self.shared}
        return _cheapest(costs, self.one.count, self.other.count)

    def splits(self, links: dict[int, int]) -> dict[int, list[int]]:
        """Objects of the first frame with the two or more of the second that they became.

        What has no link belongs to the object that overlaps it and its own successor together better than the successor
        alone; or to one from which both flew apart, to two sides, equally far and of about one size.
        """
        linked = set(links.values())
        offers: dict[int, list[tuple[float, int]]] = {}
        for a, c in {*self.shared, *self.away}:
            if c in linked or a not in links:
                continue
            gain = self._likeness(a, [links[a], c]) - self._likeness(a, [links[a]])
            if gain > 0:
                offers.setdefault(c, []).append((1 + gain, a))
            elif (a, c) in self.away and self._apart(a, links[a], c):
                offers.setdefault(c, []).append((1 / (1 + self.away[a, c]), a))
        found: dict[int, list[int]] = {}
        for c, candidates in offers.items():
            a = max(candidates)[1]
            found.setdefault(a, [links[a]]).append(c)
        return {a: sorted(into) for a, into in found.items()}

    def merges(self, links: dict[int, int]) -> dict[int, list[int]]:
        """Objects of the second frame with the two or more of the first that they hold."""
        owners = {b: a for a, b in links.items()}
        found: dict[int, list[int]] = {}
        for (a, b), n in self.shared.items():
            if a not in links and b in owners and n / self.one.size[a] >= MERGED:
                found.setdefault(b, [owners[b]]).append(a)
        return {b: sorted(rows) for b, rows in found.items()}

    def parted(self, merges: dict[int, list[int]], known: np.ndarray) -> _Frame:
        """The second frame with what merged parted again: each pixel goes to the object expected nearest to it.

        Only objects that were apart for longer than one frame are told apart, and only where each gets its share.
        """
        from scipy.spatial import cKDTree

        labels, index = self.other.labels.copy(), self.other.index.tolist()
        for b, rows in merges.items():
            if not known[rows].all():
                continue
            own = np.isin(self.one.row, rows)
            expected = self.one.places[own] + np.rint(self.expected - self.one.center).astype(int)[self.one.row[own]]
            places = self.other.places[self.other.row == b]
            nearest = self.one.row[own][cKDTree(expected).query(places)[1]]
            if min((nearest == row).sum() / self.one.size[row] for row in rows) < ALIKE:
                continue
            for row in rows[1:]:
                index.append(self.other.index[b])
                labels[tuple(places[nearest == row].T)] = len(index)
        return _Frame.of(labels, np.array(index))

    def _likeness(self, a: int, parts: list[int]) -> float:
        """Intersection over union of an object of the first frame and several of the second together."""
        shared = sum(self.shared.get((a, part), 0) for part in parts)
        return float(shared / (self.one.size[a] + self.other.size[parts].sum() - shared))

    def _apart(self, a: int, b: int, c: int) -> bool:
        """Whether b and c lie on two sides of where a was expected, about equally far, and are of about one size."""
        one, other = self.other.center[[b, c]] - self.expected[a]
        far, sizes = sorted(np.linalg.norm([one, other], axis=1)), sorted(self.other.size[[b, c]])
        return bool(one @ other < 0 and far[0] >= ALIKE * far[1] and sizes[0] >= ALIKE * sizes[1])


def _cheapest(costs: dict[Link, float], rows: int, columns: int) -> dict[int, int]:
    """As many pairs as there can be, for the least sum of costs; groups that share no candidate are solved apart."""
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not costs:
        return {}
    a, b = np.array(list(costs)).T
    both = coo_array((np.ones(len(a)), (a, rows + b)), shape=(rows + columns, rows + columns))
    _, group = connected_components(both, directed=False)
    members: dict[int, list[Link]] = {}
    for pair in costs:
        members.setdefault(int(group[pair[0]]), []).append(pair)
    found: dict[int, int] = {}
    for pairs in members.values():
        first, second = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
        table = np.full((len(first), len(second)), 1e6)  # above any sum of allowed costs: these pairs are none
        for one, other in pairs:
            table[first.index(one), second.index(other)] = costs[one, other]
        chosen = zip(*linear_sum_assignment(table), strict=True)
        found |= {first[i]: second[j] for i, j in chosen if table[i, j] < 1e6}
    return found


def _diameter(size: Any, step: np.ndarray) -> Any:
    """Side of a cube, or square, of `size` pixels, in units: about an object's diameter."""
    return (np.asarray(size) * step.prod()) ** (1 / len(step))


def _is_ctc(folder: Path) -> bool:
    """Whether a folder holds tracks and nothing else, so that new ones may take its place."""
    names = {item.name for item in folder.iterdir()} if folder.is_dir() else set()
    return "res_track.txt" in names and all(n == "res_track.txt" or n.startswith("mask") for n in names)


def _short(value: float) -> float:
    return float(f"{value:.8g}")
