"""A batch of scenes: images with their truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .appearance import look, paint
from .layouts import Layout
from .optics import normalized_with, photograph
from .shapes import Rng


@dataclass(frozen=True)
class Scenes:
    """Images (B, 3, *space) as the network takes them, and what is known about them."""

    image: Tensor  # (B, 3, *space), normalized
    clean: Tensor  # (B, 3, *space), on the same scale
    classes: Tensor  # (B, *space), uint8
    instances: Tensor  # (B, *space), int16
    distance: Tensor  # (B, *space), int8: twice the signed distance to the border of an object
    center: Tensor  # (B, *space), uint8
    has_objects: Tensor  # (B,), bool
    kinds: list[str]
    modes: list[str]


class Dice:
    """Where the chance comes from: one generator for numbers and one for fields, both from one seed."""

    def __init__(self, seed: int | Sequence[int]) -> None:
        self.numbers: Rng = np.random.default_rng(seed)
        self.fields = torch.Generator().manual_seed(int(self.numbers.integers(2**62)))

    def state(self) -> dict[str, Any]:
        """What to keep to go on as if never stopped."""
        return {"numbers": self.numbers.bit_generator.state, "fields": self.fields.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a kept state."""
        self.numbers.bit_generator.state = state["numbers"]
        self.fields.set_state(state["fields"])


def render(
    layouts: Sequence[Layout], dice: Dice, crop: int | None = None, modes: Sequence[str | None] | None = None
) -> Scenes:
    """Scenes of `layouts`, each with its own appearance and faults; with `crop`, of a random part, turned and flipped.

    >>> from encoder.scenes.layouts import draw
    >>> scenes = render([draw(np.random.default_rng(0), 48, kind="nuclei")], Dice(0))
    >>> scenes.image.shape, scenes.modes
    (torch.Size([1, 3, 48, 48]), ['...'])
    """
    rng = dice.numbers
    cut = [_cut(layout, rng, crop) for layout in layouts]
    arrays = zip(*(known for known, _ in cut), strict=True)
    parts, classes, instances, distance, center = (torch.from_numpy(np.stack(a)) for a in arrays)
    looks = [look(rng, layout, mode) for layout, mode in zip(layouts, modes or [None] * len(layouts), strict=True)]
    painted = paint(looks, parts, instances, distance, dice.fields)
    for i, (_, picture) in enumerate(cut):
        if picture is not None:
            painted[i] = torch.from_numpy(picture.astype(np.float32))
    image, clean = photograph(painted, rng, dice.fields)
    order = torch.from_numpy(np.stack([rng.permutation(3) for _ in layouts]))
    sign = torch.tensor(np.where(rng.random(len(layouts)) < 0.3, -1.0, 1.0), dtype=torch.float32)
    shuffled = (
        [sign[i] * image[i, order[i]] for i in range(len(layouts))],
        [sign[i] * clean[i, order[i]] for i in range(len(layouts))],
    )
    image, clean = normalized_with(torch.stack(shuffled[0]), torch.stack(shuffled[1]))
    has_objects = torch.tensor([layout.has_objects for layout in layouts])
    return Scenes(
        image,
        clean,
        classes,
        instances,
        distance,
        center,
        has_objects,
        [a.kind for a in layouts],
        [a.mode if b.picture is None else "drawn" for a, b in zip(looks, layouts, strict=True)],
    )


def _cut(layout: Layout, rng: Rng, crop: int | None) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Parts, classes, objects, distances and centers of a random part of a layout; and of its picture."""
    arrays = [layout.parts, layout.classes, layout.instances, layout.distance, layout.center]
    if crop is None:
        return arrays, layout.picture
    ndim = layout.parts.ndim
    for _ in range(5):
        start = [int(rng.integers(0, n - crop + 1)) for n in layout.parts.shape]
        window = tuple(slice(s, s + crop) for s in start)
        if layout.classes[window].min() != layout.classes[window].max():
            break
    order = rng.permutation(ndim) if ndim == 2 else np.append(0, 1 + rng.permutation(2))  # z stays z
    flips = tuple(slice(None, None, -1) if rng.random() < 0.5 else slice(None) for _ in range(ndim))
    known = [np.ascontiguousarray(a[window].transpose(order)[flips]) for a in arrays]
    if layout.picture is None:
        return known, None
    picture = layout.picture[(slice(None), *window)].transpose(0, *(1 + order))[(slice(None), *flips)]
    return known, np.ascontiguousarray(picture)
