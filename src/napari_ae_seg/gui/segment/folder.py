"""A folder of images: the clusters of the result shown, applied to every one of them in the background."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QListWidget, QListWidgetItem, QPushButton, QWidget

from napari_ae_seg.core.progress import Progress
from napari_ae_seg.gui.parts.controls import tooltip
from napari_ae_seg.gui.parts.forms import column, sentence
from napari_ae_seg.gui.parts.layers import fit_rows
from napari_ae_seg.gui.parts.runner import Runner

if TYPE_CHECKING:
    from napari_ae_seg.distribute.folder import Outcome
    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Result

    from .view import View

TIP = (
    "Give every image of a folder the clusters shown here. The labels are written as files, with a table of their "
    "shares; nothing else is changed."
)
SUMMARY = "napari-ae-seg-summary.csv"
"""The table of all images, in the folder of the labels."""


class Folder(QWidget):
    """A button that asks for two folders, and the list of what became of each file."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view: View | None = None
        self._outcomes: list[Outcome] = []
        self.button = QPushButton("Folder…")
        self.button.setToolTip(tooltip(TIP))
        self.runner = Runner()
        self.list = QListWidget()
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.hide()
        self.says = sentence()
        self.says.hide()
        layout = column(self, spacing=6)
        for widget in (self.button, self.runner, self.says, self.list):
            layout.addWidget(widget)
        self.button.clicked.connect(lambda: self.label())
        self.runner.busy.connect(lambda busy: self.button.setEnabled(not busy))

    def take(self, view: View | None) -> None:
        """Use the clusters of what `view` shows from now on."""
        self._view = view

    def label(self, images: str = "", out: str = "") -> None:
        """Label the images in the folder `images` into the folder `out`; asks for both if they are not given."""
        if self._view is None or self.runner.running:
            return
        result = self._view.result
        images = images or QFileDialog.getExistingDirectory(self, "The folder of images")
        out = out or (QFileDialog.getExistingDirectory(self, "The folder for the labels", images) if images else "")
        if not images or not out:
            return
        self._outcomes = []
        self._show(False)
        task = lambda report: label_folder(result, Path(images), Path(out), report)  # noqa: E731
        over = lambda *_: self._show(True)  # noqa: E731
        self.runner.run("Labeling the folder", task, over, sent=self._told, stopped=over, failed=over)

    def _told(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._show(False)

    def _show(self, over: bool) -> None:
        failed = [one for one in self._outcomes if one.failure]
        self.list.clear()
        for one in (*failed, *(one for one in self._outcomes if not one.failure)):
            told = one.failure or f"{len(one.table['index'])} clusters, {Path(one.file).name}"
            item = QListWidgetItem(f"{'✗' if one.failure else '✓'} {one.name}: {told}", self.list)
            item.setToolTip(tooltip(f"{one.name}: {told}"))
        fit_rows(self.list)
        self.list.setVisible(bool(self._outcomes))
        done = len(self._outcomes) - len(failed)
        self.says.setText(f"{done} labelled, {len(failed)} failed{'.' if over else ' so far.'}")
        self.says.setVisible(bool(self._outcomes) or over)


def label_folder(result: Result, images: Path, out: Path, report: Reporter) -> None:
    """Write the labels of every image in `images` to `out`, and a table of them; the outcome of each file is sent.

    What was stopped goes on with the images that are not done.
    """
    from napari_ae_seg.distribute.folder import Folder as Labelling
    from napari_ae_seg.distribute.folder import Outcome, write_summary
    from napari_ae_seg.images.batch import read_batch
    from napari_ae_seg.images.destinations import result_names

    report(Progress("reading", 0, 0))
    request, segmenter = result.request, result.segmenter
    batch = read_batch([images], ndim=request.stack.ndim, channels=request.images.channels or None)
    places = [*batch.paths, *batch.failures]
    names = dict(zip(sorted(places), result_names([path.name for path in sorted(places)]), strict=True))
    outcomes = [
        Outcome(len(batch.paths) + n, path.name, "", failure=why)
        for n, (path, why) in enumerate(batch.failures.items())
    ]
    for failed in outcomes:
        report.send(failed)
    files = [out / names[path] for path in batch.paths]
    for found in Labelling(segmenter, batch.stack, files, report=report, replace=False):
        outcomes.append(replace(found, name=batch.paths[found.number].name))
        report.send(outcomes[-1])
    write_summary(out / SUMMARY, outcomes, segmenter.edits.names)
