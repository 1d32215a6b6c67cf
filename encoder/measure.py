"""What the program sees in scenes held back from training, beside the truth: the material that its rules are fitted on.

python -m encoder.measure encoder/runs/measured.json --each 6
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.encode import encode_array
from napari_ae_seg.clustering.clusters import fit_clusters
from napari_ae_seg.clustering.kmeans import kmeans
from napari_ae_seg.clustering.number import PLACES, evidence
from napari_ae_seg.clustering.prototypes import assign
from napari_ae_seg.core import filters
from napari_ae_seg.features.fit import fit_space
from napari_ae_seg.features.select import METHODS, judge
from napari_ae_seg.images.sample import sample_blocks
from napari_ae_seg.samples.textures import mosaic
from napari_ae_seg.segmenter import smooth
from napari_ae_seg.segmenter.fit import sample_places

from . import pool
from .evaluate import hungarian_miou
from .scenes.layouts import SHARES, draw
from .scenes.scene import Dice, render

SPACES = ("latent", "texture")
SHARPNESS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0)
SIDES = (448, 192)
LARGE = 512
"""Side of mosaics of textures: those of the package's own samples, which the encoder has not learnt."""
MOST = 10


@dataclass(frozen=True)
class Case:
    """A scene: its kind, how its classes look, the image (3, *space) and the classes (*space)."""

    kind: str
    mode: str
    image: np.ndarray
    truth: np.ndarray


def cases(each: int, ndim: int, wanted: Sequence[str] = ()) -> Iterator[Case]:
    """Scenes of every kind, noise and single classes among them; not those that scores are reported on."""
    kinds = [*(["textures"] if ndim == 2 else []), *SHARES, "blank", "noise"]
    for i in range(each):
        for number, kind in enumerate(kinds):
            if wanted and kind not in wanted:
                continue
            rng = np.random.default_rng((ndim, pool.HELD_BACK + 500 + number, i))
            side = SIDES[i % len(SIDES)] if ndim == 2 else pool.SIDE[ndim]
            if kind == "textures":
                picture, which = mosaic(rng, LARGE)
                yield Case(kind, kind, np.repeat(picture[None], 3, 0).astype(np.float32), which.astype(int))
                continue
            if kind == "noise":
                yield Case(kind, "noise", _noise(rng, (side,) * ndim), np.zeros((side,) * ndim, int))
                continue
            scenes = render([draw(rng, side, ndim, kind)], Dice((pool.HELD_BACK + 500 + number, i)))
            yield Case(kind, scenes.modes[0], scenes.image[0].numpy(), scenes.classes[0].numpy().astype(int))


def _noise(rng: np.random.Generator, space: tuple[int, ...]) -> np.ndarray:
    """Nothing but noise, in one or three channels, as grains of up to a few pixels."""
    from scipy.ndimage import gaussian_filter

    channels = int(rng.choice([1, 3]))
    sigma = float(rng.choice([0, 0, 0.5, 1.0, 2.0]))
    fields = [gaussian_filter(rng.normal(size=space), sigma) for _ in range(channels)]
    return np.stack([fields[i % channels] for i in range(3)]).astype(np.float32)


def measured(case: Case, model: ae.Autoencoder) -> dict[str, Any]:
    """Of every space how it falls into groups and what it scores with the true number; of the latents, every number."""
    stack = ae.read(case.image, axes="CZYX"[:1] + "ZYX"[-model.ndim :])
    model = model.fitted_to(sample_blocks(stack))
    config = ae.SegmentationConfig()
    maps = [encode_array(model, case.image)]
    k = len(np.unique(case.truth))
    row: dict[str, Any] = {"kind": case.kind, "mode": case.mode, "k": k, "spaces": {}, "numbers": {}}
    row["intensity"] = astuple(judge(fit_space(config.but(features="intensity"), maps), maps))
    for name in SPACES:
        space = fit_space(config.but(features=name), maps)
        sample, _ = sample_places(maps, space, PLACES, 0)
        x = torch.from_numpy(sample.x)
        spherical = METHODS.get(name) == "spherical"
        features = space.transform(maps[0])
        row["spaces"][name] = {
            "figures": astuple(judge(space, maps)),
            "score": _score(case.truth, features, space.grid, x, k, spherical),
        }
        if name == "latent":
            row["calibration"] = _calibration(case.truth, features, space.grid, sample.x, k)
        if name == "latent" or row["spaces"][name]["score"] > row["spaces"]["latent"]["score"] + 0.05:
            row["numbers"][name] = {
                "figures": evidence(x - x.mean(0), MOST, spherical, sample.trios).tolist(),
                "scores": [_score(case.truth, features, space.grid, x, n, spherical) for n in range(1, MOST + 1)],
            }
    return row


def _calibration(truth: np.ndarray, features: torch.Tensor, grid: int, x: np.ndarray, k: int) -> dict[str, float]:
    """Per sharpness of the scores, - mean ln of the probability of the true class, clusters matched to classes."""
    if k < 2:
        return {}
    scores = fit_clusters(x, ae.SegmentationConfig(), "kmeans", k).scores(features)
    first = tuple(slice(None, None, grid) for _ in truth.shape)
    _, known = np.unique(truth[first], return_inverse=True)
    labels = scores.max(0).indices.numpy()
    shared = np.bincount(known.ravel() * k + labels.ravel(), minlength=k * k).reshape(k, k).astype(float)
    overlap = shared / (shared.sum(1, keepdims=True) + shared.sum(0) - shared + 1e-9)
    _, cluster = linear_sum_assignment(-overlap)
    target = torch.from_numpy(cluster[known.reshape(labels.shape)])[None]
    sigma = smooth.sigmas(grid, (1.0,) * truth.ndim)
    lost = {}
    for sharpness in SHARPNESS:
        q = filters.smooth(torch.softmax(sharpness * scores, 0), sigma).gather(0, target)
        lost[str(sharpness)] = float(-q.clamp_min(1e-3).log().mean())
    return lost


def _score(truth: np.ndarray, features: torch.Tensor, grid: int, x: torch.Tensor, k: int, spherical: bool) -> float:
    """Hungarian mIoU of k-means with k clusters, at the features' own grid."""
    rows = features.flatten(1).T
    if spherical:
        rows, x = ((r - x.mean(0)) / x.std(0).clamp_min(1e-6) for r in (rows, x))
        rows, x = (r / r.norm(dim=1, keepdim=True).clamp_min(1e-6) for r in (rows, x))
    labels = assign(rows, kmeans(x, k, n_init=4).centers)[0].view(features.shape[1:]).numpy()
    first = tuple(slice(None, None, grid) for _ in truth.shape)
    return hungarian_miou(truth[first], labels)


def main() -> None:
    """Measures, and writes after every scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--each", type=int, default=6)
    parser.add_argument("--ndim", type=int, default=2, choices=(2, 3))
    parser.add_argument("--kinds", nargs="*", default=(), help="all if not given")
    parser.add_argument("--model", type=Path, help="the shipped encoder if not given")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = ae.Autoencoder.load(args.model) if args.model else ae.Autoencoder.shipped(args.ndim)
    rows, start = [], time.monotonic()
    for case in cases(args.each, args.ndim, args.kinds):
        rows.append(measured(case, model))
        args.out.write_text(json.dumps(rows))
        print(f"{len(rows)} {time.monotonic() - start:.0f} s {case.kind}", flush=True)


if __name__ == "__main__":
    main()
