"""Images beyond memory and beyond one machine: memory, overhead, workers, a virtual image, and what 500 GB would take.

`SCALE_GB=2` streams a smaller virtual image than the 20 GB of the default.
"""

from __future__ import annotations

import heapq
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import zarr

import napari_ae_seg as ae
from napari_ae_seg.core import devices
from napari_ae_seg.core.journal import Journal
from napari_ae_seg.samples import random_scene

GB, MB = 1e9, 1e6
STORE, NETWORK = 2 * GB, 1.25 * GB
"""Bytes a second that a shared store and one 10 Gbit/s link are taken to give in the projection."""


class Virtual:
    """An image that is made when it is read: a scene that repeats, brighter from place to place."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.dtype, self.chunks = shape, np.dtype(np.uint16), (512, 512)
        picture, _ = random_scene(np.random.default_rng(1), 512)
        gray = picture if picture.ndim == 2 else picture.mean(-1)
        self._scene = (50_000 * gray).astype(np.uint16)

    def __getitem__(self, index: Any) -> np.ndarray:
        rows, columns = (np.arange(*one.indices(size)) for one, size in zip(index, self.shape, strict=True))
        return self._scene[np.ix_(rows % 512, columns % 512)] + (rows // 512 % 7).astype(np.uint16)[:, None]


def main() -> None:
    """Prints everything, each figure beside its aim."""
    print(f"{devices.cores()} cores, load {os.getloadavg()[0]:.1f} (wall-clock ratios want free cores)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        four_times(folder)
        stack, segmenter = _plane(3072)
        seconds = overhead(stack, segmenter, folder)
        delay = workers(stack, segmenter, folder)
        streamed(folder)
        projection(seconds, delay, folder)


def four_times(folder: Path) -> None:
    """Peak memory of the command for a volume and for one four times as large."""
    peaks = []
    for side in (256, 512):
        path = folder / f"{side}.zarr"
        array = zarr.create_array(path, shape=(192, side, side), chunks=(64, 64, 64), dtype="uint16")
        noise = np.random.default_rng(0).normal(0, 2000, (192, 256, 256))
        scene = np.asarray(random_scene(np.random.default_rng(1), 256)[0])
        scene = scene if scene.ndim == 2 else scene.mean(-1)
        part = (50_000 * scene + noise).clip(0, 65_535).astype(np.uint16)
        for y in range(0, side, 256):
            for x in range(0, side, 256):
                array[:, y : y + 256, x : x + 256] = part
        command = [
            sys.executable,
            "-c",
            _PEAK,
            "segment",
            str(path),
            "--axes",
            "ZYX",
            "--out",
            str(folder / f"l{side}.zarr"),
        ]
        done = subprocess.run(
            [*command, "--clusters", "4", "--threads", "1", "--quiet"], capture_output=True, check=True
        )
        peaks.append(int(done.stdout.split()[-1]) * 1024)
    print(f"volume of 192 x 256 x 256: {peaks[0] / GB:.2f} GB at most")
    print(f"four times as large: {peaks[1] / GB:.2f} GB, {peaks[1] / peaks[0] - 1:+.0%} (aim +10%)", flush=True)


_PEAK = """
import resource, sys
from napari_ae_seg.cli.app import app
try:
    app(args=sys.argv[1:])
except SystemExit as end:
    assert not end.code
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def overhead(stack: ae.Stack, segmenter: ae.Segmenter, folder: Path) -> float:
    """CPU seconds of a job beside those of labelling alone; seconds a block."""
    job = ae.Job(segmenter, stack.image, folder / "a.zarr")
    count = len(job.work.blocks)
    job.work._labelled(0, max(job.work.sizes))  # what is made once
    start = time.process_time()
    for number in range(count):
        job.work._labelled(number, max(job.work.sizes))
    alone, start = time.process_time() - start, time.process_time()
    job.run()
    whole = time.process_time() - start
    print(
        f"reading, writing, journal and levels: {whole / alone - 1:+.0%} on labelling alone (aim +10%), {count} blocks"
    )
    start = time.process_time()
    segmenter.apply(stack)
    print(f"block by block: {whole / (time.process_time() - start):.2f} of one piece in memory", flush=True)
    return alone / count


