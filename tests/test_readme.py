"""What the README shows works as it stands there."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageSequence
from readme_renderer import markdown

from napari_ae_seg.cli.app import main
from napari_ae_seg.samples import draw

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

pictures = pytest.mark.skipif(not (ROOT / "docs" / "images").exists(), reason="a source distribution has no pictures")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that the README names."""
    image = draw("nuclei").image
    (tmp_path / "more").mkdir()
    for number, name in enumerate(["nuclei.tif", "next.tif", "more/a.tif", "more/b.tif"]):
        tifffile.imwrite(tmp_path / name, image[64 * number : 64 * number + 64, :64])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_lines_for_python_run(folder, make_napari_viewer):
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {"viewer": make_napari_viewer()}
    exec(code.replace("steps=200", "steps=10"), names)
    [layer] = names["viewer"].layers
    assert layer.data.shape == (64, 64)
    assert layer.data.min() == 1


def test_the_lines_for_the_command_line_run(folder, monkeypatch, capsys):
    [block] = [text for text in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "napari-ae-seg segment" in text]
    lines = [line.replace("--steps 500", "--steps 5") for line in block.strip().splitlines()]
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "napari-ae-seg"
        found = [name for argument in arguments for name in (sorted(map(str, folder.glob(argument))) or [argument])]
        monkeypatch.setattr(sys, "argv", [program, *found])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert not exit_.value.code, capsys.readouterr().err
    labels = [tifffile.imread(folder / "labels" / f"{name}_labels.tif") for name in "ab"]
    assert all(label.shape == (64, 64) and set(np.unique(label)) <= {1, 2, 3} for label in labels)
    assert (folder / "mine.aeseg").exists()


@pictures
def test_the_index_and_the_hub_can_show_every_link_and_picture():
    rendered = markdown.render(README, stream=(messages := io.StringIO()))
    assert rendered is not None, messages.getvalue()
    links = re.findall(r'(?:href|src)="([^"]+)"', rendered)
    assert len(links) > 20
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    inside = [link.partition("/main/")[2].partition("#")[0] for link in links if "/main/" in link]
    assert [path for path in inside if not (ROOT / path).exists()] == []


@pictures
def test_the_moving_picture_is_small_and_about_ten_seconds_long():
    path = ROOT / "docs" / "images" / "segment.gif"
    with Image.open(path) as film:
        seconds = sum(frame.info["duration"] for frame in ImageSequence.Iterator(film)) / 1000
    assert path.stat().st_size < 2 * 2**20
    assert 8 < seconds < 13
