"""The pictures in docs/images: both docks at work in a window of 1200x800, in the dark and the light theme.

Run by `make docs-screenshots`, under Xvfb; settings and models of the person who runs it are left alone.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parent / "images"
MANIFEST = Path(__file__).parents[1] / "src" / "napari_ae_seg" / "napari.yaml"
SIZE = (1200, 800)


def main() -> None:
    """Draws every picture, or those whose name begins like the command line's words."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = f"{folder}/settings.yaml"
        IMAGES.mkdir(exist_ok=True)
        for theme in ("dark", "light"):
            for name, draw in PICTURES.items():
                if not sys.argv[1:] or name.startswith(tuple(sys.argv[1:])):
                    _draw(f"{name}-{theme}", theme, draw, Path(folder))


def segment(viewer: Any) -> None:
    """The Segment dock after a press and a slide."""
    open_sample(viewer, "tissue")
    dock = open_dock(viewer, "Segment")
    dock.forms[0].write({"n_clusters": 4})
    dock.button.click()
    until(lambda: not dock.runner.running)
    dock.table.item(0, 0).setText("nuclei")
    until(lambda: not dock.runner.running)
    label_opacity(viewer, 0.5)


def segment_first(viewer: Any) -> None:
    """The Segment dock as it opens."""
    open_sample(viewer, "nuclei")
    open_dock(viewer, "Segment")


def segment_advanced(viewer: Any) -> None:
    """The Segment dock with its options unfolded."""
    from superqt import QCollapsible

    open_sample(viewer, "volume")
    dock = open_dock(viewer, "Segment")
    for fold in dock.findChildren(QCollapsible):
        fold.expand(animate=False)


