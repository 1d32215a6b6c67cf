"""What `python -m benchmarks.torture kills` and `inputs` do: writers that are killed, images that are damaged."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

LONGEST = 20
"""Seconds that one damaged image may take."""

WRITER = """
import sys
import numpy as np
from napari_ae_seg.core import modelfile
from napari_ae_seg.core.wholefile import write_text
from napari_ae_seg.images.formats.table import write_csv
from napari_ae_seg.images.formats.write import write_images, write_labels
folder = sys.argv[1]
for number in range(1, 10**9):
    if number == 2:
        print("ready", flush=True)
    labels = np.full((300, 300), number % 200 + 1)
    for ending in sys.argv[2].split():
        write_labels(f"{folder}/labels{ending}", labels)
    write_images(f"{folder}/images.tif", labels[None, None].astype("f4"))
    write_csv(f"{folder}/table.csv", ["a"], [[number]] * 2000)
    write_text(f"{folder}/report.json", f"[{number}" + f", {number}" * 20000 + "]")
    modelfile.write(f"{folder}/model.aeseg", {"number": number}, {"x": labels})
"""


def kills(count: int, seed: int) -> int:
    """Kills a program that writes every kind of file `count` times; the number of results that were lost or torn."""
    rng, bad, fates = np.random.default_rng(seed), 0, Counter[str]()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for _ in range(count):
            run = subprocess.Popen(
                [sys.executable, "-c", WRITER, place, ".tif .png .npy .zarr"], stdout=subprocess.PIPE
            )
            assert run.stdout is not None
            run.stdout.readline()
            time.sleep(float(rng.uniform(0, 0.6)))
            run.send_signal(signal.SIGKILL)
            run.wait()
            run.stdout.close()
            for name, fate in _states(folder).items():
                fates[fate] += 1
                if fate not in ("whole", "not yet there"):
                    bad += 1
                    print(f"  {name}: {fate}", flush=True)
    print(f"{count} kills: {', '.join(f'{number} {fate}' for fate, number in fates.items())}", flush=True)
    return bad


_SEEN: set[str] = set()


def _states(folder: Path) -> dict[str, str]:
    """What became of each file: whole, torn, or lost although it had been there."""
    import json

    from napari_ae_seg.core import modelfile
    from napari_ae_seg.images.stack import read

    def image(path: Path) -> Any:
        return read(path).images[0].sources[0].array[...]

    def one(values: Any) -> bool:
        return len(np.unique(np.asarray(values))) == 1

    checks = {
        **{f"labels{ending}": lambda path: one(image(path)) for ending in (".tif", ".png", ".npy", ".zarr")},
        "images.tif": lambda path: one(image(path)),
        "table.csv": lambda path: (lines := path.read_text().split()[1:]) and len(lines) == 2000 and len({*lines}) == 1,
        "report.json": lambda path: len({*json.loads(path.read_text())}) == 1,
        "model.aeseg": lambda path: one(modelfile.read(path)[1]["x"]),
    }
    states = {}
    for name, check in checks.items():
        path = folder / name
        try:
            whole = check(path)
        except Exception as error:  # noqa: BLE001 - to count what must not be
            gone = not path.exists()
            states[name] = "not yet there" if gone and name not in _SEEN else f"lost ({error})" if gone else f"{error}"
        else:
            states[name] = "whole" if whole else "torn"
            _SEEN.add(name)
    return states


def inputs(count: int, seed: int) -> int:
    """Reads images that were damaged at random, `count` of each kind; the number of those that ended badly."""
    from napari_ae_seg.core.errors import AeSegError
    from napari_ae_seg.images.stack import read

    bad = 0
    with tempfile.TemporaryDirectory() as place:
        for path in _good_images(Path(place)):
            parts = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
            contents = {part: part.read_bytes() for part in parts}
            fates, worst = Counter[str](), 0.0
            for number in range(count):
                rng = np.random.default_rng([seed, number])
                part = parts[int(rng.integers(len(parts)))]
                part.write_bytes(_damaged(contents[part], rng))
                start = time.perf_counter()
                try:
                    with warnings.catch_warnings(), np.errstate(all="ignore"):
                        warnings.simplefilter("ignore")
                        image = read(path).images[0]
                        image.block(0, tuple(slice(0, min(size, 64)) for size in image.shape[2:]))
                    fate = "read"
                except (AeSegError, ValueError) as error:
                    fate = "refused" if "\n" not in str(error) else "bad"
                except Exception as error:  # noqa: BLE001 - to count what must not be
                    fate = "bad"
                    print(f"  {path.name} {number}: {type(error).__name__}: {str(error)[:200]}", flush=True)
                spent = time.perf_counter() - start
                worst = max(worst, spent)
                fates["slow" if spent > LONGEST else fate] += 1
                part.write_bytes(contents[part])
            bad += fates["bad"] + fates["slow"]
            told = ", ".join(f"{fates[fate]} {fate}" for fate in ("read", "refused", "bad", "slow"))
            print(f"{path.name:12} {count} damaged: {told}; at most {worst:.1f} s", flush=True)
    return bad


def _good_images(folder: Path) -> list[Path]:
    """One image of each format, small."""
    import tifffile
    import zarr
    from PIL import Image as Picture

    from napari_ae_seg.images.formats.write import write_labels

    volume = np.random.default_rng(0).integers(0, 200, (5, 24, 32)).astype("u1")
    tifffile.imwrite(folder / "plain.tif", volume, photometric="minisblack")
    tifffile.imwrite(folder / "lzw.tif", volume, photometric="minisblack", compression="lzw", metadata=None)
    tifffile.imwrite(folder / "imagej.tif", volume, imagej=True, metadata={"axes": "ZYX", "spacing": 2, "unit": "um"})
    tifffile.imwrite(folder / "ome.ome.tif", volume, photometric="minisblack", metadata={"axes": "ZYX"})
    Picture.fromarray(volume[0]).save(folder / "a.png")
    Picture.fromarray(volume[0]).save(folder / "a.jpg")
    np.save(folder / "a.npy", volume)
    zarr.create_array(folder / "plain.zarr", shape=volume.shape, dtype="u1")[...] = volume
    write_labels(folder / "ome.zarr", volume)
    try:
        write_labels(folder / "a.nii.gz", volume)
        write_labels(folder / "a.nii", volume)
    except Exception as error:  # noqa: BLE001 - the extra may not be installed
        print(f"  {error}")
    return sorted(folder.iterdir())


def _damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Bytes changed, cut off, left out or repeated; early ones, where headers are, more often."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        if not changed:
            break
        early = rng.random() < 0.7
        at = int(rng.integers(min(len(changed), 400) if early else len(changed)))
        how = int(rng.integers(5))
        if how == 0:
            changed[at] = int(rng.integers(256))
        elif how == 1:
            changed[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"])
        elif how == 2:
            del changed[int(rng.integers(len(changed))) :]
        elif how == 3:
            del changed[at : at + int(rng.integers(1, 20))]
        else:
            changed[at:at] = changed[at : at + int(rng.integers(1, 20))]
    return bytes(changed)
