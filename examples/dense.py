"""A dense autoencoder, 784-256-784: patches of 28 x 28 pixels through one layer of 256 rectified units and back.

Its loss is the squared error, then the cross-entropy of values scaled to 0 to 1. The table says how far the redrawn
image is from the image (root mean square, in parts of its range), how many of the 256 units are silent, and how many
are active at a place on average.

    python -m examples.dense --picture dense.png
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import napari_ae_seg as ae

from .pictures import options, save

LOSSES = {"mse": "redrawn, squared error", "bce": "redrawn, cross-entropy"}


def main(short: bool = False, picture: Path | None = None) -> ae.Table:
    """The table; `short` is a smaller image for a moment. `picture` is a file for the image and how it is redrawn."""
    image = ae.samples.draw("cells").image[: 96 if short else 256, : 96 if short else 256]
    network = ae.NetworkConfig(kind="dense", window=28, latents=256, activation="relu")
    rows, panels = [], {"image": image}
    for loss in LOSSES:
        training = ae.TrainingConfig(
            epochs=20 if short else 200, batch=32, loss=loss, learning_rate=1e-3, corruption="none", seed=1
        )
        model = ae.train(image, training, network)
        drawn = ae.reconstruct(model, image)
        panels[LOSSES[loss]] = drawn
        found = model.info["sparsity"]
        rows.append(
            {
                "loss": [loss],
                "steps": [model.history[-1]["step"]],
                "error": [round(off(drawn, image), 4)],
                "silent units": [len(found["dead"])],
                "active units": [round(sum(found["usage"]), 1)],
            }
        )
    if picture:
        save(picture, panels)
    return ae.Table.stacked(rows)


def off(drawn: np.ndarray, image: np.ndarray) -> float:
    """Root mean square difference of two images, in parts of the range of the second."""
    low, high = np.percentile(image, (0.5, 99.5))
    return float(
        np.sqrt(np.mean((np.clip(drawn, low, high) - np.clip(image, low, high).astype(float)) ** 2)) / (high - low)
    )


if __name__ == "__main__":
    asked = options(__doc__)
    print(main(asked.short, asked.picture))
