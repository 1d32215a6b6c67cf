"""`napari-ae-seg classify`: folders, tables and label images in, a classifier and a table out."""

import csv
import json

import numpy as np
import pytest
import tifffile
from typer.main import get_command

import napari_ae_seg as ae
from napari_ae_seg.cli import app
from napari_ae_seg.config import flag_of
from napari_ae_seg.samples.celltypes import two_types

FAST = ["--threads", "1", "--latents", "bottleneck"]


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command line in this process: its exit status, standard output and error."""

    def ran(*arguments):
        monkeypatch.setattr("sys.argv", ["napari-ae-seg", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            app.main()
        told = capsys.readouterr()
        return end.value.code or 0, told.out, " ".join(told.err.split())

    return ran


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Striped and plain pictures in a sub-folder each, and cells of two types with their outlines."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name in ("plain", "striped"):
        (folder / "classes" / name).mkdir(parents=True)
        for number in range(6):
            picture = rng.integers(90, 110, (48, 48)).astype(np.uint8)
            picture[::4] += 40 if name == "striped" else 0
            tifffile.imwrite(folder / "classes" / name / f"{number}.tif", picture)
    with (folder / "images.csv").open("w") as file:
        file.write("file,class\n")
        file.writelines(f"classes/{n}/{i}.tif,{n}\n" for n in ("plain", "striped") for i in range(5))
    drawn = two_types(np.random.default_rng(1), 256)
    tifffile.imwrite(folder / "cells.tif", (4000 * drawn.image).astype(np.uint16))
    tifffile.imwrite(folder / "cells_labels.tif", drawn.numbers)
    with (folder / "cells.csv").open("w") as file:
        file.writelines(f"{number},{name}\n" for number, name in list(drawn.types.items())[:20])
    return folder


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_folder_of_classes_teaches_to_recognise_images(folder, run, tmp_path):
    status, out, _ = run("classify", "train", folder / "classes", "--model", tmp_path / "c.aeseg",
                         "--report", tmp_path / "r.json", *FAST)  # fmt: skip
    assert status == 0
    assert "6 plain, 6 striped" in out
    assert "Recognises 100%" in out
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["quality"]["accuracy"] == 1.0
    assert told["configs"]["ClassificationConfig"]["latents"] == "bottleneck"
    assert {"read", "fit", "total"} <= set(told["seconds"])
    new = [folder / "classes" / "striped" / "0.tif", folder / "classes" / "plain" / "0.tif"]
    status, out, _ = run("classify", "apply", *new, "--model", tmp_path / "c.aeseg", "--out", tmp_path / "t.csv")
    assert status == 0
    rows = table(tmp_path / "t.csv")
    assert [row["class"] for row in rows] == ["striped", "plain"]
    assert [row["image"] for row in rows] == [str(path) for path in new]
    assert float(rows[0]["probability"]) == float(rows[0]["p(striped)"]) > 0.5
    status, out, _ = run("info", tmp_path / "c.aeseg")
    assert "plain, striped" in out
    assert "12 examples" in out


def test_a_table_names_files_beside_it(folder, run, tmp_path):
    status, _, _ = run("classify", "train", folder / "images.csv", "--model", tmp_path / "c.aeseg", *FAST)
    assert status == 0
    assert len(ae.Classifier.load(tmp_path / "c.aeseg").examples) == 10


def test_objects_of_a_label_image(folder, run, tmp_path):
    status, _, _ = run("classify", "train", folder / "cells.tif", "--labels", folder / "cells_labels.tif",
                       "--classes", folder / "cells.csv", "--model", tmp_path / "c.aeseg", "--threads", 1)  # fmt: skip
    assert status == 0
    status, out, _ = run("classify", "apply", folder / "cells.tif", "--labels", folder / "cells_labels.tif",
                         "--model", tmp_path / "c.aeseg", "--out", tmp_path / "t.csv",
                         "--labels-out", tmp_path / "l.tif", "--features")  # fmt: skip
    assert status == 0
    order = ae.Classifier.load(tmp_path / "c.aeseg").classes
    assert f"1 {order[0]}, 2 {order[1]}" in out
    rows, labels = table(tmp_path / "t.csv"), tifffile.imread(tmp_path / "l.tif")
    objects = tifffile.imread(folder / "cells_labels.tif")
    assert len(rows) == len(np.unique(objects)) - 1
    for row in rows:
        number = order.index(row["class"]) + 1
        assert (labels[objects == int(row["index"])] == number).all()
        assert float(row["shape: elongation"]) >= 1
    assert (labels[objects == 0] == 0).all()


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["train", "cells.tif", "--model", "x.aeseg"], 2, "sub-folders"),
        (["train", "classes", "--model", "x.aeseg", "--learner", "magic"], 2, "forest"),
        (["train", "classes", "--model", "x.aeseg", "--folds", "1"], 2, "--folds"),
        (["train", "cells.tif", "--labels", "cells_labels.tif", "--model", "x.aeseg"], 2, "--classes"),
        (["train", "no.csv", "--model", "x.aeseg"], 1, "no.csv"),
        (["train", "cells.tif", "--classes", "images.csv", "--model", "x.aeseg"], 1, "plain/0.tif"),
        (["train", "classes", "--model", "x.aeseg", "--latents", "none", "--no-brightness"], 1, "nothing is left"),
        (["apply", "cells.tif", "--model", "cells.tif", "--out", "t.csv"], 1, "cells.tif"),
        (["apply", "cells.tif", "--model", "x.aeseg", "--out", "t.txt"], 2, "t.txt"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(folder, run, monkeypatch, arguments, status, says):
    monkeypatch.chdir(folder)
    ended, _, error = run("classify", *arguments)
    assert ended == status, error
    assert says in error
    assert not (folder / "x.aeseg").exists()


def test_the_kind_of_items_must_fit(folder, run, tmp_path):
    run("classify", "train", folder / "classes", "--model", tmp_path / "c.aeseg", *FAST)
    status, _, error = run("classify", "apply", folder / "cells.tif", "--labels", folder / "cells_labels.tif",
                           "--model", tmp_path / "c.aeseg", "--out", tmp_path / "t.csv")  # fmt: skip
    assert status == 2
    assert "leave out --labels" in error


def test_every_field_has_a_flag():
    flags = {
        flag for option in get_command(app.app).commands["classify"].commands["train"].params for flag in option.opts
    }
    assert {flag_of(name) for name in ae.ClassificationConfig.model_fields} <= flags
