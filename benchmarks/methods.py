"""What is measured: baselines, and the package with every method and every encoder. Each turns a case into labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

import napari_ae_seg as ae
from napari_ae_seg.segmenter.fit import shipped_for

from . import scores, sets
from .sets import Case
from .strokes import simulate

Labels = tuple[np.ndarray, dict[str, Any]]
"""Labels, and what else is known of them: confidence, features."""
Run = Callable[[Case], Labels]

TRAINED = {"trained": "shipped", "anew": "conv"}
"""Encoders besides the shipped one, trained on each image: what they start from."""


def raw_kmeans(sigma: float) -> Run:
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


def basic_kmeans(case: Case) -> Labels:
    """k-means on scikit-image's basic features: intensity, edges and texture at several scales."""
    from skimage.feature import multiscale_basic_features
    from sklearn.cluster import KMeans

    image = _channels(case.image())
    features = multiscale_basic_features(image, channel_axis=-1)
    x = features.reshape(-1, features.shape[-1])
    x = (x - x.mean(0)) / np.maximum(x.std(0), 1e-6)
    sample = np.random.default_rng(0).permutation(len(x))[:20_000]
    fitted = KMeans(case.k, n_init=5, random_state=0).fit(x[sample])
    return fitted.predict(x).reshape(image.shape[:-1]), {}


def blank(case: Case) -> Labels:
    """One label everywhere."""
    return np.ones(case.image().shape[: 3 if case.set in sets.VOLUMES else 2], int), {}


def felzenszwalb(case: Case) -> Labels:
    """Felzenszwalb's region merging at scale 300, sigma .5, smallest region 100."""
    from skimage import segmentation

    image = _channels(case.image()) if case.k else case.image()
    return segmentation.felzenszwalb(image, scale=300, sigma=0.5, min_size=100, channel_axis=-1), {}


def code_alone(case: Case) -> Labels:
    """k-means on the encoder's latents of the full size, nothing else: no brightness, no smoothing, no borders."""
    from sklearn.cluster import KMeans

    stack = stack_of(case)
    model = shipped_for(stack, ae.SegmentationConfig())
    latents = ae.encode(model, stack, "latent", stride=2).array[0]
    x = latents.reshape(len(latents), -1).T
    sample = np.random.default_rng(0).permutation(len(x))[:20_000]
    found = KMeans(case.k, n_init=5, random_state=0).fit(x[sample]).predict(x).reshape(latents.shape[1:])
    for axis, side in enumerate(stack.image.shape[2:]):
        found = np.repeat(found, 2, axis).take(range(side), axis)
    return found, {}


def ours(encoder: str = "shipped", **fields: Any) -> Run:
    """The package, through the shipped encoder, one tuned to the image, or one trained on it."""

    def run(case: Case) -> Labels:
        stack = stack_of(case)
        config = ae.SegmentationConfig(**{"n_clusters": case.k, **fields})
        segmenter = ae.Segmenter.fit(model_of(case, encoder), stack, config)
        segments = segmenter.apply(stack)
        return segments.labels, {
            "confidence": segments.confidence,
            "features": segmenter.space.name,
            "k": segmenter.clusters.k,
        }

    return run


def guided(encoder: str = "shipped") -> Run:
    """The package's default with three short strokes per class, drawn from the truth with a fixed seed.

    As a person would, a stroke is painted in the number of the segment that is most of its class.
    """

    def run(case: Case) -> Labels:
        stack = stack_of(case)
        segmenter = ae.Segmenter.fit(model_of(case, encoder), stack, ae.SegmentationConfig(n_clusters=case.k))
        prepared = segmenter.prepare(stack)
        strokes = scores.numbered(_strokes(case), case.truth(), segmenter.label(prepared).labels)
        segments = segmenter.guided(prepared, strokes).label(prepared)
        return segments.labels, {"confidence": segments.confidence}

    return run


def forest(case: Case) -> Labels:
    """The same strokes on scikit-image's basic features, with a random forest."""
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    image, strokes = _channels(case.image()), _strokes(case)
    features = multiscale_basic_features(image, channel_axis=-1)
    learnt = RandomForestClassifier(100, random_state=0, n_jobs=2).fit(features[strokes > 0], strokes[strokes > 0])
    return learnt.predict(features.reshape(-1, features.shape[-1])).reshape(strokes.shape), {}


@lru_cache(maxsize=2)
def model_of(case: Case, encoder: str) -> ae.Autoencoder | None:
    """The encoder for one image; None stands for the shipped one as it is."""
    stack = stack_of(case)
    if encoder in TRAINED:
        return ae.train(stack, network=ae.NetworkConfig(kind=TRAINED[encoder]))
    return None


def stack_of(case: Case) -> ae.Stack:
    """The image as the package reads it."""
    image = case.image()
    return ae.read(image, axes="YXC" if image.ndim == 3 and case.set not in sets.VOLUMES else None)


def _strokes(case: Case) -> np.ndarray:
    return simulate(case.truth(), per_class=3)


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


def _every(encoder: str) -> dict[str, Run]:
    """The automatic choice, each method, and strokes, through one encoder."""
    names = ("kmeans", "gmm", "bayes", "ward", "hdbscan", "spherical", "regions", "joint")
    runs = {"default": ours(encoder)} | {name: ours(encoder, method=name) for name in names}
    return {**runs, "guided": guided(encoder)}


BASELINES: dict[str, Run] = {
    "blank": blank,
    "km_raw": raw_kmeans(0),
    "km_raw_g1": raw_kmeans(1),
    "km_raw_g2": raw_kmeans(2),
    "km_raw_g4": raw_kmeans(4),
    "felzenszwalb": felzenszwalb,
    "km_basic": basic_kmeans,
    "forest": forest,
}
OURS: dict[str, Run] = {
    **_every("shipped"),
    "latents alone": code_alone,
    "auto_k": ours(n_clusters=0),
    "two": ours(n_clusters=2),
    **{name: ours(features=name) for name in ("intensity", "corrected", "mixed", "texture", "latent")},
    "mixed joint": ours(features="mixed", method="joint"),
    **{f"{name} {encoder}": run for encoder in TRAINED for name, run in _every(encoder).items()},
}
"""With the shipped encoder where no other is named."""
REGIONS: dict[str, Run] = {
    "felzenszwalb": felzenszwalb,
    "regions": ours(method="regions", n_clusters=0),
    "default_8": ours(n_clusters=8),
}
"""For images whose truth is regions, not classes."""
