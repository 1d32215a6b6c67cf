"""Pyramids: the level that is asked for is read, and its labels lie on the image."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import zarr

import napari_ae_seg as ae
from napari_ae_seg.images.formats.read import sources_of
from napari_ae_seg.images.image import Image
from napari_ae_seg.images.notebook import LOOKED_AT, overview
from napari_ae_seg.images.stack import read

FINE = np.arange(64 * 48).reshape(64, 48).astype(np.uint16)
COARSE = [FINE, FINE[::2, ::2].copy(), FINE[::4, ::4].copy()]


def ome(path, scaled=True):
    group = zarr.open_group(path, mode="w")
    levels = []
    for number, part in enumerate(COARSE):
        group.create_array(f"s{number}", shape=part.shape, dtype="u2", chunks=(16, 16))[...] = part
        step = {"type": "scale", "scale": [0.5 * 2**number, 0.25 * 2**number]}
        shift = {"type": "translation", "translation": [0.25 * (2**number - 1), 0.125 * (2**number - 1)]}
        levels.append({"path": f"s{number}", "coordinateTransformations": [step, shift] if scaled else []})
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    return path


def tiff(path):
    with tifffile.TiffWriter(path, ome=True) as file:
        about = {"axes": "YX", "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.25}
        file.write(COARSE[0], subifds=2, tile=(16, 16), metadata=about)
        for part in COARSE[1:]:
            file.write(part, subfiletype=1, tile=(16, 16))
    return path


def layer(**more):
    held = {"name": "cells", "scale": (0.5, 0.25), "rgb": False, "multiscale": True, "translate": (10.0, 20.0)}
    return SimpleNamespace(data=COARSE, **{**held, **more})


def pixels(stack):
    return stack.image.block(0, tuple(slice(0, size) for size in stack.image.shape[2:]))[0]


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("kind", ["zarr", "tiff", "layer"])
def test_the_level_that_is_asked_for_is_read_with_its_own_spacing(tmp_path, kind, level):
    made = {"zarr": lambda: ome(tmp_path / "a.zarr"), "tiff": lambda: tiff(tmp_path / "a.ome.tif"), "layer": layer}
    stack = read(made[kind](), level=level)
    assert np.array_equal(pixels(stack), COARSE[level])
    assert stack.spacing == (0.5 * 2**level, 0.25 * 2**level)


def test_labels_of_a_coarser_level_lie_on_the_layer_even_if_it_is_turned():
    turned = np.array([[0.0, -1.0], [1.0, 0.0]])
    shown = read(layer(rotate=turned, shear=np.array([0.0])), level=2).image.transform
    assert shown["scale"] == (2.0, 1.0)
    assert shown["translate"] == pytest.approx((10 - 0.375, 20 + 0.75))  # the middle of its first pixel


def test_the_level_of_an_image_is_that_of_its_file(tmp_path):
    assert read(ome(tmp_path / "a.zarr"), level=1).image.transform["translate"] == (0.25, 0.125)


def test_a_level_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"a: the image has levels 0 to 2, got level 3"):
        read(ome(tmp_path / "a.zarr"), level=3)
    with pytest.raises(ValueError, match="one resolution, level 0, got level 1"):
        read(FINE, level=1)
    with pytest.raises(ValueError, match="read its arrays or paths anew"):
        read(read(FINE), level=1)


def test_a_coarser_level_that_is_missing_does_not_keep_the_finest_from_being_read(tmp_path):
    path = ome(tmp_path / "a.zarr")
    about = json.loads((path / "zarr.json").read_text())
    about["attributes"]["ome"]["multiscales"][0]["datasets"][1]["path"] = "nowhere"
    (path / "zarr.json").write_text(json.dumps(about))
    assert np.array_equal(pixels(read(path)), FINE)


def test_a_picture_of_a_large_pyramid_is_read_at_the_level_that_shows_all_of_it():
    class Asked:
        def __init__(self, side):
            self.shape, self.dtype = (side, side), np.dtype("u1")

        def __getitem__(self, index):
            raise AssertionError("no pixel is read to choose a level")

    held = [Asked(side) for side in (4 * LOOKED_AT, 2 * LOOKED_AT, LOOKED_AT, LOOKED_AT // 2)]
    pyramid = SimpleNamespace(data=held, name="a", scale=(1, 1), rgb=False, multiscale=True)
    assert overview(Image.of(sources_of(pyramid, None))).shape[-1] == LOOKED_AT


def test_labels_of_a_coarser_level_are_those_of_its_pixels(tmp_path):
    config = ae.SegmentationConfig(n_clusters=2, features="intensity", threads=1)
    path = ome(tmp_path / "a.zarr")
    segmenter = ae.Segmenter.fit(None, read(path, level=1), config)
    assert np.array_equal(segmenter.apply(read(path, level=1)).labels, segmenter.apply(read(COARSE[1])).labels)
