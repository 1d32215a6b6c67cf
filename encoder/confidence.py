"""Fits how sharp probabilities are: `python -m encoder.confidence encoder/runs/measured.json`.

One number multiplies the scores of the clusters: that under which the true classes of scenes held back from training
are least surprising (`encoder.measure`).
"""

import argparse
import json
from pathlib import Path

import numpy as np

from .choose import write


def main() -> None:
    """Fits, says what it is worth, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path)
    rows = [row["calibration"] for row in json.loads(parser.parse_args().measured.read_text()) if row["k"] > 1]
    lost = {sharpness: round(float(np.mean([row[sharpness] for row in rows])), 4) for sharpness in rows[0]}
    best = min(lost, key=lambda sharpness: lost[sharpness])
    print(f"{len(rows)} scenes, -ln of the probability of the true class: {lost}; {best} taken")
    write("confidence", {"sharpness": float(best)})


if __name__ == "__main__":
    main()
