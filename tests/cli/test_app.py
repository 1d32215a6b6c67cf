"""The command line as a person meets it: files in, files out, one sentence when something is wrong."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile

import napari_ae_seg as ae

FAST = ["--threads", "1"]


def run(*arguments, status=0):
    """Standard output and error of `napari-ae-seg ARGUMENTS`, in a process of its own."""
    command = [sys.executable, "-m", "napari_ae_seg", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, " ".join(done.stderr.split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two images, a volume, and a model with clusters."""
    folder = tmp_path_factory.mktemp("images")
    image = np.zeros((60, 80), np.uint8)
    image[20:40, 20:60] = 200
    image += np.random.default_rng(0).integers(0, 20, image.shape, np.uint8)
    tifffile.imwrite(folder / "a.tif", image, imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    tifffile.imwrite(folder / "b.tif", image[::-1])
    tifffile.imwrite(folder / "v.tif", np.stack([image] * 9), imagej=True, metadata={"axes": "ZYX"})
    run("segment", folder / "a.tif", "--out", folder / "labels.tif", "--save-model", folder / "m.aeseg",
        "--clusters", 2, "--report", folder / "r.json", *FAST)  # fmt: skip
    return folder


def test_one_image_gives_labels_of_its_shape_and_spacing(folder):
    with tifffile.TiffFile(folder / "labels.tif") as file:
        labels = file.asarray()
        resolution = file.pages[0].tags["XResolution"].value
    assert sorted(np.unique(labels)) == [1, 2]
    assert (labels[25:35, 25:55] == 2).all()
    assert labels.shape == (60, 80)
    assert resolution[0] / resolution[1] == pytest.approx(4)


def test_the_report_says_what_was_done(folder):
    told = json.loads((folder / "r.json").read_text())
    assert told["command"] == "segment"
    assert {"read", "fit", "label", "total"} <= set(told["seconds"])
    assert sum(told["seconds"].values()) == pytest.approx(2 * told["seconds"]["total"], abs=0.01)
    assert told["peak_memory_bytes"] > 0
    assert told["device"] == "cpu"
    assert told["images"][0]["shape"] == [60, 80]
    assert told["configs"]["SegmentationConfig"]["n_clusters"] == 2
    assert told["estimate"]["seconds"] > 0
    assert "torch" in told["versions"]


def test_a_model_gives_other_images_the_same_labels(folder):
    run("segment", folder / "b.tif", "--model", folder / "m.aeseg", "--out", folder / "b.npy", "--quiet", *FAST)
    assert np.array_equal(np.load(folder / "b.npy"), tifffile.imread(folder / "labels.tif")[::-1])


def test_several_images_give_a_folder(folder):
    run("segment", folder / "a.tif", folder / "b.tif", "--model", folder / "m.aeseg", "--out", folder / "many", *FAST)
    assert sorted(path.name for path in (folder / "many").iterdir()) == ["a_labels.tif", "b_labels.tif"]


def test_labels_are_written_to_zarr_block_by_block(folder):
    import zarr

    run("segment", folder / "a.tif", "--model", folder / "m.aeseg", "--out", folder / "l.zarr", *FAST)
    found = zarr.open(folder / "l.zarr", mode="r")
    array = found if isinstance(found, zarr.Array) else found["0"]
    assert np.array_equal(array[:], tifffile.imread(folder / "labels.tif"))


def test_a_volume_is_trained_on_and_labeled(folder):
    out, _ = run("segment", folder / "v.tif", "--out", folder / "v.npy", "--clusters", 2, "--steps", 2, "--patch", 16,
                 "--levels", 2, "--width", 2, *FAST)  # fmt: skip
    assert np.load(folder / "v.npy").shape == (9, 60, 80)
    assert "took" in out


def test_train_info_and_generate_work_together(folder):
    out, _ = run("train", folder / "a.tif", "--model", folder / "t.aeseg", "--steps", 3, "--variational", *FAST)
    assert "t.aeseg" in out
    out, _ = run("info", folder / "t.aeseg")
    assert "variational" in out
    assert "a.tif" in out or "trained on:  a" in out
    out, _ = run("info", folder / "t.aeseg", "--json")
    assert json.loads(out)["header"]["network"]["variational"] is True
    run("generate", folder / "t.aeseg", "--out", folder / "g.npy", "--n", 2)
    assert np.load(folder / "g.npy").shape[:2] == (2, 1)


def test_a_model_that_cannot_draw_says_so(folder):
    _, error = run("generate", folder / "m.aeseg", "--out", folder / "g.npy", status=1)
    assert "variational" in error


def test_devices_says_which_and_why():
    out, _ = run("devices")
    assert "used: " in out


def test_demo_writes_labels_and_a_picture(tmp_path):
    out, _ = run("demo", "--no-window", "--out", tmp_path / "out", *FAST)
    assert (tmp_path / "out" / "textures_labels.tif").exists()
    assert str(tmp_path / "out" / "textures.png") in out


def test_quiet_says_nothing(folder):
    assert run("info", folder / "m.aeseg", "--quiet")[0] == ""


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["segment", "no.tif", "--out", "x.tif"], 1, "no.tif"),
        (["segment", "a.tif", "--out", "x.gif"], 2, "x.gif"),
        (["segment", "a.tif"], 2, "--out"),
        (["segment", "a.tif", "--out", "x.tif", "--clusters", "-1"], 2, "--clusters"),
        (["segment", "a.tif", "--out", "x.tif", "--method", "magic"], 2, "kmeans"),
        (["segment", "a.tif", "--out", "x.tif", "--model", "m.aeseg", "--steps", "5"], 2, "--steps"),
        (["segment", "a.tif", "--out", "x.tif", "--model", "m.aeseg", "--clusters", "5"], 2, "--refit"),
        (["segment", "a.tif", "--out", "x.tif", "--model", "m.aeseg", "--method", "gmm"], 2, "--refit"),
        (["segment", "a.tif", "--out", "x.tif", "--spacing", "wide"], 2, "--spacing"),
        (["segment", "a.tif", "--out", "x.tif", "--model", "a.tif"], 1, "a.tif"),
        (["segment", "a.tif", "--out", "x.tif", "--device", "tpu"], 2, "--device"),
        (["segment", "a.tif", "b.tif", "--out", "x.tif"], 2, "folder"),
        (["train", "a.tif", "--model", "t.aeseg", "--up", "unpool"], 2, "down"),
        (["info", "a.tif"], 1, "a.tif"),
        (["segmnt"], 2, "segmnt"),
    ],
)
def test_what_is_wrong_is_one_sentence(folder, arguments, status, says, monkeypatch):
    monkeypatch.chdir(folder)
    _, error = run(*arguments, status=status)
    assert says in error
    assert not (folder / "x.tif").exists()


