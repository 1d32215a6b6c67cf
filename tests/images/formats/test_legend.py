"""Names and colors of labels are kept by every file of labels, and nothing a stranger writes there does harm."""

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from napari_ae_seg.images.formats.read import read_legend
from napari_ae_seg.images.formats.write import write_labels
from napari_ae_seg.images.legend import Legend
from napari_ae_seg.images.stack import read

LEGEND = Legend(
    {1: "Zellkörper", 2: 'a "<b>" & c'},
    {1: (0.0, 0.4, 1.0), 2: (1.0, 0.2, 0.0)},
    {"index": [1, 2], "name": ["Zellkörper", 'a "<b>" & c'], "size": [3, 2], "share": [0.6, 0.4]},
)
LABELS = np.array([[[0, 1, 1], [2, 2, 1]]] * 2)


@pytest.mark.parametrize(
    "name",
    ["l.tif", "l.ome.tif", "l.png", "l.npy", "l.nii.gz", "l.nii", "l.zarr", "wide.tif", "wide.png", "wide.ome.tif"],
)
def test_every_file_of_labels_keeps_names_colors_and_table(tmp_path, name):
    if ".nii" in name:
        pytest.importorskip("nibabel")
    values = LABELS[:1] if name.endswith("png") else LABELS
    values = values * 300 if name.startswith("wide") else values
    write_labels(tmp_path / name, values, None, LEGEND)
    known = read_legend(tmp_path / name)
    assert (known.names, known.colors, known.objects) == (LEGEND.names, LEGEND.colors, False)
    assert (known.table["index"], known.table["size"], known.table["share"]) == ([1, 2], [3, 2], [0.6, 0.4])
    again = read(tmp_path / name).image
    assert np.array_equal(np.squeeze(again.sources[0].array[...]).ravel(), np.squeeze(values).ravel(order="C")) or (
        ".nii" in name and np.array_equal(again.sources[0].array[...].T, values)
    )


@pytest.mark.parametrize("axes", ["TCYX", "PYX", "VZYX"])
def test_a_tiff_of_unusual_axes_keeps_them_too(tmp_path, axes):
    image = read(np.zeros((2, 1, 4, 5)[-len(axes) :] if len(axes) > 3 else (2, 4, 5)), axes=axes).image
    write_labels(tmp_path / "l.tif", np.ones(image.label_shape, int), image, LEGEND)
    assert read_legend(tmp_path / "l.tif").names == LEGEND.names


def test_fiji_and_any_viewer_show_the_colors(tmp_path):
    write_labels(tmp_path / "l.tif", LABELS, None, LEGEND)
    with tifffile.TiffFile(tmp_path / "l.tif") as file:
        table = file.imagej_metadata["LUTs"]
        assert table[:, :3].T.tolist() == [[0, 0, 0], [0, 102, 255], [255, 51, 0]]
        assert file.imagej_metadata["Ranges"] == (0, 255)
    write_labels(tmp_path / "l.png", LABELS[0], None, LEGEND)
    with Picture.open(tmp_path / "l.png") as picture:
        assert np.asarray(picture.convert("RGB"))[0, 1].tolist() == [0, 102, 255]


def test_objects_have_colors_of_their_own_and_the_names_of_what_they_are_part_of(tmp_path):
    legend = Legend({1: "nucleus", 2: "nucleus"}, {1: (1, 0, 0), 2: (1, 0, 0)}, objects=True)
    write_labels(tmp_path / "l.png", LABELS[0], None, legend)
    with Picture.open(tmp_path / "l.png") as picture:
        seen = np.asarray(picture.convert("RGB"))
    assert seen[0, 1].tolist() != seen[1, 0].tolist()
    assert (read_legend(tmp_path / "l.png").names, read_legend(tmp_path / "l.png").objects) == (legend.names, True)


def test_a_hidden_label_stays_hidden(tmp_path):
    write_labels(tmp_path / "l.tif", LABELS, None, Legend(LEGEND.names, LEGEND.colors, hidden=frozenset({2})))
    known = read_legend(tmp_path / "l.tif")
    assert (known.hidden, known.colors) == (frozenset({2}), LEGEND.colors)


def test_a_file_without_a_legend_has_none(tmp_path):
    for name in ("l.tif", "l.ome.tif", "l.png", "l.npy"):
        write_labels(tmp_path / name, LABELS[0])
        assert read_legend(tmp_path / name) is None
    (tmp_path / "broken.tif").write_bytes(b"II*\0nothing")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    assert read_legend(tmp_path / "broken.tif") is None
    assert read_legend(tmp_path / "broken.png") is None
    assert read_legend(tmp_path / "not there.tif") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["colors", "properties", "label-value", "rgba", "name"]) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60)
@given(JSON)
def test_what_a_stranger_writes_there_is_a_legend_or_left_out(about):
    found = Legend.of(about)
    assert all(0 <= part <= 1 for rgb in found.colors.values() for part in rgb)
    assert Legend.of(found.about).colors.keys() == found.colors.keys()
    for label in (*found.names, *found.colors):
        assert isinstance(found.name(label), str)
