"""A sparse autoencoder with an L1 and with an L0 penalty: how many units are active against how well it redraws.

The loss is alpha * reconstruction + beta * sparsity. Each row is one training; below the table the curve of each
penalty: the error of the redrawn image over the number of active units at a place.

    python -m examples.sparse --picture sparse.png
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import napari_ae_seg as ae
from napari_ae_seg.report import charts

from .pictures import options, save

WEIGHTS = ((1.0, 0.0), (1.0, 0.003), (1.0, 0.01), (1.0, 0.03), (1.0, 0.1), (10.0, 0.1))
"""Pairs of alpha and beta."""
WIDE = 40
"""Characters of the longest bar."""


def main(short: bool = False, picture: Path | None = None) -> ae.Table:
    """The table; `short` has fewer trainings, on a smaller image. `picture` is a file for the curves."""
    side = 64 if short else 128
    image = ae.samples.draw("textures").image[:side, :side]
    rows = []
    for sparsity in ("l1", "l0"):
        for alpha, beta in WEIGHTS[1::2] if short else WEIGHTS:
            network = ae.NetworkConfig(kind="dense", window=14, latents=64, sparsity=sparsity)
            training = ae.TrainingConfig(
                steps=40 if short else 300, batch=64, alpha=alpha, beta=beta, corruption="none", seed=1
            )
            model = ae.train(image, training, network)
            found = model.info["sparsity"]
            low, high = np.percentile(image, (0.5, 99.5))
            error = np.sqrt(np.mean((ae.reconstruct(model, image) - image.astype(float)) ** 2)) / (high - low)
            rows.append(
                {
                    "penalty": [sparsity],
                    "alpha": [alpha],
                    "beta": [beta],
                    "active units": [round(sum(found["usage"]), 1)],
                    "silent units": [len(found["dead"])],
                    "error": [round(float(error), 4)],
                }
            )
    table = ae.Table.stacked(rows)
    if picture:
        drawn = charts.lines(points(table), "active units", "error")
        save(picture, {"image": image, **({"error over active units": drawn} if drawn else {})})
    return table


def curve(table: ae.Table) -> str:
    """Per penalty a line for each training, from few active units to many: a bar as long as its error."""
    lines, top = [], max(table["error"])
    for penalty, places in points(table).items():
        lines.append(f"\n{penalty}: error over active units")
        lines += [f"{units:6.1f} {'#' * max(1, round(WIDE * error / top))} {error:.4f}" for units, error in places]
    return "\n".join(lines)


def points(table: ae.Table) -> dict[str, list[tuple[float, float]]]:
    """Per penalty the active units and the error of each training, from few units to many."""
    found: dict[str, list[tuple[float, float]]] = {}
    for penalty, units, error in zip(table["penalty"], table["active units"], table["error"], strict=True):
        found.setdefault(penalty, []).append((units, error))
    return {penalty: sorted(places) for penalty, places in found.items()}


if __name__ == "__main__":
    asked = options(__doc__)
    found = main(asked.short, asked.picture)
    print(found)
    print(curve(found))
