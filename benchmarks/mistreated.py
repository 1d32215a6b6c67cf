"""Parts of `python -m benchmarks.torture`: writers and commands that are killed, images that are damaged or odd."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np

from .tally import Tally, is_ours

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


def kills(count: int, seed: int) -> Tally:
    """Kills a program that writes every kind of file `count` times."""
    rng, tally, fates = np.random.default_rng(seed), Tally(), Counter[str]()
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
            tally.tries += 1
            for name, fate in _states(folder).items():
                fates[fate] += 1
                if fate not in ("whole", "not yet there"):
                    tally.lost += 1
                    print(f"  {name}: {fate}", flush=True)
    print(f"{count} kills: {', '.join(f'{number} {fate}' for fate, number in fates.items())}", flush=True)
    return tally


_SEEN: set[str] = set()


def _states(folder: Path) -> dict[str, str]:
    """What became of each file: whole, torn, or lost although it had been there."""
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


SMALL = "--width 4 --levels 2 --latents 3 --patch 16 --batch 2 --steps 3"
PREPARE = (
    "segment a.tif --out first.tif --save-model s.aeseg --clusters 2",
    f"train a.tif --model v.aeseg {SMALL} --variational",
)
WRITING = {
    "segment": "segment a.tif b.tif --out out --save-model m.aeseg --table t.csv --report r.json --clusters 2",
    "segment to zarr": "segment a.tif --out l.zarr --model s.aeseg",
    "train": f"train a.tif --model n.aeseg --checkpoint k.aeseg {SMALL}",
    "generate": "generate v.aeseg --out g.tif --n 2",
    "export": "export first.tif --out e.geojson",
    "export to zarr": "export first.tif --out e.zarr",
    "report": "report s.aeseg a.tif --out page.html",
    "classify train": "classify train classes --model c.aeseg --folds 2",
    "classify apply": "classify apply classes/one --model c.aeseg --out found.csv",
    "demo": "demo --out demo --no-window",
}
"""Every command that writes."""


def commands(count: int, seed: int, only: str = "") -> Tally:
    """Kills every command `count` times, mostly while it writes; every file has to be what it was, or new and whole."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _for_commands(folder)
        for arguments in PREPARE:
            _run(folder, arguments)
        for name, arguments in WRITING.items():
            if only in name or name == "classify train":  # whose model the next one applies
                _run(folder, arguments)
        for number, (name, arguments) in enumerate(WRITING.items()):
            if only not in name:
                continue
            lost, killed = [], 0
            for turn in range(count):
                rng = np.random.default_rng([seed, number, turn])
                before = _contents(folder)
                killed += _killed(folder, arguments, rng)
                lost += [why for why in _harmed(folder, before) if why not in lost]
            tally.add(Tally(count, lost=len(lost)))
            print(f"{name:16} {count} runs, {killed} killed: {', '.join(lost) or 'nothing lost'}", flush=True)
            _run(folder, arguments)
            strays = [str(path.name) for path in folder.rglob(".*aeseg-*")]
            if strays:
                tally.lost += 1
                print(f"  left behind after the next run: {', '.join(strays)}", flush=True)
    return tally


def _for_commands(folder: Path) -> None:
    """Images, and a folder of two classes of them."""
    import tifffile

    rng = np.random.default_rng(0)
    for path in ("a.tif", "b.tif", *(f"classes/{kind}/{n}.tif" for kind in ("one", "two") for n in range(4))):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 20, (40, 50), np.uint8)
        image[10:30, 10 : 40 if "two" in path else 20] += 200
        tifffile.imwrite(folder / path, image)


def _command(arguments: str) -> list[str]:
    return [sys.executable, "-m", "napari_ae_seg", *arguments.split(), "--threads", "1", "--quiet"]


