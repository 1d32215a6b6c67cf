"""Fits the rule that chooses what is clustered: `python -m encoder.choose 2 encoder/runs/measured*.json`.

Each candidate is likely by a linear function of all that is seen when the candidates are clustered; fitted so that the
score expected under these chances is best on scenes held back from training (`encoder.measure`). Printed is what the
choice is worth on scenes that the fit has not seen.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_ae_seg.features.select import CANDIDATES, FAR, likelihoods

RULES = Path("src/napari_ae_seg/weights/rules.json")
DECAYS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Penalties that are tried; taken is the one best on kinds of scenes left out, for images are of other kinds again."""
GAIN = 0.04
"""Difference of scores that makes a candidate e times as right."""

Rows = list[dict[str, Any]]


def material(rows: Rows, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Figures (n, F) and scores (n, candidates), with the number of classes known and, where that differs, unknown."""
    known = [row["evidence"] for row in rows] + [row["evidence of no number"] for row in rows]
    scores = [[row["scores"][name] for name in names] for row in rows]
    return np.array(known), np.array(scores + scores)


def fitted(figures: np.ndarray, scores: np.ndarray, names: Sequence[str], decay: float) -> dict[str, Any]:
    """Mean and scale of the figures, and the weights of every candidate."""
    mean, scale = figures.mean(0), np.maximum(figures.std(0), 1e-2)
    z = torch.tensor(np.c_[(figures - mean) / scale, np.ones(len(figures))].clip(-FAR, FAR))
    target = torch.softmax(torch.tensor(scores) / GAIN, 1)
    w = torch.zeros(len(names), z.shape[1], dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=200, line_search_fn="strong_wolfe")
    gain = torch.tensor(scores - scores.mean(1, keepdims=True)) / GAIN

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        chances = (z @ w.T).log_softmax(1)
        wrong = -(target * chances).sum(1) - 0.2 * (chances.exp() * gain).sum(1)
        loss = wrong.mean() + decay * w[:, :-1].square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    found = w.detach().numpy()
    return {
        "mean": _plain(mean),
        "scale": _plain(scale),
        "weights": {name: _plain(row) for name, row in zip(names, found, strict=True)},
    }


def chosen(
    figures: np.ndarray, scores: np.ndarray, candidates: Sequence[str], rule: dict[str, Any]
) -> tuple[list[str], np.ndarray]:
    """What `rule` chooses for every scene, and its score."""
    chances = [likelihoods(one, rule) for one in figures]
    names = [max(one, key=lambda name: one[name]) for one in chances]
    return names, np.array([row[candidates.index(name)] for row, name in zip(scores, names, strict=True)])


def left_out(
    figures: np.ndarray, scores: np.ndarray, kinds: np.ndarray, candidates: Sequence[str], decay: float
) -> tuple[np.ndarray, list[str]]:
    """The score of what is chosen for every scene by a rule fitted without its kind of scenes, and its name."""
    value, names = np.zeros(len(figures)), [""] * len(figures)
    for kind in np.unique(kinds):
        rule, own = fitted(figures[kinds != kind], scores[kinds != kind], candidates, decay), kinds == kind
        found, value[own] = chosen(figures[own], scores[own], candidates, rule)
        for i, name in zip(np.flatnonzero(own), found, strict=True):
            names[i] = name
    return value, names


def _plain(values: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in values]


def write(name: str, rule: Any, part: str = "") -> None:
    """Puts a rule into the file of rules."""
    known = json.loads(RULES.read_text()) if RULES.exists() else {}
    new = {**known.get(name, {}), part: rule} if part else rule
    RULES.write_text(json.dumps({**known, name: new}, indent=1, sort_keys=True) + "\n")


def main() -> None:
    """Fits, says what it is worth, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rule", help='as "2D, encoder"')
    parser.add_argument("measured", type=Path, nargs="+")
    parser.add_argument("--among", nargs="*", default=list(CANDIDATES), help="the candidates; all if not given")
    parser.add_argument("--keep", action="store_true", help="say what the rule in the package is worth, and fit none")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for path in args.measured for row in json.loads(path.read_text()) if row["k"] > 1]
    figures, scores = material(rows, args.among)
    print(f"{len(rows)} scenes", {name: round(float(s), 3) for name, s in zip(args.among, scores.mean(0), strict=True)})
    if args.keep:
        rule = json.loads(RULES.read_text())["features"][args.rule]
        names, value = chosen(figures, scores, args.among, rule)
        print(f"chosen {value.mean():.3f}", {name: names.count(name) for name in args.among})
        return
    kinds = np.array([row["kind"] for row in rows] * 2)
    tried = {decay: left_out(figures, scores, kinds, args.among, decay) for decay in DECAYS}
    for decay, (value, _) in tried.items():
        known, unknown = value[: len(rows)].mean(), value[len(rows) :].mean()
        print(f"penalty {decay}: with K known {known:.3f}, unknown {unknown:.3f}")
    decay = max(tried, key=lambda d: tried[d][0].mean())
    value, names = tried[decay]
    print(f"chosen {value.mean():.3f}, the best of each {scores.max(1).mean():.3f}")
    print({name: names.count(name) for name in args.among})
    write("features", fitted(figures, scores, args.among, decay), args.rule)


if __name__ == "__main__":
    main()
