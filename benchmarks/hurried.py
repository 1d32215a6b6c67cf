"""A person in a hurry: random sequences of what people do while the docks work, each in a napari of its own.

A crash, an exception that leaves a slot or a job that never ends counts; the number of a sequence repeats it:
`python -X faulthandler -m benchmarks.hurried NUMBER...`; with `few` in front each has few steps, as in the suite.
"""

from __future__ import annotations

import faulthandler
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .tally import Tally

STEPS, FEW = 25, 8
"""Things done in one sequence, and in one of the short form."""
TOGETHER = 10
"""Sequences of one process."""
MOST_SECONDS = 3600
"""A process that takes longer hangs."""
DOCKS = ("Segment", "Train autoencoder", "Explore latents", "Classify")
MANIFEST = Path(__file__).parents[1] / "src" / "napari_ae_seg" / "napari.yaml"


def docks(count: int, seed: int) -> Tally:
    """How many of `count` random sequences crash, hang or let an exception leave a slot; ten run in one process."""
    tally, number = Tally(), seed
    while number < seed + count:
        numbers = range(number, min(number + TOGETHER, seed + count))
        done, told = _process([str(one) for one in numbers])
        ended = [int(line.split()[1]) for line in done if line.startswith("ended ")]
        wrong = [int(line.split()[1]) for line in done if line.startswith("wrong ")]
        broken = told and len(ended) + len(wrong) < len(numbers)
        raw = len(wrong) + bool(broken)
        number = max([number - 1, *ended, *wrong]) + 1 + bool(broken)
        tally.add(Tally(len(ended) + raw, raw=raw))
        print(f"docks {number - seed} of {count} sequences: {tally}", flush=True)
        if raw:
            print("\n".join(done[-200:]), told, flush=True)
    return tally


def layers(count: int, seed: int) -> Tally:
    """Every odd layer comes and goes while each dock is open; `count` and `seed` change nothing."""
    del count, seed
    done, told = _process(["layers"])
    tries = [line for line in done if line.startswith("ended ")]
    wrong = [line for line in done if line.startswith("wrong ")]
    print("\n".join(wrong), told if told and not wrong else "")
    return Tally(len(tries) + len(wrong), raw=len(wrong) + bool(told and not wrong))


