"""However a command ends, what it had done is whole, a sentence says why, and a training goes on where it was."""

import csv
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import napari_ae_seg as ae
from napari_ae_seg.cli.app import app

SMALL = ["--width", "4", "--levels", "2", "--latents", "3", "--patch", "16", "--batch", "2", "--threads", "1"]
COMMAND = [sys.executable, "-m", "napari_ae_seg"]


@pytest.fixture
def image(tmp_path):
    values = np.random.default_rng(0).integers(0, 20, (40, 50), np.uint8)
    values[10:30, 10:40] += 200
    tifffile.imwrite(tmp_path / "a.tif", values)
    return tmp_path / "a.tif"


def started(*arguments):
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [(signal.SIGINT, 130, "stopped by Ctrl-C"), (signal.SIGTERM, 143, "stopped by SIGTERM")],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_training_that_is_stopped_says_so_and_keeps_what_was_learnt(image, sent, status, says):
    kept = image.with_name("kept.aeseg")
    run = started("train", image, "--model", image.with_name("m.aeseg"), "--checkpoint", kept, "--steps", 99999, *SMALL)
    while "estimate" not in run.stdout.readline():
        pass
    run.send_signal(sent)
    said, why = run.communicate(timeout=120)
    assert run.returncode == status
    assert says in why
    assert "Traceback" not in why
    assert sorted(path.name for path in image.parent.iterdir()) in (["a.tif"], ["a.tif", "kept.aeseg"])
    if found := re.search("stopped after step ([0-9]+) of 99999", said):
        assert ae.Fit.load(kept, ae.read(image)).number == int(found[1])


def test_a_training_goes_on_from_its_checkpoint_as_if_never_stopped(image):
    arguments = ["train", image, "--model", image.with_name("m.aeseg"), "--steps", 9, *SMALL]
    assert CliRunner().invoke(app, list(map(str, arguments))).exit_code == 0
    unbroken = ae.Autoencoder.load(image.with_name("m.aeseg")).net.state_dict()

    training = ae.TrainingConfig(steps=9, patch=16, batch=2, threads=1)
    fit = ae.Fit.on(ae.read(image), training, ae.NetworkConfig(width=4, levels=2, latents=3))
    for step in fit:
        if step.number == 4:
            break
    fit.save(image.with_name("kept.aeseg"))
    told = CliRunner().invoke(app, ["info", str(image.with_name("kept.aeseg"))])
    assert "interrupted after 4 of 9 steps" in told.output
    resumed = [*map(str, arguments), "--checkpoint", str(image.with_name("kept.aeseg"))]
    done = CliRunner().invoke(app, resumed)
    assert "going on from step 4 of 9" in done.output
    for name, weight in ae.Autoencoder.load(image.with_name("m.aeseg")).net.state_dict().items():
        np.testing.assert_array_equal(weight, unbroken[name])

    other = CliRunner().invoke(app, [*resumed, "--steps", "20"], env={"COLUMNS": "300"})
    assert other.exit_code == 2
    assert "--steps 20: the training in" in other.output
    assert "was begun with 9" in other.output


def test_labels_are_written_although_nobody_reads_what_is_said(image):
    out = image.with_name("l.tif")
    run = started("segment", image, "--out", out, "--clusters", 2, "--threads", 1)
    run.stdout.close()
    why = run.stderr.read()
    assert run.wait(timeout=120) == 0, why
    run.stderr.close()
    assert "Error" not in why
    assert sorted(np.unique(tifffile.imread(out))) == [1, 2]


def test_what_cannot_be_written_beside_the_labels_keeps_them_from_nothing(image, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_ae_seg.core.modelfile.write_bytes", full)
    written = ["--save-model", image.with_name("m.aeseg"), "--report", image.with_name("r.json")]
    arguments = ["segment", image, "--out", image.with_name("l.tif"), *written, "--clusters", 2]
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert "failed: [Errno 28] No space left on device" in done.output
    assert str(done.exception) == "the labels are written, what is listed above is not"
    assert sorted(path.name for path in image.parent.iterdir()) == ["a.tif", "l.tif", "r.json"]


def filled(monkeypatch, full):
    """The file `full` finds the disk full."""
    given = os.replace

    def replace(source, place):
        if Path(place) == full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        given(source, place)

    monkeypatch.setattr(os, "replace", replace)


def test_a_disk_that_is_full_is_said_before_the_training(image, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=200_000))
    done = CliRunner().invoke(app, ["train", str(image), "--model", str(image.with_name("m.aeseg"))])
    assert "need about 1.00 MB, but only 0.19 MB are free" in str(done.exception)
    assert "estimate" not in done.output


def test_a_model_for_which_the_disk_became_too_small_is_kept_elsewhere(image, tmp_path, monkeypatch):
    model, aside = image.parent / "full" / "m.aeseg", tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(aside))
    filled(monkeypatch, model)
    done = CliRunner().invoke(app, ["train", str(image), "--model", str(model), "--steps", "3", *SMALL])
    why = f"cannot write '{model}': No space left on device; the model is kept as {aside / 'm.aeseg'}"
    assert str(done.exception) == why
    assert not list(model.parent.iterdir())
    assert ae.Autoencoder.load(aside / "m.aeseg").channels == 1


def test_a_checkpoint_for_which_there_is_no_room_costs_no_model(image, monkeypatch):
    model, kept = image.with_name("m.aeseg"), image.with_name("kept.aeseg")
    filled(monkeypatch, kept)
    arguments = ["train", image, "--model", model, "--checkpoint", kept, "--steps", 3, *SMALL]
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 0
    assert "kept.aeseg': No space left on device; the training goes on without it" in done.output
    assert sorted(path.name for path in image.parent.iterdir()) == ["a.tif", "m.aeseg"]


@pytest.mark.skipif(sys.platform != "linux", reason="only there a name may be bytes that are no text")
def test_names_that_are_no_text_are_labelled_listed_and_reported(image):
    odd = os.fsdecode(os.fsencode(image.parent) + b"/caf\xe9.tif")
    os.link(image, odd)
    out, table, told = (image.with_name(name) for name in ("out", "t.csv", "r.json"))
    arguments = ["segment", odd, str(image), "--out", str(out), "--table", str(table), "--report", str(told)]
    done = subprocess.run([*COMMAND, *arguments, "--clusters", "2"], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(os.fsencode(path.name) for path in out.iterdir()) == [b"a_labels.tif", b"caf\xe9_labels.tif"]
    with table.open(errors="surrogateescape", newline="") as file:
        assert {row["image"] for row in csv.DictReader(file)} == {"a", os.fsdecode(b"caf\xe9")}
    assert len(json.loads(told.read_text())["images"]) == 2
