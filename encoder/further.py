"""What training on an image is worth on held-back scenes: `python -m encoder.further [--each 1]`.

The whole program with the number of classes given: on the encoder as it comes, on the same trained further on the
scene, and on a new convolutional network trained on it.
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch

import napari_ae_seg as ae

from .evaluate import hungarian_miou
from .measure import Case, cases

FIRST = 2000
"""Scenes of seeds from here on: others than those that training, rules and scores have seen."""
STARTS: dict[str, Callable[[ae.Stack], ae.Autoencoder]] = {
    "as it comes": lambda _: ae.Autoencoder.shipped(2),
    "trained further": lambda stack: ae.train(stack, ae.TrainingConfig(threads=1)),
    "a new network": lambda stack: ae.train(stack, ae.TrainingConfig(threads=1), ae.NetworkConfig(kind="conv")),
}


def scores(case: Case) -> dict[str, float]:
    """Hungarian mIoU of what each start finds in a scene."""
    stack, k = ae.read(case.image, axes="CYX"), len(np.unique(case.truth))
    config = ae.SegmentationConfig(n_clusters=k)
    found = {}
    for name, start in STARTS.items():
        segments = ae.Segmenter.fit(start(stack), stack, config).apply(stack)
        assert isinstance(segments, ae.Segments)  # of one image
        found[name] = hungarian_miou(case.truth, segments.labels)
    return found


def main() -> None:
    """Print a row per scene, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=1, help="scenes of each kind")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    print(f"| kind | {' | '.join(STARTS)} |\n|{'---|' * (len(STARTS) + 1)}")
    for case in cases(args.each, 2, first=FIRST):
        if len(np.unique(case.truth)) < 2:
            continue
        rows.append(scores(case))
        print(f"| {case.kind} | {' | '.join(f'{value:.3f}' for value in rows[-1].values())} |", flush=True)
    means = [np.mean([row[name] for row in rows]) for name in STARTS]
    print(f"| mean of {len(rows)} | {' | '.join(f'{mean:.3f}' for mean in means)} |")


if __name__ == "__main__":
    main()
