"""One fit, every granularity: clusters split into leaves below and merge above, in one tree that is cut anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.core.state import stored

from .kmeans import kmeans
from .prototypes import assign
from .ward import agglomerated

LEAVES = 64
MOST = 4096
"""Leaves that a file may hold."""
CHUNK = 1 << 17
Merge = tuple[float, np.ndarray, np.ndarray]
"""Distance, and the members of the two that merge."""


@stored("tree")
@dataclass(frozen=True)
class Tree:
    """Leaves nested in clusters, and the order in which they merge."""

    centers: Annotated[np.ndarray, "float32 L F"]
    """(L, F) float32, a centre per leaf"""
    owner: Annotated[np.ndarray, "int64 L"]
    """(L,) cluster index 0 .. K-1 of each leaf, ascending"""
    sizes: Annotated[np.ndarray, "int64 L"]
    """(L,) places of the sample in each leaf"""
    linkage: Annotated[np.ndarray, "float64 merges 4"]
    """(L-1, 4) as scipy's: the two nodes merged, their distance (never falling), leaves in the result. The first L-K
    merges rebuild the clusters from their leaves, the last K-1 merge the clusters."""

    @property
    def k(self) -> int:
        """Number of clusters."""
        return int(self.owner[-1]) + 1

    @property
    def leaves(self) -> int:
        """Number of leaves: the finest granularity."""
        return len(self.owner)

    def cut(self, groups: int) -> np.ndarray:
        """Group index 0 .. groups-1 of each leaf, (L,), when the tree is cut into `groups`, at most one per leaf.

        At K they are the clusters themselves, by index. Above K the larger part of a split cluster keeps its index and
        the other takes the next free one; below K a merged cluster takes the place of its larger part, without gaps.
        """
        return np.unique(self.cut_colors(groups), return_inverse=True)[1]

    def cut_colors(self, groups: int) -> np.ndarray:
        """A lasting index of each leaf's group, (L,): the same group has the same one at every cut that it appears in.

        Group g of `cut` is the g-th smallest of them; below K that are the clusters, new parts go on from K.
        """
        groups = min(max(groups, 1), self.leaves)
        return np.asarray(self._names[self._groups[self.leaves - groups]])

    def lookup(self, groups: int) -> np.ndarray:
        """(K + 1,) the segment of each cluster 1..K at a cut into `groups`, at most K; 0 keeps the clusters.

        Entry 0 is 0: what is no cluster stays none.
        """
        if not groups:
            return np.arange(self.k + 1)
        names = self.cut_colors(min(groups, self.k)) + 1
        return np.concatenate([[0], names[np.searchsorted(self.owner, np.arange(self.k))]])

    def segments(self, leaves: np.ndarray, groups: int) -> np.ndarray:
        """The segment (1 or more) of every pixel of known leaf when the tree is cut into `groups`; 0 where it is -1.

        It is the tree that is cut, whatever an image holds of it: a segment means the same in every image.
        """
        return np.asarray(np.append(self.cut_colors(groups) + 1, 0)[leaves], np.int32)

    def leaves_of(self, features: Tensor, labels: np.ndarray) -> np.ndarray:
        """The leaf of every pixel by its `features` (F, *space), within its cluster of `labels` 1..K; -1 at 0."""
        inside = torch.from_numpy(labels).long().to(features.device) - 1
        return self.descend(features, inside).cpu().numpy()

    def descend(self, features: Tensor, labels: Tensor) -> Tensor:
        """Leaf index (*grid) of each place of `features` (F, *grid): the nearest leaf of its own cluster.

        `labels` (*grid) are cluster indices 0 .. K-1, smoothed or edited, for leaves nest in them; -1 stays -1.
        """
        flat, own = features.reshape(len(features), -1), labels.reshape(-1)
        leaf = torch.full_like(own, -1)
        centers = torch.from_numpy(self.centers).to(features.device)
        first = np.searchsorted(self.owner, np.arange(self.k + 1))
        for start in range(0, len(own), CHUNK):
            part = own[start : start + CHUNK]
            points = flat[:, start : start + CHUNK].T.float()
            found = torch.full_like(part, -1)
            for i in range(self.k):
                inside = (part == i).nonzero().ravel()
                if len(inside):
                    found[inside] = assign(points[inside], centers[first[i] : first[i + 1]])[0] + int(first[i])
            leaf[start : start + CHUNK] = found
        return leaf.reshape(labels.shape)

    def pruned(self, keep: np.ndarray) -> Tree:
        """The tree of the leaves of which `keep` (L,) is true, and of the first of each cluster that has none such.

        >>> x = np.array([[0.0], [1.0], [8.0], [9.5]], np.float32)
        >>> grow(x, np.array([0, 0, 1, 1]), 2).pruned(np.array([True, True, False, True])).owner.tolist()
        [0, 0, 1]
        """
        keep = keep.copy()
        gone = np.setdiff1d(np.arange(self.k), self.owner[keep])
        keep[np.searchsorted(self.owner, gone)] = True
        if keep.all():
            return self
        number = np.cumsum(keep) - 1
        members = [np.array([leaf]) for leaf in range(self.leaves)]
        merges: list[Merge] = []
        for a, b in self.linkage[:, :2].astype(int):
            left, right = (number[members[node][keep[members[node]]]] for node in (a, b))
            if len(left) and len(right):
                merges.append((float(self.linkage[len(members) - self.leaves, 2]), left, right))
            members.append(np.sort(np.concatenate([members[a], members[b]])))
        return Tree(self.centers[keep], self.owner[keep], self.sizes[keep], _linkage(merges, int(keep.sum())))

    def check(self) -> None:
        """ValueError unless its leaves are those of clusters 0 .. K-1, and merge into these, and these into one."""
        leaves, owners = self.leaves, np.unique(self.owner)
        if (
            not 1 <= leaves <= MOST
            or (np.diff(self.owner) < 0).any()
            or not np.array_equal(owners, np.arange(len(owners)))
        ):
            raise ValueError("the leaves of a tree follow their clusters, and every cluster has one")
        if len(self.linkage) != leaves - 1 or self.sizes.min() < 0 or (np.diff(self.linkage[:, 2]) < 0).any():
            raise ValueError("a tree of so many leaves has one merge fewer, and they never get closer")
        merged = self.linkage[:, :2].astype(np.int64)
        known = merged < leaves + np.arange(leaves - 1)[:, None]
        if not known.all() or not np.array_equal(np.sort(merged, axis=None), np.arange(2 * leaves - 2)):
            raise ValueError("every node of a tree but the last merges once, after it has come to be")
        owner = list(self.owner)
        for a, b in merged[: leaves - self.k]:
            if owner[a] != owner[b]:
                raise ValueError("leaves merge within their cluster first")
            owner.append(owner[a])

    @cached_property
    def _groups(self) -> np.ndarray:
        """(L, L) the node that each leaf is in after 0, 1 .. L-1 merges."""
        rows = [np.arange(self.leaves)]
        for step, (a, b) in enumerate(self.linkage[:, :2].astype(int)):
            rows.append(np.where(np.isin(rows[-1], (a, b)), self.leaves + step, rows[-1]))
        return np.stack(rows)

    @cached_property
    def _names(self) -> np.ndarray:
        """(2L-1,) lasting index of each node."""
        names = np.full(2 * self.leaves - 1, -1)
        names[self._groups[self.leaves - self.k]] = self.owner
        weights = _weights(self.linkage, self.sizes)
        for step in range(self.leaves - 1):  # upwards: the larger part's index stays
            node, (a, b) = self.leaves + step, self.linkage[step, :2].astype(int)
            if names[a] >= 0 and names[node] < 0:
                names[node] = names[a] if weights[a] >= weights[b] else names[b]
        fresh = self.k
        for step in reversed(range(self.leaves - self.k)):  # downwards: the other part takes a new one
            node, (a, b) = self.leaves + step, self.linkage[step, :2].astype(int)
            large, small = (a, b) if weights[a] >= weights[b] else (b, a)
            names[large], names[small], fresh = names[node], fresh, fresh + 1
        return names


def grow(sample: np.ndarray, labels: np.ndarray, k: int, leaves: int = LEAVES, seed: int = 0) -> Tree:
    """The tree over the clusters `labels` (n,) of 0 .. k-1 of the places `sample` (n, F), with about `leaves` leaves.

    Each cluster gets leaves for its share of the spread within clusters (k-means inside it); leaves merge within their
    cluster, then clusters with each other, by Ward's criterion.

    >>> x = np.array([[0.0], [1.0], [8.0], [9.5]], np.float32)
    >>> tree = grow(x, np.array([0, 0, 1, 1]), 2)
    >>> [tree.cut(groups).tolist() for groups in (4, 3, 2, 1)]
    [[0, 3, 1, 2], [0, 0, 1, 2], [0, 0, 1, 1], [0, 0, 0, 0]]
    """
    counts = _share(sample, labels, k, leaves)
    owner = np.repeat(np.arange(k), counts)
    centers, sizes = np.empty((len(owner), sample.shape[1]), np.float32), np.empty(len(owner), np.int64)
    means, merges = np.empty((k, sample.shape[1])), []
    for i in range(k):
        own = np.flatnonzero(owner == i)
        members = np.ascontiguousarray(sample[labels == i], np.float32)
        found = kmeans(torch.from_numpy(members), len(own), seed=seed, n_init=1)
        order = found.centers[:, 0].argsort()
        centers[own], means[i] = found.centers[order], members.mean(0)
        sizes[own] = np.bincount(found.labels, minlength=len(own))[order]
        merges += [(height, own[a], own[b]) for height, a, b in _ward(centers[own], sizes[own])]
    merges.sort(key=lambda merge: merge[0])
    for height, a, b in _ward(means, np.bincount(labels, minlength=k)):
        merges.append((height, np.flatnonzero(np.isin(owner, a)), np.flatnonzero(np.isin(owner, b))))
    return Tree(centers, owner, sizes, _linkage(merges, len(owner)))


def _share(sample: np.ndarray, labels: np.ndarray, k: int, leaves: int) -> list[int]:
    """Leaves per cluster: one more, time and again, to the cluster with the most spread per leaf left."""
    members = [sample[labels == i] for i in range(k)]
    spread = np.array([float(m.var(0).sum()) * len(m) if len(m) else 0.0 for m in members])
    most = np.array([len(np.unique(m[:4096], axis=0)) for m in members])
    counts = np.ones(k, int)
    for _ in range(leaves - k):
        gain = np.where(counts < most, spread / counts, 0)
        if not gain.max() > 0:
            break
        counts[gain.argmax()] += 1
    return [int(count) for count in counts]


def _ward(centers: np.ndarray, sizes: np.ndarray) -> list[Merge]:
    """Merges of weighted centres (m, F) by Ward's criterion."""
    groups = [np.array([i]) for i in range(len(centers))]
    merges = []
    for cost, a, b in agglomerated(np.maximum(sizes, 1e-9), centers.astype(np.float64)):
        merges.append((float(np.sqrt(2 * cost)), groups[a], groups[b]))
        groups[a] = np.sort(np.concatenate([groups[a], groups[b]]))
    return merges


def _linkage(merges: list[Merge], leaves: int) -> np.ndarray:
    """Merges in order, as scipy's linkage."""
    node = np.arange(leaves)  # the node that each leaf is in
    rows = []
    for step, (height, a, b) in enumerate(merges):
        rows.append((node[a[0]], node[b[0]], height, len(a) + len(b)))
        node[a] = node[b] = leaves + step
    table = np.array(rows, np.float64).reshape(-1, 4)
    table[:, 2] = np.maximum.accumulate(table[:, 2])  # clusters stand above their leaves even where they lie close
    return table


def _weights(linkage: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    weights = list(sizes)
    for a, b in linkage[:, :2].astype(int):
        weights.append(weights[a] + weights[b])
    return np.array(weights)
