"""A lasso on a million latents: from its last corner to the highlighted pixels, and from pixels to the plane.

Where there is a screen (or Xvfb) also in napari: until the overlay is drawn in the window.
"""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import best
from napari_ae_seg.explore.plane import Plane, binned, principal, tally

SIDE = 1024
LATENTS = 16
AIM = 0.1
MANIFEST = Path(__file__).parents[1] / "src" / "napari_ae_seg" / "napari.yaml"


def main() -> None:
    """Prints seconds of each step, the best of five."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 5, (1, SIDE, SIDE))
    z = rng.normal(size=(5, LATENTS))[kind] + 0.3 * rng.normal(size=(1, SIDE, SIDE, LATENTS))
    flat = z.reshape(-1, LATENTS).astype(np.float32)

    def plane() -> Plane:
        bins = binned(principal(flat)(flat).reshape(1, SIDE, SIDE, 2))
        return Plane(bins, tally(bins), "")

    made = plane()
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    lasso = np.stack([256 + 220 * np.cos(angle), 200 + 150 * np.sin(angle) + 20 * np.sin(9 * angle)], 1).tolist()
    overlay = np.zeros((SIDE, SIDE), np.uint8)
    chosen = made.inside(lasso)
    colors = np.eye(5)[:, :3][kind]
    lit = best(lambda: np.copyto(overlay, made.inside(lasso)[0]))
    print(f"{flat.shape[0]:,} latents of {LATENTS} numbers, {chosen.mean():.0%} of them in the lasso")
    print(f"lasso to highlighted pixels   {1000 * lit:6.1f} ms (aim {1000 * AIM:.0f})")
    print(f"pixels to places on the plane {1000 * best(lambda: made.light(made.places(chosen))):6.1f} ms")
    print(f"plane coloured by cluster     {1000 * best(lambda: made.picture(colors)):6.1f} ms")
    print(f"plane laid out                {1000 * best(plane, times=2):6.1f} ms")
    if importlib.util.find_spec("napari") and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        _in_napari()


def _in_napari() -> None:
    """Prints the time until the pixels of a lasso are lit in the window."""
    import napari
    from npe2 import PluginManager, PluginManifest
    from qtpy.QtTest import QTest

    manager = PluginManager.instance()
    if "napari-ae-seg" not in manager:
        manager.register(PluginManifest.from_file(MANIFEST))
    viewer = napari.Viewer(show=True)
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 4, (32, 32)), np.ones((32, 32))) + rng.normal(0, 0.2, (SIDE, SIDE))
    viewer.add_image(picture.astype(np.float32), name="picture")
    segment = viewer.window.add_plugin_dock_widget("napari-ae-seg", "Segment")[1]
    dock: Any = viewer.window.add_plugin_dock_widget("napari-ae-seg", "Explore latents", tabify=True)[1]
    segment.forms[0].write({"n_clusters": 4})
    segment.button.click()
    while dock.look is None or dock.runner.running or segment.runner.running:
        QTest.qWait(50)
    lasso = [(100, 100), (400, 100), (420, 400), (90, 380)]
    dock.plane.lassoed.emit(lasso, True)  # the layer is made once
    QTest.qWait(500)
    seconds = []
    for shift in range(5):
        start = time.perf_counter()
        dock.plane.lassoed.emit([(x + 4 * shift, y) for x, y in lasso], True)
        viewer.window._qt_viewer.canvas._scene_canvas.native.repaint()
        seconds.append(time.perf_counter() - start)
    print(f"lasso to pixels lit in napari {1000 * min(seconds):6.1f} ms (aim {1000 * AIM:.0f})")
    viewer.close()


if __name__ == "__main__":
    main()
