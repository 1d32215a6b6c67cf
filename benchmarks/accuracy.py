"""Accuracy per set beside the baselines: `python -m benchmarks accuracy`; SETS=, METHODS= and LIMIT= narrow it."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import napari_ae_seg as ae

from . import cache, scores, sets
from .sets import Case
from .strokes import simulate

Labels = tuple[np.ndarray, dict[str, Any]]
"""Labels, and what else is known of them: confidence, features."""


def raw_kmeans(sigma: float) -> Callable[[Case], Labels]:
    """k-means on normalised intensity after a Gaussian of `sigma`."""

    def run(case: Case) -> Labels:
        from scipy import ndimage
        from sklearn.cluster import KMeans

        image = _channels(case.image())  # (*space, C)
        blurred = np.stack([ndimage.gaussian_filter(image[..., c], sigma) for c in range(image.shape[-1])], -1)
        x = blurred.reshape(-1, image.shape[-1])
        sample = np.random.default_rng(0).permutation(len(x))[:50_000]
        fitted = KMeans(case.k, n_init=5, random_state=0).fit(x[sample])
        return fitted.predict(x).reshape(image.shape[:-1]), {}

    return run


def blank(case: Case) -> Labels:
    """One label everywhere."""
    return np.ones(case.image().shape[: 3 if case.set in sets.VOLUMES else 2], int), {}


def felzenszwalb(case: Case) -> Labels:
    """Felzenszwalb's region merging at scale 300, sigma .5, smallest region 100."""
    from skimage import segmentation

    image = case.image()
    return segmentation.felzenszwalb(image, scale=300, sigma=0.5, min_size=100), {}


def ours(train: int = 0, finetune: int = 0, **fields: Any) -> Callable[[Case], Labels]:
    """The package: the shipped encoder, one trained on the image for `train` steps, or the former tuned to it."""

    def run(case: Case) -> Labels:
        from napari_ae_seg.fitting import shipped_for
        from napari_ae_seg.training import train as training

        stack = _stack(case)
        config = ae.SegmentationConfig(**{"n_clusters": case.k, **fields})
        model = None
        if train:
            model = ae.train(stack, ae.TrainingConfig(steps=train))
        elif finetune:
            model = training(stack, ae.TrainingConfig(steps=finetune), model=shipped_for(stack, config))
        segmenter = ae.Segmenter.fit(model, stack, config)
        segments = segmenter.apply(stack)
        return segments.labels, {
            "confidence": segments.confidence,
            "features": segmenter.space.name,
            "k": segmenter.clusters.k,
        }

    return run


def guided(case: Case) -> Labels:
    """The package's default with three short strokes per class, drawn from the truth with a fixed seed.

    As a person would, a stroke is painted in the number of the segment that is most of its class.
    """
    stack = _stack(case)
    segmenter = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=case.k))
    prepared = segmenter.prepare(stack)
    strokes = scores.numbered(_strokes(case), case.truth(), segmenter.label(prepared).labels)
    segments = segmenter.guided(prepared, strokes).label(prepared)
    return segments.labels, {"confidence": segments.confidence}


def forest(case: Case) -> Labels:
    """The same strokes on scikit-image's basic features, with a random forest."""
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    image, strokes = _channels(case.image()), _strokes(case)
    features = multiscale_basic_features(image, channel_axis=-1)
    learnt = RandomForestClassifier(100, random_state=0, n_jobs=2).fit(features[strokes > 0], strokes[strokes > 0])
    return learnt.predict(features.reshape(-1, features.shape[-1])).reshape(strokes.shape), {}


def _strokes(case: Case) -> np.ndarray:
    return simulate(case.truth(), per_class=3)


def _stack(case: Case) -> ae.Stack:
    image = case.image()
    return ae.read(image, axes="YXC" if image.ndim == 3 and case.set not in sets.VOLUMES else None)


BASELINES: dict[str, Callable[[Case], Labels]] = {
    "blank": blank,
    "km_raw": raw_kmeans(0),
    "km_raw_g1": raw_kmeans(1),
    "km_raw_g2": raw_kmeans(2),
    "km_raw_g4": raw_kmeans(4),
    "forest": forest,
}
OURS: dict[str, Callable[[Case], Labels]] = {
    "default": ours(),
    "trained": ours(train=200),
    "finetuned": ours(finetune=50),
    "intensity": ours(features="intensity"),
    "mixed": ours(features="mixed"),
    "texture": ours(features="texture"),
    "texture_sph": ours(features="texture", method="spherical"),
    "gmm": ours(method="gmm"),
    "bayes": ours(method="bayes"),
    "ward": ours(method="ward"),
    "hdbscan": ours(method="hdbscan"),
    "spherical": ours(method="spherical"),
    "joint": ours(method="joint"),
    "auto_k": ours(n_clusters=0),
    "two": ours(n_clusters=2),
    "guided": guided,
}
REGIONS: dict[str, Callable[[Case], Labels]] = {
    "felzenszwalb": felzenszwalb,
    "regions": ours(method="regions", n_clusters=0),
    "default_8": ours(n_clusters=8),
}


