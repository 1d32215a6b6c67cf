"""What a console and a notebook show of images."""

import numpy as np
import pytest

import napari_ae_seg as ae
from napari_ae_seg.images import notebook
from napari_ae_seg.images.image import Image
from napari_ae_seg.images.source import Source
from napari_ae_seg.images.stack import as_stack


def test_a_stack_of_many_images_is_told_in_twenty_lines():
    text = repr(ae.read([np.zeros((8, 9))] * 50))
    assert len(text.splitlines()) <= 20
    assert "Stack of 50 images" in text
    assert "image: YX (8, 9) float64, 1 channel, 2D" in text
    assert "and 36 more" in text


def test_an_image_says_its_pixel_size_where_it_is_known():
    assert "pixel 0.5 x 0.5" in repr(ae.read(np.zeros((8, 9)), spacing=0.5).image)


def test_a_name_from_a_file_is_shown_as_text_not_as_markup():
    stack = ae.Stack((Image.of([Source(np.zeros((8, 8)), "YX", name="<script>")]),))
    page = stack._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert 'src="data:image/png;base64,' in page


def test_the_picture_of_a_volume_is_its_middle_slice():
    volume = np.zeros((9, 8, 8))
    volume[4, :4] = 1
    picture = notebook.picture_of(ae.read(volume, axes="ZYX").image)
    assert picture.shape == (8, 8, 3)
    assert picture[:4].min() == 255
    assert picture[4:].max() == 0


def test_of_a_wide_image_only_the_middle_is_read(monkeypatch):
    monkeypatch.setattr(notebook, "LOOKED_AT", 4)
    assert notebook.picture_of(ae.read(np.eye(10)).image).shape == (4, 4, 3)


def test_missing_values_are_dark_in_a_picture():
    picture = notebook.picture_of(ae.read(np.array([[np.nan, 1.0], [2.0, 3.0]])).image)
    assert picture[0, 0].max() == 0
    assert picture[1, 1].min() == 255


def test_a_configuration_is_no_image():
    with pytest.raises(TypeError, match="got a NetworkConfig: pass an array, path, layer or Stack"):
        as_stack(ae.NetworkConfig())
