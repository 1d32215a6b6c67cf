"""The list of models shows what is there, whatever else lies in the folder."""

import os
import shutil

import pytest
from benchmarks.torture import mutants, signed

from napari_ae_seg.core import modelfile
from napari_ae_seg.gui.parts.models import Model, entries, own_config

INFO = {"date": "2026-01-02", "trained_on": ["a.tif", "b.tif"]}
GOOD = {"is": "autoencoder", "info": INFO}
STRANGE = [
    {"is": "autoencoder", "info": 3},
    {"is": "autoencoder", "info": {"date": ["x"], "trained_on": {"a": 1}}},
    {"is": "autoencoder", "info": {"trained_on": [None, [1] * 1000]}},
    {"is": "segmenter", "model": [], "config": {"n_clusters": "many"}},
    {"is": "segmenter", "config": None},
]
NONE = [{}, [], None, {"is": []}, {"is": "checkpoint"}, {"info": INFO}, "[" * 9000]


@pytest.fixture
def folder(tmp_path):
    """One good model among strange ones and things that are none."""
    modelfile.write(tmp_path / "good.aeseg", GOOD, {})
    for kind, headers in (("strange", STRANGE), ("none", NONE)):
        for number, header in enumerate(headers):
            (tmp_path / f"{kind} {number}.aeseg").write_bytes(signed(header, {}))
    (tmp_path / "folder.aeseg").mkdir()
    (tmp_path / "empty.aeseg").touch()
    (tmp_path / "text.aeseg").write_text("a text")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.aeseg")
    return tmp_path


def test_strange_files_do_not_keep_the_good_ones_from_being_listed(folder):
    found = {entry.path.stem: entry for entry in entries(folder)}
    assert set(found) == {"good", *(f"strange {number}" for number in range(len(STRANGE)))}
    assert found["good"].words == "good  ·  2026-01-02\na.tif, b.tif"
    assert all(len(entry.words) < 300 and entry.words.count("\n") == 1 for entry in found.values())


def test_a_strange_file_has_no_settings_of_its_own(folder):
    for path in folder.glob("*.aeseg"):
        assert own_config(Model(path.stem, path)) is None


def test_changed_files_of_a_shipped_model_can_always_be_listed(tmp_path):
    from importlib import resources

    with resources.as_file(resources.files("napari_ae_seg") / "weights" / "encoder2d.aeseg") as shipped:
        shutil.copy(shipped, tmp_path / "good.aeseg")
    for _ in mutants(tmp_path / "good.aeseg", tmp_path / "odd.aeseg", count=100, seed=3):
        assert tmp_path / "good.aeseg" in [entry.path for entry in entries(tmp_path)]
