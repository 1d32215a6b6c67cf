"""Random textures, a batch at a time: noise shaped in the frequencies, then bent at each pixel."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

FAMILIES = ("rough", "band", "oriented", "spots", "ridges", "blotches", "weave")


@dataclass
class Recipe:
    """How one texture is made; `scale` is its typical size in pixels."""

    family: str
    scale: float
    width: float = 0.4
    beta: float = 2.0
    way: np.ndarray = field(default_factory=lambda: np.array([1.0, 0.0]))
    stretch: float = 1.0
    level: float = 1.0
    sign: float = 1.0
    blend: float = 0.0
    """How much of another recipe's pattern lies over it."""


def recipe(rng: np.random.Generator, ndim: int, family: str | None = None, scale: float | None = None) -> Recipe:
    """A recipe drawn at random, of 2 to 40 pixels; to 14 in volumes, which are smaller."""
    family = family or str(rng.choice(FAMILIES))
    way = rng.normal(size=ndim)
    return Recipe(
        family,
        scale or math.exp(rng.uniform(math.log(2.2), math.log(40 if ndim == 2 else 14))),
        rng.uniform(0.15, 0.6),
        rng.uniform(0, 3.5),
        way / np.linalg.norm(way),
        rng.uniform(2, 7) if family == "oriented" else 1.0,
        rng.uniform(0.6, 2.0),
        float(rng.choice([-1, 1])),
        rng.uniform(0.3, 1) if ndim == 2 and rng.random() < 0.25 else 0.0,
    )


def textures(recipes: list[Recipe], shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """One field of zero mean and unit deviation for each recipe: (N, *shape)."""
    ndim = len(shape)
    expand = (slice(None), *[None] * ndim)

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32)[expand]

    frequency = torch.meshgrid(
        *[torch.fft.fftfreq(side) for side in shape[:-1]], torch.fft.rfftfreq(shape[-1]), indexing="ij"
    )
    square = torch.stack(frequency).square().sum(0)  # (*half)
    way = torch.tensor(np.stack([r.way for r in recipes]), dtype=torch.float32)  # (N, ndim)
    along = torch.einsum("nd,d...->n...", way, torch.stack(frequency))
    stretch = column([r.stretch for r in recipes])
    across = (stretch**2 - 1) * (square[None] - along**2)
    k = (square[None] + across).clamp(min=1e-9).sqrt()  # (N, *half)
    log_k = k.log()
    rough = column([float(r.family == "rough") for r in recipes])
    band = (log_k + column([math.log(r.scale) for r in recipes])) / column([r.width for r in recipes])
    power = -0.5 * column([r.beta + ndim - 2 for r in recipes]) * log_k
    amplitude = torch.exp(torch.where(rough > 0, power.clamp(max=12), -0.5 * band**2))
    weaves = torch.from_numpy(np.flatnonzero([r.family == "weave" for r in recipes]))
    if len(weaves):
        amplitude[weaves] = _threads([recipes[i] for i in weaves], torch.stack(frequency))
    amplitude.flatten(1)[:, 0] = 0
    noise = torch.randn(2, *amplitude.shape, generator=generator) * amplitude
    z = torch.fft.irfftn(torch.complex(noise[0], noise[1]), s=shape, dim=tuple(range(1, ndim + 1)))
    z = _standard(z)
    others = torch.from_numpy(np.array([r.blend for r in recipes], np.float32))[expand]
    z = _standard(z + others * z.roll(1 + len(recipes) // 2, 0))  # two patterns, one over the other
    families = np.array([r.family for r in recipes])
    level, sign = column([r.level for r in recipes]), column([r.sign for r in recipes])
    for family, bend in {"spots": _spots, "ridges": _ridges, "blotches": _blotches}.items():
        chosen = torch.from_numpy(np.flatnonzero(families == family))
        if len(chosen):
            z[chosen] = _standard(bend(z[chosen], level[chosen])) * sign[chosen]
    return z


def _standard(z: Tensor) -> Tensor:
    dims = tuple(range(1, z.ndim))
    z = z - z.mean(dims, keepdim=True)
    return (z / z.square().mean(dims, keepdim=True).sqrt().clamp(min=1e-6)).clamp_(-4, 4)


def _threads(recipes: list[Recipe], frequency: Tensor) -> Tensor:
    """Amplitudes of near-regular patterns: bumps at one frequency and at another across it; frequency (ndim, *half)."""
    out = []
    for one in recipes:
        way = torch.tensor(one.way, dtype=torch.float32)
        across = way.roll(1) * torch.tensor([1.0, -1.0, 1.0])[: len(way)]
        width = 0.02 + 0.15 * one.width / one.scale
        total = torch.zeros_like(frequency[0])
        for vector, size in ((way, 1.0), (across * one.level, float(one.beta > 1))):
            for side in (1, -1):
                at = side * vector.reshape(-1, *[1] * len(way)) / one.scale
                total = total + size * torch.exp(-0.5 * ((frequency - at) / width).square().sum(0))
        out.append(total)
    return torch.stack(out)


def _spots(z: Tensor, level: Tensor) -> Tensor:
    return (z - level).clamp_(min=0)


def _ridges(z: Tensor, _: Tensor) -> Tensor:
    return -z.abs().add_(1e-3).sqrt_()


def _blotches(z: Tensor, level: Tensor) -> Tensor:
    return torch.tanh(4 * (z - 0.4 * level))
