"""Parts, workers and folders from the command line."""

import csv

import numpy as np
import pytest
import tifffile
import zarr

from .test_app import FAST, folder, run  # noqa: F401 - the fixture


def test_parts_of_an_image_make_the_whole(folder):  # noqa: F811
    common = ["segment", folder / "a.tif", "--model", folder / "m.aeseg", "--out", folder / "parts.zarr", *FAST]
    for part in ("0/2", "1/2"):
        said, _ = run(*common, "--part", part)
        assert "this part is done" in said
        assert not (folder / "parts.zarr").exists()
    run(*common)
    assert np.array_equal(zarr.open(folder / "parts.zarr", mode="r")["0"][:], tifffile.imread(folder / "labels.tif"))


def test_a_summary_has_a_row_for_every_image(folder):  # noqa: F811
    out, summary = folder / "summed", folder / "summary.csv"
    images = ["segment", folder / "a.tif", folder / "b.tif", "--model", folder / "m.aeseg", "--out", out]
    run(*images, "--objects", "components", "--summary", summary, *FAST)
    with summary.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["a", "b"]
    assert int(rows[0]["objects"]) == tifffile.imread(out / "a_labels.tif").max()
    assert sum(float(value) for name, value in rows[0].items() if name.startswith("share")) == pytest.approx(
        1, abs=1e-4
    )
    assert sorted(path.name for path in out.iterdir()) == ["a_labels.tif", "b_labels.tif"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--out", "l.zarr", "--part", "0/2"], "give a --model with clusters"),
        (["--out", "l.zarr", "--part", "2/2", "--model", "m.aeseg"], "such as 0/8, got 2/2"),
        (["--out", "l.tif", "--workers", "2"], "ends in .zarr only"),
    ],
)
def test_what_cannot_be_shared_is_wrong_usage(folder, tmp_path, arguments, why):  # noqa: F811
    places = [
        folder / one if one == "m.aeseg" else tmp_path / one if one.startswith("l.") else one for one in arguments
    ]
    said = run("segment", folder / "a.tif", *places, status=2)[1].replace("│", "").split()
    assert why.replace(" ", "") in "".join(said)
