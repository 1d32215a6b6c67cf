"""What tone, the halved image's code and the image redrawn count beside the code: `python -m encoder.weigh NET OUT`.

Chosen is what Gaussians of one shape, by which the package clusters, do best under, on scenes that neither training nor
evaluation has seen; written is a copy of the network.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from . import pool
from .evaluate import held_back, hungarian_miou, shaped
from .net import Encoder

GRID = {"tone": (0.0, 0.2, 0.5), "half": (0.0, 0.3, 0.6, 0.9), "redrawn": (0.2, 0.4, 0.6, 0.9)}
FIRST = pool.HELD_BACK + 1000
"""Seeds of the scenes the weights are chosen on."""

Weights = tuple[float, float, float]


def measured(net: Encoder, each: int, places: int = 3000) -> dict[Weights, float]:
    """The mean score of the clusters under every combination of `GRID`, kinds of scenes alike."""
    net.weights.fill_(1)
    n, rng = net.latents, np.random.default_rng(0)
    totals = dict.fromkeys(itertools.product(GRID["tone"], GRID["half"], GRID["redrawn"]), 0.0)
    cases = list(held_back(each, net.ndim, first=FIRST))
    for _, _, image, truth in cases:
        with torch.no_grad():
            z = net.features(image)[0].flatten(1).T.numpy()
        some = rng.choice(len(z), min(places, len(z)), replace=False)
        z, known = z[some], truth.ravel()[some]
        for tone, half, redrawn in totals:
            scale = np.repeat(np.array([1, half, tone, redrawn], np.float32), [n, n, 3, 3])
            use = scale > 0
            labels = shaped(np.ascontiguousarray(z[:, use] * scale[use]), len(np.unique(known)), most=1500)
            totals[tone, half, redrawn] += hungarian_miou(known, labels) / len(cases)
    return totals


def main() -> None:
    """Choose and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("net", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenes", type=int, default=4, help="of each kind")
    args = parser.parse_args()
    torch.set_num_threads(1)
    net = Encoder.load(args.net)
    with safe_open(args.net, "pt") as file:
        about = json.loads(file.metadata()["about"])
    found = measured(net, args.scenes)
    ranked = sorted(found, key=lambda weights: -found[weights])
    for weights in [*ranked[:8], *ranked[-2:]]:
        print("tone {:.2f}  half {:.2f}  redrawn {:.2f}".format(*weights), f" {found[weights]:.4f}")
    net.weights.copy_(torch.tensor(ranked[0]))
    kept = {key: about[key] for key in about if key not in ("tone_weight", "half_weight", "redrawn_weight")}
    net.save(args.out, **kept, weights_chosen_on=f"{args.scenes} scenes of each kind")
    print(f"written: {args.out}")


if __name__ == "__main__":
    main()
