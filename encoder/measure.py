"""What the program sees in scenes held back from training, beside the truth: the material that its rules are fitted on.

python -m encoder.measure encoder/runs/measured.json --each 6
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.encode import encode_array
from napari_ae_seg.clustering.clusters import fit_clusters
from napari_ae_seg.clustering.number import PLACES
from napari_ae_seg.clustering.number import evidence as number_evidence
from napari_ae_seg.core import filters
from napari_ae_seg.features.fit import fit_space
from napari_ae_seg.features.select import CANDIDATES, METHODS, evidence
from napari_ae_seg.samples.scenes import SCENES
from napari_ae_seg.samples.stacks import random_volume
from napari_ae_seg.samples.textures import mosaic
from napari_ae_seg.segmenter import smooth
from napari_ae_seg.segmenter.fit import sample_places

from . import pool
from .evaluate import hungarian_miou
from .scenes.layouts import SHARES, draw
from .scenes.scene import Dice, render

STRENGTHS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Times the usual smoothing that are tried."""
FINISHED = {"latent": "0.25 sharp", "mixed": "0.25 sharp"}
"""How each candidate is smoothed when its score counts."""
SHARPNESS = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0)
SIDES = {2: (160, 320, 96, 240), 3: (56, 80)}
LARGE = 384
"""Side of mosaics of textures: those of the package's own samples, which the encoder has not learnt."""
MOST = 10
DRAWN: dict[str, tuple[tuple[int, ...], ...]] = {
    "nuclei": ((),),
    "cells": ((), (0, 0, 1, 0)),
    "electron": ((), (0, 0, 1, 0)),
    "fibers": ((),),
    "phase": ((),),
    "tissue": ((), (0, 0, 0, 0, 1)),
    "blood": ((0, 0, 0, 1, 2), ()),
}
"""Kinds of the package's own samples, another hand's scenes than those the encoder learns from; and which of their
classes a person may want apart: all, or some together."""
USUAL = 8.0
"""The smoothing of the memberships where no other is asked for."""


@dataclass(frozen=True)
class Case:
    """A scene: its kind, how its classes look, the image (3, *space) and the classes (*space)."""

    kind: str
    mode: str
    image: np.ndarray
    truth: np.ndarray


def cases(each: int, ndim: int, wanted: Sequence[str] = (), first: int = 500, start: int = 0) -> Iterator[Case]:
    """Scenes of every kind, noise and single classes among them; not those that scores are reported on."""
    drawn = [f"drawn {name}" for name in DRAWN] if ndim == 2 else ["drawn volume"] * 4
    kinds = [*(["textures"] if ndim == 2 else []), *SHARES, "blank", "noise", *drawn, "plain", "plain"]
    for i in range(start, start + each):
        for number, kind in enumerate(kinds):
            if wanted and kind not in wanted:
                continue
            rng = np.random.default_rng((ndim, pool.HELD_BACK + first + number, i))
            side = SIDES[ndim][i % len(SIDES[ndim])]
            if kind == "textures":
                picture, which = mosaic(rng, LARGE)
                yield Case(kind, kind, np.repeat(picture[None], 3, 0).astype(np.float32), which.astype(int))
                continue
            if kind == "drawn volume":
                picture, which = random_volume(rng, ((24, 64, 64), (40, 112, 112))[i % 2])
                image = np.repeat(picture[None], 3, 0).astype(np.float32)
                yield Case(kind, "drawn", image, which.astype(int))
                continue
            if kind.startswith("drawn "):
                name = kind.removeprefix("drawn ")
                merges = DRAWN[name]
                picture, which = SCENES[name](rng, side)
                image = np.moveaxis(picture, -1, 0) if picture.ndim == 3 else np.repeat(picture[None], 3, 0)
                merge = merges[i % len(merges)]
                yield Case(
                    kind, "drawn", image.astype(np.float32), np.array(merge)[which] if merge else which.astype(int)
                )
                continue
            if kind == "plain":
                yield _plain(rng, ndim)
                continue
            if kind == "noise":
                yield Case(kind, "noise", _noise(rng, (side,) * ndim), np.zeros((side,) * ndim, int))
                continue
            scenes = render([draw(rng, side, ndim, kind)], Dice((pool.HELD_BACK + first + number, i)))
            yield Case(kind, scenes.modes[0], scenes.image[0].numpy(), scenes.classes[0].numpy().astype(int))


def _plain(rng: np.random.Generator, ndim: int) -> Case:
    """Flat levels with next to no noise, in images down to a few pixels: what nobody needs a network for."""
    side = int(np.exp(rng.uniform(np.log(20), np.log(200 if ndim == 2 else 48))))
    kind = str(rng.choice(["layers", "mosaic", "fields", "nuclei", "cells"]))
    classes = draw(rng, max(side, 32), ndim, kind).classes[(slice(0, side),) * ndim].astype(int)
    levels = rng.permutation(int(classes.max()) + 1) + rng.uniform(-0.3, 0.3, int(classes.max()) + 1)
    noise = rng.choice([0.0, 0.0, 0.02, 0.1]) * rng.normal(size=classes.shape)
    return Case("plain", "plain", np.repeat((levels[classes] + noise)[None], 3, 0).astype(np.float32), classes)


def _noise(rng: np.random.Generator, space: tuple[int, ...]) -> np.ndarray:
    """Nothing but noise, in one or three channels, as grains of up to a few pixels."""
    from scipy.ndimage import gaussian_filter

    channels = int(rng.choice([1, 3]))
    sigma = float(rng.choice([0, 0, 0.5, 1.0, 2.0]))
    fields = [gaussian_filter(rng.normal(size=space), sigma) for _ in range(channels)]
    return np.stack([fields[i % channels] for i in range(3)]).astype(np.float32)


