"""Greedy merging of regions into a tree: of those that touch, then of those that are alike."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from napari_ae_seg.clustering.ward import agglomerated

from .borders import Borders


@dataclass(frozen=True, slots=True)
class Rule:
    """What makes two touching regions one: the exponents of the cost of a merge, and the cost at which merging stops.

    The cost is size ** `size` * difference ** `difference` * edge ** `edge` / share ** `share`: size is the harmonic
    one of the pair, difference the distance of their mean features, edge the mean gradient along their common border,
    and share the part of the smaller one's outline that the border makes up.
    """

    size: float
    difference: float
    edge: float
    share: float
    threshold: float
    """Cost at which merging stops when nobody says how many regions."""
    balance: float
    """Share of the features, beside the image's own colours and fine texture, in what regions look like."""


THINGS = Rule(size=0.5, difference=1.25, edge=2.0, share=0.5, threshold=0.09, balance=0.1)
"""Edges decide, and small things may stay: the best of those tried on photographs."""

TEXTURES = Rule(size=1.0, difference=1.0, edge=1.0, share=0.5, threshold=43.0, balance=0.7)
"""Features decide, and what stays is large: the best of those tried on mosaics of textures."""

_UNIT = 150.0  # pixels
_FLOOR = 0.02  # least edge: none at all would make size and difference meaningless

Outline = dict[int, tuple[float, float]]  # neighbour -> length of the border, sum of the evidence along it


def merge_tree(sizes: np.ndarray, means: np.ndarray, found: Borders, rule: Rule = THINGS) -> np.ndarray:
    """The order in which the regions 1..n of `sizes` (n,) and mean features `means` (n, F) merge: a linkage (n - 1, 4).

    A row holds the two nodes joined (0-based leaves, then n + row), the cost so far (it never falls) and the size of
    both.

    >>> found = Borders(np.array([[1, 2], [2, 3]]), np.ones(2), np.ones(2))
    >>> merge_tree(np.array([1, 1, 2]), np.array([[0.0], [4.0], [5.0]]), found)[:, [0, 1, 3]].tolist()
    [[1.0, 2.0, 3.0], [0.0, 3.0, 4.0]]
    """
    return _Merging(sizes, means, found, rule).run()


def merge_alike(tree: np.ndarray, count: int, sizes: np.ndarray, means: np.ndarray) -> np.ndarray:
    """The same `tree` up to where `count` regions remain, from where on the most alike merge wherever they lie.

    `sizes` (n,) and `means` (n, F) are those of the leaves. Alike are two whose merging grows the variance least.

    >>> tree = np.array([[0, 1, 1.0, 2], [3, 2, 2.0, 3]])
    >>> merge_alike(tree, 3, np.ones(3), np.array([[0.0], [5.0], [0.5]]))[:, :2].astype(int).tolist()
    [[0, 2], [3, 1]]
    """
    count = min(count, len(tree) + 1)
    kept = tree[: len(tree) + 1 - count]
    weight, total = [*sizes.astype(np.float64)], [*(means * sizes[:, None]).astype(np.float64)]
    for a, b in kept[:, :2].astype(int):
        weight.append(weight[a] + weight[b])
        total.append(total[a] + total[b])
    nodes = np.setdiff1d(np.arange(len(weight)), kept[:, :2].astype(int))
    weights = np.array([weight[i] for i in nodes])
    merges = agglomerated(weights, np.stack([total[i] for i in nodes]) / weights[:, None])
    rows, base, pixels = [*kept], kept[-1, 2] if len(kept) else 0.0, dict(zip(nodes, weights, strict=True))
    where = list(nodes)  # the node that each of the remaining regions is in
    for step, (cost, a, b) in enumerate(merges, start=len(sizes) + len(kept)):
        pixels[step] = pixels[where[a]] + pixels[where[b]]
        rows.append(np.array([where[a], where[b], base + cost, pixels[step]]))
        where[a] = step  # the survivor of a merge is known by its first
    return np.array(rows).reshape(-1, 4)


class _Merging:
    """Small outlines are poured into large ones, and a cost is looked up anew when its turn comes: O(n log n)."""

    def __init__(self, sizes: np.ndarray, means: np.ndarray, found: Borders, rule: Rule) -> None:
        self.rule, self.count = rule, len(sizes)
        self.size = (sizes / _UNIT).tolist()
        self.mean = list(means.astype(np.float64))
        self.node = list(range(self.count))
        self.outlines: list[Outline] = [{} for _ in range(self.count)]
        self.around = [1.0] * self.count
        self.rows: list[tuple[int, int, float, float]] = []
        for (a, b), length, strength in zip((found.pairs - 1).tolist(), found.length, found.strength, strict=True):
            self.outlines[a][b] = self.outlines[b][a] = (float(length), float(length * (strength + _FLOOR)))
            self.around[a] += length
            self.around[b] += length

    def run(self) -> np.ndarray:
        heap = [(self.cost(a, b), a, b) for a in range(self.count) for b in self.outlines[a] if a < b]
        heapq.heapify(heap)
        alive = [True] * self.count
        while heap:
            cost, a, b = heapq.heappop(heap)
            if not (alive[a] and alive[b]):
                continue
            now = self.cost(a, b)
            if now > cost:
                heapq.heappush(heap, (now, a, b))
                continue
            if len(self.outlines[a]) < len(self.outlines[b]):
                a, b = b, a
            neighbors = list(self.outlines[b])
            self.join(a, b, now)
            alive[b] = False
            for other in neighbors:
                if other != a:
                    heapq.heappush(heap, (self.cost(a, other), a, other))
        self.join_islands([region for region in range(self.count) if alive[region]])
        return np.array(self.rows, dtype=np.float64).reshape(-1, 4)

    def cost(self, a: int, b: int) -> float:
        length, evidence = self.outlines[a][b]
        size = self.size[a] * self.size[b] / (self.size[a] + self.size[b])
        step = self.mean[a] - self.mean[b]
        share = length / min(self.around[a], self.around[b])
        difference = float(step @ step) ** 0.5 + 1e-6
        rule, edge = self.rule, evidence / length
        return float(size**rule.size * difference**rule.difference * edge**rule.edge / share**rule.share)

    def join(self, a: int, b: int, cost: float) -> None:
        """Region `b` becomes part of `a`."""
        both = self.size[a] + self.size[b]
        self.mean[a] = (self.size[a] * self.mean[a] + self.size[b] * self.mean[b]) / both
        self.size[a] = both
        mine, other = self.outlines[a], self.outlines[b]
        shared = mine.pop(b, (0.0, 0.0))[0]
        other.pop(a, None)
        self.around[a] = max(1.0, self.around[a] + self.around[b] - 2 * shared)
        for neighbor, (length, evidence) in other.items():
            before = mine.get(neighbor, (0.0, 0.0))
            del self.outlines[neighbor][b]
            mine[neighbor] = self.outlines[neighbor][a] = (before[0] + length, before[1] + evidence)
        top = max(cost, self.rows[-1][2]) if self.rows else cost
        self.rows.append((self.node[a], self.node[b], top, round(both * _UNIT)))
        self.node[a] = self.count + len(self.rows) - 1

    def join_islands(self, islands: list[int]) -> None:
        """What no border joins is merged last, the most alike first."""
        while len(islands) > 1:
            means = np.stack([self.mean[region] for region in islands])
            away = ((means[1:] - means[0]) ** 2).sum(axis=1)
            nearest = 1 + int(away.argmin())
            self.join(islands[0], islands[nearest], np.inf)
            islands.pop(nearest)
