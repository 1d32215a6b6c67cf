"""What files hold of objects: given back as it was, or refused in one sentence; and files from strangers."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import pytest

from napari_ae_seg import ModelFileError, NetworkConfig
from napari_ae_seg.core import modelfile, state


class Shape:
    """What some classes of a file are."""


@state.stored("test circle", family=Shape)
@dataclass(frozen=True)
class Circle(Shape):
    radius: Annotated[float, (0, 10)]


@state.stored("test group", version=3, family=Shape)
@dataclass(frozen=True)
class Group(Shape):
    parts: tuple[Shape, ...]
    best: Circle | None = None


@state.stored("test all")
@dataclass(frozen=True)
class All:
    shape: Shape
    config: NetworkConfig
    rows: Annotated[np.ndarray, "float32 n F"]
    weights: Annotated[np.ndarray, "int64 n"]
    by_name: dict[str, Annotated[np.ndarray, "any *"]]
    by_number: dict[Annotated[int, (1, 9)], str]
    size: tuple[int, float]
    kind: Literal["one", "two"]
    some: frozenset[int] = frozenset()
    notes: list[str] = field(default_factory=list)

    def check(self) -> None:
        if self.size[0] > 5:
            raise ValueError("it is too big")


def whole() -> All:
    return All(
        shape=Group((Circle(1.5), Group((), Circle(2)))),
        config=NetworkConfig(kind="dense", hidden=(4,)),
        rows=np.arange(6, dtype=np.float32).reshape(3, 2),
        weights=np.arange(3),
        by_name={"a/b": np.ones(2, np.uint8), "a~1b": np.zeros((1, 1))},
        by_number={3: "three"},
        size=(2, 0.5),
        kind="two",
        some=frozenset({4, 2}),
        notes=["so"],
    )


def again(change=lambda values, arrays: None) -> All:
    """What went through JSON, after `change`."""
    values, arrays = state.pack(whole())
    values = json.loads(json.dumps(values))
    change(values, arrays)
    return state.unpack(All, values, arrays)


def test_what_is_read_is_what_was_written():
    found, before = again(), whole()
    assert found.shape == before.shape
    assert (found.config, found.by_number, found.size, found.kind) == (
        before.config,
        before.by_number,
        before.size,
        before.kind,
    )
    assert (found.some, found.notes) == (before.some, before.notes)
    np.testing.assert_array_equal(found.rows, before.rows, strict=True)
    for name, array in before.by_name.items():
        np.testing.assert_array_equal(found.by_name[name], array, strict=True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda v, a: v.pop("kind"), "lacks"),
        (lambda v, a: v.update(more=1), "more"),
        (lambda v, a: v.update(kind="three"), "kind should be one of one, two, it is 'three'"),
        (lambda v, a: v.update(size=[2]), "size should be a list of 2"),
        (lambda v, a: v.update(size=[True, 1]), "size/0 should be a whole number, it is True"),
        (lambda v, a: v.update(size=[1, float("nan")]), "size/1 should be a finite number"),
        (lambda v, a: v.update(size=[6, 1.0]), "it is too big"),
        (lambda v, a: v.update(by_number={"10": "x"}), "by_number should be within 1 and 9, it is 10"),
        (lambda v, a: v.update(by_number={"x": "x"}), "by_number should be values by whole numbers"),
        (lambda v, a: v.update(notes="so"), "notes should be a list"),
        (lambda v, a: v["config"].update(width=-1), "width"),
        (lambda v, a: v["shape"].update({"is": "test all"}), "shape should be a test circle or a test group"),
        (lambda v, a: v["shape"].update(version=2), "is of version 2, this one reads 3"),
        (lambda v, a: v["shape"]["parts"][0].update(radius=11), "shape/parts/0/radius should be within 0 and 10"),
        (lambda v, a: a.pop("rows"), "rows should be an array"),
        (lambda v, a: a.update(rows=a["rows"][0]), "rows has the shape"),
        (lambda v, a: a.update(weights=np.arange(4)), r"weights has the shape \(4,\), it should have \(n=3\)"),
        (lambda v, a: a.update(weights=np.ones(3)), "weights should hold numbers of type int64, it holds float64"),
        (lambda v, a: a["rows"].fill(np.nan), "not finite"),
        (lambda v, a: a.update(weights=np.full(3, 2**63, np.uint64)), "too large"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        again(change)


def test_what_no_file_can_hold_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(TypeError, match="cannot hold notes"):
        modelfile.save(tmp_path / "x.aeseg", All(**{**vars(whole()), "notes": object()}))
    assert not list(tmp_path.iterdir())


def test_a_part_of_a_file_is_found_and_a_wrong_kind_is_named(tmp_path):
    modelfile.save(tmp_path / "x.aeseg", Group((), Circle(3)))
    assert modelfile.load(tmp_path / "x.aeseg", Circle) == Circle(3)
    with pytest.raises(ModelFileError, match=r"x\.aeseg holds a test group, no test all: make one"):
        modelfile.load(tmp_path / "x.aeseg", All, "make one")


def test_a_header_too_deep_or_too_long_is_no_model(tmp_path):
    from benchmarks.torture import signed

    for number, header in enumerate(("[" * 100_000, '{"a":' * 150 + "1" + "}" * 150, json.dumps({"a": "x" * 2**25}))):
        path = tmp_path / f"{number}.aeseg"
        path.write_bytes(signed(header, {}))
        for read in (modelfile.read, modelfile.peek):
            with pytest.raises(ModelFileError, match="is not a model"):
                read(path)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    from benchmarks.torture import specimens

    return specimens(tmp_path_factory.mktemp("kinds"))


def test_the_same_content_gives_the_same_bytes(kinds, tmp_path):
    from napari_ae_seg import Segmenter

    for kind in kinds:
        if kind.name.startswith("segmenter"):
            found = Segmenter.load(kind.path)
            for _ in range(6):
                found.save(tmp_path / "again.aeseg")
                assert (tmp_path / "again.aeseg").read_bytes() == kind.path.read_bytes(), kind.name


def test_files_from_strangers_are_refused_or_can_be_used(kinds, tmp_path):
    from benchmarks.torture import mutants, tried

    fates: Counter[str] = Counter()
    for kind in kinds:
        for said in mutants(kind.path, tmp_path / "mutant.aeseg", count=12, seed=5):
            fate = tried(kind, tmp_path / "mutant.aeseg")
            assert fate in ("used", "refused"), f"{kind.name}: {said}: {fate}"
            fates[fate] += 1
    assert min(fates["used"], fates["refused"]) > 0, fates


def test_a_small_file_cannot_claim_a_giant_network(kinds, tmp_path):
    from benchmarks.torture import signed, tried

    kind = next(kind for kind in kinds if kind.name == "autoencoder conv")
    header, arrays = modelfile.read(kind.path)
    header["network"].update(width=512, levels=6, latents=1024)
    (tmp_path / "giant.aeseg").write_bytes(signed(header, arrays))
    assert tried(kind, tmp_path / "giant.aeseg") == "refused"