def _process(words: list[str]) -> tuple[list[str], str]:
    """What a process of this module prints, and how it ended if not well."""
    command = [sys.executable, "-u", "-X", "faulthandler", "-m", "benchmarks.hurried", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired as late:
        printed = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
        return printed.splitlines(), f"not done after {MOST_SECONDS} s"
    told = "" if done.returncode == 0 else f"exit {done.returncode}\n{done.stderr[-4000:]}"
    return done.stdout.splitlines(), told


def sequence(seed: int, steps: int = STEPS) -> None:
    """One sequence, in this process; RuntimeError if an exception left a slot."""
    faulthandler.enable()
    import napari
    from qtpy.QtTest import QTest

    raised: list[str] = []
    sys.excepthook = lambda kind, error, trace: raised.append(_told(kind, error, trace))
    with tempfile.TemporaryDirectory() as folder:
        _settle(Path(folder))
        viewer = napari.Viewer(show=False)
        hand = Hand(viewer, random.Random(seed))
        for _ in range(steps):
            name, act = hand.rng.choice(list(hand.actions.items()))
            print(name, flush=True)
            act()
            QTest.qWait(hand.rng.choice((0, 0, 20, 120, 400)))
        hand.wait()
        viewer.close()
        QTest.qWait(50)
    if raised:
        raise RuntimeError(f"seed {seed}: {len(raised)} exceptions left a slot\n{raised[0]}")


class Hand:
    """A person in a hurry."""

    def __init__(self, viewer: Any, rng: random.Random) -> None:
        self.viewer, self.rng = viewer, rng
        self.open: dict[str, Any] = {}
        self.actions: dict[str, Callable[[], None]] = {
            "add image": self.add_image,
            "add odd layer": self.add_odd,
            "delete": self.delete,
            "rename": self.rename,
            "switch": self.switch,
            "replace data": self.replace,
            "open dock": self.open_dock,
            "close dock": self.close_dock,
            "segment": lambda: self.press("Segment", "button"),
            "segment again": lambda: self.press("Segment", "button"),
            "count": lambda: self.within("Segment", lambda dock: dock.results.count.click()),
            "slide": self.slide,
            "edit": self.edit,
            "paint": self.paint,
            "undo": self.undo,
            "strokes": lambda: self.within("Segment", lambda dock: dock.results.strokes.click()),
            "learn": lambda: self.press("Segment", "learn_button"),
            "train": self.train,
            "class": self.name_class,
        }
        self.add_image()
        self.open_dock("Segment")

    def add_image(self) -> None:
        side = self.rng.choice((24, 48, 64))
        self.viewer.add_image(_discs(side, self.rng.randrange(99)), name=self.rng.choice(("cells", "a", "x" * 80)))

    def add_odd(self) -> None:
        self.viewer.add_layer(odd_layers()[self.rng.choice(sorted(odd_layers()))])

    def delete(self) -> None:
        if len(self.viewer.layers):
            self.viewer.layers.remove(self.rng.choice(list(self.viewer.layers)))

    def rename(self) -> None:
        if len(self.viewer.layers):
            self.rng.choice(list(self.viewer.layers)).name = self.rng.choice(("cells", "cells segments", "selection"))

    def switch(self) -> None:
        if len(self.viewer.layers):
            self.viewer.layers.selection.active = self.rng.choice(list(self.viewer.layers))

    def replace(self) -> None:
        from napari.layers import Labels

        layers = [one for one in self.viewer.layers if isinstance(one, Labels) and one.ndim == 2]
        if layers:
            layer = self.rng.choice(layers)
            layer.data = np.zeros((self.rng.choice((8, 40)), 40), np.uint8)

    def open_dock(self, name: str = "") -> None:
        name = name or self.rng.choice(DOCKS)
        if name not in self.open:
            self.open[name] = self.viewer.window.add_plugin_dock_widget("napari-ae-seg", name, tabify=True)[1]
            if name == "Train autoencoder":
                for form in self.open[name].forms:
                    form.write({"width": 4, "levels": 2, "latents": 4, "steps": 30, "patch": 16, "batch": 2})

    def close_dock(self) -> None:
        if self.open:
            name = self.rng.choice(sorted(self.open))
            del self.open[name]
            wrapped = self.viewer.window._wrapped_dock_widgets[f"{name} (napari-ae-seg)"]
            self.viewer.window.remove_dock_widget(wrapped)

    def within(self, name: str, act: Callable[[Any], Any]) -> None:
        if name in self.open:
            act(self.open[name])

    def press(self, name: str, button: str) -> None:
        self.within(name, lambda dock: getattr(dock, button).click())

    def slide(self) -> None:
        def moved(dock: Any) -> None:
            slider = dock.forms[0].controls["n_clusters"].widget.slider
            slider.setSliderDown(True)
            for _ in range(2):
                slider.setValue(self.rng.randint(2, 7))
            slider.setSliderDown(False)

        self.within("Segment", moved)

    def edit(self) -> None:
        def done(dock: Any) -> None:
            for row in range(dock.table.rowCount()):
                if self.rng.random() < 0.5:
                    dock.table.selectRow(row)
            dock.table.act(self.rng.choice(("merge", "split", "hide", "background")))

        self.within("Segment", done)

    def paint(self) -> None:
        from napari.layers import Labels

        layer = self.viewer.layers.selection.active
        if isinstance(layer, Labels) and layer.ndim == 2 and layer.editable:
            layer.paint((5, 5), self.rng.randint(1, 5))

    def undo(self) -> None:
        layer = self.viewer.layers.selection.active
        if hasattr(layer, "undo"):
            self.rng.choice((layer.undo, layer.redo))()

    def train(self) -> None:
        self.within("Train autoencoder", lambda dock: self.rng.choice((dock.train_button, dock.pause_button)).click())

    def name_class(self) -> None:
        def named(dock: Any) -> None:
            dock.add_class(self.rng.choice(("round", "long")))
            dock.name_button.click()

        self.within("Classify", named)

    def wait(self) -> None:
        """Wait until every dock is at rest."""
        from qtpy.QtTest import QTest

        end = time.monotonic() + MOST_SECONDS / 2
        for dock in self.open.values():
            dock.runner.stop()
            while dock.runner.running:
                if time.monotonic() > end:
                    raise RuntimeError(f"{dock.runner.job.title} never ends")
                QTest.qWait(20)


def odd_layers() -> dict[str, Any]:
    """Layers that no dock has use for, by what is odd about them; napari itself shows none that is complex or empty."""
    from napari.layers import Image, Labels, Points, Shapes, Surface, Vectors

    rng = np.random.default_rng(0)
    corners, faces = np.array([[0, 0], [0, 9], [9, 0]]), np.array([[0, 1, 2]])
    return {
        "six axes": Image(rng.random((2, 2, 2, 2, 8, 8)), name="six axes"),
        "one pixel": Image(np.ones((1, 1)), name="one pixel"),
        "boolean": Image(rng.random((8, 8)) > 0.5, name="boolean"),
        "float colors": Image(rng.random((8, 8, 3)), rgb=True, name="float colors"),
        "not a number": Image(np.full((8, 8), np.nan), name="not a number", contrast_limits=(0, 1)),
        "one axis": Image(rng.random(8)[None], name="one axis"),
        "six axes of labels": Labels(np.ones((2, 2, 2, 2, 8, 8), int), name="six axes of labels"),
        "no labels": Labels(np.zeros((8, 8), int), name="no labels"),
        "points": Points(corners, name="points"),
        "no points": Points(name="no points"),
        "shapes": Shapes([np.array([[0, 0], [0, 9], [9, 9], [9, 0]])], name="shapes"),
        "surface": Surface((corners.astype(float), faces, np.ones(3)), name="surface"),
        "vectors": Vectors(np.zeros((2, 2, 2)), name="vectors"),
    }


def meet(name: str) -> None:
    """Every odd layer is added, chosen, renamed, worked on and removed while the dock `name` is open."""
    import napari
    from qtpy.QtTest import QTest

    raised: list[str] = []
    sys.excepthook = lambda kind, error, trace: raised.append(_told(kind, error, trace))
    with tempfile.TemporaryDirectory() as folder:
        _settle(Path(folder))
        viewer = napari.Viewer(show=False)
        hand = Hand(viewer, random.Random(0))
        hand.open_dock(name)
        for what, layer in odd_layers().items():
            viewer.add_layer(layer)
            viewer.layers.selection.active = layer
            layer.name = f"{what} again"
            hand.press("Segment", "button")
            QTest.qWait(50)
            hand.wait()
            print(f"{'wrong' if raised else 'ended'} {name}: {what} {' '.join(raised)}", flush=True)
            raised.clear()
        viewer.layers.clear()
        hand.wait()
        viewer.close()


def _settle(folder: Path) -> None:
    """The plugin's settings, in `folder`."""
    from napari.settings import get_plugin_settings
    from npe2 import PluginManager, PluginManifest

    if "napari-ae-seg" not in PluginManager.instance():
        PluginManager.instance().register(PluginManifest.from_file(MANIFEST))
    get_plugin_settings("napari-ae-seg").models.folder = str(folder)


def _discs(side: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    picture = sum((y - cy) ** 2 + (x - cx) ** 2 < side for cy, cx in rng.uniform(0, side, (4, 2)))
    return (300 + 900 * np.asarray(picture) + rng.normal(0, 60, (side, side))).clip(0).astype(np.uint16)


def _told(kind: Any, error: Any, trace: Any) -> str:
    import traceback

    return "".join(traceback.format_exception(kind, error, trace))


def main(words: list[str]) -> int:
    """Runs what the command line names: `layers`, or numbers of sequences, `few` steps each; how many went wrong."""
    wrong = 0
    if words == ["layers"]:
        for name in DOCKS:
            meet(name)
        return 0
    for number in [int(word) for word in words if word != "few"]:
        try:
            sequence(number, FEW if "few" in words else STEPS)
            print(f"ended {number}", flush=True)
        except RuntimeError as error:
            wrong += 1
            print(f"wrong {number}: {error}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
