"""Many images at once: a bad one is listed and the others go on."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_ae_seg.core.errors import AssumptionWarning, ImageReadError
from napari_ae_seg.images.batch import image_paths, read_batch
from napari_ae_seg.images.sample import sample_blocks
from napari_ae_seg.images.stack import read


@pytest.fixture
def folder(tmp_path):
    for name in "abc":
        tifffile.imwrite(tmp_path / f"{name}.tif", np.random.default_rng(0).random((8, 9)), metadata=None)
    return tmp_path


def test_bad_images_are_listed_and_the_others_are_read(folder):
    (folder / "bad.tif").write_bytes(b"no image at all")
    tifffile.imwrite(folder / "rgb.tif", np.zeros((8, 9, 3), "u1"), photometric="rgb")
    tifffile.imwrite(folder / "a_labels.tif", np.zeros((8, 9), "u1"))
    batch = read_batch([folder])
    assert "1 file *_labels.* in" in batch.stack.assumed
    assert [path.name for path in batch.paths] == ["a.tif", "b.tif", "c.tif"]
    assert [image.name for image in batch.stack.images] == ["a", "b", "c"]
    assert {path.name for path in batch.failures} == {"bad.tif", "rgb.tif"}
    assert "bad.tif: not a readable TIFF file" in batch.failures[folder / "bad.tif"]
    assert "it has 3 channels, most of the images have 1" in batch.failures[folder / "rgb.tif"]


def test_where_no_image_can_be_read_the_first_one_says_why(folder):
    for path in folder.iterdir():
        path.write_bytes(b"no image at all")
    with pytest.raises(ImageReadError, match=r"a\.tif: not a readable TIFF"):
        read_batch([folder])
    with pytest.raises(ImageReadError, match=r"b\.tif: not a readable TIFF"):
        read_batch([folder / "b.tif"])


def test_folders_stand_for_their_images(folder):
    paths = image_paths([folder, Path("x.tif")])
    assert [path.name for path in paths] == ["a.tif", "b.tif", "c.tif", "x.tif"]


def test_a_pattern_stands_for_what_it_matches(folder):
    (folder / "notes.txt").write_text("no image")
    tifffile.imwrite(folder / "[d].tif", np.zeros((8, 9), "u1"))
    assert [path.name for path in image_paths([folder / "[a-b].tif"])] == ["a.tif", "b.tif"]
    assert [path.name for path in image_paths([folder / "[d].tif"])] == ["[d].tif"]
    assert [image.name for image in read_batch([folder / "?.tif"]).stack.images] == ["a", "b", "c"]
    assert [image.name for image in read_batch([folder / "**" / "c*"]).stack.images] == ["c"]
    with pytest.raises(ImageReadError, match=r"no file matches '.*x\*\.tif'"):
        read_batch([folder / "x*.tif"])


def test_damaged_pixels_of_one_image_keep_the_others_from_nothing(folder):
    tifffile.imwrite(folder / "b.tif", np.random.default_rng(0).random((8, 9)), compression="zlib", metadata=None)
    with tifffile.TiffFile(folder / "b.tif") as file:
        start, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content = bytearray((folder / "b.tif").read_bytes())
    content[start : start + count] = bytes(count)
    (folder / "b.tif").write_bytes(content)
    with pytest.warns(AssumptionWarning, match=r"b\.tif: damaged, .*; it is left out of what is learnt"):
        blocks = sample_blocks(read(folder))
    assert {block.image for block in blocks} == {0, 2}