def measured(case: Case, model: ae.Autoencoder, numbers: bool = True) -> dict[str, Any]:
    """Of every candidate what is seen and what it scores with the true number; and every number of clusters."""
    stack = ae.read(case.image, axes="CZYX"[:1] + "ZYX"[-model.ndim :])
    model = model.suited_to(stack)
    config = ae.SegmentationConfig()
    maps = [encode_array(model, case.image)]
    k = len(np.unique(case.truth))
    spaces = {name: fit_space(config.but(features=name), maps) for name in CANDIDATES}
    row: dict[str, Any] = {"kind": case.kind, "mode": case.mode, "k": k, "side": case.truth.shape[0]}
    row |= {"scores": {}, "numbers": {}, "strengths": {}, "calibration": {}}
    row["evidence"] = evidence(spaces, maps, k if k > 1 else 2).tolist()
    row["evidence of no number"] = evidence(spaces, maps).tolist()
    for name, space in spaces.items():
        sample, _ = sample_places(maps, space, PLACES, 0)
        method = METHODS.get(name, "kmeans")
        features = space.transform(maps[0])
        scores = fit_clusters(sample.x, config, method, max(k, 2)).scores(features)
        found = _smoothed(case.truth, scores, space.grid, maps[0].raw.mean(0))
        row["strengths"][name], row["scores"][name] = found, found[FINISHED.get(name, "1.0 sharp")]
        row["calibration"][name] = _calibration(case.truth, scores, space.grid, k)
    best = max(row["scores"], key=lambda name: row["scores"][name])
    for name in dict.fromkeys(("latent", best)) if numbers else ():
        row["numbers"][name] = _numbered(case, spaces[name], maps, METHODS.get(name, "kmeans"))
    return row


def _numbered(case: Case, space: Any, maps: list[Any], method: str) -> dict[str, Any]:
    """Figures and scores of every number of clusters, the scores at the features' own grid."""
    sample, _ = sample_places(maps, space, PLACES, 0)
    x = torch.from_numpy(sample.x)
    features = space.transform(maps[0])
    first = tuple(slice(None, None, space.grid) for _ in case.truth.shape)
    found = [fit_clusters(sample.x, ae.SegmentationConfig(), method, k).assign(features) for k in range(1, MOST + 1)]
    return {
        "figures": number_evidence(x - x.mean(0), MOST, method == "spherical", sample.trios).tolist(),
        "scores": [hungarian_miou(case.truth[first], labels.numpy()) for labels in found],
    }


def _smoothed(truth: np.ndarray, scores: torch.Tensor, grid: int, guide: torch.Tensor) -> dict[str, float]:
    """Hungarian mIoU at every pixel of memberships smoothed by so many times the usual; also with borders sharpened."""
    sigma, found = smooth.sigmas(grid, (1.0,) * truth.ndim), {}
    for strength in STRENGTHS:
        q = smooth.upsample(smooth.mean_field(scores, USUAL * strength, sigma), grid, truth.shape)
        found[str(strength)] = hungarian_miou(truth, q.argmax(0).numpy())
        found[f"{strength} sharp"] = hungarian_miou(truth, smooth.sharpen(q, guide).argmax(0).numpy())
    return found


def _calibration(truth: np.ndarray, scores: torch.Tensor, grid: int, k: int) -> dict[str, float]:
    """Per sharpness of the scores, - mean ln of the probability of the true class, clusters matched to classes."""
    if k < 2:
        return {}
    first = tuple(slice(None, None, grid) for _ in truth.shape)
    _, known = np.unique(truth[first], return_inverse=True)
    labels = scores.max(0).indices.numpy()
    known = known.reshape(labels.shape)
    shared = np.bincount(known.ravel() * k + labels.ravel(), minlength=k * k)[: k * k].reshape(k, k).astype(float)
    overlap = shared / (shared.sum(1, keepdims=True) + shared.sum(0) - shared + 1e-9)
    _, cluster = linear_sum_assignment(-overlap)
    target = torch.from_numpy(cluster[np.minimum(known, k - 1)])[None]
    sigma = smooth.sigmas(grid, (1.0,) * truth.ndim)
    lost = {}
    for sharpness in SHARPNESS:
        q = filters.smooth(torch.softmax(sharpness * scores, 0), sigma).gather(0, target)
        lost[str(sharpness)] = float(-q.clamp_min(1e-3).log().mean())
    return lost


def main() -> None:
    """Measures, and writes after every scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--each", type=int, default=6)
    parser.add_argument("--start", type=int, default=0, help="the first scene of each kind")
    parser.add_argument("--ndim", type=int, default=2, choices=(2, 3))
    parser.add_argument("--no-numbers", action="store_true", help="leave out what the number of clusters is fitted on")
    parser.add_argument("--kinds", nargs="*", default=(), help="all if not given")
    parser.add_argument("--model", type=Path, help="the shipped encoder if not given")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = ae.Autoencoder.load(args.model) if args.model else ae.Autoencoder.shipped(args.ndim)
    rows, begun = [], time.monotonic()
    for case in cases(args.each, args.ndim, args.kinds, start=args.start):
        rows.append(measured(case, model, not args.no_numbers))
        args.out.write_text(json.dumps(rows))
        print(f"{len(rows)} {time.monotonic() - begun:.0f} s {case.kind} {rows[-1]['scores']}", flush=True)


if __name__ == "__main__":
    main()
