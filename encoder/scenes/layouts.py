"""What is where: classes, objects and the distance to their borders, in 2D and 3D, as small integer arrays.

A layout costs tens of milliseconds and is kept; its appearance is drawn anew each time (`appearance.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from .shapes import Rng, Shape, blobs, field, log_uniform, places, strokes, tubes, voronoi, warped

REACH = 60
"""Distances to borders are kept up to this many pixels, in halves of a pixel."""
OUTSIDE, DEBRIS = 6, 7
"""Parts that belong to the background's class: what a dark frame hides, and faint things nobody asked for."""


@dataclass(frozen=True)
class Layout:
    """One layout: arrays of the same shape.

    `parts` look alike within; `classes` are what is to be told apart, each of one or several parts; `instances` are
    objects from 1, 0 elsewhere; `distance` is twice the distance to the nearest border of an object, negative outside;
    `center` is the distance to the object's border over the object's largest, times 255. Without `has_objects`, what
    counts as an object is not said.
    """

    kind: str
    parts: np.ndarray  # uint8
    classes: np.ndarray  # uint8
    instances: np.ndarray  # int16
    distance: np.ndarray  # int8
    center: np.ndarray  # uint8
    has_objects: bool
    picture: np.ndarray | None = None  # float16 (3, *space)


def draw(rng: Rng, side: int, ndim: int = 2, kind: str | None = None) -> Layout:
    """A layout of `kind` (any of `KINDS`; drawn by `SHARES` if None).

    >>> layout = draw(np.random.default_rng(0), 64, kind="cells")
    >>> layout.classes.shape, int(layout.classes.max())
    ((64, 64), 2)
    """
    shape = (side,) * ndim
    for _ in range(20):
        name = kind or str(rng.choice(list(SHARES), p=np.array(list(SHARES.values())) / sum(SHARES.values())))
        parts, merge, instances = KINDS[name](rng, shape)
        used, parts = np.unique(parts, return_inverse=True)
        classes = np.asarray(merge)[used][parts] if merge is not None else parts
        known, classes = np.unique(classes, return_inverse=True)
        shares = np.bincount(classes.ravel()) / classes.size
        if name == "blank" or (len(known) > 1 and shares.min() > 0.002 and len(used) <= 8):
            break
    parts, classes = parts.reshape(shape), classes.reshape(shape)
    has_objects = instances is not None
    instances = np.zeros(shape, np.int16) if instances is None else instances
    if name in LITTERED and rng.random() < LITTERED[name]:
        parts = _littered(rng, parts)
    if name in FRAMED and ndim == 2 and rng.random() < FRAMED[name]:
        outside = _outside(rng, shape)
        background = classes[parts == 0][0] if (parts == 0).any() else 0
        parts = np.where(outside, OUTSIDE, parts)
        classes, instances = np.where(outside, background, classes), np.where(outside, 0, instances)
    instances = _renumbered(instances) if instances.any() else instances.astype(np.int16)
    distance, center = _borders(instances)
    return Layout(
        name,
        parts.astype(np.uint8),
        classes.astype(np.uint8),
        instances,
        distance,
        center,
        has_objects,
    )


def _littered(rng: Rng, parts: np.ndarray) -> np.ndarray:
    """Parts with faint things in the background: rings, as of pale cells, or blobs."""
    r = _radius(rng, parts.shape, 3, 28)
    things = blobs(rng, parts.shape, _count(rng, parts.shape, r, 0.05, 0.5, 80), 0.7 * r, 1.2 * r, 0.3)
    if rng.random() < 0.5:
        far = ndi.distance_transform_edt(things > 0)
        things[far > max(1.5, rng.uniform(0.1, 0.35) * r)] = 0
    return np.where((things > 0) & (parts == 0), DEBRIS, parts)


def _outside(rng: Rng, shape: Shape) -> np.ndarray:
    """What lies outside a round or square-cornered frame that is somewhere around the middle."""
    power = rng.choice([2, 2, 6])
    at = places(shape) - (np.array(shape) * rng.uniform(0.3, 0.7, 2))[:, None, None]
    size = max(shape) * rng.uniform(0.35, 0.6) * rng.uniform(0.8, 1.2, 2)
    return (np.abs(at / size[:, None, None]) ** power).sum(0) > 1


