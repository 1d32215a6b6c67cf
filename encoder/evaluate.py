"""How well the code parts classes on held-back scenes: `python -m encoder.evaluate NET.safetensors [--scenes 6]`.

With NAPARI_AE_SEG_DATA set, the same on its images, for reporting only.
"""

import argparse
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from torch import Tensor

from napari_ae_seg.clustering import tied
from napari_ae_seg.config import SegmentationConfig

from . import pool
from .net import Encoder
from .scenes.layouts import SHARES, draw
from .scenes.optics import normalized
from .scenes.scene import Dice, render

SIGMAS = (1, 2, 4)
CLASSES = {"outex_us00000": 5, "wbc_dataset1": 3, "em_epfl_multiclass": 6, "em_vnc4": 5}
"""The sets of more than two classes; every other of `SETS` is foreground and background."""
SETS = (
    "dsb2018_stage1_test",
    "em_isbi2012_membrane",
    "em_epfl_multiclass",
    "em_vnc4",
    "wbc_dataset1",
    "histology_gbm40_nuclei",
    "histology_glas11",
    "phasecontrast_usiigaci11",
    "worms_bbbc010_6",
    "vessels_drive_training7",
    "outex_us00000",
)

Spaces = dict[str, np.ndarray]
Case = tuple[str, str, Tensor, np.ndarray]
"""Kind, appearance, image (1, 3, *space), classes (*space)."""


