"""What a layout looks like: tone, color, texture, dyes or edges of each part, drawn at random."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from .layouts import DEBRIS, OUTSIDE, Layout
from .shapes import Rng
from .textures import FAMILIES, Recipe, recipe, textures

PARTS = 8
GLOWING = ("nuclei", "cells", "touching", "membranes", "fibers", "vessels", "worms", "bacteria", "spots")
THIN = ("fibers", "vessels", "membranes", "spots", "bacteria", "organelles", "worms")
MODES = {
    "tone": 0.2, "glow": 0.12, "faint": 0.09, "color": 0.06, "stains": 0.14, "grey stain": 0.06, "texture": 0.17,
    "both": 0.11, "edges": 0.1,
}  # fmt: skip


@dataclass
class Look:
    """One scene's appearance in numbers: the image is mix @ (tone + amplitude * texture), or light so absorbed."""

    mode: str
    tone: np.ndarray  # (PARTS, 3)
    amplitude: np.ndarray  # (PARTS, 3)
    recipes: list[Recipe]
    mix: np.ndarray  # (3, 3)
    absorbs: bool = False
    same: bool = False
    """All parts share one texture."""
    vary: float = 0.0
    """Deviation of the tone from object to object."""
    uneven: float = 0.0
    """Deviation of the logarithm of an object's contrast to the background."""
    litter: float = 0.0
    """How far debris differs from the background, as a share of what the first part does."""
    outside: float = 0.0
    """How dark the frame is: 0 as the darkest place, larger darker."""
    rim: np.ndarray = field(default_factory=lambda: np.zeros(4))
    """Height and width in pixels of the rim outside, and inside, of each object."""
    dome: float = 0.0
    relief: tuple[float, int, int] = (0.0, 0, 0)


def look(rng: Rng, layout: Layout, mode: str | None = None) -> Look:
    """An appearance for `layout`, of `mode` (drawn by `MODES` if None)."""
    ndim = layout.parts.ndim
    k = int(layout.parts[layout.parts < OUTSIDE].max(initial=0)) + 1
    allowed = dict(MODES)
    if not layout.has_objects or layout.kind in ("organelles", "membranes", "spots"):
        del allowed["edges"]
    if layout.kind not in ("organelles", "membranes"):
        del allowed["grey stain"]
    else:
        allowed["grey stain"] *= 4
    if layout.kind not in GLOWING:
        del allowed["glow"]
    if layout.kind in THIN:
        del allowed["texture"]
    if k < 3:
        del allowed["faint"]
    if ndim == 3:
        allowed = {m: w * (0.15 if m in ("color", "stains") else 1) for m, w in allowed.items()}
    mode = mode or str(rng.choice(list(allowed), p=np.array(list(allowed.values())) / sum(allowed.values())))
    made = Look(
        mode, np.zeros((PARTS, 3)), np.zeros((PARTS, 3)), [recipe(rng, ndim) for _ in range(PARTS)], np.zeros((3, 3))
    )
    _MODES[mode](rng, made, k)
    if layout.has_objects and mode in ("tone", "stains", "color"):
        made.uneven = float(rng.choice([0, 0, 0.1, 0.25]))
    made.litter, made.outside = rng.choice([-1, 1], p=[0.15, 0.85]) * rng.uniform(0.1, 0.45), rng.uniform(0, 0.3)
    if mode not in ("texture", "edges", "grey stain"):
        made.vary = float(rng.choice([0, 0, 0.02, 0.05, 0.1])) if mode != "glow" else 0.0
        made.same = mode in ("tone", "faint", "stains") and rng.random() < 0.35
        if layout.has_objects and rng.random() < 0.2:
            made.rim = np.array([rng.normal(0, 0.12), rng.uniform(1, 6), rng.normal(0, 0.12), rng.uniform(1, 4)])
        if rng.random() < 0.3:
            made.dome = rng.uniform(-0.15, 0.3)
    return made


def _grey(made: Look) -> None:
    """One channel, repeated."""
    made.mix[:, 0] = 1


