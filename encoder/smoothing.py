"""Fits how much less the latents are smoothed than other features: `python -m encoder.smoothing`.

The latents of a place know its surroundings already. The share of the usual smoothing is taken that scores best on
scenes held back from training, borders sharpened as usual.
"""

import argparse

import numpy as np
import torch

import napari_ae_seg as ae

from .choose import write
from .evaluate import hungarian_miou
from .measure import cases

SHARES = (0.0, 0.125, 0.25, 0.5, 1.0)


def main() -> None:
    """Fits, says what it is worth, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=2)
    torch.set_num_threads(1)
    usual = float(ae.SegmentationConfig().smoothing)
    write("smoothing", {"latent": 1.0})
    rows = []
    for case in cases(parser.parse_args().each, 2):
        k = len(np.unique(case.truth))
        if k < 2 or case.kind == "textures":
            continue
        stack = ae.read(case.image, axes="CYX")
        fitted = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=k, features="latent", threads=1))
        prepared = fitted.prepare(stack)
        labels = [fitted.recluster(smoothing=usual * share).label(prepared).labels for share in SHARES]
        rows.append([hungarian_miou(case.truth, one) for one in labels])
    scores = dict(zip(SHARES, np.mean(rows, 0).round(4).tolist(), strict=True))
    best = max(scores, key=lambda share: scores[share])
    print(f"{len(rows)} scenes, score by share of the usual smoothing: {scores}; {best} taken")
    write("smoothing", {"latent": best})


if __name__ == "__main__":
    main()
