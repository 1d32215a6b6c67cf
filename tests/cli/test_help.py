"""What a person reads before a command does anything: a short help, options named right, progress in a file."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile
import typer
from typer.testing import CliRunner

from napari_ae_seg.cli import console
from napari_ae_seg.cli.app import app
from napari_ae_seg.config import (
    NetworkConfig,
    SegmentationConfig,
    TrainingConfig,
    flag_of,
    shown,
)
from napari_ae_seg.core.errors import DestinationError
from napari_ae_seg.core.progress import Progress

FIELDS = {
    name: config for config in (NetworkConfig, TrainingConfig, SegmentationConfig) for name in config.model_fields
}


def told(*arguments: str, status: int = 0) -> str:
    """What a command prints, as one line without the frames around it."""
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert done.exit_code == status, done.output
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", done.stderr if status else done.stdout).split())


def options_in(text: str) -> set[str]:
    return set(re.findall(r"--[a-z][a-z-]*", text))


def test_the_short_help_shows_what_most_people_need_and_where_the_rest_is():
    lines = CliRunner().invoke(app, ["segment", "--help"], env={"COLUMNS": "120"}).output.splitlines()
    assert len(lines) < 85
    given = options_in(told("segment", "--help"))
    assert {"--out", "--model", "--clusters", "--features", "--device", "--help-all"} <= given
    assert not {"--weight-decay", "--stride", "--kind"} & given


@pytest.mark.parametrize("command", ["segment", "train"])
def test_the_whole_help_shows_every_field_with_its_default(command):
    text = told(command, "--help-all")
    for name, config in FIELDS.items():
        if command == "segment" or config is not SegmentationConfig:
            assert flag_of(name) in options_in(text)
    assert "(default 0.01)" in text
    assert "<bool>" not in text


def test_training_shows_the_common_fields_of_its_own_configurations():
    given = options_in(told("train", "--help"))
    for name, config in FIELDS.items():
        if config is not SegmentationConfig:
            assert (flag_of(name) in given) == shown(config, name).common


@pytest.mark.parametrize(
    ("option", "near"),
    [
        ("--lr", "--learning-rate"),
        ("--step", "--steps"),
        ("--n-clusters", "--clusters"),
        ("--smothing", "--smoothing"),
    ],
)
def test_an_option_that_does_not_exist_names_the_one_that_was_meant(option, near):
    assert f"there is no option {option}; did you mean {near}?" in told("segment", "a.tif", option, "3", status=2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--device", "tpu"), "--device should be auto, cpu, mps, cuda or a numbered one such as cuda:1, got 'tpu'"),
        (("--smoothing", "-1"), "--smoothing should be greater than or equal to 0, got -1"),
        (("--up", "unpool"), "it needs down='max'"),
        (("--hidden", "a,b"), "--hidden: numbers separated by commas are expected, got 'a,b'"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(arguments, says):
    text = told("segment", "a.tif", "--out", "x.tif", *arguments, status=2)
    assert says in text
    assert "Value error" not in text


def test_a_training_that_flags_or_a_preset_ask_for_is_said_before_it_starts(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8))
    arguments = (
        "--preset",
        "sparse",
        "--features",
        "auto",
        "--steps",
        "1",
        "--width",
        "2",
        "--clusters",
        "2",
        "--threads",
        "1",
    )
    text = told("segment", str(tmp_path / "a.tif"), "--out", str(tmp_path / "l.npy"), *arguments)
    said = "a new network learns these images instead of the encoder that comes along"
    assert text.startswith(f"training: {said}, as --preset sparse, --width, --steps ask; --features auto may then")
    text = told("segment", str(tmp_path / "a.tif"), "--out", str(tmp_path / "m.npy"), "--train", "--steps", "1")
    said = "the encoder that comes along learns these images, as --steps, --train ask; its latents will be clustered"
    assert text.startswith(f"training: {said}")


def test_where_there_is_no_terminal_progress_is_a_line_now_and_then(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    talk = console.Talk("train", {})
    for second in range(12):
        now[0] = 100.0 + second
        talk.report(Progress("train", second, 12, "loss 0.5"))
    assert capsys.readouterr().err.splitlines() == ["train 5/12 loss 0.5", "train 10/12 loss 0.5"]


def test_quiet_is_quiet_without_a_terminal_too(capsys):
    talk = console.Talk("train", {"quiet": True})
    talk.report(Progress("train", 1, 2, ""))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("flag", ["--out", "--save-model", "--table", "--report"])
def test_no_result_takes_the_place_of_an_image_that_is_read(tmp_path, flag):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((40, 40), np.uint8))
    before = path.read_bytes()
    outputs = {"--out": str(tmp_path / "l.tif"), flag: str(path)}
    done = CliRunner().invoke(app, ["segment", str(path), *(word for pair in outputs.items() for word in pair)])
    assert isinstance(done.exception, DestinationError)
    assert str(done.exception).startswith(f"{flag} {path} is read by this command")
    assert path.read_bytes() == before


def test_every_command_is_a_function_that_python_can_call(tmp_path):
    from napari_ae_seg.cli.segment import segment

    with pytest.raises(typer.BadParameter, match="labels are written as"):
        segment(images=[tmp_path / "a.tif"], out=tmp_path / "x.gif")