def segment_refine(viewer: Any) -> None:
    """The Segment dock with strokes painted, ready to be learnt from, and objects counted."""
    from scipy import ndimage

    from napari_ae_seg.gui.segment.dock import SegmentWidget

    segment(viewer)
    dock = viewer.window._qt_window.findChild(SegmentWidget)
    segments = viewer.layers[-1].data.copy()
    dock.results.strokes.click()
    layer = viewer.layers[-1]
    for label in (1, 2, 3, 4):
        depth = ndimage.distance_transform_edt(segments == label)
        for _ in range(3):
            y, x = (int(v) for v in divmod(int(depth.argmax()), depth.shape[1]))
            layer.selected_label = label
            for step in range(-12, 13):
                layer.paint((y + step // 3, x + step), label)
            depth[max(0, y - 60) : y + 60, max(0, x - 60) : x + 60] = 0
    layer.opacity = 1.0
    dock.table.choose(1)
    dock.objects_fold.expand(animate=False)
    until(lambda: "object" in dock.objects.count.text())


def train(viewer: Any) -> None:
    """The Train autoencoder dock in the middle of a training."""
    open_sample(viewer, "cells")
    dock = open_dock(viewer, "Train autoencoder")
    until(lambda: dock.cost.text() != "")
    dock.train_button.click()
    until(lambda: dock.fit is not None and dock.fit.number >= 90)
    dock.pause_button.click()
    until(lambda: not dock.runner.running)


def train_advanced(viewer: Any) -> None:
    """The Train autoencoder dock scrolled to its options."""
    from qtpy.QtWidgets import QScrollArea
    from superqt import QCollapsible

    open_sample(viewer, "cells")
    dock = open_dock(viewer, "Train autoencoder")
    until(lambda: dock.cost.text() != "")
    for fold in dock.findChildren(QCollapsible):
        fold.expand(animate=False)
    wait(0.3)
    advanced = next(fold for fold in dock.findChildren(QCollapsible) if fold.text() == "Advanced")
    dock.findChildren(QScrollArea)[0].verticalScrollBar().setValue(advanced.y())


def classify(viewer: Any) -> None:
    """The Classify dock after a few objects of two classes were named."""
    import numpy as np

    from napari_ae_seg.samples import celltypes

    open_sample(viewer, "celltypes")
    dock = open_dock(viewer, "Classify")
    types = celltypes.two_types(np.random.default_rng(celltypes.SEED)).types
    for name in celltypes.NAMES:
        dock.add_class(name)
        for number in [number for number, given in types.items() if given == name][:8]:
            dock.name_item(viewer.layers["cells"], number)
    until(lambda: dock.answer is not None and dock.answer.final and not dock.runner.running)
    viewer.scene.camera.zoom *= 1.6


def explore(viewer: Any) -> None:
    """The Explore latents dock with a lasso on the plane and its pixels in the image."""
    import numpy as np

    open_sample(viewer, "tissue")
    segment = open_dock(viewer, "Segment")
    segment.forms[0].write({"n_clusters": 4})
    segment.button.click()
    dock = open_dock(viewer, "Explore latents")
    until(lambda: dock.look is not None and not dock.runner.running)
    label_opacity(viewer, 0.4)
    one = dock.look.exploration
    rows, columns = np.divmod(dock.look.plane.bins[one.pixels == one.labels[-1]], 512)
    angle = np.linspace(0, 2 * np.pi, 60)
    middle, reach = (np.median(columns), np.median(rows)), 1.6 * np.array([columns.std(), rows.std()])
    corners = np.stack([middle[0] + reach[0] * np.cos(angle), middle[1] + reach[1] * np.sin(angle)], 1)
    dock.plane.corners = [tuple(corner) for corner in corners.clip(2, 509).tolist()]
    dock.plane.lassoed.emit(dock.plane.corners, True)


def tracks(viewer: Any) -> None:
    """Dividing cells under numbers that they keep, their tracks, and the table of their measures."""
    open_sample(viewer, "divisions")
    dock = open_dock(viewer, "Segment")
    dock.forms[0].write({"n_clusters": 2})
    dock.objects.form.write({"method": "distance", "min_size": 30})
    dock.button.click()
    until(lambda: dock.view is not None and not dock.runner.running)
    dock.results.count.click()
    until(lambda: any(layer.name.endswith("tracks") for layer in viewer.layers))
    dock.results.measures["objects"].trigger()
    until(lambda: not dock.runner.running)
    viewer.layers["divisions segments"].visible = False
    viewer.layers["divisions tracks"].tail_width = 3
    viewer.dims.set_point(0, 9)


def phenotypes(viewer: Any) -> None:
    """The Explore dock with a heat map of phenotypes, and the cells in their colours."""
    import numpy as np
    from qtpy.QtWidgets import QScrollArea

    from napari_ae_seg.samples.multiplexed import multiplexed

    open_sample(viewer, "multiplexed")
    stains = list(viewer.layers)
    where = {"scale": stains[0].scale, "units": stains[0].units, "axis_labels": stains[0].axis_labels}
    cells = viewer.add_labels(multiplexed(np.random.default_rng(7))[2], name="cells", visible=False, **where)
    segment = open_dock(viewer, "Segment")
    segment.image.choose(stains[0])
    for layer in stains[1:]:
        segment.options.more.tick(layer, True)
    segment.options.together.choose("channels")
    segment.forms[0].write({"n_clusters": 4})
    segment.button.click()
    until(lambda: segment.view is not None and not segment.runner.running)
    segment.view.layers[0].visible = False
    dock = open_dock(viewer, "Explore latents")
    until(lambda: dock.look is not None and not dock.runner.running)
    dock.phenotyping.objects.choose(cells)
    dock.phenotyping.form.write({"n_phenotypes": 6})
    dock.folds[0].collapse(animate=False)
    dock.folds[3].expand(animate=False)
    dock.phenotyping.button.click()
    until(lambda: dock.phenotyping.found is not None and not dock.runner.running)
    bar = dock.findChild(QScrollArea).verticalScrollBar()
    for _ in range(4):  # the fold grows to its new content
        wait(0.5)
        bar.setValue(bar.maximum())


PICTURES: dict[str, Callable[[Any], None]] = {
    "segment": segment,
    "segment-first": segment_first,
    "segment-advanced": segment_advanced,
    "segment-refine": segment_refine,
    "train": train,
    "train-advanced": train_advanced,
    "explore": explore,
    "classify": classify,
    "tracks": tracks,
    "phenotypes": phenotypes,
}


def _draw(name: str, theme: str, draw: Callable[[Any], None], folder: Path) -> None:
    with window(theme, folder) as viewer:
        draw(viewer)
        wait(0.6)
        viewer.screenshot(str(IMAGES / f"{name}.png"), canvas_only=False, flash=False)
    print(IMAGES / f"{name}.png")


@contextmanager
def window(theme: str, folder: Path, size: tuple[int, int] = SIZE) -> Iterator[Any]:
    """A viewer in `theme` that keeps its models in `folder`."""
    import napari
    from napari.settings import get_plugin_settings, get_settings
    from npe2 import PluginManager, PluginManifest

    manager = PluginManager.instance()
    if "napari-ae-seg" not in manager:
        manager.register(PluginManifest.from_file(MANIFEST))
    get_settings().appearance.theme = theme
    get_plugin_settings("napari-ae-seg").models.folder = str(folder / f"models-{theme}")
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*size)
    yield viewer
    viewer.close()
    wait(0.2)


def open_sample(viewer: Any, name: str) -> None:
    """Open a sample image."""
    viewer.open_sample("napari-ae-seg", name)
    viewer.reset_view()


def open_dock(viewer: Any, name: str) -> Any:
    """Open a dock."""
    dock = viewer.window.add_plugin_dock_widget("napari-ae-seg", name)[1]
    wait(0.1)  # for its tab
    return dock


def label_opacity(viewer: Any, opacity: float) -> None:
    """Let the image show through its labels."""
    from napari.layers import Labels

    for layer in viewer.layers:
        if isinstance(layer, Labels):
            layer.opacity = opacity


def until(over: Callable[[], bool], seconds: float = 300.0) -> None:
    """Let the window work until something is so."""
    end = time.perf_counter() + seconds
    while not over():
        if time.perf_counter() > end:
            sys.exit(f"not done after {seconds} s")
        wait(0.02)


def wait(seconds: float) -> None:
    """Let the window work for some time."""
    from qtpy.QtTest import QTest

    QTest.qWait(round(seconds * 1000))


if __name__ == "__main__":
    main()
