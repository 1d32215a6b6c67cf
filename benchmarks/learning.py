"""What strokes on one image teach the others: mIoU of the other images before and after learning from 1% of pixels."""

from __future__ import annotations

import time
import warnings

import numpy as np
from scipy import optimize

import napari_ae_seg as ae

from .scores import ious, miou
from .sets import Case, cases
from .strokes import simulate

SETS = ("wbc_dataset1", "em_epfl_multiclass")
SHARE = 0.01
"""Share of the first image's pixels that are painted, about."""
STROKES = 8
"""Strokes per class."""
ROUNDS = 10
"""Times that strokes are added until they cover the share, if there is so much to correct."""
SEEDS = (0, 1)


def main() -> None:
    """Prints a row per set, kind of strokes and seed: mean mIoU before and after, on the first image and the others."""
    found = cases(SETS)
    if not found:
        print("learning: skipped - set NAPARI_AE_SEG_DATA to the folder of images with ground truth")
        return
    print(f"{'mean mIoU, K given':20}{'strokes':>21}{'painted':>9}{'first image':>18}{'other images':>18}")
    for name, several in found.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ae.AssumptionWarning)
            warnings.simplefilter("ignore", ae.DriftWarning)
            learning(name, several)


def learning(name: str, several: list[Case]) -> None:
    """Rows of one set: clusters of the first image, corrected there, are applied to all others."""
    stacks = [_stack(case) for case in several]
    truths = [case.truth() for case in several]
    fitted = ae.Segmenter.fit(None, stacks[0], ae.SegmentationConfig(n_clusters=several[0].k))
    prepared = fitted.prepare(stacks[0])
    labels = fitted.label(prepared).labels
    before = _scored(fitted, stacks, truths)
    for kind, draw in KINDS.items():
        for seed in SEEDS:
            strokes = draw(truths[0], labels, seed)
            start = time.perf_counter()
            guided = fitted.guided(prepared, strokes)
            seconds = time.perf_counter() - start
            after = _scored(guided, stacks, truths)
            rest = np.array(after[1:]) - before[1:]
            print(
                f"{name:20}{f'{kind}, seed {seed}':>21}{np.mean(strokes > 0):9.2%}"
                f"{before[0]:9.3f} ->{after[0]:6.3f}{np.mean(before[1:]):9.3f} ->{np.mean(after[1:]):6.3f}"
                f"   better on {np.sum(rest > 0)} of {len(rest)}, learnt in {seconds:.1f} s",
                flush=True,
            )


def corrections(truth: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Strokes where the labels are wrong alone, in the number of the right label."""
    wanted = right(truth, labels)
    wrong = np.where(wanted == labels, 0, 1 + truth.astype(int))
    strokes = np.zeros(truth.shape, np.int32)
    for further in range(ROUNDS):
        drawn = simulate(wrong, STROKES, SHARE, seed + 1000 * further)
        strokes = np.where((drawn > 0) & (wrong > 0), wanted, strokes)
        if np.mean(strokes > 0) >= SHARE:
            break
    return strokes.astype(np.int32)


def anywhere(truth: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Strokes of every class, wherever it lies."""
    drawn = simulate(truth, STROKES, SHARE, seed)
    return np.where(drawn > 0, right(truth, labels), 0).astype(np.int32)


def right(truth: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The truth in the numbers of the labels: each class has its best label, or a new one."""
    table = ious(truth, labels)
    rows, columns = optimize.linear_sum_assignment(-table)
    classes, present = np.unique(truth), np.unique(labels)
    partner = {int(classes[row]): int(present[column]) for row, column in zip(rows, columns, strict=True)}
    for value in classes:
        partner.setdefault(int(value), max(int(labels.max()), *partner.values()) + 1)
    number = np.zeros(int(truth.max()) + 1, np.int32)
    for value, label in partner.items():
        number[value] = label
    return np.asarray(number[truth])


KINDS = {"corrections": corrections, "anywhere": anywhere}


def _scored(segmenter: ae.Segmenter, stacks: list[ae.Stack], truths: list[np.ndarray]) -> list[float]:
    found = [segmenter.apply(stack) for stack in stacks]
    return [miou(truth, one.labels) for truth, one in zip(truths, found, strict=True) if isinstance(one, ae.Segments)]


def _stack(case: Case) -> ae.Stack:
    image = case.image()
    return ae.read(image, axes="YXC" if image.ndim == 3 else "YX")
