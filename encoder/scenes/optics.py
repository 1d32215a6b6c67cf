"""What the microscope and the file do to an image: blur, shading, haze, noise, stripes, block coding, saturation."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .shapes import Rng, log_uniform
from .textures import Recipe, textures

FAR = 8.0
"""Clean images are cut off so many deviations from the mean."""


def photograph(clean: Tensor, rng: Rng, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The image taken and the image without faults but as sharp as the lens lets it be, both (B, 3, *space)."""
    b, ndim = len(clean), clean.ndim - 2
    sigma = np.where(rng.random(b) < 0.25, 0.35, np.exp(rng.uniform(math.log(0.4), math.log(2.0), b)))
    sigmas = np.repeat(sigma[:, None], ndim, 1)
    if ndim == 3:
        sigmas[:, 0] *= rng.choice([1, 1, 1.5, 2.5], b)  # along z
    clean = blurred(clean, sigmas)
    span = clean.amax(tuple(range(1, clean.ndim)), keepdim=True) - clean.amin(tuple(range(1, clean.ndim)), keepdim=True)
    clean = (clean - clean.amin(tuple(range(1, clean.ndim)), keepdim=True)) / span.clamp(min=1e-3)
    image = _haze_and_shading(_dimmed(clean, rng) if ndim == 3 else clean, rng, generator)
    image = _noise(image, rng, generator)
    for i in range(b):
        if rng.random() < 0.06:
            image[i] += _stripes(image[i], rng, generator)
        if rng.random() < 0.12 and ndim == 2:
            image[i] = _blocks(image[i], rng)
        if rng.random() < 0.15:
            image[i] = image[i].clamp(max=float(torch.quantile(image[i].flatten()[::7], rng.uniform(0.8, 0.99))))
        if rng.random() < 0.1:
            levels = log_uniform(rng, 8, 200)
            image[i] = torch.round(image[i] * levels) / levels
        if rng.random() < 0.2:
            image[i] = image[i].sign() * image[i].abs() ** log_uniform(rng, 0.5, 2)
    return image, clean


def blurred(image: Tensor, sigmas: np.ndarray) -> Tensor:
    """(B, C, *space) after a Gaussian of its own for each image and axis, edges repeated."""
    b, c, *space = image.shape
    ndim, radius = len(space), int(max(1, math.ceil(2.5 * sigmas.max())))
    at = torch.arange(-radius, radius + 1, dtype=torch.float32)
    convolve = F.conv2d if ndim == 2 else F.conv3d
    out = image.reshape(1, b * c, *space)
    for axis in range(ndim):
        s = torch.tensor(sigmas[:, axis], dtype=torch.float32)[:, None]
        kernel = torch.exp(-0.5 * (at / s) ** 2)
        kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(c, 0)
        shape = [1] * ndim
        shape[axis] = len(at)
        pad = [0, 0] * ndim
        pad[2 * (ndim - 1 - axis)] = pad[2 * (ndim - 1 - axis) + 1] = radius
        out = convolve(F.pad(out, pad, mode="replicate"), kernel.reshape(b * c, 1, *shape), groups=b * c)
    return out.reshape(image.shape)


def _dimmed(image: Tensor, rng: Rng) -> Tensor:
    """Volumes, every other of them darker slice by slice: light is lost on its way."""
    b, depth = len(image), image.shape[2]
    lost = torch.tensor((rng.random(b) < 0.5) * rng.uniform(0.3, 2, b), dtype=torch.float32)
    way = torch.linspace(0, 1, depth) if rng.random() < 0.5 else torch.linspace(1, 0, depth)
    return image * torch.exp(-lost[:, None] * way)[:, None, :, None, None]


def _haze_and_shading(image: Tensor, rng: Rng, generator: torch.Generator) -> Tensor:
    """Uneven light and light from out of focus."""
    b, ndim = len(image), image.ndim - 2
    smooth = textures(
        [Recipe("rough", 1, beta=4.5, way=np.eye(ndim)[0]) for _ in range(2 * b)], tuple(image.shape[2:]), generator
    )
    smooth = smooth.reshape(2, b, 1, *image.shape[2:])
    expand = (slice(None), *[None] * (ndim + 1))
    shade = torch.tensor(
        (rng.random(b) < 0.5) * np.exp(rng.uniform(math.log(0.03), math.log(0.5), b)), dtype=torch.float32
    )[expand]
    haze = torch.tensor(
        (rng.random(b) < 0.5) * np.exp(rng.uniform(math.log(0.01), math.log(0.25), b)), dtype=torch.float32
    )[expand]
    glow = torch.tensor((rng.random(b) < 0.2) * rng.uniform(0.1, 0.6, b), dtype=torch.float32)[expand]
    pool, size = (F.avg_pool2d, tuple(image.shape[2:])) if ndim == 2 else (F.avg_pool3d, tuple(image.shape[2:]))
    far = F.interpolate(pool(image, 8), size=size, mode="bilinear" if ndim == 2 else "trilinear", align_corners=False)
    return (image + glow * far) * (1 + shade * smooth[0]) + haze * smooth[1]


