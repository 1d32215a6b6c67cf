"""A random forest as plain arrays: fitted by scikit-learn, evaluated in numpy, saved without pickle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from napari_ae_seg.core.state import stored

TREES, DEPTH, LEAF = 30, 8, 3
"""Trees, the most questions in a row, and the fewest places that a leaf is made of."""

_CHUNK = 1 << 16


@stored("forest")
@dataclass(frozen=True)
class Forest:
    """The nodes of all trees in one row: at a node, places above the threshold go to `yes`, the others to `no`."""

    roots: Annotated[np.ndarray, "int64 trees"]
    """(T,) the first node of each tree"""
    feature: Annotated[np.ndarray, "int64 nodes"]
    """(nodes,) the feature that a node asks about, -1 at a leaf"""
    threshold: Annotated[np.ndarray, "float32 nodes"]
    """(nodes,) float32"""
    no: Annotated[np.ndarray, "int64 nodes"]
    yes: Annotated[np.ndarray, "int64 nodes"]
    """(nodes,) the node that follows"""
    shares: Annotated[np.ndarray, "float32 nodes K"]
    """(nodes, K) float32: share of each class"""

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Probability of each class, (K, n) float32, at the places of features `x` (F, n)."""
        out = np.zeros((x.shape[1], self.shares.shape[1]), dtype=np.float32)
        for start in range(0, x.shape[1], _CHUNK):
            part = slice(start, start + _CHUNK)
            for root in self.roots:
                out[part] += self.shares[self._leaves(x[:, part], int(root))]
        return np.ascontiguousarray(out.T) / np.float32(len(self.roots))

    def check(self) -> None:
        """ValueError unless every way from a root ends at a leaf, and no two ways meet."""
        asks = self.feature >= 0
        nodes, after = np.arange(len(self.feature)), np.concatenate([self.no[asks], self.yes[asks]])
        reached = np.concatenate([self.roots, after])
        if not len(self.roots) or reached.min() < 0 or reached.max() >= len(nodes):
            raise ValueError("a forest has a root, and leads to nodes that there are")
        if len(np.unique(reached)) < len(reached) or (after <= np.tile(nodes[asks], 2)).any():
            raise ValueError("the nodes of a forest form trees, and each comes after the one that leads to it")
        if not self.shares.size or self.shares.min() < 0 or self.shares.max() > 1:
            raise ValueError("the shares of classes in a forest lie within 0 and 1")

    @property
    def features(self) -> int:
        """Features that it asks about, at least."""
        return int(self.feature.max()) + 1

    def _leaves(self, x: np.ndarray, root: int) -> np.ndarray:
        """The leaf of each place of `x` (F, n): places part ways node by node, a small tree asks few questions."""
        found = np.full(x.shape[1], root, dtype=np.int64)
        waiting = [(root, np.arange(x.shape[1]))]
        while waiting:
            node, places = waiting.pop()
            if self.feature[node] < 0:
                found[places] = node
                continue
            above = x[self.feature[node]].take(places) > self.threshold[node]
            waiting.append((int(self.no[node]), places.compress(~above)))
            waiting.append((int(self.yes[node]), places.compress(above)))
        return found


def fit_forest(x: np.ndarray, classes: np.ndarray, weights: np.ndarray | None = None, seed: int = 0) -> Forest:
    """A forest that tells apart the `classes` (n,) of 0..K-1, each present, of the places `x` (n, F).

    >>> forest = fit_forest(np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]]), np.array([0, 0, 0, 1, 1, 1]))
    >>> forest.probabilities(np.array([[0.1, 5.1]])).argmax(0)
    array([0, 1])
    """
    from sklearn.ensemble import RandomForestClassifier

    leaf = max(1, min(LEAF, int(np.bincount(classes).min()) // LEAF))
    fitted = RandomForestClassifier(TREES, max_depth=DEPTH, min_samples_leaf=leaf, random_state=seed)
    trees = [tree.tree_ for tree in fitted.fit(x, classes, sample_weight=weights).estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(tree, name) for tree in trees])

    start = np.repeat(roots, [tree.node_count for tree in trees])
    shares = joined("value")[:, 0]
    return Forest(
        roots=roots,
        feature=np.maximum(joined("feature"), -1).astype(np.int64),
        threshold=joined("threshold").astype(np.float32),
        no=joined("children_left") + start,
        yes=joined("children_right") + start,
        shares=(shares / shares.sum(axis=1, keepdims=True)).astype(np.float32),
    )
