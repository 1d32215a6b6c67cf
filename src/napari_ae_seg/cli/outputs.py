"""The path from images to labels as readable functions, with what it cost: the command line and the docks run these."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.config import Config, NetworkConfig, TrainingConfig
from napari_ae_seg.core.progress import Report, silent
from napari_ae_seg.core.versions import versions
from napari_ae_seg.core.wholefile import write_text
from napari_ae_seg.images.formats.table import write_csv

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.images.stack import Stack
    from napari_ae_seg.segmenter.segments import Segments


@dataclass
class Account:
    """What a run did and what it cost; `write` keeps it as JSON."""

    command: str
    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to stage `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 4)

    def configs(self, *configs: Config) -> None:
        """Keeps the parameters of the run."""
        self.facts["configs"] = {type(c).__name__: c.model_dump(mode="json") for c in configs}

    def write(self, path: str | Path) -> None:
        """Writes the account as JSON."""
        content = {
            "command": self.command,
            "seconds": {**self.seconds, "total": round(time.perf_counter() - self.started, 4)},
            "peak_memory_bytes": peak_memory(),
            "versions": {"python": platform.python_version(), **versions()},
            "platform": platform.platform(),
            **self.facts,
        }
        write_text(path, json.dumps(content, indent=2) + "\n")


def peak_memory() -> int | None:
    """The most memory this process has used, in bytes; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def shapes(stack: Stack) -> list[dict[str, Any]]:
    """Name, axes, shape and pixel size of every image of `stack`."""
    images = [stack[i].image for i in range(len(stack))]
    return [
        {
            "name": image.name,
            "axes": image.axes,
            "shape": list(image.source_shape),
            "dtype": str(image.dtype),
            "spacing": list(image.spacing),
            "units": list(image.units),
        }
        for image in images
    ]


def label_paths(stems: Sequence[str], out: Path) -> list[Path]:
    """Where the labels of several images go: `<stem>_labels.tif` in folder `out`, numbered where stems repeat.

    >>> [str(p) for p in label_paths(["a", "b", "a"], Path("out"))]
    ['out/a_labels.tif', 'out/b_labels.tif', 'out/a_2_labels.tif']
    """
    seen: dict[str, int] = {}
    paths = []
    for stem in stems:
        seen[stem] = seen.get(stem, 0) + 1
        paths.append(out / f"{stem if seen[stem] == 1 else f'{stem}_{seen[stem]}'}_labels.tif")
    return paths


def expect(
    stack: Stack, training: TrainingConfig | None, network: NetworkConfig, clusters: int, account: Account
) -> str:
    """Estimates time and memory of training (if any) and labelling, keeps both in the account, and says them."""
    from napari_ae_seg.autoencoder.training import estimate
    from napari_ae_seg.features.select import ASSUMED_K
    from napari_ae_seg.segmenter.cost import cost

    with account.stage("estimate"):
        seconds, size = cost(stack, network, clusters or ASSUMED_K)
        if training is not None:
            learning = estimate(stack, training, network)
            seconds, size = seconds + learning.seconds, max(size, learning.bytes)
    account.facts["estimate"] = {"seconds": round(seconds, 2), "bytes": int(size)}
    return f"estimate: {seconds:.0f} s, {size / 2**30:.1f} GB"


def write_table(path: str | Path, tables: Sequence[dict[str, list[Any]]]) -> None:
    """The rows of `tables`, one below the other, as comma-separated values; columns that one lacks stay empty."""
    columns = list(dict.fromkeys(name for table in tables for name in table))
    rows = []
    for table in tables:
        count = len(next(iter(table.values())))
        rows += [[table[name][row] if name in table else "" for name in columns] for row in range(count)]
    write_csv(path, columns, rows)


def train_on(
    stack: Stack,
    training: TrainingConfig,
    network: NetworkConfig,
    account: Account,
    report: Report = silent,
    start: Autoencoder | None = None,
) -> Autoencoder:
    """An autoencoder trained on `stack`, from `start` if given."""
    from napari_ae_seg.autoencoder.training import train

    with account.stage("train"):
        return train(stack, training, None if start else network, report, model=start)


def picture(image: np.ndarray, segments: Segments) -> np.ndarray:
    """The image (Y, X) beside its coloured labels: (Y, 2 X + gap, 3) uint8."""
    low, high = np.percentile(image, (0.5, 99.5))
    gray = np.clip((image - low) / max(high - low, 1e-9), 0, 1)[..., None].repeat(3, -1)
    palette = np.zeros((int(segments.labels.max()) + 1, 3))
    for label, rgb in segments.colors.items():
        palette[label] = rgb
    colored = 0.35 * gray + 0.65 * palette[segments.labels]
    gap = np.ones((len(gray), 8, 3))
    return (255 * np.concatenate([gray, gap, colored], axis=1)).round().astype(np.uint8)