def _noise(image: Tensor, rng: Rng, generator: torch.Generator) -> Tensor:
    """Read noise, and noise that grows with the light; now and then coarse-grained."""
    b, ndim = len(image), image.ndim - 2
    expand = (slice(None), *[None] * (ndim + 1))
    amount = torch.tensor(
        (rng.random(b) < 0.85) * np.exp(rng.uniform(math.log(0.006), math.log(0.25), b)), dtype=torch.float32
    )
    photons = torch.tensor(rng.random(b) < 0.5)
    noise = torch.randn(image.shape, generator=generator)
    grey = (image[:, 0] - image[:, 1]).abs().flatten(1).amax(1) < 1e-5
    noise = torch.where(grey[expand], noise[:, :1], noise)
    coarse = torch.tensor(rng.random(b) < 0.25)
    if coarse.any():
        soft = blurred(noise[coarse], np.full((int(coarse.sum()), ndim), rng.uniform(0.5, 0.9)))
        noise[coarse] = soft / soft.std().clamp(min=1e-6)
    gain = torch.where(photons[expand], image.clamp(0.02, 2).sqrt(), torch.ones(()))
    return image + amount[expand] * gain * noise


def _stripes(image: Tensor, rng: Rng, generator: torch.Generator) -> Tensor:
    """Lines brighter or darker than others."""
    lines = [1] * image.ndim
    axis = int(rng.integers(1, image.ndim))
    lines[axis] = image.shape[axis]
    return log_uniform(rng, 0.01, 0.1) * torch.randn(lines, generator=generator)


def _blocks(image: Tensor, rng: Rng) -> Tensor:
    """Coarse frequencies in blocks of 8, as JPEG does."""
    n = torch.arange(8, dtype=torch.float32)
    cosines = torch.cos((n[None] + 0.5) * n[:, None] * math.pi / 8) * 0.5
    cosines[0] *= math.sqrt(0.5)
    c, h, w = image.shape
    h8, w8 = h // 8 * 8, w // 8 * 8
    blocks = image[:, :h8, :w8].reshape(c, h8 // 8, 8, w8 // 8, 8).permute(0, 1, 3, 2, 4)
    step = log_uniform(rng, 0.02, 0.2) * (1 + 0.5 * (n[:, None] + n[None]))
    coded = cosines.T @ (torch.round(cosines @ blocks @ cosines.T / step) * step) @ cosines
    image = image.clone()
    image[:, :h8, :w8] = coded.permute(0, 1, 3, 2, 4).reshape(c, h8, w8)
    return image


def normalized(image: Tensor, clip: tuple[float, float] = (0.005, 0.995)) -> Tensor:
    """Images (B, C, *space) of mean 0 and deviation 1, their channels comparable: what the network takes.

    Each channel is clipped at its percentiles to [0, 1], weighed by the root of its span over the largest, less its
    mean; then all are over one deviation. The weight keeps a channel that shows little from being blown up to noise,
    and one that is only dimmer from being lost.
    """
    return normalized_with(image, image, clip)[0]


def normalized_with(image: Tensor, clean: Tensor, clip: tuple[float, float] = (0.005, 0.995)) -> tuple[Tensor, Tensor]:
    """`normalized` images, and the clean ones moved along."""
    space = image.flatten(2)
    some = space[..., :: max(1, space.shape[-1] // 4000)].sort(-1).values
    n = some.shape[-1] - 1
    low = some[..., round(clip[0] * n)][..., None]
    span = (some[..., round(clip[1] * n)][..., None] - low).clamp(min=1e-6)
    weight = (span / span.amax(1, keepdim=True)).sqrt()
    unit = ((space - low) / span).clamp(0, 1) * weight
    mean = unit.mean(-1, keepdim=True)
    deviation = (unit - mean).square().mean((1, 2), keepdim=True).sqrt().clamp(min=1e-3)
    moved = ((clean.flatten(2) - low) / span).clamp(-0.2, 1.2) * weight
    redrawn = ((moved - mean) / deviation).clamp(-FAR, FAR)  # an image of next to nothing has no say
    return ((unit - mean) / deviation).reshape(image.shape), redrawn.reshape(image.shape)