def _renumbered(instances: np.ndarray) -> np.ndarray:
    """Objects that are connected, from 1, without crumbs of fewer than 6 pixels."""
    out = np.zeros(instances.shape, np.int32)
    inside = instances > 0
    ids = np.unique(instances[inside], return_inverse=True)[1]
    out[inside] = ids + 1
    sizes = np.bincount(out.ravel())
    return np.where(sizes[out] >= 6, out, 0).astype(np.int16)


def _borders(instances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Twice the signed distance to the nearest border of an object, and how central each place is in its own."""
    if not instances.any():
        return np.full(instances.shape, -2 * REACH, np.int8), np.zeros(instances.shape, np.uint8)
    edge = np.zeros(instances.shape, bool)
    for axis in range(instances.ndim):
        step = np.diff(instances, axis=axis) != 0
        here = [slice(None)] * instances.ndim
        here[axis] = slice(0, -1)
        edge[tuple(here)] |= step
        here[axis] = slice(1, None)
        edge[tuple(here)] |= step
    far = ndi.distance_transform_edt(~edge) + 0.5 if edge.any() else np.full(instances.shape, float(REACH))
    far = np.minimum(far, REACH)
    peak = ndi.maximum(far, instances, np.arange(instances.max() + 1))
    center = np.where(instances > 0, far / np.maximum(np.asarray(peak)[instances], 1e-6), 0)
    signed = np.where(instances > 0, far, -far)
    return np.round(2 * signed).astype(np.int8), np.round(255 * center).astype(np.uint8)


Drawn = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]
"""Parts, the class of each part if it is another, objects if it is said what they are."""


def _count(rng: Rng, shape: Shape, r: float, low: float, high: float, most: int = 220) -> int:
    """How many objects of radius r fill a share between low and high."""
    volume = 3.14 * r**2 if len(shape) == 2 else 4.19 * r**3
    return int(np.clip(rng.uniform(low, high) * np.prod(shape) / volume, 3, most))


def _radius(rng: Rng, shape: Shape, low: float, high: float) -> float:
    """A radius; volumes are smaller, so are their objects."""
    if len(shape) == 3:
        low, high = min(low, max(shape) / 8), min(high, max(shape) / 4)
    return log_uniform(rng, low, high)


def nuclei(rng: Rng, shape: Shape) -> Drawn:
    """Rounded objects on a background, sparse or dense, sometimes of two kinds."""
    r = _radius(rng, shape, 3, 40)
    inst = blobs(
        rng,
        shape,
        _count(rng, shape, r, 0.05, 1.1),
        0.6 * r,
        1.3 * r,
        rng.choice([0.02, 0.15, 0.3]),
        rng.random() < 0.3,
    )
    parts = (inst > 0).astype(int)
    if rng.random() < 0.25:
        kind = rng.integers(1, 3, inst.max() + 1)
        kind[0] = 0
        parts = kind[inst]
        return parts, (np.array([0, 1, 1]) if rng.random() < 0.3 else None), inst
    return parts, None, inst


def cells(rng: Rng, shape: Shape) -> Drawn:
    """Cells with a nucleus (or several lobes of one), apart or touching."""
    if rng.random() < 0.25:  # few, filling much of the image
        r = _radius(rng, shape, 25, 65)
        inst = blobs(rng, shape, int(rng.integers(1, 4)), 0.8 * r, 1.2 * r, 0.05)
    else:
        r = _radius(rng, shape, 9, 55)
        inst = blobs(rng, shape, _count(rng, shape, r, 0.15, 0.9), 0.6 * r, 1.2 * r, rng.choice([0.02, 0.2]))
    far = ndi.distance_transform_edt(inst > 0) if len(shape) == 2 else _borders(inst.astype(np.int16))[0] / 2
    parts = (inst > 0).astype(int)
    q = rng.random()
    if q < 0.6:
        peak = np.asarray(ndi.maximum(far, inst, np.arange(inst.max() + 1)))
        ratio = far / np.maximum(peak[inst], 1)
        parts[(inst > 0) & (ratio + 0.12 * field(rng, shape, 3.5) > rng.uniform(0.35, 0.7))] = 2
    elif q < 0.85:
        peak = np.asarray(ndi.maximum(far, inst, np.arange(inst.max() + 1)))[inst]
        lobes = blobs(rng, shape, _count(rng, shape, 0.4 * r, 0.5, 1.2), 0.2 * r, 0.5 * r, 0.4)
        parts[(lobes > 0) & (far > np.maximum(2, rng.choice([0, 0.25, 0.4]) * peak))] = 2
    else:
        parts[(inst > 0) & (far < rng.uniform(1.5, 4))] = 2
    if rng.random() < 0.2 and (parts == 2).any():
        parts[(parts == 1) & (rng.random(inst.max() + 1) < 0.4)[inst]] = 3
    return parts, None, inst


def touching(rng: Rng, shape: Shape) -> Drawn:
    """Clumps of cells with straight borders between them, perhaps with a gap of a pixel or two."""
    r = _radius(rng, shape, 5, 35)
    n = _count(rng, shape, r, 0.3, 0.9)
    clumps = rng.uniform(0, shape, (max(1, n // 15), len(shape)))
    points = clumps[rng.integers(len(clumps), size=n)] + rng.normal(0, 3 * r, (n, len(shape)))
    points = np.concatenate([points, rng.uniform(0, shape, (max(1, n // 4), len(shape)))])
    which, far, lead = voronoi(rng, shape, len(points), rng.uniform(0, 3), points)
    inside = (far < r * rng.uniform(0.9, 1.3)) & (lead > rng.choice([0, 0, 1.5, 3]))
    parts = inside.astype(int)
    if rng.random() < 0.3:
        parts[inside & (far < r * rng.uniform(0.3, 0.6))] = 2
    return parts, None, np.where(inside, which + 1, 0)


def membranes(rng: Rng, shape: Shape) -> Drawn:
    """Cells side by side with a thin membrane between them, perhaps nuclei."""
    r = _radius(rng, shape, 6, 40)
    n = max(4, _count(rng, shape, r, 0.6, 1))
    which, _, lead = voronoi(rng, shape, n, rng.uniform(0, 5))
    inside = lead > rng.uniform(1.5, 5)
    parts = inside.astype(int)
    inst = np.where(inside, which + 1, 0)
    if rng.random() < 0.35:
        dots = blobs(rng, shape, n, 0.3 * r, 0.6 * r)
        parts[(dots > 0) & inside] = 2
        return parts, (np.array([0, 1, 1]) if rng.random() < 0.4 else None), inst
    if rng.random() < 0.25:
        parts[inside & (rng.random(which.max() + 1) < 0.4)[which]] = 2
    return parts, None, inst


def tissue(rng: Rng, shape: Shape) -> Drawn:
    """Stroma with glands: a ring of epithelium around a cavity, nuclei in both; or nuclei in plain tissue."""
    r = _radius(rng, shape, 18, 60)
    nucleus = _radius(rng, shape, 3, 8)
    dots = blobs(rng, shape, _count(rng, shape, nucleus, 0.15, 0.7, 260), 0.7 * nucleus, 1.3 * nucleus)
    if rng.random() < 0.3:
        parts = (dots > 0).astype(int)
        cavity = field(rng, shape, 4) > rng.uniform(1, 1.8)
        parts[cavity] = 2
        return parts, (np.array([0, 1, 0]) if rng.random() < 0.3 else None), np.where(cavity, 0, dots)
    glands = blobs(rng, shape, _count(rng, shape, r, 0.3, 0.9), 0.6 * r, 1.2 * r, 0.02)
    far = ndi.distance_transform_edt(glands > 0)
    lumen = far + 2 * field(rng, shape, 3) > rng.uniform(0.3, 0.7) * r
    parts = np.where(glands > 0, np.where(lumen, 2, 1), 0)
    holes = (field(rng, shape, 3.5) > 1.9) & (parts == 0) & (rng.random() < 0.5)
    parts[holes] = 2
    nuclei_too = rng.random()
    if nuclei_too < 0.75:
        hit = (dots > 0) & (parts != 2) & ((parts == 1) | (nuclei_too < 0.4))
        parts[hit] = 3
        if rng.random() < 0.4:
            inside = parts.copy()
            inside[(parts == 3) & (glands > 0)] = 4
            return np.where(holes, 5, inside), np.array([0, 1, 1, 0, 1, 0]), glands
    return parts, None, None


def fibers(rng: Rng, shape: Shape) -> Drawn:
    """Thin fibers, straight or wavy, crossing."""
    width = log_uniform(rng, 0.7, 3.5)
    n = int(
        np.clip(
            rng.uniform(0.03, 0.25) * np.prod(shape) / (2 * width * max(shape)) ** (1 if len(shape) == 2 else 1.15),
            2,
            60,
        )
    )
    curves = strokes(rng, shape, n, rng.uniform(0.5, 1.6) * max(shape), rng.uniform(0, 0.004), rng.uniform(0, 0.02))
    owner = tubes(shape, curves, width * rng.uniform(0.6, 1.4, n))
    return (owner > 0).astype(int), None, None


def vessels(rng: Rng, shape: Shape) -> Drawn:
    """Trees of vessels that branch and thin out."""
    width, n = log_uniform(rng, 1.5, 6), int(rng.integers(1, 5))
    curves = strokes(rng, shape, n, 1.5 * max(shape), rng.uniform(0.001, 0.006), 0.01)
    radii = list(width * rng.uniform(0.6, 1, n))
    for _ in range(2):
        m = int(rng.integers(2, 12))
        from_ = rng.integers(len(curves), size=m)
        starts = np.stack([curves[i][rng.integers(len(curves[i]))] for i in from_])
        curves = curves + strokes(
            rng, shape, m, rng.uniform(0.2, 0.7) * max(shape), rng.uniform(0.002, 0.01), 0.02, starts
        )
        radii += [max(0.6, 0.6 * radii[i]) for i in from_]
    owner = tubes(shape, curves, np.array(radii), 0.5)
    parts = (owner > 0).astype(int)
    if rng.random() < 0.2:
        r = 0.12 * max(shape)
        parts[(blobs(rng, shape, 1, r, 1.5 * r) > 0) & (parts == 0)] = 2
        return parts, (np.array([0, 1, 0]) if rng.random() < 0.5 else None), None
    return parts, None, None


def layers(rng: Rng, shape: Shape) -> Drawn:
    """Wavy layers, one above another."""
    k = int(rng.integers(2, 6))
    way = rng.normal(size=len(shape))
    way /= np.linalg.norm(way)
    height = np.tensordot(way, warped(rng, shape, rng.uniform(0, 0.06) * max(shape)), 1)
    cuts = np.quantile(height, np.sort(rng.uniform(0.08, 0.92, k - 1)))
    parts = np.digitize(height, cuts)
    return (parts if rng.random() < 0.7 else rng.integers(0, max(2, k - 1), k)[parts]), None, None


def mosaic(rng: Rng, shape: Shape) -> Drawn:
    """A few large regions."""
    n = int(rng.integers(2, 8))
    which, _, _ = voronoi(rng, shape, n, rng.choice([0, 2, 5]))
    return rng.permutation(n)[which] % max(2, n - int(rng.integers(0, 3))), None, None


def fields(rng: Rng, shape: Shape) -> Drawn:
    """Blotches and islands: the largest of several random fields, or levels of one."""
    k, beta = int(rng.integers(2, 6)), rng.uniform(2.2, 4)
    if rng.random() < 0.5:
        return np.stack([field(rng, shape, beta) for _ in range(k)]).argmax(0), None, None
    return np.digitize(field(rng, shape, beta), np.sort(rng.normal(0, 1, k - 1))), None, None


def organelles(rng: Rng, shape: Shape) -> Drawn:
    """As electrons see it: membranes, mitochondria with their own membrane, vesicles."""
    r = _radius(rng, shape, 12, 50)
    n = max(4, _count(rng, shape, r, 0.6, 1))
    which, _, lead = voronoi(rng, shape, n, rng.uniform(2, 7))
    wall = lead < rng.uniform(2, 6)
    m = max(3.0, r * rng.uniform(0.2, 0.5))
    mito = blobs(rng, shape, n, 0.6 * m, 1.2 * m)
    mito[wall] = 0
    far = ndi.distance_transform_edt(mito > 0)
    parts = np.where(wall, 1, 0)
    parts[mito > 0] = 2
    parts[(mito > 0) & (far < 1.8)] = 1
    dots = blobs(rng, shape, int(rng.integers(20, 150)), 1.5, 3.5, clumped=True)
    parts[(dots > 0) & (parts == 0)] = 3
    q = rng.random()
    merge = np.array([0, 1, 0, 0]) if q < 0.25 else np.array([0, 1, 2, 0]) if q < 0.5 else None
    return parts, merge, np.where(wall, 0, which + 1)


def worms(rng: Rng, shape: Shape) -> Drawn:
    """Long bodies, bent, some across others."""
    width = log_uniform(rng, 2.5, 7)
    n = int(rng.integers(2, 14))
    curves = strokes(rng, shape, n, width * rng.uniform(10, 24), rng.uniform(0, 0.006), rng.uniform(0, 0.05))
    owner = tubes(shape, curves, width * rng.uniform(0.7, 1.2, n), rng.uniform(0, 0.6))
    return (owner > 0).astype(int), None, owner


def bacteria(rng: Rng, shape: Shape) -> Drawn:
    """Short rods, in clumps or alone."""
    width = log_uniform(rng, 1.5, 5)
    n = int(np.clip(rng.uniform(0.1, 0.7) * np.prod(shape) / (2 * width) ** len(shape) / 3, 5, 250))
    starts = rng.uniform(0, shape, (n, len(shape)))
    if rng.random() < 0.5:
        clumps = rng.uniform(0, shape, (max(1, n // 30), len(shape)))
        starts = clumps[rng.integers(len(clumps), size=n)] + rng.normal(0, 8 * width, (n, len(shape)))
    curves = strokes(rng, shape, n, width * rng.uniform(2.5, 7), 0.002, 0.02, starts)
    owner = tubes(shape, curves, width * rng.uniform(0.8, 1.2, n))
    kind = np.ones(n + 1, int)
    if rng.random() < 0.25:
        kind = rng.integers(1, 3, n + 1)
    kind[0] = 0
    return kind[owner], None, owner


def grains(rng: Rng, shape: Shape) -> Drawn:
    """Grains of a few minerals side by side, perhaps with a seam or pores."""
    r = _radius(rng, shape, 6, 40)
    n = max(6, _count(rng, shape, r, 0.5, 1))
    which, _, lead = voronoi(rng, shape, n, rng.uniform(0, 4))
    k = int(rng.integers(2, 5))
    parts = rng.choice(k, p=rng.dirichlet(np.full(k, 3.0)), size=n)[which]
    inst = which + 1
    if rng.random() < 0.4:
        seam = lead < rng.uniform(1.5, 4)
        parts, inst = np.where(seam, k, parts), np.where(seam, 0, inst)
    elif rng.random() < 0.4:
        pores = field(rng, shape, 3) > 1.2
        parts, inst = np.where(pores, k, parts), np.where(pores, 0, inst)
    return parts, None, inst


def spots(rng: Rng, shape: Shape) -> Drawn:
    """Small dots, few or many, sometimes inside cells."""
    r = rng.uniform(1.5, 4)
    dots = blobs(rng, shape, int(rng.integers(20, 200)), 0.8 * r, 1.2 * r)
    if rng.random() < 0.4:
        big = _radius(rng, shape, 18, 45)
        inst = blobs(rng, shape, _count(rng, shape, big, 0.3, 0.7), 0.8 * big, 1.2 * big)
        return np.where(inst > 0, np.where(dots > 0, 2, 1), 0), None, None
    return (dots > 0).astype(int), None, dots


def blank(_: Rng, shape: Shape) -> Drawn:
    """Nothing: one class, for what says how many classes there are."""
    return np.zeros(shape, int), None, None


KINDS: dict[str, Callable[[Rng, Shape], Drawn]] = {
    f.__name__: f
    for f in (
        nuclei,
        cells,
        touching,
        membranes,
        tissue,
        fibers,
        vessels,
        layers,
        mosaic,
        fields,
        organelles,
        worms,
        bacteria,
        grains,
        spots,
        blank,
    )
}
SHARES = {
    "nuclei": 14, "cells": 14, "touching": 8, "membranes": 8, "tissue": 12, "fibers": 4, "vessels": 6, "layers": 4,
    "mosaic": 8, "fields": 6, "organelles": 7, "worms": 5, "bacteria": 4, "grains": 5, "spots": 3,
}  # fmt: skip
"""How often each kind is drawn for training; `blank` only by name."""
LITTERED = {
    "cells": 0.35,
    "nuclei": 0.2,
    "worms": 0.25,
    "bacteria": 0.15,
    "spots": 0.1,
    "vessels": 0.25,
    "fibers": 0.15,
}
"""How often there are faint things in the background."""
FRAMED = {"worms": 0.25, "vessels": 0.35, "fibers": 0.1, "cells": 0.05, "nuclei": 0.05}
"""How often the image shows a dark frame."""
