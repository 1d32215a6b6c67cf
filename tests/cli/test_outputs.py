"""No command ever destroys what it reads, and a bad image of many keeps the others from nothing."""

import csv
import json

import numpy as np
import pytest
import tifffile

from .test_app import FAST, folder, run  # noqa: F401 - the fixture


@pytest.fixture
def images(tmp_path):
    """Two images of their own folder."""
    for name in "ab":
        image = np.random.default_rng(0).integers(0, 20, (40, 50), np.uint8)
        image[10:30, 10:40] += 200
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["segment", "a.tif", "--out", "a.tif"], "is read by this command"),
        (["segment", "a.tif", "--out", "l.zarr", "--table", "b.tif"], "its file ends in .csv or .parquet, got b.tif"),
        (["segment", "a.tif", "--out", "l.tif", "--report", "b.tif"], "its file ends in .json, got b.tif"),
        (["segment", "a.tif", "--out", "l.tif", "--save-model", "b.tif"], "its file ends in .aeseg, got b.tif"),
        (["segment", "a.tif", "--out", "l.tif", "--table", "a.tif"], "is read by this command"),
        (["train", "a.tif", "--model", "b.tif"], "its file ends in .aeseg, got b.tif"),
        (["segment", "a.tif", "--out", "a.tif/l.tif"], "cannot be written"),
        (["train", "a.tif", "--model", "a.tif/m.aeseg"], "cannot be written"),
        (["segment", "a.tif", "--out", "l.tif", "--model", "m.aeseg", "--save-model", "m.aeseg"], "is read by"),
        (["segment", "a.tif", "b.tif", "--out", "l.tif"], "2 images give a folder of labels"),
    ],
)
def test_wrong_places_are_refused_before_any_work(images, arguments, why):
    (images / "m.aeseg").write_bytes(b"a model")
    before = {path.name: path.read_bytes() for path in images.iterdir()}
    places = [str(images / argument) if "." in argument else argument for argument in arguments]
    said = run(*places, status=2)[1].replace("│", "").replace(" ", "")
    assert why.replace(" ", "") in said
    assert {path.name: path.read_bytes() for path in images.iterdir()} == before


def test_a_bad_image_is_listed_and_the_others_are_done(folder, images):  # noqa: F811
    (images / "bad.tif").write_bytes((images / "a.tif").read_bytes()[:900])
    tifffile.imwrite(images / "rgb.tif", np.zeros((40, 50, 3), np.uint8), photometric="rgb")
    written = ["--out", images / "out", "--table", images / "t.csv", "--report", images / "r.json"]
    _, said = run("segment", images, "--model", folder / "m.aeseg", *written, *FAST, status=1)
    assert sorted(path.name for path in (images / "out").iterdir()) == ["a_labels.tif", "b_labels.tif"]
    assert "failed: bad.tif: the file is cut off" in said
    assert "failed: rgb: it has 3 channels, most of the images have 1" in said
    assert "2 images could not be done (listed above), 2 are done" in said
    with (images / "t.csv").open(newline="") as file:
        assert {row["image"] for row in csv.DictReader(file)} == {"a", "b"}
    assert len(json.loads((images / "r.json").read_text())["failures"]) == 2


def test_results_in_the_folder_of_the_images_are_no_images_the_next_time(folder, images):  # noqa: F811
    for _ in range(2):
        said, _ = run("segment", images, "--model", folder / "m.aeseg", "--out", images, *FAST)
    assert "2 files *_labels.* in" in said
    assert sorted(path.name for path in images.iterdir()) == ["a.tif", "a_labels.tif", "b.tif", "b_labels.tif"]


def test_a_photograph_given_as_strokes_is_refused(folder, images):  # noqa: F811
    tifffile.imwrite(images / "photo.tif", np.arange(2000, dtype=np.uint16).reshape(40, 50))
    strokes = ["--strokes", images / "photo.tif"]
    _, said = run("segment", images / "a.tif", "--out", images / "l.tif", *strokes, *FAST, status=1)
    assert "photo.tif: it holds 2000 different values, as a picture does" in said
