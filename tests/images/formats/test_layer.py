"""napari Image layers, and anything that has their attributes."""

from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest

from napari_ae_seg.images.stack import read


def layer(data, **more):
    count = data[0].ndim if more.get("multiscale") else data.ndim - bool(more.get("rgb"))
    known = {"name": "nuclei", "scale": (1.0,) * count, "rgb": False, "multiscale": False}
    return SimpleNamespace(data=data, **{**known, **more})


def whole(image, n=0):
    return image.block(n, tuple(slice(0, size) for size in image.shape[2:]))


def test_a_layer_gives_name_spacing_and_what_places_its_labels():
    stack = read(layer(np.zeros((9, 4, 5)), scale=(2.0, 0.5, 0.25), translate=(1.0, 2.0, 3.0), units=("um",) * 3))
    assert (stack.image.name, stack.shape) == ("nuclei", (1, 1, 9, 4, 5))
    assert (stack.spacing, stack.image.units) == ((2.0, 0.5, 0.25), ("um", "um", "um"))
    assert stack.image.transform == {"scale": (2.0, 0.5, 0.25), "translate": (1.0, 2.0, 3.0), "units": ("um",) * 3}


def test_the_channel_axis_is_left_out_of_the_transform():
    affine = np.diag([1.0, 2, 3, 4, 1])
    affine[:4, 4] = 10, 20, 30, 40
    rotate = np.eye(4)
    rotate[2:, 2:] = [[0, 1], [-1, 0]]
    image = read(
        layer(
            np.zeros((9, 2, 4, 5)),
            scale=(2.0, 7.0, 0.5, 0.25),
            axis_labels=("z", "channel", "y", "x"),
            rotate=rotate,
            shear=np.array([1.0, 2, 3, 4, 5, 6]),  # above the diagonal: zc zy zx cy cx yx
            affine=SimpleNamespace(affine_matrix=affine),
        )
    ).image
    assert image.shape == (1, 2, 9, 4, 5)
    assert image.transform["scale"] == (2.0, 0.5, 0.25)
    assert image.transform["axis_labels"] == ("z", "y", "x")
    assert image.transform["rotate"].tolist() == [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    assert image.transform["shear"].tolist() == [2, 3, 6]
    assert np.diag(image.transform["affine"]).tolist() == [1, 3, 4, 1]
    assert image.transform["affine"][:3, 3].tolist() == [10, 30, 40]


def test_colors_are_known_from_the_layer_not_from_the_shape():
    pixels = np.zeros((4, 5, 3), np.uint8)
    assert read(layer(pixels, rgb=True)).shape == (1, 3, 4, 5)
    assert read(layer(pixels)).shape == (4, 1, 5, 3)
    see_through = read(layer(np.zeros((4, 5, 4), np.uint8), rgb=True))
    assert (see_through.channels, "transparency" in see_through.assumed) == (3, True)


def test_of_a_pyramid_the_finest_level_is_read():
    levels = [np.ones((8, 8)), np.zeros((4, 4))]
    assert whole(read(layer(levels, multiscale=True)).image).tolist() == np.ones((1, 8, 8)).tolist()


def test_layers_are_samples_or_channels():
    layers = [layer(np.full((4, 5), 1)), layer(np.full((4, 5), 2), name="membranes")]
    assert len(read(layers)) == 2
    joined = read(layers, together="channels").image
    assert whole(joined)[:, 0, 0].tolist() == [1, 2]
    assert joined.channel_names == ("nuclei", "membranes")


def test_a_lazy_layer_stays_lazy():
    def never(block):
        raise AssertionError("a chunk was computed")

    lazy = da.zeros((8, 8), chunks=4).map_blocks(never, dtype=float, meta=np.zeros((0, 0)))
    assert read(layer(lazy)).shape == (1, 1, 8, 8)


def test_a_region_of_interest_may_be_a_layer():
    stack = read(np.zeros((4, 5)), roi=layer(np.eye(4, 5)))
    assert stack.image.mask(stack.roi[0], 0, (slice(0, 2), slice(0, 2))).tolist() == [[True, False], [False, True]]


def test_a_real_layer_gives_its_labels_the_same_place():
    layers = pytest.importorskip("napari.layers")
    source = layers.Image(
        np.zeros((9, 2, 4, 5), np.uint16),
        scale=(2, 1, 0.5, 0.25),
        translate=(1, 0, 2, 3),
        rotate=np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.8, -0.6], [0, 0, 0.6, 0.8]]),
        units=("um", "pixel", "um", "um"),
        axis_labels=("z", "c", "y", "x"),
    )
    image = read(source).image
    labels = layers.Labels(np.zeros(image.label_shape, int), **image.transform)
    point = np.array([3.0, 2.0, 4.0])
    there = np.asarray(source.data_to_world((3.0, 0.0, 2.0, 4.0)))
    assert np.allclose(labels.data_to_world(point), there[[0, 2, 3]])
    assert [str(unit) for unit in labels.units] == ["micrometer"] * 3
    assert labels.axis_labels == ("z", "y", "x")
