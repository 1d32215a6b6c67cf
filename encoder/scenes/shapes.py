"""What layouts are made of: smooth fields, cells around points, rounded objects, curves and tubes, in 2D and 3D."""

import numpy as np
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

Rng = np.random.Generator
Shape = tuple[int, ...]


def field(rng: Rng, shape: Shape, beta: float) -> np.ndarray:
    """A smooth random field of unit deviation; the larger beta, the smoother, in 3D as in 2D."""
    k = np.sqrt(sum(f**2 for f in np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij")))
    k.flat[0] = 1
    amplitude = k ** (-(beta + len(shape) - 2) / 2)
    amplitude.flat[0] = 0
    z = np.fft.ifftn(np.fft.fftn(rng.standard_normal(shape)) * amplitude).real
    return np.asarray((z - z.mean()) / (z.std() + 1e-9), np.float32)


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """A number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def places(shape: Shape) -> np.ndarray:
    """Coordinates of every pixel, (ndim, *shape)."""
    return np.stack(np.meshgrid(*[np.arange(n, dtype=np.float32) for n in shape], indexing="ij"))


def warped(rng: Rng, shape: Shape, size: float) -> np.ndarray:
    """Coordinates bent by up to about `size` pixels."""
    at = places(shape)
    return at + np.stack([size * field(rng, shape, 4.0) for _ in shape]) if size else at


def voronoi(
    rng: Rng, shape: Shape, n: int, bend: float, points: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest of n random points, the distance to it, and by how much the second is further."""
    margin = 0.1 * max(shape)
    points = rng.uniform(-margin, np.array(shape) + margin, (n, len(shape))) if points is None else points
    at = warped(rng, shape, bend).reshape(len(shape), -1).T
    far, which = cKDTree(points).query(at, k=2)
    return which[:, 0].reshape(shape), far[:, 0].reshape(shape), (far[:, 1] - far[:, 0]).reshape(shape)


def blobs(
    rng: Rng, shape: Shape, n: int, small: float, large: float, apart: float = 0.1, clumped: bool = False
) -> np.ndarray:
    """Up to n rounded objects of radius small to large; a new one that overlaps by more than `apart` is left out."""
    out, ndim = np.zeros(shape, np.int32), len(shape)
    wobble, squeeze = rng.uniform(0, 0.3), rng.choice([rng.uniform(0.5, 1), rng.uniform(0.25, 0.6)], p=[0.8, 0.2])
    clumps = rng.uniform(0, shape, (max(1, n // 12), ndim))
    for i in range(1, n + 1):
        r = rng.uniform(small, large)
        c = rng.uniform(0, shape) if not clumped else clumps[rng.integers(len(clumps))] + rng.normal(0, 3 * large, ndim)
        low = np.maximum(0, np.floor(c - 1.6 * r)).astype(int)
        high = np.minimum(shape, np.ceil(c + 1.6 * r + 1)).astype(int)
        if (high <= low).any():
            continue
        d = np.stack(
            np.meshgrid(*[np.arange(a, b, dtype=np.float32) for a, b in zip(low, high, strict=True)], indexing="ij")
        )
        d = d - c.reshape(-1, *[1] * ndim).astype(np.float32)
        turn, _ = np.linalg.qr(rng.normal(size=(ndim, ndim)))
        d = np.tensordot(turn.astype(np.float32), d, 1)
        d[0] /= rng.uniform(squeeze, 1)
        far = np.sqrt((d**2).sum(0)) + 1e-6
        u = d / far
        waves = sum(
            np.sin(np.tensordot(rng.normal(size=ndim) * k, u, 1) + rng.uniform(0, 6.3)) / k for k in (2, 3.5, 5)
        )
        inside = far < r * (1 + wobble * waves)
        window = out[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        if inside.any() and (window[inside] > 0).mean() <= apart:
            window[inside & (window == 0)] = i
    return out


def strokes(
    rng: Rng, shape: Shape, n: int, length: float, wiggle: float, turn: float, starts: np.ndarray | None = None
) -> list[np.ndarray]:
    """N random curves: arrays of places (T, ndim), half a pixel apart."""
    ndim, steps = len(shape), max(2, int(2 * length))
    at = rng.uniform(0, shape, (n, ndim)) if starts is None else starts.astype(float)
    way = rng.normal(size=(n, ndim))
    bend = rng.normal(0, turn, (n, ndim))
    out = np.empty((steps, n, ndim))
    for t in range(steps):
        way = way / np.linalg.norm(way, axis=1, keepdims=True)
        out[t] = at
        at = at + 0.5 * way
        bend = bend * 0.97 + rng.normal(0, wiggle, (n, ndim))
        way = way + bend
    ends = (steps * rng.uniform(0.4, 1, n)).astype(int)
    return [out[: max(2, end), i] for i, end in enumerate(ends)]


def tubes(shape: Shape, curves: list[np.ndarray], radii: np.ndarray, taper: float = 0.0) -> np.ndarray:
    """The curve of each pixel, from 1, 0 outside; curve i has radius radii[i], thinner at its end by `taper`."""
    owner, width = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    for i, curve in enumerate(curves):
        at = np.round(curve).astype(int)
        ok = ((at >= 0) & (at < shape)).all(1)
        index = tuple(at[ok].T)
        owner[index] = i + 1
        width[index] = radii[i] * (1 - taper * np.linspace(0, 1, len(curve))[ok])
    if not owner.any():
        return owner
    far, near = ndi.distance_transform_edt(owner == 0, return_indices=True)
    near = tuple(near)
    return np.where(far < width[near], owner[near], 0)
