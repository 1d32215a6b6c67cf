"""A convolutional autoencoder that pools and unpools, with 2, 8 and 32 latents; clusters of its latents, drawn again.

Places are grouped by their latents with k-means and with a Gaussian mixture. Then the decoder draws the image with
every latent replaced by the mean of its cluster: what the clusters alone still say of the image. The table has the
error of the redrawn image, that of the one drawn of clusters (root mean square, in parts of the image's range), and how
well the clusters agree with what was drawn (adjusted Rand index).

    python -m examples.convolutional --picture convolutional.png
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

import napari_ae_seg as ae

from .pictures import options, save

SIZES = (2, 8, 32)


def main(short: bool = False, picture: Path | None = None) -> ae.Table:
    """The table; `short` trains for a moment on a smaller image. `picture` is a file for a corner of all images."""
    side = 96 if short else 192
    sample = ae.samples.draw("tissue")
    image, truth = sample.image[:side, :side], sample.truth[:side, :side]
    stack = ae.read(image, axes=sample.axes)
    rows, shown = [], []
    for latents in SIZES:
        network = ae.NetworkConfig(latents=latents, levels=2, down="max", up="unpool")
        training = ae.TrainingConfig(steps=15 if short else 100, corruption="none", seed=1)
        model = ae.train(stack, training, network)
        whole = ae.reconstruct(model, stack)
        redrawn = off(whole, image)
        panels = {"image": image, f"redrawn, {latents} latents": whole}
        for method in ("kmeans", "gmm"):
            config = ae.SegmentationConfig(n_clusters=4, features="latent", method=method)
            segmenter = ae.Segmenter.fit(model, stack, config)
            explored = ae.Exploration.of(segmenter, stack)
            drawn = np.moveaxis(explored.segmented()[0], 0, -1)
            panels[f"of clusters by {method}"] = drawn
            rows.append(
                {
                    "latents": [latents],
                    "clusters by": [method],
                    "redrawn": [round(redrawn, 4)],
                    "of clusters": [round(off(drawn, image), 4)],
                    "agreement": [
                        round(float(adjusted_rand_score(truth.ravel(), explored.segments.labels.ravel())), 3)
                    ],
                }
            )
        shown.append({name: drawn[:96, :96] for name, drawn in panels.items()})
    if picture:
        save(picture, *shown)
    return ae.Table.stacked(rows)


def off(drawn: np.ndarray, image: np.ndarray) -> float:
    """Root mean square difference of two images, in parts of the range of the second."""
    low, high = np.percentile(image, (0.5, 99.5))
    return float(np.sqrt(np.mean((drawn - image.astype(float)) ** 2)) / (high - low))


if __name__ == "__main__":
    asked = options(__doc__)
    print(main(asked.short, asked.picture))
