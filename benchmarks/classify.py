"""Classifying: cross-validated accuracy beside a majority guess and beside shape and brightness without latents."""

from __future__ import annotations

import time
import warnings

import numpy as np

import napari_ae_seg as ae
from napari_ae_seg.classifier import Items, measured
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core.progress import silent
from napari_ae_seg.samples.celltypes import two_types
from napari_ae_seg.segmenter.fit import default_model

from . import pages, results
from .sets import _read, cases

SET = "dsb2018_stage1_test"
DARK, PALE = 0.5, 0.85
"""Background brightness below which an image is fluorescence, and above which a stain is on clear glass."""
COLORED = 0.02
FEW = 10
"""Examples per class that a person might label."""
CELLS = "cells of two types that differ in texture, 3 images"
NUCLEI = "nuclei by modality"
KINDS = {
    "shape and brightness": {"latents": "none"},
    "latents alone": {"shape": False, "brightness": False},
    "all, bottleneck": {"latents": "bottleneck"},
    "all": {},
}
LEARNERS = ("logistic", "forest", "boosting")


def main() -> None:
    """Prints both tables."""
    drawn = [two_types(np.random.default_rng(seed)) for seed in (12, 13, 14)]
    stack = ae.read([(4000 * one.image).astype(np.uint16) for one in drawn], axes="YX")
    items, named = _measured(stack, [one.numbers for one in drawn], [one.types for one in drawn])
    _table(CELLS, items, named, stack, LEARNERS)
    found = cases((SET,)).get(SET, [])
    if not found:
        print(f"{SET}: skipped, NAPARI_AE_SEG_DATA does not hold it")
        return
    pictures = [case.image() for case in found]
    colors = [p if p.ndim == 3 else np.repeat(p[..., None], 3, 2) for p in pictures]
    objects = [_read(case.mask).astype(np.int32) for case in found]
    classes = [modality(p[..., :3], mask) for p, mask in zip(colors, objects, strict=True)]
    print(f"  modalities: {', '.join(f'{classes.count(name)} images {name}' for name in sorted(set(classes)))}")
    given = [
        dict.fromkeys(np.unique(mask[mask > 0]).tolist(), name) for mask, name in zip(objects, classes, strict=True)
    ]
    for title, images, axes in (
        (NUCLEI, [p[..., :3] for p in colors], "YXC"),
        (f"{NUCLEI}, grey, each image stretched to its own range", [_gray(p) for p in colors], "YX"),
    ):
        stack = ae.read(images, axes=axes)
        items, named = _measured(stack, objects, given)
        _table(f"{title}, {len(images)} images", items, named, stack, LEARNERS[:2])
    pages.write()


def modality(rgb: np.ndarray, mask: np.ndarray) -> str:
    """What an image (Y, X, 3) of 8 bits was taken with, from its colours and how bright its ground is."""
    unit = rgb.astype(float) / 255
    ground = float(np.median(unit.mean(-1)[mask == 0]))
    if ground < DARK and float((unit.max(-1) - unit.min(-1)).mean()) < COLORED:
        return "fluorescence"
    return "brightfield" if ground > PALE else "stained"


def _gray(picture: np.ndarray) -> np.ndarray:
    gray = picture[..., :3].mean(-1)
    low, high = np.percentile(gray, (0.5, 99.5))
    return (255 * np.clip((gray - low) / max(high - low, 1e-9), 0, 1)).astype(np.uint8)


def _measured(stack: ae.Stack, objects: list[np.ndarray], classes: list[dict[int, str]]) -> tuple[Items, list[str]]:
    model = default_model(stack, SegmentationConfig(), silent)
    start = time.perf_counter()
    items = measured(model, stack, objects)
    print(f"  measured {len(items)} objects in {time.perf_counter() - start:.1f} s")
    return items, items.named(classes)


def _table(title: str, items: Items, named: list[str], stack: ae.Stack, learners: tuple[str, ...]) -> None:
    print(title)
    model = default_model(stack, SegmentationConfig(), silent)
    for kind, fields in KINDS.items():
        for learner in learners if kind == "all" else learners[:1]:
            config = ae.ClassificationConfig(learner=learner, **fields)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                start = time.perf_counter()
                found = ae.Classifier.taught(model, items, named, config).checked()
            quality = found.quality
            assert quality is not None
            assert quality.accuracy is not None
            few = _few(model, items, named, config, stack)
            figures = {name: getattr(quality, name) for name in ("accuracy", "spread", "balanced", "majority")}
            results.keep("classify", {title: {f"{kind}, {learner}": {**figures, "few": few, "items": len(items)}}})
            print(
                f"  {f'{kind}, {learner}':32} accuracy {quality.accuracy:.3f} ± {quality.spread:.3f}  "
                f"balanced {quality.balanced:.3f}  majority {quality.majority:.3f}  "
                f"{FEW} examples a class: balanced {few:.3f} on the rest  ({time.perf_counter() - start:.1f} s)"
            )


def _few(
    model: ae.Autoencoder, items: Items, named: list[str], config: ae.ClassificationConfig, stack: ae.Stack
) -> float:
    """Balanced accuracy on all other items once FEW of each class are labelled, mean over three draws."""
    names, found = np.array(named), []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        kept = np.concatenate([rng.choice(np.flatnonzero(names == n), FEW, replace=False) for n in np.unique(names)])
        some = np.full(len(names), "", names.dtype)
        some[kept] = names[kept]
        taught = ae.Classifier.taught(model, items, some.tolist(), config)
        guess = np.array(taught.recognise(items, stack, [np.zeros(i.label_shape, int) for i in stack.images]).names)
        rest = some == ""
        found.append(np.mean([(guess == n)[rest & (names == n)].mean() for n in np.unique(names)]))
    return float(np.mean(found))


if __name__ == "__main__":
    main()
