"""A sparse autoencoder with an L1 and with an L0 penalty: how many units are active against how well it redraws.

The loss is alpha * reconstruction + beta * sparsity. Each row is one training; below the table the curve of each
penalty: the error of the redrawn image over the number of active units at a place.

    python examples/sparse.py
"""

from __future__ import annotations

import sys

import numpy as np

import napari_ae_seg as ae

WEIGHTS = ((1.0, 0.0), (1.0, 0.003), (1.0, 0.01), (1.0, 0.03), (1.0, 0.1), (10.0, 0.1))
"""Pairs of alpha and beta."""
WIDE = 40
"""Characters of the longest bar."""


def main(short: bool = False) -> ae.Table:
    """The table; `short` has fewer trainings, on a smaller image."""
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
    return ae.Table.stacked(rows)


def curve(table: ae.Table) -> str:
    """Per penalty a line for each training, from few active units to many: a bar as long as its error."""
    lines = []
    for penalty in dict.fromkeys(table["penalty"]):
        lines.append(f"\n{penalty}: error over active units")
        points = sorted(
            (units, error)
            for kind, units, error in zip(table["penalty"], table["active units"], table["error"], strict=True)
            if kind == penalty
        )
        top = max(table["error"])
        lines += [f"{units:6.1f} {'#' * max(1, round(WIDE * error / top))} {error:.4f}" for units, error in points]
    return "\n".join(lines)


if __name__ == "__main__":
    found = main("--short" in sys.argv)
    print(found)
    print(curve(found))