def main() -> None:
    """Prints a row per method and set as it is done, and the table at the end."""
    found = sets.cases()
    if not found:
        print("accuracy: skipped - set NAPARI_AE_SEG_DATA to the folder of images with ground truth")
        return
    table: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for name, several in found.items():
        methods = _methods(REGIONS if not sets.K[name] else {**BASELINES, **OURS})
        for method, run in methods.items():
            rows = [row for case in several if (row := _row(case, method, run))]
            table.setdefault(name, {})[method] = rows
            if rows:
                _print(name, method, rows, len(several))
    _summary(table)


def _methods(known: dict[str, Any]) -> dict[str, Any]:
    asked = [part for part in os.environ.get("METHODS", "").split(",") if part]
    return {name: run for name, run in known.items() if not asked or name in asked}


def _row(case: Case, method: str, run: Callable[[Case], Labels]) -> dict[str, Any] | None:
    """Scores of one image, from the cache if the same code has made them before."""
    own = method not in BASELINES and method != "felzenszwalb"
    key = f"{case.set}/{case.name}/{method}"
    row = cache.kept(key, ours=own)
    if row is None:
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ae.AssumptionWarning)
            labels, more = run(case)
        row = {"seconds": time.perf_counter() - start, **_scored(case, labels, more)}
        cache.keep(key, row, ours=own)
    return row


def _scored(case: Case, labels: np.ndarray, more: dict[str, Any]) -> dict[str, Any]:
    truth = case.truth()
    row: dict[str, Any] = {name: value for name, value in more.items() if name != "confidence"}
    if not case.k:
        return {**row, "kim": scores.kim(truth, labels)}
    row["miou"] = scores.miou(truth, labels)
    if "confidence" in more:
        row["auroc"] = scores.auroc(more["confidence"], scores.matched(truth, labels))
    return row


def mean(rows: list[dict[str, Any]]) -> float:
    """Mean of a set: mIoU over its images, or Kim's over all regions of all images."""
    if "kim" in rows[0]:
        return float(np.mean([value for row in rows for value in row["kim"]]))
    return float(np.mean([row["miou"] for row in rows]))


def _print(name: str, method: str, rows: list[dict[str, Any]], of: int) -> None:
    parts = [f"{name:26} {method:13} {mean(rows):.3f}"]
    parts.append(f"{np.mean([row['seconds'] for row in rows]):7.2f} s an image")
    aurocs = [row["auroc"] for row in rows if "auroc" in row and not np.isnan(row["auroc"])]
    if aurocs:
        parts.append(f"auroc {np.mean(aurocs):.2f}")
    if method == "auto_k":
        found = [row["k"] for row in rows]
        counts = " ".join(f"{k} {found.count(k)}x" for k in sorted(set(found)))
        parts.append(f"K found {counts}, true {sets.K[name]}")
    chosen = [row["features"] for row in rows if "features" in row]
    if chosen:
        parts.append(" ".join(f"{kind} {chosen.count(kind)}" for kind in sorted(set(chosen))))
    parts.append(f"({len(rows)} of {sets.size(name)} images{'' if of == sets.size(name) else ', LIMIT'})")
    print("  ".join(parts), flush=True)


def _summary(table: dict[str, dict[str, list[dict[str, Any]]]]) -> None:
    """The means, a method a column."""
    names = [name for name in table if sets.K[name]]
    methods = sorted({m for name in names for m in table[name]}, key=[*BASELINES, *OURS].index)
    print(f"\n{'Hungarian mIoU, K given':26}" + "".join(f"{m:>11}" for m in methods))
    for name in names:
        values = [f"{mean(table[name][m]):11.3f}" if table[name].get(m) else f"{'-':>11}" for m in methods]
        print(f"{name:26}" + "".join(values))
    flat = [name for name in names if name in sets.FLAT]
    for title, some in (("mean, 2D", flat), ("mean, 2D, no mosaics", [n for n in flat if n != "outex_us00000"])):
        if some:
            values = [
                f"{np.mean([mean(table[n][m]) for n in some]):11.3f}"
                if all(table[n].get(m) for n in some)
                else f"{'-':>11}"
                for m in methods
            ]
            print(f"{title:26}" + "".join(values))
    sys.stdout.flush()


def _channels(image: np.ndarray) -> np.ndarray:
    """(*space, C) float32, every channel clipped at its .5 and 99.5 percentiles to [0, 1]."""
    x = (
        image.astype(np.float32)
        if image.shape[-1] in (3, 4) and image.ndim == 3
        else image[..., None].astype(np.float32)
    )
    x = x[..., :3]
    low, high = np.percentile(x.reshape(-1, x.shape[-1]), (0.5, 99.5), axis=0)
    return np.clip((x - low) / np.maximum(high - low, 1e-6), 0, 1)
