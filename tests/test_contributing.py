"""What CONTRIBUTING shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import numpy as np
import tifffile
import typer
from typer.testing import CliRunner

from napari_ae_seg.clustering.clusters import METHODS, fit_clusters
from napari_ae_seg.config import MethodName, SegmentationConfig

CONTRIBUTING = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def shown(title: str) -> dict:
    """The names that the example under the heading `title` makes."""
    section = CONTRIBUTING.split(f"## {title}\n")[1].split("\n## ")[0]
    [code] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names: dict = {}
    exec(code, names)
    return names


def test_a_clustering_method_is_a_function_and_a_line(monkeypatch):
    monkeypatch.setitem(METHODS, "nearest", shown("Adding a clustering method")["fit"])
    x = np.random.default_rng(0).normal(size=(300, 2)) + 9 * np.eye(3, 2)[np.arange(300) % 3]
    clusters = fit_clusters(x, SegmentationConfig(), "nearest", 3)
    assert clusters.k == len(set(clusters.sample_labels)) == 3
    assert clusters.tree().leaves > 3


def test_a_command_is_a_function_and_a_name_in_a_table(tmp_path):
    app = typer.Typer()
    app.command()(shown("Adding a command")["count"])
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((40, 50), np.uint8))
    done = CliRunner().invoke(app, [str(tmp_path / "a.tif"), "--axes", "YX"])
    assert done.stdout == "2000 pixels\n"
    assert "Say how many pixels IMAGES have." in CliRunner().invoke(app, ["--help"]).stdout


def test_every_clustering_method_can_be_asked_for():
    assert {*METHODS, "auto", "regions", "joint"} == {*get_args(MethodName)}
