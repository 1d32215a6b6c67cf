"""Labels of an image that is larger than memory: shown while they are made, kept if that is stopped."""

import numpy as np
import pytest

from napari_ae_seg.autoencoder import encode
from napari_ae_seg.gui.segment import growing
from napari_ae_seg.images.formats import ngff
from napari_ae_seg.segmenter import label, segmenter

from ..conftest import labels_of, press, settle


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Any image is too large for memory, and has many blocks."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(encode.BLOCK, 2, 64)
    monkeypatch.setitem(encode.BLOCK, 3, 32)
    monkeypatch.setitem(ngff.SIDES, 2, 32)
    monkeypatch.setitem(ngff.SIDES, 3, 16)
    monkeypatch.setattr(label, "IN_MEMORY", 0)
    monkeypatch.setattr(segmenter, "IN_MEMORY", 0)
    monkeypatch.setitem(growing.SIDES, 2, 40)


def test_coarse_labels_are_every_so_many_pixels_of_all(small):
    import napari_ae_seg as ae

    labels = np.random.default_rng(0).integers(0, 9, (100, 130))
    image = ae.read(labels.astype(float), spacing=(0.5, 0.25)).image
    shown = np.zeros(growing.coarse(image), int)
    for y in range(0, 100, 33):
        for x in range(0, 130, 50):
            region = (slice(y, min(y + 33, 100)), slice(x, min(x + 50, 130)))
            piece = growing.Piece.of(image, region, labels)
            shown[piece.where] = piece.labels
    assert np.array_equal(shown, labels[::4, ::4])
    assert growing.placed(image)["scale"] == (2.0, 1.0)
    assert growing.placed(image)["translate"] == (0.75, 0.375)


def test_a_large_image_is_shown_while_it_is_labelled_and_what_is_done_is_kept(
    viewer, segment_dock, qtbot, small, monkeypatch, tmp_path
):
    y, x = np.mgrid[:200, :200]
    viewer.add_image(((y // 40 + x // 40) % 2 * 900 + 300 + y % 7).astype(np.float32), name="large")
    blocks = []
    take = segment_dock.growing.take

    def taking(sent):
        take(sent)
        blocks.append(sent)
        if len(blocks) == 3:
            segment_dock.runner.stop()

    monkeypatch.setattr(segment_dock.growing, "take", taking)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    far = viewer.layers["large segments so far"]
    assert 0 < np.count_nonzero(far.data) < far.data.size
    assert (tmp_path / "large_segments.zarr.partial").is_dir()
    blocks.clear()
    blocks.extend([None] * 9)  # so that it is not stopped again
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    assert len(blocks) == 9 + 16
    assert far not in viewer.layers
    layer = labels_of(viewer)
    assert layer.data.shape == (200, 200)
    assert layer.data.min() > 0
    assert (tmp_path / "large_segments.zarr").is_dir()
