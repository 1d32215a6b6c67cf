"""Tracks of drawn movies of dividing cells: how many links keep a cell's number, and how many divisions are found.

Movies are segmented as they come, with two clusters, and objects parted where they are narrow. A true link
is a cell in two frames that follow each other; it is kept where the object found for the cell has one number in both. A
cell is found where an object shares more than half of all pixels of the two. Cells whose centre lies within 5 pixels of
the border are not judged. A division is found where the mother's track splits into those of both daughters, at most a
frame too early or too late. The first movie is the sample `divisions`; others have other cells, or differ in one
thing. In the crowded and the fast ones cells lie on top of each other in the end, without a neck: nothing parts them.
"""

from __future__ import annotations

import numpy as np

import napari_ae_seg as ae
from napari_ae_seg.samples import stacks

SAMPLE = 8
"""The seed of the sample `divisions`."""
BORDER = 5
"""Pixels from the border within which a cell's centre must not lie."""
MOVIES: dict[str, tuple[int, dict[str, float]]] = {
    "sample": (SAMPLE, {}),
    **{f"like it {seed}": (seed, {}) for seed in (101, 102, 104, 201, 202)},
    **{f"crowded {seed}": (seed, {"count": 40, "apart": 20}) for seed in (1, 2, 203)},
    **{f"fast {seed}": (seed, {"speed": 2.5}) for seed in (1, 2, 204)},
    **{f"slow {seed}": (seed, {"speed": 0.4}) for seed in (1, 205)},
    **{f"noisy {seed}": (seed, {"photons": 25}) for seed in (1, 2, 206)},
}
"""Name -> seed, and what is not as in the sample."""


def main() -> None:
    print(
        f"{'movie':>12}{'cells':>7}{'found':>8}{'links':>7}{'kept':>8}{'divisions':>11}{'found':>7}{'false':>7}{'merges':>8}"
    )
    for name, (seed, fields) in MOVIES.items():
        film = stacks.movie(np.random.default_rng(seed), **fields)  # type: ignore[arg-type]
        told = judged(film, tracked(film))
        print(
            f"{name:>12}{told['cells']:>7}{told['found']:>8.1%}{told['links']:>7}{told['kept']:>8.1%}"
            f"{told['divisions']:>11}{told['hit']:>7}{told['false']:>7}{told['merges']:>8}",
            flush=True,
        )


def tracked(film: stacks.Movie) -> ae.Tracks:
    """The tracks of a movie, from its picture alone."""
    stack = ae.read((255 * film.image).round().astype(np.uint8), axes="TYX", spacing=0.65)
    segments = ae.segment(stack, 2)
    bright = segments.table["index"][int(np.argmax(segments.table["mean channel 0"]))]
    config = ae.ObjectsConfig(method="distance", min_size=30)
    return ae.track(segments.objects(stack, [bright], config), stack)


def judged(film: stacks.Movie, tracks: ae.Tracks) -> dict[str, float]:
    """Counts of cells, links and divisions, and how many of each were found."""
    names = [_matched(*pair) for pair in zip(film.cells, tracks.labels, strict=True)]
    cells = [(t, cell) for t, frame in enumerate(film.cells) for cell in _judged(frame)]
    seen = set(cells)
    links = [(t, c) for t, c in cells if (t + 1, c) in seen]
    kept = sum(names[t].get(c, -1) == names[t + 1].get(c, -2) for t, c in links)
    last = {c: max(t for t, cell in cells if cell == c) for c in {cell for _, cell in cells}}
    pairs = {m: [c for c in film.mothers if film.mothers[c] == m] for m in set(film.mothers.values()) & set(last)}
    true = {m: born for m, born in pairs.items() if sum((last[m] + 1, c) in seen for c in born) == 2}
    hit = {mother for mother in true if _divided(mother, pairs[mother], last[mother], names, tracks)}
    known = {names[t].get(m) for m in film.mothers.values() for t in range(len(names))}
    return {
        "cells": len(cells),
        "found": sum(c in names[t] for t, c in cells) / len(cells),
        "links": len(links),
        "kept": kept / len(links),
        "divisions": len(true),
        "hit": len(hit),
        "false": len(set(tracks.splits) - known),
        "merges": len(tracks.merges),
    }


def _divided(mother: int, born: list[int], t: int, names: list[dict[int, int]], tracks: ae.Tracks) -> bool:
    """Whether a mother's track splits into those of her daughters, at most a frame too early or too late."""
    before = {names[at].get(mother) for at in (t - 1, t) if at >= 0}
    after = [tuple(names[at].get(daughter) for daughter in born) for at in (t + 1, t + 2) if at < len(names)]
    return any(
        set(pair) <= set(tracks.splits.get(own or 0, [])) and len(set(pair)) == 2 for own in before for pair in after
    )


def _judged(cells: np.ndarray) -> list[int]:
    """The cells of a frame whose centre is not at its border."""
    middles = {c: np.argwhere(cells == c).mean(0) for c in np.unique(cells[cells > 0]).tolist()}
    return [c for c, at in middles.items() if (at >= BORDER).all() and (at < np.array(cells.shape) - BORDER).all()]


def _matched(cells: np.ndarray, labels: np.ndarray) -> dict[int, int]:
    """Cell -> the label that shares more than half of the pixels of both."""
    found = {}
    for cell in np.unique(cells[cells > 0]).tolist():
        inside = labels[cells == cell]
        label = int(np.bincount(inside).argmax())
        shared = int((inside == label).sum())
        if label and 2 * shared > int((labels == label).sum()) + len(inside) - shared:  # IoU above one half
            found[cell] = label
    return found


if __name__ == "__main__":
    main()
