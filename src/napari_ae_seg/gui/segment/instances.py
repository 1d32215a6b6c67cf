"""Objects of a result: counted on request, or while their options are in sight, and shown as a Labels layer."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import QLabel, QPushButton, QWidget
from superqt.utils import QSignalDebouncer

from napari_ae_seg.config import ObjectsConfig
from napari_ae_seg.core.progress import Progress
from napari_ae_seg.gui.parts.controls import tooltip
from napari_ae_seg.gui.parts.forms import Form, column, read
from napari_ae_seg.gui.parts.history import History
from napari_ae_seg.gui.parts.jobs import Job
from napari_ae_seg.gui.session import current

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Result
    from napari_ae_seg.segmenter.segments import Segments
    from napari_ae_seg.segmenter.tracks import Tracks

    from .view import View


class Found(NamedTuple):
    """The objects of one image and their table; of a movie also their tracks, whose numbers the objects have."""

    labels: np.ndarray
    table: dict[str, list[Any]]
    tracks: Tracks | None = None


Question = tuple["Result", tuple[int, ...], bool, ObjectsConfig]
"""In what objects are looked for, in which clusters, whether these are taken together, and how."""

REST_MS = 250
"""How long the options must rest before the objects are counted anew."""

TIP = (
    "Show each object in a colour of its own, with a table of sizes and centres: what touches within the rows "
    "selected, or within all that is in sight."
)


class Objects(QWidget):
    """The options for objects; `button` shows them and `says` tells how many there are."""

    def __init__(
        self,
        viewer: Viewer,
        chosen: Callable[[], list[int]],
        button: QPushButton,
        says: QLabel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._chosen = chosen
        self._view: View | None = None
        self._found: tuple[Question, list[Found]] | None = None
        self._wanted = False
        self._job: Job | None = None
        self.form = Form(ObjectsConfig, ObjectsConfig.model_fields)
        self.button, self.count = button, says
        self.button.setToolTip(tooltip(TIP))
        self._rest = QSignalDebouncer(parent=self)
        self._rest.setTimeout(REST_MS)
        self._rest.triggered.connect(self._look)
        column(self).addWidget(self.form)
        self.form.changed.connect(self.follow)
        self.take(None)

    def take(self, view: View | None) -> None:
        """Look for objects in what `view` shows from now on."""
        if view is not self._view:
            self._wanted = False
        self._view = view
        self.follow()

    def follow(self, *_: Any) -> None:
        """The options, the result or the clusters chosen have changed: count, if anybody sees it."""
        self.form.show_relevant(self.form.values())
        self._tell("")
        if self.isVisible() and self._view is not None:
            self._rest.throttle()

    def showEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Count when the fold opens."""
        super().showEvent(event)
        self.follow()

    def show_objects(self) -> None:
        """Show the objects, one layer per image; they are counted first."""
        self._wanted = True
        self._look()

    def stop(self) -> None:
        """Count no more."""
        self._rest.cancel()
        if self._job is not None:
            self._job.stop()

    def _question(self) -> Question | None:
        """What is asked now; ValueError if the options contradict each other."""
        if self._view is None:
            return None
        result = self._view.result
        clusters, segments = self._chosen(), result.segments[0]
        together = not clusters and bool(segments.hidden)  # all that is not background, be it bright or dim
        return result, tuple(clusters or in_sight(segments)), together, read(ObjectsConfig, self.form)

    def _look(self) -> None:
        if self._job is not None:
            self._rest.throttle()
            return
        try:
            question = self._question()
        except ValueError as error:
            self._wanted = False
            self._tell(str(error))
            return
        if question is None:
            return
        if self._found is not None and _same(self._found[0], question):
            self._counted(self._found[1])
            return
        job = self._job = Job("Counting objects", lambda report: find(*question, report), self, quiet=True)
        job.returned.connect(lambda found: self._answered(question, found))
        job.failed.connect(self._failed)
        job.ended.connect(self._over)
        self._tell("Counting…")
        job.start()

    def _answered(self, question: Question, found: list[Found]) -> None:
        self._found = question, found
        try:
            now = self._question()
        except ValueError:
            now = None
        if now is not None and _same(now, question):
            self._counted(found)
        else:
            self._rest.throttle()

    def _counted(self, found: list[Found]) -> None:
        count = sum(len(one.table["index"]) for one in found)
        divided = sum(len(one.tracks.splits) for one in found if one.tracks is not None)
        hidden = self._view is not None and self._view.result.segments[0].hidden
        where = " in the rows selected" if self._chosen() else "; what is hidden is not counted" if hidden else ""
        through = f", through {divided} division{'s' * (divided != 1)}" if divided else ""
        self._tell(f"{count} object{'s' * (count != 1)}{through}{where}.")
        if self._wanted and count:
            self._show(found)
        self._wanted = False

    def _show(self, found: list[Found]) -> None:
        view = self._view
        assert view is not None  # else nothing was counted
        active = self._viewer.layers.selection.active
        for number, (one, segments) in enumerate(zip(found, view.result.segments, strict=True)):
            history = view.objects.get(number)
            if history is not None and _untouched(history, one.labels, self._viewer):
                history.write(one.labels, one)
                history.layer.features = one.table
            else:
                view.objects[number] = self._made(one, segments)
            self._show_tracks(view, number, one.tracks)
        if active is not None and active in self._viewer.layers:  # whoever works with the clusters goes on with them
            self._viewer.layers.selection.active = active

    def _made(self, one: Found, segments: Segments) -> History:
        layer = Labels(one.labels.copy(), name=f"{segments.name} objects", features=one.table, **segments.transform)
        self._viewer.add_layer(layer)
        return History(layer, one, partial(_moved, weakref.ref(layer)))

    def _show_tracks(self, view: View, number: int, tracks: Tracks | None) -> None:
        """The tracks of a movie as a layer, in place of those that were shown before."""
        before = view.kept(("tracks", number), self._viewer)
        if before is not None:
            self._viewer.layers.remove(before)
        if tracks is not None and tracks.count and tracks.image.label_axes[0] == "T":  # as napari has it
            view.keep(("tracks", number), self._viewer.add_tracks(tracks.data, **tracks.layer))

    def _failed(self, text: str) -> None:
        self._wanted = False
        self._tell(text)

    def _tell(self, text: str) -> None:
        self.count.setText(text)
        self.count.setVisible(bool(text))

    def _over(self) -> None:
        if self._job is not None:
            self._job.deleteLater()
        self._job = None