def _channels(made: Look, rng: Rng) -> None:
    """Grey, two channels and their mean, or three channels that mix tone and a little of the rest."""
    q = rng.random()
    if q < 0.7:
        return _grey(made)
    if q < 0.85:
        made.mix[:] = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]])[rng.permutation(3)]
    else:
        made.mix[:] = 0.7 * rng.uniform(0.3, 1, (3, 1)) * np.array([[1, 0, 0]]) + rng.normal(0, 0.35, (3, 3))
    return None


def _steps(rng: Rng, k: int) -> np.ndarray:
    """K levels in [0, 1], well apart, in random order."""
    return (rng.permutation(k) + rng.uniform(0.2, 0.8, k)) / k


def _tone(rng: Rng, made: Look, k: int) -> None:
    for channel in range(3):
        made.tone[:k, channel] = _steps(rng, k) if channel == 0 or rng.random() < 0.6 else rng.uniform(0, 1)
    gap = 1 / k
    made.amplitude[:k] = (rng.random((k, 1)) > 0.3) * np.exp(rng.uniform(math.log(0.01), math.log(0.3), (k, 1))) * gap
    _channels(made, rng)


def _glow(rng: Rng, made: Look, k: int) -> None:
    """Fluorescence: bright on dark, objects of very different brightness."""
    made.tone[1:k] = np.sort(_steps(rng, max(1, k - 1)))[:, None] ** rng.uniform(0.8, 2) if k > 1 else 0
    made.tone[:k] = made.tone[:k] * 0.9 + 0.1
    made.tone[0] = rng.uniform(0, 0.08)
    made.amplitude[1:k] = made.tone[1:k] * rng.uniform(0, 0.3)
    made.amplitude[0] = rng.uniform(0, 0.02)
    made.uneven = float(rng.choice([0.1, 0.3, 0.5, 0.7]))
    if rng.random() < 0.8:
        _grey(made)
    else:
        made.mix[:, 0] = rng.permutation([1, rng.uniform(0, 1), rng.uniform(0, 0.5)])


def _grey_stain(rng: Rng, made: Look, k: int) -> None:
    """As electrons see stained tissue: dark membranes, pale and grainy plasma, grey bodies with folds in them."""
    plasma, dark = rng.uniform(0.55, 0.85), rng.uniform(0.05, 0.3)
    made.tone[:k, 0] = rng.uniform(dark, plasma, k)
    made.tone[0, 0] = plasma
    made.amplitude[:k, 0] = rng.uniform(0.03, 0.15, k)
    if k > 2 and rng.random() < 0.8:
        made.tone[1, 0] = dark
        made.tone[2, 0] = rng.uniform(dark + 0.05, plasma - 0.1)
        made.amplitude[2, 0] = rng.uniform(0.08, 0.2)
        made.recipes[2] = recipe(
            rng, len(made.recipes[0].way), str(rng.choice(["oriented", "ridges", "band"])), rng.uniform(3, 9)
        )
    made.recipes[0] = recipe(rng, len(made.recipes[0].way), "rough")
    _grey(made)


def _faint(rng: Rng, made: Look, k: int) -> None:
    """Flat classes, one of them barely apart from another."""
    order = rng.permutation(k)
    made.tone[order[:-1], 0] = _steps(rng, k - 1)
    near = order[rng.integers(k - 1)]
    step = rng.uniform(0.08, 0.2)
    made.tone[order[-1], 0] = made.tone[near, 0] + rng.choice([-1, 1]) * step
    made.tone[:k, 1:] = made.tone[:k, :1] * rng.uniform(0.5, 1, 2) + rng.normal(0, 0.4 * step, (k, 2))
    made.amplitude[:k] = rng.uniform(0, 0.4, (k, 1)) * step
    if rng.random() < 0.5:
        _grey(made)
    else:
        made.mix[:] = np.eye(3)[rng.permutation(3)]


def _color(rng: Rng, made: Look, k: int) -> None:
    """The same brightness, another hue."""
    hue = rng.normal(size=(k, 3))
    hue -= hue.mean(1, keepdims=True)
    hue /= np.linalg.norm(hue, axis=1, keepdims=True)
    made.tone[:k] = 0.5 + rng.uniform(0.15, 0.5) * hue + rng.normal(0, 0.05, (k, 1))
    made.amplitude[:k] = np.exp(rng.uniform(math.log(0.01), math.log(0.2), (k, 1))) * rng.uniform(0.5, 1, (1, 3))
    made.mix[:] = np.eye(3)


