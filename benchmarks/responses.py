"""How soon a fitted 1024 x 1024 image answers: another number of clusters, a merge, a cut, other smoothing, strokes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import napari_ae_seg as ae
from napari_ae_seg.samples import random_scene


def main() -> None:
    """Prints seconds of each gesture beside its aim."""
    picture, _ = random_scene(np.random.default_rng(1), 1024)
    stack = ae.read((255 * picture).astype(np.uint8), axes="YXC" if picture.ndim == 3 else "YX")
    config = ae.SegmentationConfig(n_clusters=6, threads=2)
    fitted, seconds = _timed(lambda: ae.Segmenter.fit(None, stack, config))
    prepared, more = _timed(lambda: fitted.prepare(stack))
    _, first = _timed(lambda: fitted.label(prepared))
    print(f"fit {seconds:.2f} s, encode {more:.2f} s, first labels {first:.2f} s")
    for title, aim, act in (
        ("merge two clusters", 0.1, lambda: fitted.merge(1, 2).label(prepared)),
        ("cut the tree at 3", 0.1, lambda: fitted.cut(3).label(prepared)),
        ("cut the tree at 20, first", 1.5, lambda: fitted.cut(20).label(prepared)),
        ("cut the tree at 30", 0.1, lambda: fitted.cut(30).label(prepared)),
        ("another K, first picture", 0.3, lambda: fitted.recluster(n_clusters=8).label(prepared, quick=True)),
        ("another K, final", 1.5, lambda: fitted.recluster(n_clusters=8).label(prepared)),
        ("other smoothing, first picture", 0.3, lambda: fitted.recluster(smoothing=3.0).label(prepared, quick=True)),
        ("other smoothing, final", 1.5, lambda: fitted.recluster(smoothing=3.0).label(prepared)),
    ):
        _, spent = _timed(act)
        print(f"{title:32} {spent:6.3f} s (at most {aim})", flush=True)
    strokes = np.zeros(stack.image.label_shape, np.int32)
    strokes[100:104, 100:400] = strokes[500:504, 100:400] = 1
    strokes[800:804, 600:900] = 2
    guided = fitted.guided(prepared, strokes)  # makes the features of a guide, once
    _, spent = _timed(lambda: guided.guided(prepared, strokes).label(prepared, quick=True))
    print(f"{'strokes, once encoded':32} {spent:6.3f} s (at most 1)", flush=True)


def _timed(act: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return act(), time.perf_counter() - start