def workers(stack: ae.Stack, segmenter: ae.Segmenter, folder: Path) -> float:
    """One worker beside this process, two beside one; seconds that the scheduler spends on a task."""
    spent = {}
    for count in (0, 1, 2):
        out = folder / f"{count}-workers.zarr"
        if not count:
            start = time.perf_counter()
            ae.Job(segmenter, stack.image, out).run()
            spent[0] = time.perf_counter() - start
            continue
        with ae.Workers(count) as some:
            cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
            for core, address in zip(cores, some._client.nthreads(), strict=False):
                some._client.run(os.sched_setaffinity, 0, {core}, workers=[address])
            list(some.map(_warm, range(count)))
            start = time.perf_counter()
            ae.Job(segmenter, stack.image, out, workers=some).run()
            spent[count] = time.perf_counter() - start
            if count == 1:
                start = time.perf_counter()
                done = sum(1 for _ in some.map(abs, range(500)))
                delay = (time.perf_counter() - start) / done
    print(f"LocalCluster(1): {spent[1] / spent[0]:.2f} of the plain loop (aim 1.15)")
    print(f"two pinned workers: {spent[1] / spent[2]:.2f} times one (aim 1.7 on two free cores)")
    print(f"client, scheduler and worker: {1000 * delay:.1f} ms a task", flush=True)
    return delay


def _warm(_: int) -> None:
    import napari_ae_seg.segmenter.job  # noqa: F401 - takes seconds, once a worker


def streamed(folder: Path) -> None:
    """Memory while a virtual image is streamed to the end."""
    size = float(os.environ.get("SCALE_GB", "20"))
    side = int((size * GB / 2) ** 0.5)
    stack = ae.read(Virtual((side, side)), axes="YX")
    config = ae.SegmentationConfig(n_clusters=4, features="intensity", smoothing=0, sharpen=False, threads=1)
    segmenter = ae.Segmenter.fit(None, _plane(1024)[0], config)
    told, start = {}, time.perf_counter()
    for done in ae.Job(segmenter, stack.image, folder / "virtual.zarr"):
        if done.stage == "label":
            told[done.done * 10 // done.total] = resident()
    spent = time.perf_counter() - start
    first, last = told[min(key for key in told if key)], told[10]
    rate = 2 * side**2 / spent / MB
    print(f"virtual image of {2 * side**2 / GB:.1f} GB: {spent:.0f} s, {rate:.0f} MB/s")
    held = f"{first / MB:.0f} MB after a tenth, {last / MB:.0f} MB at the end"
    print(f"  resident: {held} ({last / first - 1:+.0%})", flush=True)
    shutil.rmtree(folder / "virtual.zarr")


def resident() -> int:
    """Bytes of memory that the process holds now; the most it ever held where the system does not tell."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def projection(seconds: float, delay: float, folder: Path) -> None:
    """What 500 GB would take on 8, 64 and 512 workers, and what would limit it."""
    with Journal(folder / "journal", {}) as journal:
        start = time.perf_counter()
        for number in range(100):
            journal.add({"stage": "label", "number": number, "result": {"size": [1] * 8}})
        line = (time.perf_counter() - start) / 100
    block = 1024**2
    halo = (1024 + 2 * 100) ** 2 / block
    voxels = 500 * GB / 2
    count, read, written = int(voxels / block), 2 * block * halo, 0.05 * 2 * block
    print(f"500 GB of 16 bits: {voxels / 1e9:.0f} G pixels, {count} blocks of 1024 x 1024")
    print(
        f"  a block: {seconds:.2f} s of one core, {read / MB:.1f} MB read with its halo, {written / MB:.1f} MB written"
    )
    print(f"  and {1000 * (delay + line):.1f} ms for scheduler, client and journal, one block after the other")
    for number in (8, 64, 512):
        limits = {
            "compute": count * seconds / number,
            "store": count * (read + written) / STORE,
            "network of each worker": count * read / NETWORK / number,
            "scheduler": count * (delay + line),
        }
        took = simulated(min(count, 20 * number), number, seconds + read / NETWORK, delay + line)
        took *= count / min(count, 20 * number)
        took = max(took, limits["store"])
        limit = max(limits, key=lambda name: limits[name])
        parts = ", ".join(f"{name} {value / 3600:.1f} h" for name, value in limits.items())
        busy = count * seconds / number / took
        print(
            f"  {number} workers: {took / 3600:.1f} h, workers busy {busy:.0%}; alone {parts}; limit: {limit}",
            flush=True,
        )


def simulated(count: int, number: int, seconds: float, delay: float) -> float:
    """Seconds until `number` workers did `count` tasks that one scheduler hands out, `delay` each, two ahead.

    >>> simulated(10, 2, 1.0, 0.0)
    5.0
    """
    free = [(0.0, worker) for worker in range(number)]
    heapq.heapify(free)
    handed = end = 0.0
    for task in range(count):
        ready, worker = heapq.heappop(free)
        ahead = ready - seconds if task >= 2 * number else 0.0  # asked for while the one before ran
        handed = max(handed, ahead) + delay
        end = max(ready, handed) + seconds
        heapq.heappush(free, (end, worker))
    return max(time for time, _ in free)


def _plane(side: int) -> tuple[ae.Stack, ae.Segmenter]:
    """An image and a segmenter of it, as it comes, with latents."""
    image = Virtual((side, side))[0:side, 0:side]
    stack = ae.read(image)
    return stack, ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=4, features="mixed", threads=1))


if __name__ == "__main__":
    main()
