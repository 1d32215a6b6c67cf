"""Fits how candidates are finished: `python -m encoder.finish "2D, encoder" encoder/runs/measured*.json`.

How much of the usual smoothing each takes, and how sharp its probabilities are: what multiplies the scores of its
clusters so that the true classes of scenes held back from training are least surprising (`encoder.measure`).
"""

import argparse
import json
from pathlib import Path

import numpy as np

from napari_ae_seg.features.select import CANDIDATES

from .choose import write

ALIKE = 0.002
"""Scores that differ by less are the same; of the smoothings the strongest is taken then."""


def means(found: list[dict[str, float]]) -> dict[str, float]:
    """The mean of whatever was tried."""
    return {name: round(float(np.mean([row[name] for row in found])), 4) for name in found[0]}


def main() -> None:
    """Fits, says what it is worth, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rule", help='as "2D, encoder"')
    parser.add_argument("measured", type=Path, nargs="+")
    args = parser.parse_args()
    rows = [row for path in args.measured for row in json.loads(path.read_text()) if row["k"] > 1]
    smoothing, sharpness = {}, {}
    for name in CANDIDATES:
        sharp = [{s: v for s, v in row["strengths"][name].items() if s.endswith("sharp")} for row in rows]
        scores, lost = means(sharp), means([row["calibration"][name] for row in rows])
        good = [strength for strength, score in scores.items() if score > max(scores.values()) - ALIKE]
        smoothing[name] = max(float(strength.removesuffix(" sharp")) for strength in good)
        sharpness[name] = float(min(lost, key=lambda one: lost[one]))
        print(f"{name}: smoothing {smoothing[name]} of {scores}; sharpness {sharpness[name]} of {lost}")
    write("smoothing", smoothing, args.rule)
    write("sharpness", sharpness, args.rule)


if __name__ == "__main__":
    main()
