"""Strokes are few numbers on the pixels of an image; a photograph is not taken for them."""

import numpy as np
import pytest
from PIL import Image as Picture

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.images.formats.write import write_labels
from napari_ae_seg.images.stack import read
from napari_ae_seg.images.strokes import read_strokes

IMAGE = read(np.zeros((9, 12))).image


@pytest.mark.parametrize("name", ["s.png", "s.tif", "s.npy"])
def test_strokes_are_read_as_they_were_written(tmp_path, name):
    strokes = np.zeros((9, 12), int)
    strokes[2, 3:7], strokes[5, :4] = 1, 3
    write_labels(tmp_path / name, strokes)
    assert np.array_equal(read_strokes(tmp_path / name, IMAGE), strokes)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.arange(108, dtype="u1").reshape(9, 12), "108 different values, as a picture does"),
        (np.zeros((9, 12, 3), "u1"), "it has 3 channels"),
        (np.zeros((9, 11), "u1"), r"its shape \(9, 12\), got \(9, 11\)"),
    ],
)
def test_a_photograph_or_another_size_is_refused_in_one_sentence(tmp_path, values, why):
    Picture.fromarray(values).save(tmp_path / "photo.png")
    with pytest.raises(ImageReadError, match=rf"photo\.png: .*{why}"):
        read_strokes(tmp_path / "photo.png", IMAGE)
