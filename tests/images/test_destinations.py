"""Where results go is looked at before any work: nothing that is read is ever overwritten."""

import os
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_ae_seg.core.errors import DestinationError
from napari_ae_seg.images.destinations import check_destinations, check_room, result_names
from napari_ae_seg.images.formats.write import write_labels


@pytest.fixture
def image(tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.tif"
    write_labels(path, np.ones((4, 4), int))
    return path


def refused(inputs, outputs, why):
    with pytest.raises(DestinationError, match=why) as error:
        check_destinations(inputs, outputs)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["--out", "--report", "--table", "--save-model"])
def test_an_output_that_is_an_input_is_refused(image, name):
    content = image.read_bytes()
    refused([image], {name: [image]}, rf"{name} .*a\.tif is read by this command and would be overwritten")
    refused([image.parent], {name: [image.parent / ".." / "in" / "a.tif"]}, "is read by this command")
    assert image.read_bytes() == content


def test_links_to_an_input_are_known_for_what_they_are(image, tmp_path):
    (tmp_path / "soft.tif").symlink_to(image)
    os.link(image, tmp_path / "hard.tif")
    (tmp_path / "folder").symlink_to(image.parent)
    for path in (tmp_path / "soft.tif", tmp_path / "hard.tif", tmp_path / "folder" / "a.tif"):
        refused([image], {"--out": [path]}, "is read by this command")


def test_nothing_is_written_inside_or_around_a_zarr_that_is_read(tmp_path):
    zarr.open_group(tmp_path / "a.zarr", mode="w").create_array("raw", shape=(4, 4), dtype="u1")
    refused(
        [tmp_path / "a.zarr"], {"--out": [tmp_path / "a.zarr" / "labels.tif"]}, "lies inside .*a.zarr, which is read"
    )
    zarr.create_array(tmp_path / "b.zarr", shape=(4, 4), dtype="u1")
    refused([tmp_path / "b.zarr" / "0"], {"--out": [tmp_path / "b.zarr"]}, "would replace the folder")
    refused([tmp_path / "c.tif"], {"--out": [tmp_path / "b.zarr"]}, "is not labels of napari-ae-seg alone")
    write_labels(tmp_path / "own.zarr", np.ones((4, 4), int))
    check_destinations([tmp_path / "c.tif"], {"--out": [tmp_path / "own.zarr"]})


def test_two_outputs_are_two_files(image, tmp_path):
    both = {"--out": [tmp_path / "x.tif"], "--table": [tmp_path / "in" / ".." / "x.tif"]}
    refused([image], both, "--table and --out would both write")
    inside = {"--out": [tmp_path / "x.zarr"], "--table": [tmp_path / "x.zarr" / "t.csv"]}
    refused([image], inside, "--table lies inside .*x.zarr, which --out would write")


def test_folders_are_made_and_every_place_is_tried(image, tmp_path):
    check_destinations([image], {"--out": [tmp_path / "new" / "deep" / "x.tif"]})
    assert [path.name for path in (tmp_path / "new" / "deep").iterdir()] == []
    refused([image], {"--model": [image / "m.aeseg"]}, "--model .* cannot be written: ")
    refused([image], {"--model": [tmp_path / "new"]}, "is a folder; give the name of a file")
    refused([image], {"--model": [tmp_path / ("x" * 300)]}, "cannot be written: File name too long")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is write-protected from root")
def test_a_write_protected_place_is_refused(image, tmp_path):
    image.chmod(0o400)
    refused([], {"--out": [image]}, "is write-protected")
    (tmp_path / "locked").mkdir(mode=0o500)
    refused([], {"--out": [tmp_path / "locked" / "a.tif"]}, "cannot be written: Permission denied")


def test_results_may_lie_beside_the_images_again_and_again(image):
    results = image.parent / "a_labels.tif"
    write_labels(results, np.ones((4, 4), int))
    (image.parent / "table.csv").write_text("of the last run")
    check_destinations([image.parent], {"--out": [results], "--table": [image.parent / "table.csv"]})


def test_a_disk_without_room_is_said_before_the_work(tmp_path):
    check_room({tmp_path / "not" / "yet" / "a.tif": 1000})
    with pytest.raises(DestinationError, match=r"need about 1\d+\.\d\d GB, but only .* GB are free"):
        check_room({tmp_path / "a.tif": 10**15 // 2, tmp_path / "b.tif": 10**15 // 2 + 10**14})


def test_results_of_a_batch_have_names_of_their_own():
    paths = ["x/a.tif", "y/a.tif", "a_2.tif", "2024.01.05_a.tif", "2024.01.05_b.tif", "x_a.tif", "c.png", "C.tif"]
    names = result_names(paths)
    assert len({name.casefold() for name in names}) == len(paths)
    assert names[2:5] == ["a_2_labels.tif", "2024.01.05_a_labels.tif", "2024.01.05_b_labels.tif"]
    assert names[1] == "y_a_labels.tif"
    assert len(set(result_names(["a.tif", "a.tif", "a_tif.tif", "a_tif_2.tif"]))) == 4


def test_the_gate_looks_at_thousands_of_images_without_comparing_each_with_each(tmp_path, monkeypatch):
    images = [tmp_path / f"{number}.tif" for number in range(300)]
    for image in images:
        image.touch()
    looks = []
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path, **more: looks.append(path) or exists(path, **more))
    check_destinations(images, {"--out": [tmp_path / "out" / f"{number}_labels.tif" for number in range(300)]})
    assert len(looks) < 20 * 300
