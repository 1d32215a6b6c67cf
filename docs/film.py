"""The moving picture at the top of the README: the Segment dock from a press to counted objects, about ten seconds.

Run by `make docs-film`, under Xvfb.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from screenshots import IMAGES, label_opacity, open_dock, open_sample, until, wait, window

SIZE = (1280, 720)
SHOWN = (854, 480)
COLORS = 96
FRAME_MS = 100
POINTER = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))


def main() -> None:
    """Films the dock and writes docs/images/segment.gif."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = f"{folder}/settings.yaml"
        with window("dark", Path(folder), SIZE) as viewer:
            film = Film(viewer)
            play(film)
    path = IMAGES / "segment.gif"
    film.write(path)
    print(f"{path}: {sum(film.held) / 1000:.1f} s, {len(film.held)} frames, {path.stat().st_size / 2**20:.2f} MB")


def play(film: Film) -> None:
    """What is seen."""
    viewer = film.viewer
    open_sample(viewer, "tissue")
    dock = open_dock(viewer, "Segment")
    wait(1.5)
    film.hold(0.8)
    film.click(dock.button)
    until(lambda: dock.result is not None and not dock.runner.running)
    label_opacity(viewer, 0.6)
    film.hold(1.2)
    clusters = dock.forms[0].controls["n_clusters"].widget
    for count in (3, 4, 5, 4):
        slide(film, dock, clusters, count)
        film.hold(0.3)
    film.hold(0.6)
    nuclei = darkest(dock)
    film.point(dock.table.viewport(), dock.table.visualItemRect(dock.table.item(nuclei - 1, 0)).center())
    dock.table.choose(nuclei)
    film.hold(0.5)
    film.click(dock.results.count)
    until(lambda: "object" in dock.objects.count.text())
    film.hold(1.0)
    viewer.layers["tissue segments"].visible = False
    film.hold(1.4)


def slide(film: Film, dock: Any, clusters: Any, count: int) -> None:
    """Drag the slider to `count` and let go."""
    groove = clusters.slider
    groove.setSliderDown(True)
    groove.setValue(count)
    share = (count - groove.minimum()) / (groove.maximum() - groove.minimum())
    place = groove.rect().center()
    place.setX(8 + round(share * (groove.width() - 16)))
    film.point(groove, place)
    until(lambda: not dock.live.waiting and not dock.runner.running)
    groove.setSliderDown(False)
    until(lambda: not dock.live.waiting and not dock.runner.running)


def darkest(dock: Any) -> int:
    """The label whose pixels are darkest."""
    [segments] = dock.result.segments
    image = np.asarray(dock.image.layer.data, np.float32).mean(-1)
    return min(range(1, segments.labels.max() + 1), key=lambda label: float(image[segments.labels == label].mean()))


class Film:
    """Frames of a window with a pointer on them."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.frames: list[Image.Image] = []
        self.held: list[int] = []
        self.pointer = (0.45 * SIZE[0], 0.6 * SIZE[1])

    def hold(self, seconds: float) -> None:
        """Show the window as it is for some time."""
        wait(0.25)
        self._take(round(1000 * seconds))

    def point(self, widget: Any, place: Any = None, steps: int = 4) -> None:
        """Move the pointer onto a widget."""
        at = widget.mapTo(self.viewer.window._qt_window, place or widget.rect().center())
        start = self.pointer
        for step in range(1, steps + 1):
            share = step / steps
            self.pointer = (start[0] + share * (at.x() - start[0]), start[1] + share * (at.y() - start[1]))
            self._take(FRAME_MS)

    def click(self, widget: Any) -> None:
        """Move the pointer onto a button and press it."""
        self.point(widget)
        widget.setDown(True)
        self.hold(0.2)
        widget.setDown(False)
        widget.click()

    def write(self, path: Path) -> None:
        """Write what was taken, in one palette, so that what stands still costs nothing."""
        row = Image.new("RGB", (SHOWN[0], SHOWN[1] * 4))
        for number, index in enumerate(np.linspace(0, len(self.frames) - 1, 4).astype(int)):
            row.paste(self.frames[index], (0, number * SHOWN[1]))
        palette = row.quantize(COLORS, dither=Image.Dither.NONE)
        frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=self.held, loop=0, optimize=False)

    def _take(self, milliseconds: int) -> None:
        shot = Image.fromarray(self.viewer.screenshot(canvas_only=False, flash=False)[..., :3])
        scale = shot.width / self.viewer.window._qt_window.width()
        draw = ImageDraw.Draw(shot)
        outline = [(scale * (self.pointer[0] + x), scale * (self.pointer[1] + y)) for x, y in POINTER]
        draw.polygon(outline, fill="white", outline="black")
        self.frames.append(shot.resize(SHOWN, Image.Resampling.LANCZOS))
        self.held.append(milliseconds)


if __name__ == "__main__":
    main()
