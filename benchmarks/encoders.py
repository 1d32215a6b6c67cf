"""Textures told apart, K given, by encoders: untrained, new and trained on the image, shipped, and trained further.

Mosaics and volumes of the package's own generator, from seeds that no encoder was trained on, and the mosaics of
`outex_us00000` where NAPARI_AE_SEG_DATA names images; LIMIT= narrows how many of each, METHODS= the encoders.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.images.stack import Stack
from napari_ae_seg.samples.noise import standard
from napari_ae_seg.samples.stacks import VOLUMES
from napari_ae_seg.samples.textures import TEXTURES, mosaic
from napari_ae_seg.segmenter.fit import shipped_for

from . import cache, scores, sets

FIRST_SEED = 10_000


@dataclass(frozen=True)
class Puzzle:
    """An image of several textures and which is where."""

    name: str
    image: np.ndarray
    truth: np.ndarray

    @property
    def k(self) -> int:
        """Number of textures."""
        return len(np.unique(self.truth))


def untrained(stack: Stack) -> ae.Autoencoder:
    """Random weights, with the statistics of the image."""
    return ae.train(stack, ae.TrainingConfig(steps=0), model=_fresh(stack))


def anew(stack: Stack) -> ae.Autoencoder:
    """A convolutional network that has seen the image alone."""
    return ae.train(stack, network=ae.NetworkConfig(kind="conv"))


def shipped(stack: Stack) -> ae.Autoencoder:
    """The one that comes with the package."""
    return shipped_for(stack, ae.SegmentationConfig())


def trained(stack: Stack) -> ae.Autoencoder:
    """The one that comes with the package, trained further on the image."""
    return ae.train(stack)


ENCODERS: dict[str, Callable[[Stack], ae.Autoencoder]] = {
    "untrained": untrained,
    "anew": anew,
    "shipped": shipped,
    "trained": trained,
}


def main() -> None:
    """Prints the mean mIoU of every encoder on every kind of image."""
    limit = int(os.environ.get("LIMIT", "0")) or None
    asked = [name for name in os.environ.get("METHODS", "").split(",") if name in ENCODERS] or list(ENCODERS)
    kinds = {"generated mosaics": _mosaics, "generated volumes": _volumes, "outex_us00000": _outex}
    print(f"{'Hungarian mIoU, K given':34}" + "".join(f"{name:>11}" for name in asked))
    for title, draw in kinds.items():
        puzzles = list(draw(limit))
        if not puzzles:
            print(f"{title}: skipped - set NAPARI_AE_SEG_DATA to the folder of images with ground truth")
            continue
        means = {name: np.mean([_score(puzzle, name) for puzzle in puzzles], 0) for name in asked}
        print(f"{f'{title} ({len(puzzles)})':34}" + "".join(f"{means[name][0]:11.3f}" for name in asked))
        print(f"{'  seconds to have the encoder':34}" + "".join(f"{means[name][1]:11.1f}" for name in asked))
        others = [name for name in asked if name != "untrained"]
        if "untrained" in asked and others:
            wins = [name for name in others if means[name][0] > means["untrained"][0]]
            print(f"  better than untrained: {', '.join(wins) or 'NONE'}", flush=True)


def _score(puzzle: Puzzle, encoder: str) -> tuple[float, float]:
    """mIoU with texture features, and the seconds it took to have the encoder."""
    key = f"encoders/{puzzle.name}/{encoder}"
    kept = cache.kept(key, ours=True)
    if kept is None:
        stack = ae.read(puzzle.image)
        start = time.perf_counter()
        model = ENCODERS[encoder](stack)
        seconds = time.perf_counter() - start
        config = ae.SegmentationConfig(n_clusters=puzzle.k, features="texture")
        segments = ae.Segmenter.fit(model, stack, config).apply(stack)
        assert isinstance(segments, ae.Segments)  # of one image
        kept = [scores.miou(puzzle.truth, segments.labels), seconds]
        cache.keep(key, kept, ours=True)
    return kept[0], kept[1]


def _mosaics(limit: int | None) -> Iterator[Puzzle]:
    """Five textures of one kind."""
    kinds = list(TEXTURES.values())
    for number in range(limit or len(kinds)):
        rng = np.random.default_rng(FIRST_SEED + number)
        image, truth = mosaic(rng, 256, [kinds[number % len(kinds)](rng, 256) for _ in range(5)])
        yield Puzzle(f"mosaic{number}", image, truth)


def _volumes(limit: int | None) -> Iterator[Puzzle]:
    """Four kinds of tissue, of the same mean and contrast, in the quarters of a volume."""
    kinds = ("round", "walled", "filtered", "stringy")
    for seed in range(FIRST_SEED, FIRST_SEED + (limit or 6)):
        rng = np.random.default_rng(seed)
        parts = [standard(VOLUMES[kind](rng, (32, 48, 48), np.ones(3))[0]) for kind in kinds]
        image = np.block([[[parts[0], parts[1]], [parts[2], parts[3]]]])
        truth = np.arange(4).reshape(1, 2, 2).repeat(32, 0).repeat(48, 1).repeat(48, 2)
        yield Puzzle(f"volume{seed}", image, truth)


def _outex(limit: int | None) -> Iterator[Puzzle]:
    for case in sets.cases(("outex_us00000",)).get("outex_us00000", [])[:limit]:
        yield Puzzle(case.name, case.image(), case.truth())


def _fresh(stack: Stack) -> ae.Autoencoder:
    """The shape of the shipped encoder with random weights."""
    model = shipped(stack)
    return replace(model, net=build(model.network, model.net.channels, model.ndim, seed=0))
