"""Objects of a result: counted while their options change, then shown as a Labels layer of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QPushButton, QWidget
from superqt.utils import QSignalDebouncer

from napari_ae_seg.config import ObjectsConfig
from napari_ae_seg.core.progress import Progress
from napari_ae_seg.gui.parts.controls import tooltip
from napari_ae_seg.gui.parts.forms import Form, column, read, sentence
from napari_ae_seg.gui.parts.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Result

Found = list[tuple[np.ndarray, dict[str, list[Any]]]]
"""Per image the objects and their table."""

REST_MS = 250
"""How long the options must rest before the objects are counted anew."""


class Objects(QWidget):
    """The options for objects, how many they give, and a button that shows them."""

    def __init__(self, viewer: Viewer, chosen: Callable[[], list[int]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._chosen = chosen
        self._result: Result | None = None
        self._found: Found = []
        self._job: Job | None = None
        self.form = Form(ObjectsConfig, ObjectsConfig.model_fields)
        self.count = sentence()
        self.button = QPushButton("Show objects")
        self._rest = QSignalDebouncer(parent=self)
        self._rest.setTimeout(REST_MS)
        self._rest.triggered.connect(self._look)
        layout = column(self)
        for widget in (self.form, self.count, self.button):
            layout.addWidget(widget)
        self.form.changed.connect(self.follow)
        self.button.clicked.connect(self.show_objects)
        self.take(None)

    @property
    def waiting(self) -> bool:
        """Whether the objects are still being counted."""
        return self._job is not None

    def take(self, result: Result | None) -> None:
        """Look for objects in `result` from now on."""
        self._result = result
        self.follow()

    def follow(self, *_: Any) -> None:
        """The options, the result or the clusters chosen have changed."""
        self.form.show_relevant(self.form.values())
        self._found = []
        self.button.setEnabled(False)
        self.button.setToolTip(tooltip("Segment an image first." if self._result is None else "Being counted."))
        self.count.setText("")
        if self.isVisible() and self._result is not None:
            self._rest.throttle()

    def showEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Count when the fold opens."""
        super().showEvent(event)
        self.follow()

    def show_objects(self) -> None:
        """Show the objects counted last, one layer per image."""
        assert self._result is not None  # else the button is grey
        for (labels, table), segments in zip(self._found, self._result.segments, strict=True):
            name = f"{segments.name} objects"
            if name in self._viewer.layers:
                self._viewer.layers.remove(name)
            self._viewer.add_labels(labels, name=name, features=table, **segments.transform)

    def stop(self) -> None:
        """Count no more."""
        self._rest.cancel()
        if self._job is not None:
            self._job.stop()

    def _look(self) -> None:
        if self._job is not None:
            self._rest.throttle()
            return
        result, clusters = self._result, self._chosen()
        if result is None:
            return
        try:
            config = read(ObjectsConfig, self.form)
        except ValueError as error:
            self.count.setText(str(error))
            return
        job = self._job = Job("Counting objects", lambda report: find(result, clusters, config, report), self, True)
        job.returned.connect(lambda found: self._counted(result, clusters, config, found))
        job.failed.connect(self.count.setText)
        job.ended.connect(self._over)
        job.start()

    def _counted(self, result: Result, clusters: list[int], config: ObjectsConfig, found: Found) -> None:
        if result is not self._result or clusters != self._chosen() or config != read(ObjectsConfig, self.form):
            self._rest.throttle()
            return
        self._found = found
        count = sum(len(table["index"]) for _, table in found)
        where = f"in {len(clusters)} of the clusters" if clusters else "in all clusters; select rows above for some"
        self.count.setText(f"{count} object{'s' * (count != 1)} {where}.")
        self.button.setEnabled(count > 0)
        self.button.setToolTip(tooltip("Show each object in a colour of its own, with a table of sizes and centres."))

    def _over(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
        self._job = None


def find(result: Result, clusters: list[int], config: ObjectsConfig, report: Reporter) -> Found:
    """The objects of every image: each sample of it (a time point, say) has objects of its own."""
    report(Progress("counting", 0, 0))

    found: Found = []
    for number, segments in enumerate(result.segments):
        image = result.request.stack[number].image
        report.check()
        objects = segments.objects(image, clusters or None, config)
        found.append((objects.labels, objects.table))
    return found
