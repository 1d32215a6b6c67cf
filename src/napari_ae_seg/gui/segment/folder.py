"""A folder of images: the clusters of the result shown, applied to every one of them in the background."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QListWidget, QListWidgetItem, QPushButton, QWidget

from napari_ae_seg.core.errors import AeSegError
from napari_ae_seg.core.progress import Progress
from napari_ae_seg.gui.parts.controls import tooltip
from napari_ae_seg.gui.parts.forms import column, sentence
from napari_ae_seg.gui.parts.layers import fit_rows
from napari_ae_seg.gui.parts.runner import Runner

if TYPE_CHECKING:
    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Result
    from napari_ae_seg.segmenter.segmenter import Segmenter

    from .view import View

TIP = "Give every image of a folder the clusters shown here. The labels are written as files; nothing else is changed."


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    name: str
    told: str
    done: bool


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
        failed = [one for one in self._outcomes if not one.done]
        self.list.clear()
        for one in (*failed, *(one for one in self._outcomes if one.done)):
            item = QListWidgetItem(f"{'✓' if one.done else '✗'} {one.name}: {one.told}", self.list)
            item.setToolTip(tooltip(f"{one.name}: {one.told}"))
        fit_rows(self.list)
        self.list.setVisible(bool(self._outcomes))
        done = len(self._outcomes) - len(failed)
        self.says.setText(f"{done} labelled, {len(failed)} failed{'.' if over else ' so far.'}")
        self.says.setVisible(bool(self._outcomes) or over)


def label_folder(result: Result, images: Path, out: Path, report: Reporter) -> None:
    """Write the labels of every image in `images` to `out`; what becomes of each file is sent as an Outcome."""
    from napari_ae_seg.images.destinations import result_names
    from napari_ae_seg.images.formats.read import images_in

    paths, _ = images_in(images)
    if not paths:
        raise ValueError(f"the folder {images} holds no image")
    names = result_names([path.name for path in paths])
    for number, (path, name) in enumerate(zip(paths, names, strict=True)):
        report(Progress("labeling", number, len(paths), path.name))
        report.send(_labelled(result, result.segmenter, path, out / name, report))


def _labelled(result: Result, segmenter: Segmenter, path: Path, target: Path, report: Reporter) -> Outcome:
    from napari_ae_seg.images.formats.write import write_labels
    from napari_ae_seg.images.stack import read

    if target.exists():
        return Outcome(path.name, f"{target.name} is there already; it was left as it is", False)
    request = result.request
    try:
        stack = read(path, ndim=request.stack.ndim, channels=request.images.channels or None)
        found: Any = segmenter.apply(stack, report=report)
        if isinstance(found, list):
            return Outcome(path.name, f"it holds {len(found)} images; save them as files of their own", False)
        write_labels(target, found.labels, stack.image, found.legend)
    except (AeSegError, ValueError, TypeError, OSError, MemoryError) as error:
        return Outcome(path.name, str(error) or type(error).__name__, False)
    return Outcome(path.name, f"{len(found.table['index'])} clusters, {target.name}", True)
