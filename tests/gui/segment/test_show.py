"""The window that the demo opens."""

import napari
import pytest

from napari_ae_seg.cli.app import app
from napari_ae_seg.gui.segment import show


@pytest.mark.usefixtures("make_napari_viewer")
def test_the_demo_opens_with_image_labels_and_the_dock(tmp_path, monkeypatch):
    app(["demo", "--no-window", "--out", str(tmp_path), "--quiet"], standalone_mode=False)
    seen = {}

    def closed_by_the_person():
        viewer = napari.current_viewer()
        seen.update(layers=[layer.name for layer in viewer.layers], docks=list(viewer.window.dock_widgets))
        viewer.close()

    monkeypatch.setattr(napari, "run", closed_by_the_person)
    show.main(tmp_path)
    assert seen["layers"] == ["textures", "textures segments"]
    assert any("Segment" in name for name in seen["docks"])
