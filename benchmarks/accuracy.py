"""Accuracy per set beside the baselines: `python -m benchmarks accuracy`; SETS=, METHODS= and LIMIT= narrow it."""

from __future__ import annotations

import os
import time
import warnings
from typing import Any

import numpy as np

import napari_ae_seg as ae

from . import cache, pages, results, scores, sets
from .methods import BASELINES, OURS, REGIONS, Run
from .sets import Case

Rows = dict[str, dict[str, list[dict[str, Any]]]]
"""Set -> method -> a row of figures per image."""


def main() -> None:
    """Prints a row per method and set as a set is done, and the tables at the end."""
    found = sets.cases()
    if not found:
        print("accuracy: skipped - set NAPARI_AE_SEG_DATA to the folder of images with ground truth")
        return
    table: Rows = {}
    for name, several in found.items():
        methods = _methods({**BASELINES, **OURS} if sets.K[name] else REGIONS)
        if name in sets.VOLUMES:
            methods.pop("felzenszwalb", None)  # it takes pictures only
        rows = [{method: _row(case, method, run) for method, run in methods.items()} for case in several]
        table[name] = {method: [row[method] for row in rows] for method in methods}
        for method, its in table[name].items():
            _print(name, method, its)
        results.keep("accuracy", {name: {method: _kept(its, name) for method, its in table[name].items()}})
    for title, figure in (("Hungarian mIoU, K given", "miou"), ("AUROC of the confidence", "auroc")):
        _summary(title, {name: its for name, its in table.items() if sets.K[name]}, figure)
    pages.write()


def _methods(known: dict[str, Run]) -> dict[str, Run]:
    asked = [part for part in os.environ.get("METHODS", "").split(",") if part]
    return {name: run for name, run in known.items() if not asked or name in asked}


def _row(case: Case, method: str, run: Run) -> dict[str, Any]:
    """Scores of one image, from the cache if the same code has made them before."""
    own = method not in BASELINES
    key = f"{case.set}/{case.name}/{method}"
    row: dict[str, Any] | None = cache.kept(key, ours=own)
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


def mean(rows: list[dict[str, Any]], figure: str) -> float:
    """Mean of a figure over the images that have it, NaN if none has; Kim's over all regions of all images."""
    if figure == "kim":
        return float(np.mean([value for row in rows for value in row["kim"]]))
    values = [row[figure] for row in rows if not np.isnan(row.get(figure, np.nan))]
    return float(np.mean(values)) if values else float("nan")


def _kept(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The figures of a method on a set that tables and texts are made of."""
    figures = {figure: mean(rows, figure) for figure in ("miou", "auroc", "seconds") if figure in rows[0]}
    if "kim" in rows[0]:
        figures["kim"] = mean(rows, "kim")
    counted = {
        figure: {str(value): [row[figure] for row in rows].count(value) for value in {row[figure] for row in rows}}
        for figure in ("k", "features")
        if figure in rows[0]
    }
    return {**figures, **counted, "images": len(rows), "of": sets.size(name)}


def _print(name: str, method: str, rows: list[dict[str, Any]]) -> None:
    parts = [f"{name:24} {method:19} {mean(rows, 'kim' if 'kim' in rows[0] else 'miou'):.3f}"]
    parts.append(f"{mean(rows, 'seconds'):6.2f} s an image")
    if not np.isnan(auroc := mean(rows, "auroc")):
        parts.append(f"auroc {auroc:.2f}")
    if method == "auto_k":
        parts.append(f"K found {_counts(rows, 'k')}, true {sets.K[name]}")
    if "features" in rows[0]:
        parts.append(_counts(rows, "features"))
    whole = "" if len(rows) == sets.size(name) else ", LIMIT"
    print("  ".join(parts), f"({len(rows)} of {sets.size(name)} images{whole})", flush=True)


def _counts(rows: list[dict[str, Any]], figure: str) -> str:
    found = [row[figure] for row in rows]
    return " ".join(f"{value} {found.count(value)}x" for value in sorted(set(found)))


def _summary(title: str, table: Rows, figure: str) -> None:
    """A method a row, a set a column, and the means over the flat sets, with and without the mosaics."""
    flat = [name for name in table if name in sets.FLAT]
    means = {"2D": flat, "no mosaics": [name for name in flat if name != "outex_us00000"]}
    print(f"\n{title:26}" + "".join(f"{name.split('_')[0][:9]:>10}" for name in table), end="")
    print("".join(f"{f'mean {name}':>17}" for name, some in means.items() if some))
    rows = [method for method in (*BASELINES, *OURS) if any(method in its for its in table.values())]
    figures = {method: {name: mean(table[name].get(method, []), figure) for name in table} for method in rows}
    blurred = [figures[method] for method in rows if method.startswith("km_raw_g")]
    if blurred:
        figures["best Gaussian"] = {name: max(one[name] for one in blurred) for name in table}
    for method, values in figures.items():
        if np.isnan(list(values.values())).all():
            continue
        print(f"{method:26}" + "".join(f"{value:10.3f}" for value in values.values()), end="")
        print("".join(f"{np.mean([values[n] for n in some]):17.3f}" for some in means.values() if some), flush=True)
