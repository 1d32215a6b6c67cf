"""Links between the objects of the frames of a movie.

Objects of two frames are linked by how much they overlap, fast ones moved on as they moved before, or by distance where
they do not; every object has at most one link to the next frame, chosen for the best sum. What is left over and
overlaps a linked object is the other half of a split, or of a merge. Then gaps of a few frames are closed.

Before all that, what ran into one is parted again: where it lies on objects that were apart in the frames before, or
has a neck between objects that are apart in the frames after.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import ndimage as ndi

from napari_ae_seg.config import TrackingConfig
from napari_ae_seg.core.progress import Progress, Report

from .objects import hills

MERGED = 0.5
"""Share of an object that lies in another's successor where the two have merged."""

ALIKE = 0.5
"""How large the smaller half of a split is beside the larger one, at least, where it lies apart from the whole; and a
part beside what it was before, where what ran into one is parted again."""

GROWN = 1.3
"""How many times as large an object has become, at least, where others are looked for that it may have run into."""

TOUCHED = 0.1
"""Share of an object, at least, that lies in another one that grew, where it may be part of it."""

NECK = 0.04
"""How much narrower than what it joins a neck is, at least, where frames before or after tell two objects apart."""

FAST = 0.5
"""Part of its diameter that an object must have moved for the same move to be expected of it in the next frame; slower
ones overlap themselves, and change their course."""

Link = tuple[int, int]
"""Rows of two objects, in a frame and the next."""


@dataclass(frozen=True)
class Frame:
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
    def of(cls, given: np.ndarray, names: np.ndarray | None = None) -> Frame:
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
        """How many objects there are."""
        return len(self.index)


@dataclass
class Linked:
    """Links between frames, and what split and merged."""

    frames: list[Frame]
    links: list[dict[int, int]]
    """Per frame: row -> row of the next."""
    splits: list[dict[int, list[int]]]
    """Per frame: row -> rows of the next that it split into."""
    merges: list[dict[int, list[int]]]
    """Per frame: row of the next -> rows that merged into it."""

    @classmethod
    def of(cls, frames: list[Frame], config: TrackingConfig, step: np.ndarray, report: Report) -> Linked:
        """The links of frames in the order of time, after what ran into one was parted as `config` says."""
        if config.merges == "part":
            frames = _parted(frames, config, step, report)
        found = cls(frames, [], [], [])
        moved = np.zeros((frames[0].count, len(step)))  # how each object moved into its frame, in pixels
        for t, (one, other) in enumerate(itertools.pairwise(frames)):
            report(Progress("tracking", t, len(frames) - 1))
            pair = Pair.of(one, other, moved, step, config)
            links = pair.links()
            merges = pair.merges(links) if config.merges != "ignore" else {}
            splits = pair.splits(links) if config.splits else {}
            splits = {row: into for row, into in splits.items() if not set(into) & set(merges)}
            found.links.append({a: b for a, b in links.items() if a not in splits and b not in merges})
            found.splits.append(splits)
            found.merges.append(merges)
            moved = pair.moves(found.links[-1], step)
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


def _parted(frames: list[Frame], config: TrackingConfig, step: np.ndarray, report: Report) -> list[Frame]:
    """The frames with what ran into one parted again: by who was apart before it, then by who is apart after it."""
    for backwards in (False, True):
        frames = frames[::-1] if backwards else frames
        done = [frames[0]]
        moved = np.zeros((frames[0].count, len(step)))
        known = np.ones(frames[0].count, bool)  # which objects were there before, apart from others
        for t, other in enumerate(frames[1:]):
            report(Progress("parting what touches", t + (len(frames) - 1) * backwards, 2 * (len(frames) - 1)))
            one = done[-1]
            # backwards a division looks like a merge: only a neck tells two cells from one that is about to divide
            done.append(Pair.of(one, other, moved, step, config).parted(known, necks=backwards))
            pair = Pair.of(one, done[-1], moved, step, config)
            links = pair.links()
            merges, splits = pair.merges(links), pair.splits(links)
            links = {a: b for a, b in links.items() if a not in splits and b not in merges}
            moved, known = pair.moves(links, step), np.zeros(done[-1].count, bool)
            known[list(links.values())] = True
            if splits and not backwards:
                back = Pair.of(done[-1], one, np.zeros_like(moved), step, config)
                for row, into in splits.items():
                    known[into] = back.cut(row, into, necks=True) is None  # what had no neck did divide
        frames = done[::-1] if backwards else done
    return frames