def find(
    result: Result, clusters: tuple[int, ...], together: bool, config: ObjectsConfig, report: Reporter
) -> list[Found]:
    """The objects of every image: each sample has objects of its own, but in a movie they keep their number."""
    from napari_ae_seg.segmenter.tracks import track

    report(Progress("counting", 0, 0))
    found: list[Found] = []
    for number, segments in enumerate(result.segments):
        report.check()
        image = result.request.stack[number].image
        objects = segments.objects(image, clusters, config, together)
        if "T" in image.others and image.shape[0] > 1:
            tracks = track(objects, image, report=report)
            found.append(Found(tracks.labels, tracks.objects.table, tracks))
        else:
            found.append(Found(objects.labels, objects.table))
    return found


def _moved(held: weakref.ref[Labels], state: Found) -> None:
    """An undo or redo brought other objects back: so it does their table."""
    layer = held()
    if layer is not None:
        layer.features = state.table


def in_sight(segments: Segments) -> list[int]:
    """The labels that are not hidden; all if none is in sight."""
    labels = list(segments.table["index"])
    return [label for label in labels if label not in segments.hidden] or labels


def _untouched(history: History, labels: np.ndarray, viewer: Viewer) -> bool:
    """Whether a layer of objects holds what was put there, and nobody refers to it: then it may be counted anew."""
    if not history.alive or history.layer not in viewer.layers or history.layer in current().numbered:
        return False
    before, table, _ = history.state
    layer = history.layer
    same = layer.data.shape == labels.shape and list(layer.features.columns) == list(table)
    return same and np.array_equal(layer.data, before)


def _same(one: Question, other: Question) -> bool:
    return one[0] is other[0] and one[1:] == other[1:]
