"""What goes wrong while the docks are open: one clear sentence, no traceback, nothing half-done."""

import subprocess
import sys
import time

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_ae_seg.core.errors import OutOfMemoryError
from napari_ae_seg.core.progress import Progress
from napari_ae_seg.gui.parts.jobs import Job

from ..conftest import blobs, press, settle, small


def endless(report):
    while True:
        report(Progress("waiting", 0, 10))
        time.sleep(0.005)


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA out of memory"), MemoryError(), OutOfMemoryError("memory ran out"), KeyError("x")]
)
def test_whatever_a_job_raises_arrives_as_a_sentence(viewer, qtbot, error):
    def work(report):
        raise error

    told = []
    job = Job("Working", work)
    job.failed.connect(told.append)
    with qtbot.waitSignal(job.ended, timeout=5000):
        job.start()
    assert len(told) == 1
    assert str(error).strip("'").casefold() in told[0].casefold()
    assert told[0] in notification_manager.records[-1].message


def test_what_was_foreseen_is_a_sentence_without_a_traceback(viewer, qtbot, capfd):
    def work(report):
        raise ValueError("tick an image")

    job = Job("Working", work)
    with qtbot.waitSignal(job.failed, timeout=5000) as told:
        job.start()
    assert told.args == ["Tick an image."]
    assert not notification_manager.records[-1].actions
    qtbot.wait(50)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_what_is_told_to_stop_stops(viewer, qtbot):
    job = Job("Working", endless)
    job.start()
    qtbot.wait(100)
    with qtbot.waitSignal(job.stopped, timeout=5000):
        job.stop()


def test_progress_shows_in_the_activity_bar_and_can_be_stopped_there(viewer, qtbot):
    from napari.utils.progress import progress

    job = Job("Working", endless)
    job.start()
    qtbot.waitUntil(lambda: len(progress._all_instances) == 1, timeout=5000)
    (bar,) = progress._all_instances
    assert "Working" in bar.desc
    with qtbot.waitSignal(job.stopped, timeout=2000):
        bar.cancel()
    assert not progress._all_instances


def test_closing_the_viewer_ends_the_training(viewer, dock, qtbot):
    viewer.add_image(blobs((256, 256)))
    train_dock = small(dock("Train autoencoder"), steps=100_000)
    press(qtbot, train_dock.train_button)
    qtbot.waitUntil(lambda: train_dock.fit is not None and train_dock.fit.number > 1, timeout=60_000)
    reporter = train_dock.runner.job.reporter
    fit = train_dock.fit
    viewer.close()
    assert reporter.stopping
    qtbot.wait(300)
    before = fit.number
    qtbot.wait(300)
    assert fit.number == before


def test_closing_the_dock_ends_the_training(viewer, dock, qtbot):
    viewer.add_image(blobs((256, 256)))
    train_dock = small(dock("Train autoencoder"), steps=100_000)
    press(qtbot, train_dock.train_button)
    qtbot.waitUntil(lambda: train_dock.fit is not None and train_dock.fit.number > 1, timeout=60_000)
    viewer.window.remove_dock_widget(viewer.window._wrapped_dock_widgets["Train autoencoder (napari-ae-seg)"])
    qtbot.waitUntil(lambda: not train_dock.runner.running, timeout=2000)


def test_removing_the_image_stops_what_is_done_with_it(viewer, segment_dock, qtbot):
    viewer.add_image(blobs((400, 400)), name="gone")
    press(qtbot, segment_dock.button)
    viewer.layers.remove("gone")
    settle(qtbot, segment_dock)
    assert not len(viewer.layers)
    assert "gone was removed" in segment_dock.runner.text.text()


def test_swapping_the_image_gives_new_labels_on_the_next_press(viewer, segment_dock, qtbot, image):
    layer = viewer.add_image(image, name="cells")
    press(qtbot, segment_dock.button)
    layer.data = blobs((48, 64))
    settle(qtbot, segment_dock)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    assert {one.data.shape for one in viewer.layers if "segments" in one.name} == {(96, 96), (48, 64)}


def test_removing_the_labels_leaves_the_dock_ready(viewer, segment_dock, qtbot, image):
    viewer.add_image(image, name="cells")
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    viewer.layers.remove("cells segments")
    segment_dock.forms[0].write({"n_clusters": 3})
    settle(qtbot, segment_dock)
    assert not segment_dock.results.isVisibleTo(segment_dock)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    assert viewer.layers["cells segments"].data.max() == 3


def test_changing_what_is_shown_meanwhile_does_no_harm(viewer, segment_dock, qtbot):
    viewer.add_image(blobs((4, 64, 64)), name="stack", axis_labels=("t", "y", "x"))
    press(qtbot, segment_dock.button)
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    viewer.dims.set_current_step(0, 3)
    settle(qtbot, segment_dock)
    assert viewer.layers["stack segments"].data.shape == (4, 64, 64)


def test_an_image_without_a_finite_pixel_is_told_so(viewer, segment_dock, qtbot):
    viewer.add_image(np.full((64, 64), np.nan, np.float32), name="empty", contrast_limits=(0, 1))
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    assert "finite" in segment_dock.runner.text.text()
    assert len(viewer.layers) == 1
    assert segment_dock.button.isEnabled()


def test_a_region_of_another_size_is_told_so(viewer, segment_dock, qtbot, image):
    viewer.add_image(image, name="cells")
    viewer.add_labels(np.ones((5, 5), int), name="small")
    segment_dock.options.region.choose(viewer.layers["small"])
    press(qtbot, segment_dock.button)
    assert "'small' has the shape (5, 5)" in segment_dock.runner.text.text()


def test_images_that_differ_are_told_so_in_the_words_of_the_dock(viewer, segment_dock, qtbot, image):
    viewer.add_image(image, name="gray")
    color = viewer.add_image(np.stack([image] * 3, -1).astype(np.uint8), name="color")
    segment_dock.image.choose(color)
    segment_dock.models.setCurrentIndex(0)
    segment_dock.options.more.tick(viewer.layers["gray"])
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    assert "pick the same ones with “Channels”" in segment_dock.runner.text.text()


def test_a_file_that_is_no_model_is_refused(viewer, segment_dock, tmp_path):
    wrong = tmp_path / "wrong.aeseg"
    wrong.write_bytes(b"nothing of use")
    segment_dock.models.open(wrong)
    assert "is not a model" in segment_dock.runner.text.text()
    assert segment_dock.models.model.path != wrong


def test_opening_the_docks_imports_nothing_heavy():
    code = """
import sys
import napari
from npe2 import PluginManager, PluginManifest
if "napari-ae-seg" not in PluginManager.instance():
    PluginManager.instance().register(PluginManifest.from_file(sys.argv[1]))
viewer = napari.Viewer(show=False)
before = set(sys.modules)
viewer.window.add_plugin_dock_widget("napari-ae-seg", "Segment")
viewer.window.add_plugin_dock_widget("napari-ae-seg", "Train autoencoder")
heavy = {"torch", "sklearn", "skimage", "zarr", "tifffile"} & (set(sys.modules) - before)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    from ..conftest import MANIFEST

    done = subprocess.run([sys.executable, "-c", code, str(MANIFEST)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_napari_ends_in_peace_while_something_that_cannot_be_stopped_still_runs():
    code = """
import time
import napari
from qtpy.QtTest import QTest
from napari_ae_seg.gui.parts.jobs import Job
viewer = napari.Viewer(show=False)
job = Job("Busy", lambda _: time.sleep(1.5))
job.start()
QTest.qWait(200)
viewer.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
