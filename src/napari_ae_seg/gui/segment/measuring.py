"""Measures of what is shown: of the objects that were counted, or of the clusters, as they are painted now."""

from __future__ import annotations

import weakref
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.core.progress import Progress
from napari_ae_seg.gui.parts.tableview import TableView

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Result
    from napari_ae_seg.images.formats.table import Table
    from napari_ae_seg.images.stack import Image
    from napari_ae_seg.segmenter.objects import Objects
    from napari_ae_seg.segmenter.segments import Segments

    from .view import View

WHAT = {"objects": "Objects", "clusters": "Clusters"}
"""What can be measured, and what it is called."""

TIP = "Size, shape, place, neighbours and intensities, as they are painted now: a table to sort, copy and save."

NO_OBJECTS = "No objects are counted yet: press “Count objects” first."


class Measures:
    """Measures a layer of a view and shows the table below the image; one table per window."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.table: TableView | None = None

    def asked(self, view: View, what: str) -> tuple[int, Labels]:
        """What to measure: the number of an image, and its layer of `what`, a key of WHAT; the active one if it is one.

        A ValueError says so where there is none.
        """
        objects = [(number, held.layer) for number, held in view.objects.items() if held.alive]
        pairs = objects if what == "objects" else [(number, history.layer) for number, history, _ in view.shown]
        pairs = [pair for pair in pairs if pair[1] in self._viewer.layers]
        if not pairs:
            raise ValueError(NO_OBJECTS)
        active = self._viewer.layers.selection.active
        return next((pair for pair in pairs if pair[1] is active), pairs[0])

    def question(self, view: View, number: int, layer: Labels) -> tuple[Result, int, Segments | Objects]:
        """The labels of a layer as they are now, with what is known of them."""
        from napari_ae_seg.segmenter.objects import Objects

        labels = np.array(layer.data)
        if layer in view.layers:
            return view.result, number, replace(view.result.segments[number], labels=labels)
        return view.result, number, Objects(labels, view.objects[number].state.table)

    def show(self, layer: Labels, image: Image, table: Table) -> None:
        """Show the table; who turns to a row is shown that label in the image."""
        if self.table is None or self.table.parent() is None:
            self.table = TableView()
            self._viewer.window.add_dock_widget(self.table, name="Measures", area="bottom")
        else:
            self.table.chosen.disconnect()
        count, kind = len(set(table["index"])), "object" if "solidity" in table else "cluster"
        rows = f", a row for each time or slice: {table.count}" if table.count > count else ""
        self.table.show_table(table, f"{layer.name}: {count} {kind}{'s' * (count != 1)}{rows}.")
        self.table.chosen.connect(partial(_turn_to, weakref.ref(self._viewer), weakref.ref(layer), image, table))


def measured(question: tuple[Result, int, Segments | Objects], report: Reporter) -> tuple[Image, Table]:
    """The image that was asked about, and the measures of its labels."""
    from napari_ae_seg.segmenter.measures import measure

    report(Progress("measuring", 0, 0))
    result, number, labels = question
    image = result.request.stack[number].image
    return image, measure(labels, image)


def _turn_to(viewer: Any, held: Any, image: Image, table: Table, row: int) -> None:
    """Select a label in its layer and bring it to the middle of the canvas."""
    window, layer = viewer(), held()
    if window is None or layer is None or layer not in window.layers:
        return
    layer.selected_label = table["index"][row]
    axes = "zyx"[-(len(image.shape) - 2) :]
    middle = tuple((table[f"first {axis}"][row] + table[f"last {axis}"][row]) // 2 for axis in axes)
    n = table["sample"][row] if "sample" in table else 0
    index = image.source_region(n, tuple(slice(at, at + 1) for at in middle))
    point = layer.data_to_world([at.start if isinstance(at, slice) else at for at in index])
    for axis, at in enumerate(point):
        if axis not in window.dims.displayed:
            window.dims.set_point(axis, at)
    scene = getattr(window, "scene", window)  # before napari 0.9 the viewer held the camera itself
    scene.camera.center = tuple(point[axis] for axis in window.dims.displayed)
