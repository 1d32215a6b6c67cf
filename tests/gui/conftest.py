"""A real viewer, the plugin as napari sees it, and a small model: the docks are driven by their controls."""

from pathlib import Path

import numpy as np
import pytest

MANIFEST = Path(__file__).parents[2] / "src" / "napari_ae_seg" / "napari.yaml"
MODEL = "tiny"


@pytest.fixture
def plugin(npe2pm, request, tmp_path, monkeypatch):
    """The plugin's settings, its models kept in a folder of this test; None before napari 0.9, where it has none."""
    from napari import settings
    from npe2 import PluginManifest

    if not hasattr(settings, "get_plugin_settings"):
        npe2pm.register(PluginManifest.from_file(MANIFEST))
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        return None
    request.getfixturevalue("plugin_settings")
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    mine = settings.get_plugin_settings("napari-ae-seg")
    mine.models.folder = str(tmp_path / "models")
    return mine


@pytest.fixture
def viewer(plugin, make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A model file, trained for a moment."""
    import napari_ae_seg as ae

    network = ae.NetworkConfig(width=4, levels=2, latents=4)
    model = ae.train(ae.read(blobs(), axes="YX"), ae.TrainingConfig(steps=4, patch=16, batch=2), network)
    path = tmp_path_factory.mktemp("models") / f"{MODEL}.aeseg"
    model.save(path)
    return path


def blobs(shape=(96, 96), seed=0):
    """Bright discs on a dark ground with some noise, uint16."""
    rng = np.random.default_rng(seed)
    *_, height, width = shape
    y, x = np.mgrid[:height, :width]
    picture = np.zeros((height, width))
    for cy, cx in rng.uniform(10, min(height, width) - 10, (7, 2)):
        picture[(y - cy) ** 2 + (x - cx) ** 2 < 64] = 1 + rng.uniform(0, 1)
    picture = np.broadcast_to(picture, shape)
    return (300 + 900 * picture + rng.normal(0, 60, shape)).clip(0).astype(np.uint16)


@pytest.fixture
def image():
    return blobs()


@pytest.fixture
def dock(viewer, qtbot):
    """Opens a dock of the plugin by its name in the menu."""

    def opened(name):
        return viewer.window.add_plugin_dock_widget("napari-ae-seg", name)[1]

    return opened


@pytest.fixture
def segment_dock(dock, qtbot, tiny_model):
    """The Segment dock with the small model chosen."""
    widget = dock("Segment")
    widget.models.open(tiny_model)
    yield widget
    settle(qtbot, widget)


@pytest.fixture
def train_dock(dock, qtbot):
    """The Train autoencoder dock, set to a small network and few steps."""
    widget = small(dock("Train autoencoder"))
    yield widget
    settle(qtbot, widget)


def small(widget, **more):
    """The Train autoencoder dock set to a small network and few steps."""
    for form in widget.forms:
        form.write({"kind": "conv"})  # the usual number of latents comes with it
    for form in widget.forms:
        form.write({"width": 4, "levels": 2, "latents": 4, "steps": 12, "patch": 16, "batch": 2, **more})
    return widget


def settle(qtbot, widget, timeout=60_000):
    """Wait until the dock is at rest."""

    def resting():
        assert not widget.runner.running
        assert getattr(widget, "_asking", None) is None
        assert not (hasattr(widget, "live") and widget.live.waiting)
        assert not widget.runner._waiting
        assert not (hasattr(widget, "objects") and widget.objects._job)

    if hasattr(widget, "_rest"):  # the estimate that waits for the controls to rest
        widget._rest.cancel()
    qtbot.wait(20)
    qtbot.waitUntil(resting, timeout=timeout)
    qtbot.wait(20)


def press(qtbot, button):
    """Click a button, as a person does."""
    from qtpy.QtCore import Qt

    if not button.isEnabled():  # what was painted just now enables it a moment later
        qtbot.wait(50)
    assert button.isEnabled(), button.toolTip()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def labels_of(viewer):
    return next(layer for layer in viewer.layers if layer.name.endswith("segments"))


def slide(widget, name, value):
    """Drag a slider to `value` and let go."""
    slider = next(form for form in widget.forms if name in form.controls).controls[name].widget.slider
    slider.setSliderDown(True)
    slider.setValue(value)
    slider.setSliderDown(False)


@pytest.fixture
def segmented(viewer, segment_dock, qtbot, image):
    """The dock with three clusters shown, and their layer."""
    viewer.add_image(image)
    slide(segment_dock, "n_clusters", 3)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    return segment_dock, labels_of(viewer)
