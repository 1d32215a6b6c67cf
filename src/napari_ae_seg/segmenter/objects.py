"""Objects: the separate things that a cluster is made of, each with a number of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage as ndi

from napari_ae_seg.config import ObjectsConfig


@dataclass(frozen=True)
class Objects:
    """Objects 1..n of a label image, and what is known of each.

    Parameters
    ----------
    labels : ndarray
        (*space) int32: 1..n in the order of their first pixel, 0 is no object.
    table : dict of list
        One row per object: index, main cluster, size in pixels, measure (area or volume) and centroid in units.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
    >>> segments = ae.segment(bands, n_clusters=3)
    >>> segments.objects(bands).table["cluster"]
    [1, 2, 3]
    """

    labels: np.ndarray
    table: dict[str, list[Any]]

    @property
    def count(self) -> int:
        """How many objects there are."""
        return len(self.table["index"])


def find_objects(
    labels: np.ndarray,
    clusters: Iterable[int] | None = None,
    config: ObjectsConfig | None = None,
    *,
    together: bool = False,
    intensity: np.ndarray | None = None,
    spacing: Sequence[float] = (),
) -> Objects:
    """The objects in the chosen `clusters` (all but 0) of `labels` (*space).

    `config` says what parts them: where `method` is "intensity", dark places of `intensity` (*space). `spacing` is the
    pixel size per axis. `together`, what touches is one object although its clusters differ.

    >>> find_objects(np.array([[1, 1, 0, 1], [2, 0, 0, 1]])).table["size"]
    [2, 2, 1]
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub":
        raise TypeError(f"labels are integers, got {labels.dtype}")
    config = config or ObjectsConfig()
    if config.method == "intensity" and (intensity is None or intensity.shape != labels.shape):
        raise ValueError(f"method='intensity' needs intensities of the labels' shape {labels.shape}")
    step = tuple(float(size) for size in spacing) or (1.0,) * labels.ndim
    if len(step) != labels.ndim or min(step) <= 0:
        raise ValueError(f"the spacing is a positive number for each of {labels.ndim} axes, got {tuple(spacing)}")
    chosen = sorted(set(clusters) if clusters is not None else set(np.unique(labels).tolist()) - {0})
    found = np.zeros(labels.shape, dtype=np.int32)
    for group in [chosen] if together else [[cluster] for cluster in chosen]:
        inside = np.isin(labels, group)
        if inside.any():
            height = METHODS[config.method](inside, intensity, step, config.blur)
            parts = np.asarray(ndi.label(inside)[0]) if height is None else hills(inside, height, config.depth)
            found = np.where(inside, parts + found.max(), found)
    return _described(_fitting(found, config.min_size, config.max_size), labels, step)


def _by_distance(inside: np.ndarray, _: Any, step: tuple[float, ...], __: float) -> np.ndarray:
    return np.asarray(ndi.distance_transform_edt(inside, sampling=step))


def _by_intensity(inside: np.ndarray, intensity: Any, step: tuple[float, ...], blur: float) -> np.ndarray:
    values = np.nan_to_num(np.asarray(intensity, dtype=np.float64))
    smooth = ndi.gaussian_filter(values, [blur * min(step) / size for size in step])
    darkest, brightest = smooth[inside].min(), smooth[inside].max()
    return np.asarray(smooth - darkest + 1e-3 * (brightest - darkest) + 1e-12)


METHODS: dict[str, Callable[[np.ndarray, Any, tuple[float, ...], float], np.ndarray | None]] = {
    "components": lambda *_: None,
    "distance": _by_distance,
    "intensity": _by_intensity,
}
"""The landscape, positive inside, whose hills are the objects of one cluster; None: what touches is one object."""


def hills(inside: np.ndarray, height: np.ndarray, depth: float) -> np.ndarray:
    """The hills of `height` in `inside`, 1..n: one per peak that is higher than the passes around it by `depth`."""
    from skimage.morphology import reconstruction
    from skimage.segmentation import watershed

    everywhere = np.ones((3,) * inside.ndim)
    lowest = np.log(height[inside].min()) - 1
    level = np.where(inside, np.log(np.where(inside, height, 1.0)), lowest)
    flat = reconstruction(level + np.log(1 - depth), level, footprint=everywhere)  # peaks cut off
    tops = inside & (flat - reconstruction(flat - 1e-6, flat, footprint=everywhere) > 5e-7)
    parts = np.asarray(watershed(-level, ndi.label(tops, everywhere)[0], mask=inside))
    lost = inside & (parts == 0)
    return np.where(lost, ndi.label(lost)[0] + parts.max(), parts)


def _fitting(found: np.ndarray, min_size: int, max_size: int) -> np.ndarray:
    """The objects of fitting size, numbered in the order of their first pixel."""
    sizes = np.bincount(found.ravel())
    fits = (sizes >= max(min_size, 1)) & ((sizes <= max_size) | (max_size == 0))
    fits[0] = False
    names, first = np.unique(found, return_index=True)
    order = names[np.argsort(first)]
    order = order[fits[order]]
    number = np.zeros(len(sizes), dtype=np.int32)
    number[order] = np.arange(1, len(order) + 1)
    return np.asarray(number[found])


def _described(found: np.ndarray, labels: np.ndarray, step: tuple[float, ...]) -> Objects:
    flat, count = found.ravel(), int(found.max(initial=0))
    sizes = np.bincount(flat, minlength=count + 1)[1:]
    width = int(labels.max(initial=0)) + 1
    both = np.bincount(flat.astype(np.int64) * width + labels.ravel(), minlength=(count + 1) * width)
    cluster = both.reshape(count + 1, width).argmax(1)  # the one that most of its pixels have
    table: dict[str, list[Any]] = {
        "index": list(range(1, count + 1)),
        "cluster": cluster[1:].tolist(),
        "size": sizes.tolist(),
        "measure": [float(f"{size * float(np.prod(step)):.6g}") for size in sizes],
    }
    for axis, name in enumerate("zyx"[-found.ndim :]):
        along = np.arange(found.shape[axis], dtype=float).reshape([-1 if a == axis else 1 for a in range(found.ndim)])
        total = np.bincount(flat, np.broadcast_to(along, found.shape).ravel(), minlength=count + 1)[1:]
        table[f"centroid {name}"] = [float(f"{value:.6g}") for value in step[axis] * total / np.maximum(sizes, 1)]
    return Objects(found, table)
