"""Regions: an image cut into tiny ones, each scored by what it looks like, and merged until N remain.

The first table has the scores (mean features) of the largest tiny regions. The second says for several N what the last
merge cost, how large the smallest region is, and how well the regions agree with what was drawn (adjusted Rand index).

    python -m examples.regions --picture regions.png
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

import napari_ae_seg as ae

from .pictures import options, save

NUMBERS = (32, 16, 8, 4, 2)


def main(short: bool = False, picture: Path | None = None) -> tuple[ae.Table, ae.Table]:
    """Both tables; `short` is a smaller image. `picture` is a file for the image, its tiny regions and merged ones."""
    side = 96 if short else 256
    sample = ae.samples.draw("textures")
    start = (sample.image.shape[0] - side) // 2
    middle = (slice(start, start + side),) * 2
    image, truth = sample.image[middle], sample.truth[middle]
    regions = ae.tiny_regions(image)
    sizes = np.bincount(regions.tiny.ravel(), minlength=len(regions.means) + 1)[1:]
    largest = np.argsort(-sizes)[:5]
    scores = {"tiny region": (largest + 1).tolist(), "size": sizes[largest].tolist()}
    scores |= {f"score {f}": regions.means[largest, f].round(3).tolist() for f in range(min(4, regions.means.shape[1]))}
    rows = []
    for n in (len(regions.means), *(n for n in NUMBERS if n < len(regions.means))):
        labels = regions.labels(n)
        cost = float(regions.tree[len(regions.means) - n - 1, 2]) if n < len(regions.means) else 0.0
        rows.append(
            {
                "regions": [n],
                "cost": [round(cost, 4)],
                "smallest": [int(np.bincount(labels.ravel())[1:].min())],
                "agreement": [round(float(adjusted_rand_score(truth.ravel(), labels.ravel())), 3)],
            }
        )
    if picture:
        shown = {f"merged to {n}": regions.labels(n).astype(np.int32) for n in (16, 5)}
        save(picture, {"image": image, f"{len(regions.means)} tiny regions": regions.tiny.astype(np.int32), **shown})
    return ae.Table(scores), ae.Table.stacked(rows)


if __name__ == "__main__":
    asked = options(__doc__)
    for table in main(asked.short, asked.picture):
        print(table, end="\n\n")