def _stains(rng: Rng, made: Look, k: int) -> None:
    """Two dyes, absorbing light in three colors or shining in two channels."""
    made.tone[:k, :2] = rng.uniform(0, 1, (k, 2)) ** rng.uniform(1, 2)
    levels = _steps(rng, k)
    made.tone[:k, 0] = 0.3 * made.tone[:k, 0] + 0.7 * levels
    if rng.random() < 0.6:
        made.tone[rng.integers(k), :2] *= rng.choice([0, 0.15])
    made.amplitude[:k, :2] = rng.uniform(0.02, 0.35) * (0.2 + made.tone[:k, :2]) * rng.uniform(0.3, 1, (k, 1))
    if rng.random() < 0.75:
        dyes = rng.uniform(0.05, 1, (3, 2))
        dyes /= np.linalg.norm(dyes, axis=0)
        made.mix[:, :2] = rng.uniform(0.6, 2.5) * dyes
        made.absorbs = True
    else:
        made.mix[:] = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]])


def _distinct(rng: Rng, made: Look, k: int) -> None:
    """Textures that differ in family, scale or direction."""
    ndim = len(made.recipes[0].way)
    q = rng.random()
    if q < 0.15:
        one = recipe(rng, ndim, "oriented")
        turn = rng.permutation(k) * math.pi / k + rng.uniform(0, math.pi)
        for j in range(k):
            way = one.way.copy()
            way[:2] = math.cos(turn[j]), math.sin(turn[j])
            made.recipes[j] = Recipe(
                "oriented", one.scale, one.width, one.beta, way / np.linalg.norm(way), max(3, one.stretch)
            )
    elif q < 0.35:
        family = str(rng.choice(["band", "spots", "ridges", "blotches"]))
        scales = 2.2 * (14 ** ((rng.permutation(k) + rng.uniform(0.2, 0.8, k)) / k))
        for j in range(k):
            made.recipes[j] = recipe(rng, ndim, family, scales[j])
    else:
        for j, family in enumerate(rng.permutation(FAMILIES)[:k]):
            made.recipes[j] = recipe(rng, ndim, str(family))


def _texture(rng: Rng, made: Look, k: int) -> None:
    """The same mean, another texture."""
    made.tone[:k, 0] = 0.5 + rng.normal(0, rng.choice([0, 0.03, 0.06]), k)
    made.amplitude[:k, 0] = rng.uniform(0.12, 0.3) * rng.uniform(0.6, 1.3, k)
    if rng.random() < 0.2:
        made.amplitude[rng.integers(k), 0] = 0.02
    _distinct(rng, made, k)
    if rng.random() < 0.75:
        _grey(made)
    else:
        made.mix[:, 0] = rng.uniform(0.3, 1, 3)


def _both(rng: Rng, made: Look, k: int) -> None:
    """Tone and texture together, neither enough."""
    made.tone[:k] = rng.uniform(0.1, 0.9, (k, 3))
    made.amplitude[:k] = rng.uniform(0.05, 0.3, (k, 1)) * rng.uniform(0.5, 1, (k, 3))
    _distinct(rng, made, k)
    _channels(made, rng)


def _edges(rng: Rng, made: Look, k: int) -> None:
    """Phase contrast: objects of the background's tone, with a bright rim and a dark one, and some grain."""
    made.tone[:k, 0] = 0.5 + np.append(0, rng.normal(0, rng.choice([0.02, 0.07]), k - 1))
    made.amplitude[0, 0] = rng.uniform(0, 0.03)
    made.amplitude[1:k, 0] = rng.uniform(0.02, 0.14, k - 1)
    made.recipes[0] = recipe(rng, len(made.recipes[0].way), "rough")
    side = rng.choice([-1, 1], p=[0.25, 0.75])
    made.rim = np.array(
        [side * rng.uniform(0.1, 0.5), rng.uniform(1.5, 9), -side * rng.uniform(0.05, 0.4), rng.uniform(1, 5)]
    )
    if rng.random() < 0.35:
        made.relief = (rng.choice([-1, 1]) * rng.uniform(0.05, 0.2), int(rng.integers(1, 3)), int(rng.integers(-1, 3)))
        made.rim *= np.array([rng.choice([0, 0.3]), 1, rng.choice([0, 0.3]), 1])
    _grey(made)


