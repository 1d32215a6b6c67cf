"""`export`: labels to QuPath, ImageJ and back, and what a model shows of an image."""

import json

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import napari_ae_seg as ae
from napari_ae_seg.cli.app import app
from napari_ae_seg.images.formats.read import read_legend
from napari_ae_seg.images.formats.write import write_labels
from napari_ae_seg.images.legend import Legend

from .test_app import folder, run  # noqa: F401 - the fixture

LABELS = np.array([[1, 1, 0, 2], [1, 1, 0, 2], [0, 0, 0, 0], [2, 2, 2, 0]])


@pytest.fixture
def labels(tmp_path):
    write_labels(tmp_path / "l.tif", LABELS, None, Legend({1: "cell", 2: "rim"}, {1: (1, 0, 0), 2: (0, 1, 0)}))
    return tmp_path / "l.tif"


def test_labels_go_to_qupath_and_come_back(labels, tmp_path):
    assert "l.geojson: 2 labels" in run("export", labels, "--out", tmp_path / "l.geojson")[0]
    features = json.loads((tmp_path / "l.geojson").read_text())["features"]
    assert [one["properties"]["classification"]["name"] for one in features] == ["cell", "rim"]
    run("export", tmp_path / "l.geojson", "--out", tmp_path / "back.tif", "--names", "2=edge")
    assert np.array_equal(tifffile.imread(tmp_path / "back.tif"), LABELS)
    known = read_legend(tmp_path / "back.tif")
    assert (known.names, known.colors) == ({1: "cell", 2: "edge"}, {1: (1, 0, 0), 2: (0, 1, 0)})


def test_single_objects_are_regions_for_imagej(labels, tmp_path):
    roifile = pytest.importorskip("roifile")
    arguments = ["--objects", "components", "--object-labels", "2"]
    assert "o.zip: 2 objects" in run("export", labels, "--out", tmp_path / "o.zip", *arguments)[0]
    assert [roi.name for roi in roifile.roiread(tmp_path / "o.zip")] == ["rim 1", "rim 2"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["l.tif", "--out", "l.tif"], "is read by this command"),
        (["l.tif", "--out", "l.xyz"], "labels are written as .tif"),
        (["l.tif", "l.tif", "--out", "l.png"], "one file of labels, or a model and one image"),
        (["l.tif", "--out", "a.tif", "--show", "prototypes"], "needs a model that holds clusters"),
        (["m.aeseg", "l.tif", "--out", "a.tif"], "say what of them with --show"),
        (["l.tif", "--out", "a.tif", "--names", "nucleus"], "such as 1=plasma,2=nucleus are expected"),
        (["grey.tif", "--out", "a.tif"], "labels are whole numbers from 0 on"),
    ],
)
def test_what_cannot_be_exported_is_said(labels, tmp_path, arguments, why):
    tifffile.imwrite(tmp_path / "grey.tif", np.full((4, 4), 0.5, np.float32))
    places = [str(tmp_path / argument) if "." in argument else argument for argument in arguments]
    done = CliRunner().invoke(app, ["export", *places])
    said = f"{done.output}{done.exception}".replace("│", "").replace("\n", "").replace(" ", "")
    assert (done.exit_code > 0, why.replace(" ", "") in said) == (True, True), said


def test_a_model_shows_its_clusters_and_the_image_drawn_from_them(folder, tmp_path):  # noqa: F811
    model, image = folder / "m.aeseg", folder / "a.tif"
    run("export", model, image, "--show", "prototypes", "--out", tmp_path / "p.tif")
    assert len(tifffile.imread(tmp_path / "p.tif")) == 2
    run("export", model, image, "--show", "confidence", "--out", tmp_path / "c.tif")
    sure = tifffile.imread(tmp_path / "c.tif")
    assert (sure.shape, sure.min() >= 0, sure.max() <= 1) == ((60, 80), True, True)


def test_the_probability_of_each_segment_is_a_channel(folder, tmp_path):  # noqa: F811
    model, image = folder / "m.aeseg", folder / "a.tif"
    run("export", model, image, "--show", "probabilities", "--out", tmp_path / "p.tif")
    run("export", model, image, "--show", "probabilities", "--out", tmp_path / "p.png")
    chances = tifffile.imread(tmp_path / "p.tif")
    assert chances.shape == (2, 60, 80)
    np.testing.assert_allclose(chances.sum(0), 1, atol=0.002)
    assert ae.read(tmp_path / "p.png").image.label_shape == (60, 160)


def test_probabilities_of_a_movie_of_volumes_are_written(folder, tmp_path):  # noqa: F811
    movie = np.tile(tifffile.imread(folder / "a.tif")[:24, :32], (2, 2, 1, 1))
    tifffile.imwrite(tmp_path / "m.tif", movie, imagej=True, metadata={"axes": "TZYX"})
    out = [tmp_path / "l.tif", "--clusters", "2", "--probabilities", tmp_path / "p.tif"]
    run("segment", tmp_path / "m.tif", "--out", *out)
    assert tifffile.imread(tmp_path / "p.tif").shape == (4, 2, 24, 32)  # every plane for itself
