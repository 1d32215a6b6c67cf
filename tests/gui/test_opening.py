"""Every dock opens and closes in whatever napari this is, from the oldest that is supported (scripts/matrix)."""

import pytest

from napari_ae_seg.gui.parts import preferences

from .conftest import blobs, press, settle, small

DOCKS = ("Segment", "Train autoencoder", "Explore latents", "Classify")


@pytest.mark.parametrize("name", DOCKS)
def test_a_dock_opens_and_closes_with_images_coming_and_going(viewer, dock, qtbot, name):
    viewer.add_image(blobs(), name="before")
    widget = dock(name)
    viewer.add_image(blobs(), name="after")
    del viewer.layers["before"]
    settle(qtbot, widget)
    viewer.window.remove_dock_widget(widget)
    viewer.add_image(blobs(), name="later")
    del viewer.layers["later"]


def test_an_image_is_learnt_from_and_segmented(viewer, dock, qtbot):
    viewer.add_image(blobs(), name="cells")
    train, segment = small(dock("Train autoencoder")), dock("Segment")
    press(qtbot, train.train_button)
    settle(qtbot, train)
    assert train.model is not None
    press(qtbot, segment.button)
    settle(qtbot, segment)
    assert viewer.layers["cells segments"].data.max() > 1


def test_without_a_preferences_page_the_docks_begin_with_the_defaults(viewer, monkeypatch):
    from napari import settings

    monkeypatch.delattr(settings, "get_plugin_settings", raising=False)
    assert preferences.run_defaults() == {}
    assert preferences.models_folder().is_dir()
