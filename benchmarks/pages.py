"""The tables of README and docs, from what was measured: `python -m benchmarks pages`; benchmarks do it at their end.

In a page a table stands between `<!-- NAME -->` and `<!-- /NAME -->`, where NAME is one of `BLOCKS`. A table of
which nothing was measured yet is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import results, sets

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("benchmarks", "accuracy", "classify")))
TITLES = {
    "dsb2018_stage1_test": "nuclei",
    "em_isbi2012_membrane": "membranes",
    "em_epfl_multiclass": "six classes",
    "outex_us00000": "textures",
    "wbc_dataset1": "blood",
    "histology_gbm40_nuclei": "H&E",
    "histology_glas11": "glands",
    "phasecontrast_usiigaci11": "phase contrast",
    "worms_bbbc010_6": "worms",
    "vessels_drive_training7": "vessels",
    "em_vnc4": "five classes",
    "nuclei3d_gonuclear_mini": "nuclei 3D",
    "mri3d_mni152_tissue": "brain 3D",
}
"""What sets are called in tables, in this order; others keep their names and come last."""
Rows = Iterable[tuple[str, str]]
"""What a row is called, and the method it shows."""

UNSUPERVISED: tuple[tuple[str, str], ...] = (
    ("one label everywhere", "blank"),
    ("k-means on intensity", "km_raw"),
    ("k-means after a Gaussian of sigma 2", "km_raw_g2"),
    ("k-means on basic features", "basic_kmeans"),
    ("Felzenszwalb, regions grouped by k-means", "felzenszwalb_kmeans"),
    ("SLIC, superpixels grouped by k-means", "slic_kmeans"),
    ("Kim, Kanezaki and Tanaka 2020", "kim"),
    ("patch autoencoder with contrast, after CUTS", "cuts"),
    ("**napari-ae-seg, as it comes**", "default"),
)
STROKES: tuple[tuple[str, str], ...] = (
    ("forest on basic features", "basic_forest"),
    ("forest on the filters of pixel classification", "filters_forest"),
    ("**napari-ae-seg, guided**", "guided"),
)
BEST, BLURRED = "best Gaussian", ("km_raw_g1", "km_raw_g2", "km_raw_g4")
"""The method that is whichever of these scores most on a set."""
SUMMARY: tuple[tuple[str, str], ...] = (
    ("k-means on intensity", "km_raw"),
    ("… after a Gaussian, sigma 1", "km_raw_g1"),
    ("… sigma 2", "km_raw_g2"),
    ("… sigma 4", "km_raw_g4"),
    ("… the best of the three on each set", BEST),
    ("Felzenszwalb", "felzenszwalb"),
    ("k-means on basic features", "km_basic"),
    ("**as it comes**, K given", "default"),
    ("K chosen as well", "auto_k"),
    ("two clusters always", "two"),
    ("random forest, three strokes a class", "forest"),
    ("**guided**, the same strokes", "guided"),
)
BY_METHOD: tuple[tuple[str, str], ...] = (
    ("k-means", "kmeans"),
    ("Gaussian mixture", "gmm"),
    ("Bayesian mixture", "bayes"),
    ("Ward", "ward"),
    ("HDBSCAN", "hdbscan"),
    ("spherical k-means", "spherical"),
    ("merging of regions", "regions"),
    ("joint fine-tuning", "joint"),
)
BY_FEATURES: tuple[tuple[str, str], ...] = (
    ("intensity", "intensity"),
    ("background-corrected intensity", "corrected"),
    ("latents and brightness", "mixed"),
    ("texture", "texture"),
    ("latents", "latent"),
)
BY_CONFIDENCE: tuple[tuple[str, str], ...] = (("**as it comes**, K given", "default"), ("K chosen as well", "auto_k"))


def main() -> None:
    """Writes the tables anew."""
    write()


def write() -> None:
    """Writes every page whose tables are others than what was measured."""
    for path in PAGES:
        if path.exists() and (text := path.read_text(encoding="utf-8")) != rendered(text):
            path.write_text(rendered(text), encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


def rendered(text: str) -> str:
    """A page with its tables as they were measured."""
    for name, draw in BLOCKS.items():
        drawn = draw()
        if drawn:
            pattern = rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)"
            text = re.sub(pattern, lambda found, drawn=drawn: found[1] + drawn + found[2], text, flags=re.DOTALL)
    return text


def table(of: str, rows: Rows, figure: str = "miou", short: bool = False) -> str:
    """A method a row, a set a column, and the means over the flat sets; "" if nothing was measured."""
    measured = results.known(of).get("sets", {})
    names = [name for name in (*TITLES, *sorted(measured.keys() - TITLES)) if name in measured]
    flat = [name for name in names if name not in sets.VOLUMES]
    shown = [] if short else names
    heads = [TITLES.get(name, name) for name in shown] + ["mean of the 2D sets", "without textures"]
    lines = ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for title, method in rows:
        values = {name: _value(measured[name], method, figure) for name in names}
        if all(value is None for value in values.values()):
            continue
        means = [_mean([values[name] for name in some]) for some in (flat, [n for n in flat if "outex" not in n])]
        cells = [_shown(values[name], figure) for name in shown] + [_shown(value, figure) for value in means]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _value(measured: dict[str, Any], method: str, figure: str) -> float | None:
    """A figure of a method on one set, if it was measured."""
    if method != BEST:
        value: float | None = measured.get(method, {}).get(figure)
        return value
    found = [measured[one][figure] for one in BLURRED if one in measured]
    return max(found) if len(found) == len(BLURRED) else None


def lost() -> str:
    """A line for each set on which something else scores higher, and by how much."""
    measured, lines = results.known("peers").get("sets", {}), []
    for rows, own, what in ((UNSUPERVISED, "default", "without strokes"), (STROKES, "guided", "with the same strokes")):
        titles = {method: title for title, method in rows}
        for name, methods in sorted(measured.items()):
            if own not in methods:
                continue
            above = {m: methods[m]["miou"] for m in titles if m != own and m in methods}
            better = [m for m in sorted(above, key=lambda m: -above[m]) if above[m] > methods[own]["miou"]]
            if better:
                them = ", ".join(f"{titles[m]} {_shown(above[m])}" for m in better)
                ours = _shown(methods[own]["miou"])
                lines.append(f"- {TITLES.get(name, name)}, {what}: {them}; ours {ours}")
    return "\n".join(lines) if lines else ("- On no set." if measured else "")


def machine(of: str) -> str:
    """When, with what and on what a benchmark ran, and on how many images."""
    held = results.known(of)
    if not held:
        return ""
    about = held["about"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    counts = []
    for name, methods in held["sets"].items():
        one = methods.get("default") or next(iter(methods.values()), None)
        if one is None:  # nothing that was asked for is there for this set
            continue
        counts.append(f"{TITLES.get(name, name)} {one.get('images', '?')} of {one.get('of', '?')}")
    return f"Measured on {about['date']}: {about['machine']}; {versions}. Images: {', '.join(counts)}."


def costs() -> str:
    """Seconds an image, and memory."""
    seconds = table("peers", (*UNSUPERVISED[1:], *STROKES), "seconds")
    memory = results.known("memory").get("sets", {})
    if not memory:
        return seconds
    [(name, methods)] = memory.items()
    rows = [f"| {title} | {methods[m]['gigabytes']:.2f} |" for title, m in (*UNSUPERVISED, *STROKES) if m in methods]
    head = f"| most memory on an image of {TITLES.get(name, name)} | GB |\n|---|---|"
    return "\n".join([seconds, "", head, *rows])


def classes() -> str:
    """How many objects are recognised: a row per set of them."""
    head = "| accuracy | most frequent class | shape and brightness | with latents |\n|---|---|---|---|"
    rows = []
    for title, kinds in results.known("classify").get("sets", {}).items():
        without, best = kinds["shape and brightness, logistic"], kinds["all, logistic"]
        figures = (best["majority"], without["accuracy"], best["accuracy"])
        rows.append(f"| {title}: {best['items']} | " + " | ".join(map(_shown, figures)) + " |")
    return "\n".join([head, *rows]) if rows else ""


BLOCKS: dict[str, Callable[[], str]] = {
    "peers": partial(table, "peers", UNSUPERVISED),
    "peers-strokes": partial(table, "peers", STROKES),
    "peers-short": partial(table, "peers", (*UNSUPERVISED, *STROKES), short=True),
    "peers-costs": costs,
    "peers-lost": lost,
    "peers-about": partial(machine, "peers"),
    "accuracy": partial(table, "accuracy", SUMMARY),
    "accuracy-methods": partial(table, "accuracy", BY_METHOD),
    "accuracy-features": partial(table, "accuracy", BY_FEATURES),
    "accuracy-auroc": partial(table, "accuracy", BY_CONFIDENCE, "auroc"),
    "accuracy-about": partial(machine, "accuracy"),
    "classify": classes,
}
"""What draws each table."""


def _mean(values: list[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return float(np.mean(given)) if given and len(given) == len(values) else None


def _shown(value: Any, figure: str = "miou") -> str:
    if value is None:
        return "-"
    return f"{value:.1f} s" if figure == "seconds" else f"{value:.3f}".removeprefix("0")


if __name__ == "__main__":
    main()
