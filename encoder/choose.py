"""Fits the rule that chooses what is clustered: `python -m encoder.choose encoder/runs/measured.json`.

Of every space beside the latents, how much it gains over them is a linear function of how well the places of both, and
plain intensities, fall into groups; ridge regression on scenes held back from training (`encoder.measure`). Printed is
what the choice is worth on scenes that the fit has not seen.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from .measure import SPACES

RULES = Path("src/napari_ae_seg/weights/rules.json")
RIDGE = 3.0
FOLDS = 5
CAUTION = 0.02
"""What a space must be expected to gain, for the latents were learnt on scenes of the same kinds."""

Rows = list[dict[str, Any]]


def fitted(rows: Rows, name: str) -> dict[str, list[float]]:
    """Mean and scale of the figures, and the weights of the gain that they promise."""
    figures, gains = _material(rows, name)
    mean, scale = figures.mean(0), np.maximum(figures.std(0), 1e-3)
    z = np.c_[(figures - mean) / scale, np.ones(len(figures))]
    penalty = RIDGE * np.eye(z.shape[1])
    penalty[-1, -1] = 0
    weights = np.linalg.solve(z.T @ z + penalty, z.T @ gains)
    weights[-1] -= CAUTION
    return {"mean": _plain(mean), "scale": _plain(scale), "weights": _plain(weights)}


def chosen(row: dict[str, Any], rule: dict[str, dict[str, list[float]]]) -> str:
    """The space that the rule takes for a scene."""
    best, most = SPACES[0], 0.0
    for name, numbers in rule.items():
        figures, _ = _material([row], name)
        z = (figures[0] - numbers["mean"]) / numbers["scale"]
        if (gain := float(np.append(z, 1) @ numbers["weights"])) > most:
            best, most = name, gain
    return best


def _material(rows: Rows, name: str) -> tuple[np.ndarray, np.ndarray]:
    figures = [
        [*row["spaces"][name]["figures"], *row["spaces"][SPACES[0]]["figures"], *row["intensity"]] for row in rows
    ]
    gains = [row["spaces"][name]["score"] - row["spaces"][SPACES[0]]["score"] for row in rows]
    return np.array(figures), np.array(gains)


def _plain(values: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in values]


def write(name: str, rule: Any) -> None:
    """Puts a rule into the file of rules."""
    known = json.loads(RULES.read_text()) if RULES.exists() else {}
    RULES.write_text(json.dumps({**known, name: rule}, indent=1, sort_keys=True) + "\n")


def main() -> None:
    """Fits, says what it is worth, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path)
    args = parser.parse_args()
    rows = [row for row in json.loads(args.measured.read_text()) if row["k"] > 1]
    scores = {name: np.array([row["spaces"][name]["score"] for row in rows]) for name in SPACES}
    fold = np.arange(len(rows)) % FOLDS
    taken = []
    for i, row in enumerate(rows):
        others = [r for r, f in zip(rows, fold, strict=True) if f != fold[i]]
        taken.append(chosen(row, {name: fitted(others, name) for name in SPACES[1:]}))
    value = np.mean([scores[name][i] for i, name in enumerate(taken)])
    print(f"{len(rows)} scenes", {name: round(float(s.mean()), 3) for name, s in scores.items()})
    print(f"chosen {value:.3f}, the best of each {np.max(list(scores.values()), 0).mean():.3f}")
    print({name: taken.count(name) for name in SPACES})
    write("features", {name: fitted(rows, name) for name in SPACES[1:]})


if __name__ == "__main__":
    main()
