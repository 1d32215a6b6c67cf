"""What CONTRIBUTING shows works as it stands there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import numpy as np
import tifffile
import typer
from typer.testing import CliRunner

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.nets import KINDS
from napari_ae_seg.clustering.clusters import METHODS, fit_clusters
from napari_ae_seg.config import FeatureName, MethodName, NetworkConfig, SegmentationConfig
from napari_ae_seg.features.fit import SPACES

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def shown(title: str) -> dict:
    """The names that the example under the heading `title` makes."""
    section = CONTRIBUTING.split(f"## {title}\n")[1].split("\n## ")[0]
    [code] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names: dict = {}
    exec(code, names)
    return names


def test_the_plan_of_rooms_is_the_contract_that_the_linter_proves():
    plan = re.search(r"## Rooms\n.*?```\n(.*?)```", CONTRIBUTING, re.DOTALL)[1].splitlines()
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    floors = [layer.replace("(", "").replace(")", "") for layer in contract["layers"]]
    assert [re.split(r"\s{2,}", line)[0] for line in plan] == floors


def test_a_kind_of_network_is_a_class_and_a_line(monkeypatch):
    monkeypatch.setitem(KINDS, "conv", shown("Adding a kind of network")["PatchNet"])
    image = np.random.default_rng(0).normal(size=(96, 128)).astype(np.float32)
    image[:, 64:] += 20
    stack = ae.read(image, axes="YX")
    training, network = (
        ae.TrainingConfig(steps=60, batch=4, patch=32, validation=0),
        NetworkConfig(kind="conv", latents=3),
    )
    fit = ae.Fit.on(stack, training, network)
    losses = [step.loss for step in fit]
    assert sum(losses[-10:]) < sum(losses[:10])
    assert ae.encode(fit.model, stack).array.shape[-2:] == (12, 16)
    segmenter = ae.Segmenter.fit(fit.model, stack, SegmentationConfig(n_clusters=2, features="latent"))
    assert set(np.unique(segmenter.apply(stack).labels)) == {1, 2}


def test_a_feature_space_is_a_function_and_a_line(monkeypatch):
    monkeypatch.setitem(SPACES, "intensity", shown("Adding a feature space")["edges"])
    spots = np.zeros((96, 96), bool)
    spots.reshape(4, 24, 4, 24)[:, 10:15, :, 10:15] = True
    image = (np.linspace(0, 9, 96) + 6 * spots).astype(
        np.float32
    )  # all at the right is brighter than a spot at the left
    labels = ae.segment(image, n_clusters=2, features="intensity", smoothing=0, sharpen=False, min_size=1).labels
    assert np.array_equal(labels == labels[12, 12], spots)


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


def test_every_kind_of_network_and_feature_space_can_be_asked_for():
    assert {*KINDS, "shipped"} == {*get_args(NetworkConfig.model_fields["kind"].annotation)}
    assert {*SPACES, "auto"} == {*get_args(FeatureName)}
