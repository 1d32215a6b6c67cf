"""The examples: each runs in a short form and prints a table that says what it is there to show."""

import os
import runpy
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from examples import convolutional, dense, recognition, regions, sparse
from PIL import Image


def test_a_dense_network_redraws_the_image_with_either_loss():
    table = dense.main(short=True)
    assert table["loss"] == ["mse", "bce"]
    assert max(table["error"]) < 0.3
    assert min(table["active units"]) > 1


def test_clusters_of_latents_of_any_length_are_drawn_again_worse_than_the_latents_themselves():
    table = convolutional.main(short=True)
    assert table["latents"] == [2, 2, 8, 8, 32, 32]
    assert table["clusters by"] == ["kmeans", "gmm"] * 3
    assert all(whole <= of for whole, of in zip(table["redrawn"], table["of clusters"], strict=True))


def test_a_heavier_penalty_leaves_fewer_units_active():
    table = sparse.main(short=True)
    for kind in ("l1", "l0"):
        active = [units for units, name in zip(table["active units"], table["penalty"], strict=True) if name == kind]
        assert active[-1] <= active[0]
    assert sparse.curve(table).count("#") > 4


def test_textures_are_recognised_among_patches_held_back_and_it_is_said_by_what():
    table, kinds, said = recognition.main(short=True)
    assert max(table["held back"]) > 0.5  # a fifth by chance
    assert "least after" in said
    assert "rests most on" in said
    assert kinds["texture"] == [1, 2, 3, 4, 5]
    assert all("of z" in told for told in kinds["told apart by"])


@pytest.mark.parametrize("example", [convolutional, dense, recognition, regions, sparse])
def test_an_example_writes_its_picture(example, tmp_path):
    example.main(short=True, picture=tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.width > 400
        assert len(picture.convert("RGB").getcolors(10**6)) > 8


def test_tiny_regions_have_scores_and_merge_at_rising_cost():
    scores, merged = regions.main(short=True)
    assert np.isfinite(scores["score 0"]).all()
    assert merged["regions"] == sorted(merged["regions"], reverse=True)
    assert merged["cost"] == sorted(merged["cost"])


def transformed(model, folder, monkeypatch):
    """The labels that the script writes of an image with two halves."""
    image = np.random.default_rng(0).normal(size=(112, 112)).astype(np.float32)
    image[:, 56:] += 20
    tifffile.imwrite(folder / "image.tif", image)
    monkeypatch.setattr(
        sys, "argv", ["transformer.py", str(model), str(folder / "image.tif"), str(folder / "l.tif"), "2"]
    )
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "transformer.py"), run_name="__main__")
    return tifffile.imread(folder / "l.tif")


def test_a_torchscript_file_segments_an_image(tmp_path, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of its own end
        torch.jit.trace(torch.nn.AvgPool2d(14), torch.zeros(1, 3, 224, 224)).save(tmp_path / "model.pt")
    labels = transformed(tmp_path / "model.pt", tmp_path, monkeypatch)
    assert labels[0, 0] != labels[0, -1]


@pytest.mark.skipif("VISION_TRANSFORMER" not in os.environ, reason="VISION_TRANSFORMER names no TorchScript file")
def test_a_vision_transformer_segments_an_image(tmp_path, monkeypatch):
    labels = transformed(os.environ["VISION_TRANSFORMER"], tmp_path, monkeypatch)
    assert labels[0, 0] != labels[0, -1]
