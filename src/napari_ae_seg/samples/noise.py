"""Randomness with a grain, and what a camera adds: the stuff that the generated images are made of."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

Image = np.ndarray
Rng = np.random.Generator


def smooth(rng: Rng, shape: tuple[int, ...], scale: float | tuple[float, ...]) -> Image:
    """Gaussian noise of `shape` whose grain is about `scale` pixels (per axis), mean 0 and deviation 1.

    >>> field = smooth(np.random.default_rng(0), (64, 64), 4.0)
    >>> round(float(field.mean()), 3) + 0.0, round(float(field.std()), 3)
    (0.0, 1.0)
    """
    field = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), scale, mode="wrap")
    return standard(field)


def banded(
    rng: Rng, size: int, wavelength: float, bandwidth: float, direction: float = 0.0, spread: float = np.pi
) -> Image:
    """Noise (size, size) of waves about `wavelength` pixels long, within `spread` radians around `direction`."""
    fy, fx = np.meshgrid(fft.fftfreq(size), fft.rfftfreq(size), indexing="ij")
    frequency = np.hypot(fy, fx)
    octaves = np.log2(np.maximum(frequency, 1e-6) * wavelength)
    turned = (np.arctan2(fy, fx) - direction + np.pi / 2) % np.pi - np.pi / 2
    weight = np.exp(-((octaves / bandwidth) ** 2) / 2 - ((turned / spread) ** 2) / 2)
    spectrum = fft.rfft2(rng.standard_normal((size, size))) * weight
    return standard(fft.irfft2(spectrum, s=(size, size)))


def octaves(rng: Rng, shape: tuple[int, ...], coarse: float, persistence: float = 0.5) -> Image:
    """Noise with grain from `coarse` pixels down to one: each is half the one before, and `persistence` as strong."""
    total, strength, scale = np.zeros(shape, np.float32), 1.0, coarse
    while scale >= 0.7:
        total += strength * smooth(rng, shape, scale)
        strength, scale = strength * persistence, scale / 2
    return standard(total)


def warp(rng: Rng, image: Image, reach: float, scale: float) -> Image:
    """`image` (Y, X) bent smoothly: its pixels move by about `reach`, together within about `scale`."""
    places = bent(rng, image.shape, reach, scale)
    return np.asarray(ndimage.map_coordinates(image, places, order=1, mode="reflect"), np.float32)


def bent(rng: Rng, shape: tuple[int, ...], reach: float, scale: float) -> Image:
    """Where each pixel of `shape` lies, (axes, *shape), once it has moved by about `reach`, together within `scale`."""
    moved = [place + reach * smooth(rng, shape, scale) for place in np.indices(shape, np.float32)]
    return np.stack(moved)


def camera(rng: Rng, clean: Image, photons: float, read: float = 0.01) -> Image:
    """What a camera makes of `clean` (0 to 1): shot noise of at most `photons`, and read noise.

    >>> camera(np.random.default_rng(0), np.ones((2, 2)), photons=1e6, read=0).round(1).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    seen = rng.poisson(np.clip(clean, 0, None) * photons) / photons
    return np.asarray(seen + read * rng.standard_normal(clean.shape), np.float32)


def standard(image: Image) -> Image:
    """`image` with mean 0 and deviation 1, as float32."""
    return np.asarray((image - image.mean()) / (image.std() + 1e-9), np.float32)


def unit(image: Image, low: float = 0.2, high: float = 99.8) -> Image:
    """`image` stretched to 0 to 1 between two percentiles, as float32."""
    bottom, top = np.percentile(image, (low, high))
    return np.asarray(np.clip((image - bottom) / max(top - bottom, 1e-9), 0, 1), np.float32)
