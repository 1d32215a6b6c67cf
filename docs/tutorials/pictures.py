"""What the tutorials share: pictures side by side, and how far labels agree with what was drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.optimize import linear_sum_assignment

from napari_ae_seg.core.colors import color

HEIGHT, GAP = 288, 6
FOLDER = Path()
"""Where pictures are written; `docs/generate.py` names another."""
made: list[tuple[str, str]] = []
"""File and words of the pictures drawn so far."""


def show(**panels: np.ndarray) -> None:
    """Write the arrays, named by their words, side by side as one PNG: integers below 1000 of two axes are labels."""
    drawn = [_panel(values) for values in panels.values()]
    row = Image.new("RGBA", (sum(one.width for one in drawn) + GAP * (len(drawn) - 1), HEIGHT))
    left = 0
    for one in drawn:
        row.paste(one, (left, 0))
        left += one.width + GAP
    words = ", ".join(name.replace("_", " ") for name in panels)
    path = FOLDER / f"{len(made) + 1}.png"
    row.save(path, optimize=True)
    made.append((path.name, words))


def agreement(labels: np.ndarray, truth: np.ndarray) -> float:
    """Mean intersection over union of the classes of `truth`, each with the label matched to it."""
    classes, found = np.unique(truth), np.unique(labels)
    table = np.zeros((len(classes), len(found)))
    for row, one in enumerate(classes):
        for column, label in enumerate(found):
            both = ((truth == one) & (labels == label)).sum()
            table[row, column] = both / ((truth == one) | (labels == label)).sum()
    return float(table[linear_sum_assignment(-table)].sum() / len(classes))


def like(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """`labels` in the numbers of the classes of `truth` that they overlap most, so that colors can be compared."""
    classes, found = np.unique(truth), np.unique(labels)
    table = np.array([[((truth == one) & (labels == label)).sum() for label in found] for one in classes])
    rows, columns = linear_sum_assignment(-table)
    named = dict(zip(found[columns].tolist(), classes[rows].tolist(), strict=True))
    free = iter(range(int(classes.max()) + 1, int(classes.max()) + 1 + len(found)))
    numbers = [named[label] if label in named else next(free) for label in found.tolist()]
    return np.array(numbers)[np.searchsorted(found, labels)]


def _panel(values: np.ndarray) -> Image.Image:
    values = np.asarray(values)
    if values.ndim == 2 and values.dtype.kind in "iu" and values.dtype.itemsize >= 4:
        palette = np.array([(0, 0, 0), *(color(i) for i in range(1, int(values.max(initial=0)) + 1))])
        picture = (255 * palette[values]).astype(np.uint8)
    else:
        low, high = np.percentile(values, (0.2, 99.8))
        picture = (255 * np.clip((values.astype(float) - low) / max(high - low, 1e-9), 0, 1)).astype(np.uint8)
    image = Image.fromarray(picture).convert("RGB")
    return image.resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.Resampling.LANCZOS)