def test_refit_clusters_anew(folder):
    run("segment", folder / "a.tif", "--model", folder / "m.aeseg", "--refit", "--clusters", 3, "--out",
        folder / "three.npy", *FAST)  # fmt: skip
    assert np.unique(np.load(folder / "three.npy")).tolist() == [1, 2, 3]


def test_debug_shows_the_traceback(folder):
    command = [sys.executable, "-m", "napari_ae_seg", "info", str(folder / "a.tif"), "--debug"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr


def test_a_region_of_interest_and_channels_reach_the_fit(folder):
    roi = np.zeros((60, 80), np.uint8)
    roi[15:45] = 1
    tifffile.imwrite(folder / "roi.tif", roi)
    run("segment", folder / "a.tif", "--roi", folder / "roi.tif", "--channels", "0", "--clusters", 2, "--out",
        folder / "roi.npy", "--save-model", folder / "roi.aeseg", *FAST)  # fmt: skip
    assert ae.Segmenter.load(folder / "roi.aeseg").clusters.k == 2


def test_what_is_doubtful_or_wrong_with_an_image_is_one_plain_sentence(folder):
    told = ("--model", folder / "m.aeseg", "--out", folder / "w.npy", *FAST)
    warned = run("segment", folder / "a.tif", "--spacing", "2,2", *told)[1]
    assert "--rescale resamples it" in warned
    assert ".py" not in warned
    tifffile.imwrite(folder / "rgb.tif", np.zeros((60, 80, 3), np.uint8), photometric="rgb")
    assert "was trained on 1 channel, the image has 3; choose" in run("segment", folder / "rgb.tif", *told, status=1)[1]


def test_strokes_in_a_file_steer_the_labels(folder):
    strokes = np.zeros((60, 80), np.uint8)
    strokes[5:8, 5:40] = 1
    strokes[28:32, 30:50] = 5
    tifffile.imwrite(folder / "strokes.tif", strokes)
    run("segment", folder / "a.tif", "--model", folder / "m.aeseg", "--strokes", folder / "strokes.tif", "--out",
        folder / "s.npy", *FAST)  # fmt: skip
    labels = np.load(folder / "s.npy")
    assert (labels[22:38, 22:58] == 5).mean() > 0.95
    assert (labels[strokes > 0] == strokes[strokes > 0]).all()


def test_strokes_on_two_images_teach_together(folder):
    ground, square = np.zeros((2, 60, 80), np.uint8)
    ground[5:8, 5:40] = 1
    square[28:32, 30:50] = 5
    for name, strokes in (("ground", ground), ("square", square)):
        tifffile.imwrite(folder / f"{name}.tif", strokes)
    told = ("--model", folder / "m.aeseg", "--strokes", folder / "ground.tif", "--strokes", folder / "square.tif")
    run("segment", folder / "a.tif", folder / "b.tif", *told, "--out", folder / "two", *FAST)
    assert (tifffile.imread(folder / "two" / "a_labels.tif")[22:38, 22:58] == 5).mean() > 0.9
    assert (tifffile.imread(folder / "two" / "b_labels.tif")[square > 0] == 5).all()
    failed = run("segment", folder / "a.tif", *told, "--out", folder / "x.npy", status=2)[1]
    assert "2 files of strokes, but 1 image" in failed


def test_objects_and_their_table_are_written(folder):
    run("segment", folder / "a.tif", "--model", folder / "m.aeseg", "--objects", "components", "--object-labels", 2,
        "--object-min-size", 50, "--out", folder / "o.npy", "--table", folder / "o.csv", *FAST)  # fmt: skip
    assert np.unique(np.load(folder / "o.npy")).tolist() == [0, 1]
    lines = (folder / "o.csv").read_text().splitlines()
    assert lines[0].startswith("image,index,cluster,size")
    assert {"solidity", "nearest", "mean channel 0"} <= set(lines[0].split(","))
    assert len(lines) == 2


def test_the_clusters_of_several_images_are_measured_and_their_shares_lie_side_by_side(folder):
    pyarrow = pytest.importorskip("pyarrow.parquet")
    run("segment", folder / "a.tif", folder / "b.tif", "--model", folder / "m.aeseg", "--out", folder / "all",
        "--table", folder / "t.parquet", "--shares", folder / "s.csv", *FAST)  # fmt: skip
    table = pyarrow.read_table(folder / "t.parquet").to_pydict()
    assert table["image"] == ["a", "a", "b", "b"]
    assert table["index"] == [1, 2, 1, 2]
    assert min(table["mean channel 0"]) > 0
    heads, *rows = (line.split(",") for line in (folder / "s.csv").read_text().splitlines())
    assert heads[0] == "image"
    assert [row[0] for row in rows] == ["a", "b"]
    assert [sum(map(float, row[1:])) for row in rows] == pytest.approx([1, 1])