@dataclass(frozen=True)
class Pair:
    """Two frames, the objects of the first moved on, and which of the second they overlap."""

    one: Frame
    other: Frame
    shared: dict[Link, int]
    """Pixels that an object of the first, moved on, shares with one of the second."""
    away: dict[Link, float]
    """Distance of the centres of pairs that are near enough, in units."""
    reach: np.ndarray
    """(n,) how far each object of the first may move, in units."""
    expected: np.ndarray
    """(n, axes) where the objects of the first are expected, in pixels."""
    config: TrackingConfig
    step: np.ndarray
    """Size of a pixel along each axis."""

    @classmethod
    def of(cls, one: Frame, other: Frame, moved: np.ndarray, step: np.ndarray, config: TrackingConfig) -> Pair:
        """Two frames, with the objects of the first expected where they `moved` to, (n, axes) in pixels."""
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
        return cls(one, other, shared, away, reach, one.center + moved, config, step)

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

    def touching(self, links: dict[int, int]) -> dict[int, list[int]]:
        """Objects of the second frame that grew, with the one they come from and others of the first they lie on."""
        owners = {b: a for a, b in links.items() if self.other.size[b] > GROWN * self.one.size[a]}
        found: dict[int, list[int]] = {}
        for (a, b), n in self.shared.items():
            if owners.get(b, a) != a and n / self.one.size[a] >= TOUCHED:
                found.setdefault(b, [owners[b]]).append(a)
        return {b: sorted(rows) for b, rows in found.items()}

    def parted(self, known: np.ndarray, necks: bool) -> Frame:
        """The second frame with what ran into one parted again.

        Only objects that are `known`, apart for longer than one frame, are told apart. A cell just born beside another
        is parted from it at a neck, as is everything with `necks`.
        """
        links = self.links()
        tries = [(b, rows, necks) for b, rows in self.merges(links).items()]
        tries += [(b, rows, True) for b, rows in self.touching(links).items()]
        labels, index = self.other.labels.copy(), self.other.index.tolist()
        done: set[int] = set()
        for b, rows, neck in tries:
            owner = self.cut(b, rows, neck) if b not in done and known[rows].all() else None
            if owner is None:
                continue
            done.add(b)
            places = self.other.places[self.other.row == b]
            for row in rows[1:]:
                index.append(self.other.index[b])
                labels[tuple(places[owner == row].T)] = len(index)
        return Frame.of(labels, np.array(index)) if done else self.other

    def cut(self, b: int, rows: list[int], necks: bool) -> np.ndarray | None:
        """The row that each pixel of an object of the second frame belongs to: the object expected nearest to it.

        With `necks` whole parts between necks go to one row. None where a row would not get its share.
        """
        from scipy.spatial import cKDTree

        places = self.other.places[self.other.row == b]
        own = np.isin(self.one.row, rows)
        expected = self.one.places[own] + np.rint(self.expected - self.one.center).astype(int)[self.one.row[own]]
        owner = np.searchsorted(rows, self.one.row[own])[cKDTree(expected * self.step).query(places * self.step)[1]]
        if necks or not self._shared_out(owner, rows):
            part = _parts(places, self.step)
            votes = np.bincount(part * len(rows) + owner, minlength=(part.max() + 1) * len(rows))
            owner = votes.reshape(-1, len(rows)).argmax(1)[part]
        return np.array(rows)[owner] if self._shared_out(owner, rows) else None

    def _shared_out(self, owner: np.ndarray, rows: list[int]) -> bool:
        """Whether each of `rows` gets enough of the pixels to be what it was."""
        return bool((np.bincount(owner, minlength=len(rows)) >= ALIKE * self.one.size[rows]).all())

    def moves(self, links: dict[int, int], step: np.ndarray) -> np.ndarray:
        """How each object of the second frame moved into it, in pixels; 0 for slow ones."""
        moved = np.zeros((self.other.count, len(step)))
        for a, b in links.items():
            move = self.other.center[b] - self.one.center[a]
            if np.linalg.norm(move * step) > FAST * _diameter(self.one.size[a], step):
                moved[b] = move
        return moved

    def _likeness(self, a: int, parts: list[int]) -> float:
        """Intersection over union of an object of the first frame and several of the second together."""
        shared = sum(self.shared.get((a, part), 0) for part in parts)
        return float(shared / (self.one.size[a] + self.other.size[parts].sum() - shared))

    def _apart(self, a: int, b: int, c: int) -> bool:
        """Whether b and c lie on two sides of where a was expected, about equally far, and are of about one size."""
        one, other = self.other.center[[b, c]] - self.expected[a]
        far, sizes = sorted(np.linalg.norm([one, other], axis=1)), sorted(self.other.size[[b, c]])
        return bool(one @ other < 0 and far[0] >= ALIKE * far[1] and sizes[0] >= ALIKE * sizes[1])


def _parts(places: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Which part between necks each pixel (pixels, axes) of one object belongs to, from 0 on."""
    low = places.min(0) - 1
    inside = np.zeros(places.max(0) - low + 2, bool)
    inside[tuple((places - low).T)] = True
    found = hills(inside, ndi.distance_transform_edt(inside, sampling=step), NECK)
    return np.asarray(found[tuple((places - low).T)] - 1)


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