def hungarian_miou(truth: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the true classes of the overlap with the cluster matched one to one.

    >>> hungarian_miou(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    """
    _, t = np.unique(truth, return_inverse=True)
    _, p = np.unique(labels, return_inverse=True)
    n = (
        np.bincount(t.ravel() * (p.max() + 1) + p.ravel(), minlength=(t.max() + 1) * (p.max() + 1))
        .reshape(t.max() + 1, -1)
        .astype(float)
    )
    overlap = n / (n.sum(1, keepdims=True) + n.sum(0, keepdims=True) - n)
    rows, columns = linear_sum_assignment(-overlap)
    return float(overlap[rows, columns].sum() / len(overlap))


def clustered(X: np.ndarray, k: int, most: int = 5000, tries: int = 5) -> np.ndarray:
    """Labels of every row of X by k-means with k clusters, fitted on `most` of the rows."""
    some = np.random.default_rng(0).choice(len(X), min(most, len(X)), replace=False)
    return np.asarray(KMeans(k, n_init=tries, random_state=0).fit(X[some]).predict(X))


def shaped(X: np.ndarray, k: int, most: int = 5000) -> np.ndarray:
    """The same by Gaussians of one shape, as the package clusters latents."""
    some = np.random.default_rng(0).choice(len(X), min(most, len(X)), replace=False)
    model = tied.fit(torch.from_numpy(X[some]), k, SegmentationConfig()).model
    return np.asarray(model.memberships(torch.from_numpy(np.ascontiguousarray(X))).argmax(1))


def spaces(net: Encoder | None, image: Tensor) -> Spaces:
    """Every space that is compared: rows are pixels."""
    x = image[0].numpy()
    axes = tuple(range(1, x.ndim))
    out = {"raw": x} | {f"gauss {s}": gaussian_filter(x, s, axes=axes) for s in SIGMAS}
    if net is not None:
        with torch.no_grad():
            z = net.features(image)[0].numpy()
        n = net.latents
        out |= {"code": z[:n], "first 4": z[:4], "codes": z[: 2 * n], "redrawn": z[-3:], "all": z}
    return {name: a.reshape(len(a), -1).T for name, a in out.items()}


def held_back(each: int, ndim: int, side: int | None = None, first: int = pool.HELD_BACK) -> Iterator[Case]:
    """`each` scenes of every kind that no training has seen, of seeds from `first` on."""
    for number, kind in enumerate(SHARES):
        for i in range(each):
            layout = draw(np.random.default_rng((ndim, first + number, i)), side or pool.SIDE[ndim], ndim, kind)
            scenes = render([layout], Dice((first + number, i)))
            yield kind, scenes.modes[0], scenes.image, scenes.classes[0].numpy()


def photographs(folder: Path, limit: int, most: int = 512) -> Iterator[Case]:
    """Images with ground truth, at most `limit` of each set, their first `most` rows and columns."""
    for name in SETS:
        files = sorted((folder / name / "images").iterdir())
        for i in np.unique(np.linspace(0, len(files) - 1, min(limit, len(files))).round().astype(int)):
            image, mask = _opened(files[i]), _opened(next((folder / name / "masks").glob(files[i].stem + ".*")))
            image, mask = image[:most, :most], mask[:most, :most]
            image = np.repeat(image[..., None], 3, -1) if image.ndim == 2 else image[..., :3]
            x = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
            yield name, "image", normalized(x), mask if name in CLASSES else (mask > 0).astype(int)


def _opened(path: Path) -> np.ndarray:
    if path.suffix in (".tif", ".tiff"):
        import tifffile

        return np.asarray(tifffile.imread(path))
    return np.asarray(Image.open(path))


def scores(cases: Iterable[Case], net: Encoder | None) -> list[tuple[str, str, dict[str, float]]]:
    """Of every case its kind, appearance and the score of each space."""
    out = []
    for kind, mode, image, truth in cases:
        k = CLASSES.get(kind, len(np.unique(truth)))
        if len(np.unique(truth)) < 2:
            continue
        seen = spaces(net, image)
        row = {name: hungarian_miou(truth, clustered(X, k)) for name, X in seen.items()}
        if "all" in seen:
            row["all, one shape"] = hungarian_miou(truth, shaped(seen["all"], k))
        out.append((kind, mode, row))
    return out


def table(rows: list[tuple[str, str, dict[str, float]]], by: Callable[[tuple[str, str, dict[str, float]]], str]) -> str:
    """Means by kind as Markdown; the Gaussian is the one best for the kind."""
    groups: dict[str, list[dict[str, float]]] = {}
    for row in rows:
        groups.setdefault(by(row), []).append(row[2])
    shown = ["raw", "best Gaussian", *[n for n in rows[0][2] if n not in ("raw", *[f"gauss {s}" for s in SIGMAS])]]
    lines = [f"| kind | n | {' | '.join(shown)} |", "|" + "---|" * (len(shown) + 2)]
    means = []
    for name, group in groups.items():
        mean = {n: float(np.mean([one[n] for one in group])) for n in group[0]}
        mean["best Gaussian"] = max(mean[f"gauss {s}"] for s in SIGMAS)
        means.append([mean[n] for n in shown])
        lines.append(f"| {name} | {len(group)} | " + " | ".join(f"{mean[n]:.3f}" for n in shown) + " |")
    lines.append(f"| mean | {len(rows)} | " + " | ".join(f"{m:.3f}" for m in np.mean(means, 0)) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("net", type=Path)
    parser.add_argument("--scenes", type=int, default=6, help="held-back scenes of each kind")
    parser.add_argument("--limit", type=int, default=4, help="images of each set of NAPARI_AE_SEG_DATA")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    net = Encoder.load(args.net)
    print(f"{args.net.name}: tone counts {net.tone_weight:.2f}, the code of the halved image {net.half_weight:.2f}")
    rows = scores(held_back(args.scenes, net.ndim), net)
    print("\nScenes held back, by layout\n" + table(rows, lambda row: row[0]), flush=True)
    print("\nThe same, by appearance\n" + table(rows, lambda row: row[1]), flush=True)
    folder = os.environ.get("NAPARI_AE_SEG_DATA")
    if folder and net.ndim == 2 and args.limit:
        print("\nImages\n" + table(scores(photographs(Path(folder), args.limit), net), lambda row: row[0]))
    elif not folder:
        print("\nNAPARI_AE_SEG_DATA is not set: no images measured.")


if __name__ == "__main__":
    main()
