"""A folder of images is labelled in the background: every file is either labelled or told of."""

import csv

import numpy as np
import tifffile

from napari_ae_seg.gui.segment.folder import SUMMARY

from ..conftest import blobs, press, settle


def folder(tmp_path, **files):
    for name, array in files.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", array)
    out = tmp_path / "out"
    out.mkdir()
    return out


def rest(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.folder.runner.running, timeout=60_000)
    settle(qtbot, dock)


def test_every_image_is_labelled_as_the_one_shown_and_bad_ones_are_listed(segmented, qtbot, tmp_path, image):
    dock, labels = segmented
    out = folder(tmp_path, same=image, other=blobs(seed=3), a_labels=np.ones((9, 9), np.uint8))
    (tmp_path / "broken.tif").write_bytes(b"nothing of use")
    dock.folder.label(str(tmp_path), str(out))
    rest(qtbot, dock)
    assert sorted(path.name for path in out.glob("*.tif")) == ["other_labels.tif", "same_labels.tif"]
    with (out / SUMMARY).open(newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert sum(float(value) for name, value in rows["other.tif"].items() if name.startswith("share")) > 0.999
    assert "broken.tif" in rows["broken.tif"]["failure"]
    assert (tifffile.imread(out / "same_labels.tif") == labels.data).all()
    assert dock.folder.says.text() == "2 labelled, 1 failed."
    assert dock.folder.list.item(0).text().startswith("✗ broken.tif")


def test_labels_that_are_there_already_stay(segmented, qtbot, tmp_path, image):
    dock, _ = segmented
    out = folder(tmp_path, same=image)
    (out / "same_labels.tif").write_bytes(b"mine")
    dock.folder.label(str(tmp_path), str(out))
    rest(qtbot, dock)
    assert (out / "same_labels.tif").read_bytes() == b"mine"
    assert "is there already" in dock.folder.list.item(0).text()


def test_a_folder_can_be_stopped_and_goes_on_where_it_was(segmented, qtbot, tmp_path):
    dock, _ = segmented
    out = folder(tmp_path, **{f"image{number}": blobs(seed=number)[:48, :48] for number in range(40)})
    dock.folder.label(str(tmp_path), str(out))
    qtbot.waitUntil(lambda: dock.folder.list.count() > 0, timeout=60_000)
    press(qtbot, dock.folder.runner.stop_button)
    rest(qtbot, dock)
    done = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tif")}
    assert 0 < len(done) < 40
    assert all(name.endswith("_labels.tif") for name in done)
    dock.folder.label(str(tmp_path), str(out))
    rest(qtbot, dock)
    assert dock.folder.says.text() == "40 labelled, 0 failed."
    assert {name: (out / name).stat().st_mtime_ns for name in done} == done


def test_images_of_one_name_keep_their_labels_apart(segmented, qtbot, tmp_path, image):
    dock, _ = segmented
    out = folder(tmp_path, a=image, **{"a.tif": blobs(seed=3)})
    np.save(tmp_path / "a.npy", blobs(seed=4))
    dock.folder.label(str(tmp_path), str(out))
    rest(qtbot, dock)
    assert dock.folder.says.text() == "3 labelled, 0 failed."
    assert len(list(out.glob("*.tif"))) == 3
