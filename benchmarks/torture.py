"""`python -m benchmarks.torture [PART...] [--count N]`, or `make torture`: what must never end badly, many times.

`files`: model files of every kind, changed at random and signed again, as a stranger might make them. Each is either
refused with a ModelFileError or can be used; nothing else may be raised, nothing may take long or fill the memory.
`kills`: a program that writes every kind of file is killed at random moments; each file is the old or the new one.
`commands`: every command that writes is killed, mostly while it writes; nothing it read or had written is lost.
`inputs`: images of every format, damaged at random; each is read or refused in one sentence, and a cut-off one refused.
`arrays`: odd arrays and settings; each gives labels that hold what is promised of them, or one sentence.
`layers`: odd layers come and go while each dock is open.
`docks`: what a person in a hurry does while the docks work, at random, ten sequences in one process; none may crash,
hang or let an exception leave a slot. The last two need a screen: under Xvfb, as `make torture` has it.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import re
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import hurried, mistreated
from benchmarks.tally import Tally

LONGEST, MOST = 20, 500
"""Seconds of computing and MB that one file may take."""
FAIR = re.compile(r"other images|no device|not available|GPU|learning_rate|number of clusters|too large")
"""What a sound but odd file may be told when it is used."""

NUMBERS = (0, 1, -1, 2, 3, 7, 65, 255, 65536, 10**9, 2**31, 2**63, -(2**63), 10**30, 0.5, -0.5, 1e-30, 1e9, 1e38, 1e308)
ODD: tuple[Any, ...] = (None, True, False, "", "array", "x", "1", "é" * 50, "a" * 30_000, [], {}, [1], {"a": 1}, [[]])
ODD += (float("nan"), float("inf"), -float("inf"), {"is": "lasso", "version": 1}, {"is": "mixture", "version": 1})


@dataclass(frozen=True)
class Specimen:
    """A good file, and what is done with a file of its kind."""

    name: str
    path: Path
    use: Callable[[Path], Any]


def picture() -> np.ndarray:
    """Three brightnesses with noise, 24 x 24."""
    image = np.zeros((24, 24), np.float32)
    image[4:14, 4:20] = 1
    image[16:, 12:] = 2
    return image + np.random.default_rng(0).normal(0, 0.1, image.shape).astype(np.float32)


def specimens(folder: Path, only: str = "") -> list[Specimen]:
    """One of each kind whose name holds `only`, tiny."""
    makers = {**_autoencoders(), **_segmenters(), "classifier": _classifier, "checkpoint": _checkpoint}
    found = []
    for name, make in makers.items():
        if only in name:
            path = folder / f"{name.replace(' ', '-')}.aeseg"
            found.append(Specimen(name, path, make(path)))
            found[-1].use(path)
    return found


@cache
def _trained(**network: Any) -> Any:
    """A network that saw the picture for a moment."""
    import napari_ae_seg as ae

    small = {} if network.get("kind", "conv") != "conv" else {"width": 4, "levels": 2}
    config = ae.NetworkConfig(**{"latents": 3, **small, **network})
    return ae.train(ae.read(picture(), axes="YX"), ae.TrainingConfig(steps=2, batch=2, patch=16), config)


def _autoencoders() -> dict[str, Callable[[Path], Any]]:
    kinds: dict[str, dict[str, Any]] = {
        "conv": {},
        "dense": {"kind": "dense", "window": 5, "hidden": (8,)},
        "sparse": {"sparsity": "l1"},
        "variational": {"variational": True, "sparsity": "l0"},
    }

    def maker(fields: dict[str, Any]) -> Callable[[Path], Any]:
        def make(path: Path) -> Callable[[Path], Any]:
            _trained(**fields).save(path)
            return use

        return make

    def use(path: Path) -> None:
        import torch

        import napari_ae_seg as ae

        model = ae.Autoencoder.load(path)
        side = -(-16 // model.net.align) * model.net.align
        model.reconstruct(torch.zeros((1, model.normalizer.outputs, *[side] * model.ndim)))

    return {f"autoencoder {name}": maker(fields) for name, fields in kinds.items()}


def _segmenters() -> dict[str, Callable[[Path], Any]]:
    import napari_ae_seg as ae

    stack = ae.read(picture(), axes="YX")

    def use(path: Path) -> None:
        ae.Segmenter.load(path).apply(stack)

    def maker(changed: Callable[[Any], Any], **fields: Any) -> Callable[[Path], Any]:
        def make(path: Path) -> Callable[[Path], Any]:
            config = ae.SegmentationConfig(**{"n_clusters": 3, "features": "mixed", **fields})
            changed(ae.Segmenter.fit(_trained(), stack, config)).save(path)
            return use

        return make

    def guided(fitted: Any) -> Any:
        strokes = np.zeros((24, 24), np.int32)
        strokes[6:8, 6:18], strokes[18:20, 14:22], strokes[0:2] = 2, 3, 1
        return fitted.guided(fitted.prepare(stack), strokes)

    def lassoed(fitted: Any) -> Any:
        from napari_ae_seg.clustering.lasso import Parted

        inside = fitted.sample.x[:, 0] > np.quantile(fitted.sample.x[:, 0], 0.9)
        return fitted.separate(Parted(fitted.sample.x[inside], fitted.sample.x[~inside]), "bright")

    def edited(fitted: Any) -> Any:
        edited = fitted.split(1).merge(2, 3).rename(1, "ground").recolor(2, (1, 0, 0.5)).hide(2)
        painted = np.full((24, 24), -1)
        painted[:3] = 2
        return type(edited)(**{**vars(edited), "edits": edited.edits.paint("image", painted)})

    return {
        "segmenter kmeans": maker(lambda fitted: fitted),
        "segmenter gmm": maker(lambda fitted: fitted, method="gmm"),
        "segmenter regions": maker(lambda fitted: fitted, method="regions"),
        "segmenter guided": maker(guided),
        "segmenter lasso": maker(lassoed),
        "segmenter split": maker(edited),
        "segmenter finer": maker(lambda fitted: fitted.cut(6), method="spherical"),
    }


def _classifier(path: Path) -> Callable[[Path], Any]:
    import napari_ae_seg as ae

    image, labels = picture(), np.zeros((24, 24), np.int32)
    for number in range(9):
        row, column = divmod(number, 3)
        labels[8 * row : 8 * row + 6, 8 * column : 8 * column + 6] = number + 1
    stack = ae.read(image, axes="YX")
    classes = {1: "a", 2: "b", 3: "a", 5: "b", 9: "a", 8: "b"}
    ae.Classifier.fit(_trained(), stack, classes, labels, ae.ClassificationConfig(folds=2)).save(path)
    return lambda path: ae.Classifier.load(path).apply(stack, labels)


def _checkpoint(path: Path) -> Callable[[Path], Any]:
    import napari_ae_seg as ae

    stack = ae.read(picture(), axes="YX")
    training = ae.TrainingConfig(steps=14, batch=2, patch=16)
    fit = ae.Fit.on(stack, training, ae.NetworkConfig(latents=3, width=4, levels=2))
    for step in fit:
        if step.number == 12:
            break
    fit.save(path)
    return lambda path: next(iter(ae.Fit.load(path, stack)), None)


def mutants(path: Path, out: Path, count: int, seed: int) -> Iterator[str]:
    """Writes a changed file to `out`, `count` times; yields what was changed each time."""
    from napari_ae_seg.core import modelfile

    header, arrays = modelfile.read(path)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        odd, numbers = copy.deepcopy(header), {name: array.copy() for name, array in arrays.items()}
        said = [
            _in_header(odd, rng) if rng.random() < 0.6 else _in_arrays(numbers, rng)
            for _ in range(int(rng.integers(1, 4)))
        ]
        content = signed(odd, numbers, rng if rng.random() < 0.05 else None)
        out.write_bytes(content)
        yield "; ".join(said)


def signed(header: dict[str, Any], arrays: dict[str, np.ndarray], rng: np.random.Generator | None = None) -> bytes:
    """A file of any header, its checksum right; with `rng`, what it says of one of its arrays is wrong."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)  # to write what is nested deeper than anybody may read
    text = json.dumps(header)
    sys.setrecursionlimit(before)
    entries: dict[str, Any] = {"__metadata__": {"format": "1", "header": text, "sha256": "0" * 64}}
    end = 0
    names = {"b": "BOOL", "u": "U", "i": "I", "f": "F"}
    for name, array in arrays.items():
        kind = names[array.dtype.kind] + ("" if array.dtype.kind == "b" else str(8 * array.itemsize))
        entries[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    if rng is not None and arrays:
        entry = entries[str(rng.choice(list(arrays)))]
        entry[str(rng.choice(["shape", "data_offsets"]))] = [int(rng.choice([-1, 0, 7, 2**31])), 2**40]
    inner = json.dumps(entries, separators=(",", ":")).encode()
    content = len(inner).to_bytes(8, "little") + inner + b"".join(array.tobytes() for array in arrays.values())
    found = re.search(rb'"sha256":"(0{64})"', content)
    assert found is not None
    start, stop = found.span(1)
    digest = hashlib.sha256(content[:start] + content[stop:]).hexdigest().encode()
    return content[:start] + digest + content[stop:]


def _in_header(header: Any, rng: np.random.Generator) -> str:
    """Changes one place of `header`."""
    parent, key, path = header, "", ""
    while True:
        keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        key = keys[int(rng.integers(len(keys)))]
        path = f"{path}/{key}"
        if not isinstance(parent[key], dict | list) or not parent[key] or rng.random() < 0.15:
            break
        parent = parent[key]
    value = parent[key]
    how = str(rng.choice(["number", "odd", "drop", "nest", "rename", "shorten", "repeat", "scale"]))
    if how == "drop":
        del parent[key]
    elif how == "nest":
        for _ in range(int(rng.choice([1, 60, 900]))):
            value = [value] if rng.random() < 0.5 else {"base": value}
        parent[key] = value
    elif how == "rename" and isinstance(parent, dict):
        parent[str(rng.choice(["1", "x", "-5", "99999999999", "is"]))] = parent.pop(key)
    elif how == "shorten" and isinstance(value, list | str):
        parent[key] = value[: len(value) // 2]
    elif how == "repeat" and isinstance(value, list | str):
        parent[key] = value * int(rng.choice([2, 50]))
    elif how == "scale" and isinstance(value, int | float) and not isinstance(value, bool):
        parent[key] = type(value)(value * float(rng.choice([-1, 2, 10, 1000])))
    elif how == "odd":
        parent[key] = copy.deepcopy(ODD[int(rng.integers(len(ODD)))])
    else:
        parent[key] = NUMBERS[int(rng.integers(len(NUMBERS)))]
    return f"{path} {how}"


def _in_arrays(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> str:
    """Changes one of `arrays`; rarely a weight, of which there are many."""
    names = [name for name in arrays if "weights/" not in name or rng.random() < 0.1] or list(arrays)
    name = str(rng.choice(names))
    array = arrays[name]
    how = str(rng.choice(["drop", "type", "shape", "value", "values", "shorten", "shuffle", "swap"]))
    if how == "drop":
        del arrays[name]
    elif how == "type":
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            arrays[name] = array.astype(str(rng.choice(["float16", "float64", "int64", "uint8", "bool", "uint64"])))
    elif how == "shape":
        arrays[name] = [array[None], array.reshape(-1), array.T.copy(), array[..., None]][int(rng.integers(4))]
    elif how == "shorten" and array.ndim:
        arrays[name] = array[: len(array) // 2].copy()
    elif how == "shuffle" and array.size:
        arrays[name] = rng.permutation(array.reshape(-1)).reshape(array.shape)
    elif how == "swap":
        other = str(rng.choice(list(arrays)))
        arrays[name], arrays[other] = arrays[other], arrays[name]
    elif array.size and array.dtype.kind != "b":
        odd = [0, -1, 1, 10**6, 2**31 - 1, 1e30, np.nan, np.inf, -np.inf]
        value = odd[int(rng.integers(len(odd)))]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fill = np.float64(value).astype(array.dtype)
        if how == "values":
            array[...] = fill
        else:
            array.reshape(-1)[int(rng.integers(array.size))] = fill
            arrays[name] = array
    return f"[{name}] {how}"


class TooLongError(BaseException):
    """A file took longer than it may; no `except Exception` stands in its way."""


def tried(specimen: Specimen, out: Path) -> str:
    """What came of using the file at `out`: "used", "refused", or what went wrong."""
    from napari_ae_seg.core.errors import ModelFileError

    def late(*_: Any) -> None:
        raise TooLongError

    before, signal_before = _peak(), signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            specimen.use(out)
        found = "used"
    except ModelFileError:
        found = "refused"
    except TooLongError:
        found = f"took more than {LONGEST} s"
    except Exception as error:  # noqa: BLE001 - to count what must not be
        told = f"{type(error).__name__}: {str(error)[:200]}"
        found = "used" if isinstance(error, ValueError | FloatingPointError) and FAIR.search(told) else told
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal_before)
    return f"took {_peak() - before:.0f} MB" if _peak() - before > MOST else found


def _peak() -> float:
    """MB held at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def files(count: int, seed: int, only: str = "") -> Tally:
    """Uses `count` files of each kind that strangers might make, and prints how they fared."""
    total = Tally()
    with tempfile.TemporaryDirectory() as folder:
        for specimen in specimens(Path(folder), only):
            fates: Counter[str] = Counter()
            worst, out = 0.0, Path(folder) / "mutant.aeseg"
            for number, said in enumerate(mutants(specimen.path, out, count, seed)):
                start = time.process_time()
                fate = tried(specimen, out)
                worst = max(worst, time.process_time() - start)
                fates[fate if fate in ("used", "refused") else "bad"] += 1
                if fate not in ("used", "refused"):
                    print(f"  {specimen.name} {number}: {said}: {fate}", flush=True)
            total.add(Tally(count, raw=fates["bad"]))
            print(
                f"{specimen.name:24} {count} files: {fates['refused']} refused, {fates['used']} used, "
                f"{fates['bad']} bad; at most {worst:.1f} s",
                flush=True,
            )
    return total


PARTS: dict[str, tuple[Callable[[int, int], Tally], int]] = {
    "files": (files, 3000),
    "kills": (mistreated.kills, 200),
    "commands": (mistreated.commands, 10),
    "inputs": (mistreated.inputs, 500),
    "arrays": (mistreated.arrays, 500),
    "layers": (hurried.layers, 1),
    "docks": (hurried.docks, 200),
}
"""Each part, and how many tries of each kind there are unless told otherwise."""


def main() -> None:
    """Runs the parts that the command line names, or all, and sums up."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.torture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--count", type=int, default=0, help="tries of each kind; by default as many as each part has")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="of files and commands, those whose name holds this")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    tallies = {}
    for name in asked.parts or PARTS:
        print(f"\n== {name}", flush=True)
        part, usual = PARTS[name]
        narrowed = {"only": asked.only} if asked.only and name in ("files", "commands") else {}
        tallies[name] = part(asked.count or usual, asked.seed, **narrowed)
    print("\n== in all")
    total = Tally()
    for name, tally in tallies.items():
        total.add(tally)
        print(f"{name:10} {tally}")
    print(f"{'all':10} {total}")
    sys.exit(1 if total.bad else 0)


if __name__ == "__main__":
    main()
