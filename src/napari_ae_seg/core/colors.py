"""The colors of labels, the same everywhere."""

from __future__ import annotations

import numpy as np

Color = tuple[float, float, float]

_GOLDEN = 0.618033988749895
_FIRST: tuple[Color, ...] = (
    (0.337, 0.706, 0.914),  # sky blue
    (0.902, 0.624, 0.0),  # orange
    (0.0, 0.62, 0.451),  # bluish green
    (0.8, 0.475, 0.655),  # reddish purple
    (0.0, 0.447, 0.698),  # blue
    (0.835, 0.369, 0.0),  # vermilion
    (0.941, 0.894, 0.259),  # yellow
)
"""Okabe and Ito's palette."""


def color(index: int) -> Color:
    """The colour of label `index` >= 1, always the same: first those that colour-blind people tell apart, too.

    >>> color(1), color(1) == color(8)
    ((0.337, 0.706, 0.914), False)
    """
    if index <= len(_FIRST):
        return _FIRST[index - 1]
    hue = (0.8 + (index - 1) * _GOLDEN) % 1.0
    value = (0.95, 0.75, 0.85)[index % 3]
    saturation = (0.65, 0.85, 0.5)[(index // 3) % 3]
    k = (np.array([5.0, 3.0, 1.0]) + hue * 6) % 6
    red, green, blue = value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1)
    return (round(float(red), 4), round(float(green), 4), round(float(blue), 4))