_MODES = {
    "tone": _tone,
    "faint": _faint,
    "color": _color,
    "stains": _stains,
    "texture": _texture,
    "both": _both,
    "edges": _edges,
    "glow": _glow,
    "grey stain": _grey_stain,
}


def paint(looks: list[Look], parts: Tensor, instances: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
    """Images without faults, (B, 3, *space), of parts, objects and distances (B, *space)."""
    b, shape = len(looks), tuple(parts.shape[1:])
    every = parts.reshape(len(looks), -1).long()
    flat = torch.where(every >= OUTSIDE, 0, every)  # as the background
    k = int(flat.max()) + 1
    wanted = [1 if one.same else k for one in looks]
    fields = textures(
        [r for one, n in zip(looks, wanted, strict=True) for r in one.recipes[:n]], shape, generator
    ).flatten(1)
    starts = np.cumsum([0, *wanted[:-1]])
    texture = torch.stack(
        [
            fields[s] if one.same else fields[s : s + k].gather(0, flat[i][None])[0]
            for i, (s, one) in enumerate(zip(starts, looks, strict=True))
        ]
    )  # (B, N)
    tables = torch.tensor(
        np.stack([np.concatenate([one.tone, one.amplitude], 1) for one in looks]), dtype=torch.float32
    )
    drawn = tables.transpose(1, 2).gather(2, flat[:, None].expand(-1, 6, -1))  # (B, 6, N)
    first = (tables[:, 1, :3] - tables[:, 0, :3])[:, :, None]  # (B, 3, 1)
    litter = torch.tensor([one.litter for one in looks], dtype=torch.float32)[:, None, None]
    tone = drawn[:, :3] + (every == DEBRIS)[:, None] * litter * first
    objects = instances.reshape(b, -1).long()
    each = torch.randn(2, b, int(objects.max()) + 1, generator=generator)
    each[:, :, 0] = 0
    contrast = (each[1] * torch.tensor([[one.uneven] for one in looks])).clamp(-1.6, 1.6).exp().gather(1, objects)
    base = tables[:, 0, :3, None]
    latent = base + contrast[:, None] * (tone - base) + drawn[:, 3:] * texture[:, None]
    offset = each[0] * torch.tensor([[one.vary] for one in looks])
    d = 0.5 * distance.reshape(b, -1).float()  # pixels, negative outside
    rim = torch.tensor(np.stack([one.rim for one in looks]), dtype=torch.float32)[:, :, None]
    outside = torch.exp((d / rim[:, 1].clamp(min=0.5)).clamp(max=0)) * (d < 0)
    inside = torch.exp((-d / rim[:, 3].clamp(min=0.5)).clamp(max=0)) * (d > 0)
    dome = torch.tensor([[one.dome] for one in looks], dtype=torch.float32) * (d.clamp(min=0) / 12).clamp(max=1).sqrt()
    added = offset.gather(1, objects) + rim[:, 0] * outside + rim[:, 2] * inside + dome
    for i, one in enumerate(looks):
        if one.relief[0]:
            height = distance[i].float().clamp(-2, 16)
            added[i] += one.relief[0] * (height - torch.roll(height, one.relief[1:], (-2, -1))).reshape(-1) / 2
    latent = latent + added[:, None] * torch.tensor([1.0, 0.6, 0.3])[:, None]
    mix = torch.tensor(np.stack([one.mix for one in looks]), dtype=torch.float32)
    image = mix @ latent
    absorbs = torch.tensor([float(one.absorbs) for one in looks])[:, None, None]
    image = torch.where(absorbs > 0, torch.exp(-image.clamp(min=0)), image)
    hidden = (every == OUTSIDE)[:, None]
    if hidden.any():
        low, high = image.amin(2, keepdim=True), image.amax(2, keepdim=True)
        dark = low - torch.tensor([one.outside for one in looks], dtype=torch.float32)[:, None, None] * (high - low)
        image = torch.where(hidden, dark, image)
    return image.reshape(b, 3, *shape)