def _run(folder: Path, arguments: str) -> None:
    done = subprocess.run(_command(arguments), cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{arguments}: {done.stderr}")


def _killed(folder: Path, arguments: str, rng: np.random.Generator) -> bool:
    """Runs a command and kills it: soon after it begins to write its n-th file, or at any moment; whether it was."""
    run = subprocess.Popen(_command(arguments), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    turns, end = int(rng.integers(1, 7)), time.monotonic() + (rng.uniform(0, 8) if rng.random() < 0.2 else 900)
    known = _parts(folder)
    while run.poll() is None and turns and time.monotonic() < end:
        now = _parts(folder)
        turns -= bool(now - known)
        known |= now
        time.sleep(0.0005)
    time.sleep(float(rng.uniform(0, 0.01)))
    run.kill()
    return run.wait() != 0


_UNFINISHED = ("aeseg-", ".partial", "/.job/")
"""In the names of what a job keeps until it is done, which the next one clears away."""


def _parts(folder: Path) -> set[Path]:
    """Files and folders that are being written or replaced; some go while they are listed."""
    while True:
        try:
            return set(folder.rglob(".*aeseg-*"))
        except FileNotFoundError:
            continue


def _contents(folder: Path) -> dict[str, str]:
    """Every finished file with the sum of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(mark in str(path) for mark in _UNFINISHED)
    }


def _harmed(folder: Path, before: dict[str, str]) -> list[str]:
    """What of `before` is gone, or was changed without being whole."""
    from napari_ae_seg.core.wholefile import restore_all

    restore_all(folder)  # as the next reader or writer does
    harmed = []
    for name, known in before.items():
        path = folder / name
        if not path.exists():
            harmed.append(f"{name} is gone")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != known:
            try:
                _read_whole(folder / name.split("/", 1)[0] if ".zarr" in name else path)
            except Exception as error:  # noqa: BLE001 - to count what must not be
                harmed.append(f"{name}: {error}")
    return harmed


def _read_whole(path: Path) -> None:
    """Reads all of a result."""
    from napari_ae_seg.core import modelfile
    from napari_ae_seg.images.stack import read

    if path.suffix == ".aeseg":
        modelfile.read(path)
    elif path.suffix in (".json", ".geojson"):
        json.loads(path.read_text())
    elif path.suffix == ".html":
        assert path.read_text().rstrip().endswith("</html>")
    elif path.suffix == ".csv":
        assert len({line.count(",") for line in path.read_text().splitlines()}) == 1
    else:
        read(path).images[0].sources[0].array[...]


def inputs(count: int, seed: int) -> Tally:
    """Reads images that were damaged at random, `count` of each kind; none may raise, and no cut-off one be read."""
    from napari_ae_seg.images.stack import read

    total = Tally()
    with tempfile.TemporaryDirectory() as place:
        for path in _good_images(Path(place)):
            parts = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
            contents = {part: part.read_bytes() for part in parts}
            fates, worst, good = Counter[str](), 0.0, _pixels(read(path))
            for number in range(count):
                rng = np.random.default_rng([seed, number])
                part, cut = parts[int(rng.integers(len(parts)))], rng.random() < 0.3
                whole = contents[part]
                part.write_bytes(whole[: int(rng.integers(len(whole)))] if cut else _damaged(whole, rng))
                start = time.perf_counter()
                try:
                    with warnings.catch_warnings(record=True) as told, np.errstate(all="ignore"):
                        warnings.simplefilter("always")
                        image = read(path)
                        pixels = _pixels(image)
                    fate = "read"
                    if cut and not told and not image.assumed and not np.array_equal(pixels, good, equal_nan=True):
                        fate = "silent"
                except Exception as error:  # noqa: BLE001 - to count what must not be
                    fate = "refused" if is_ours(error) else "raw"
                    if fate == "raw":
                        print(f"  {path.name} {number}: {type(error).__name__}: {str(error)[:200]}", flush=True)
                spent = time.perf_counter() - start
                worst = max(worst, spent)
                fates["slow" if spent > LONGEST else fate] += 1
                part.write_bytes(whole)
            total.add(Tally(count, silent=fates["silent"], raw=fates["raw"] + fates["slow"]))
            told_of = ", ".join(f"{fates[fate]} {fate}" for fate in ("read", "refused", "silent", "raw", "slow"))
            print(f"{path.name:12} {count} damaged: {told_of}; at most {worst:.1f} s", flush=True)
    return total


def _pixels(stack: Any) -> np.ndarray:
    """The first 64 pixels along each axis of the first image."""
    image = stack.images[0]
    return np.asarray(image.block(0, tuple(slice(0, min(size, 64)) for size in image.shape[2:])))


def arrays(count: int, seed: int) -> Tally:
    """Segments `count` odd arrays; each gives labels that hold what is promised of them, or one sentence."""
    import napari_ae_seg as ae

    tally, fates = Tally(count), Counter[str]()
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        (what, array), fields = _odd_array(rng), _odd_settings(rng)
        said = f"  {number}: {what} {array.dtype} {array.shape} {fields}"
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                stack = ae.read(array)
                found = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(**fields)).apply(stack)
            wrong = _broken_promise(found, stack, fields["n_clusters"])
            fates[wrong or "labels"] += 1
            if wrong:
                tally.silent += 1
                print(f"{said}: {wrong}", flush=True)
        except Exception as error:  # noqa: BLE001 - to count what must not be
            fates["a sentence" if is_ours(error) else "raw"] += 1
            if not is_ours(error):
                tally.raw += 1
                print(f"{said}: {type(error).__name__}: {str(error)[:200]}", flush=True)
    print(f"{count} odd arrays: {', '.join(f'{n} {fate}' for fate, n in fates.items())}", flush=True)
    return tally


VALUES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Any]] = {
    "noise": lambda rng, shape: rng.normal(100, 20, shape),
    "constant": lambda _, shape: np.full(shape, 7.0),
    "two levels": lambda _, shape: np.where(np.arange(shape[-1]) < shape[-1] // 2, 9.0, 90.0) * np.ones(shape),
    "ramp": lambda _, shape: np.linspace(0, 250, int(np.prod(shape))).reshape(shape),
    "one bright value": lambda _, shape: np.where(np.arange(int(np.prod(shape))) == 0, 200.0, 1.0).reshape(shape),
    "half missing": lambda rng, shape: np.where(rng.random(shape) < 0.5, np.nan, rng.normal(0, 1, shape)),
    "nothing": lambda _, shape: np.full(shape, np.nan),
    "infinite": lambda rng, shape: np.where(rng.random(shape) < 0.2, np.inf, rng.normal(0, 1, shape)),
    "huge": lambda rng, shape: rng.normal(0, 1e38, shape),
    "tiny": lambda rng, shape: rng.random(shape) * 1e-40,
    "far from zero": lambda rng, shape: 1e9 + rng.integers(0, 100, shape),
}
SHAPES = ((1, 1), (1, 37), (37, 1), (2, 2), (24, 31), (40, 40), (5, 24, 31), (24, 31, 3), (24, 31, 4), (2, 2, 9, 9))
SHAPES += ((1, 1, 24, 24), (0, 9), (9,), (1, 2, 1, 2, 8, 8))
TYPES = ("?", "u1", "i1", "u2", ">u2", "i4", "u8", "f2", "f4", ">f8", "f8", "c8")


def _odd_array(rng: np.random.Generator) -> tuple[str, np.ndarray]:
    """An array of an odd kind, and what is odd about it."""
    what, shape = str(rng.choice(list(VALUES))), SHAPES[int(rng.integers(len(SHAPES)))]
    values = VALUES[what](rng, shape) if np.prod(shape) else np.zeros(shape)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = np.asarray(values).astype(str(rng.choice(TYPES)))
    how = int(rng.integers(5))
    if how == 0:
        array = array[::-1]
    elif how == 1:
        array = np.asfortranarray(array)
    elif how == 2:
        array = np.ma.masked_array(array, rng.random(array.shape) < 0.1)  # type: ignore[no-untyped-call]
    array.flags.writeable = how != 3 and array.flags.writeable
    return what, array


def _odd_settings(rng: np.random.Generator) -> dict[str, Any]:
    from napari_ae_seg.config import FeatureName, MethodName

    methods, features = get_args(MethodName), get_args(FeatureName)
    return {
        "n_clusters": int(rng.choice([0, 2, 3, 40])),
        "method": str(rng.choice(methods)) if rng.random() < 0.5 else "auto",
        "features": str(rng.choice(features)) if rng.random() < 0.5 else "auto",
    }


def _broken_promise(found: Any, stack: Any, k: int) -> str:
    """What the labels of an image should be and are not; nothing if they are."""
    image = stack.images[0]
    labels, known = found.labels, np.ones(image.label_shape, bool)
    if labels.shape != tuple(image.label_shape) or labels.dtype.kind not in "iu":
        return f"labels of {labels.dtype} {labels.shape} for {image.label_shape}"
    for n in range(image.shape[0]):
        space = tuple(slice(0, size) for size in image.shape[2:])
        image.put(known, n, space, np.isfinite(image.block(n, space)).all(axis=0))
    if (labels[~known] != 0).any():
        return "a label where there is no data"
    if (labels[known] < 1).any() or (k and labels.max(initial=0) > k):
        return f"labels {labels[known].min(initial=1)} to {labels.max(initial=0)} of {k}"
    rounded = 1e-6 * len(found.table["share"])
    if not np.isfinite(found.confidence).all() or sum(found.table["share"]) > 1 + rounded:
        return "a confidence that is no number, or shares of more than all"
    return ""


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
