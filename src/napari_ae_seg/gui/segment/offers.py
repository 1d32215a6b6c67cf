"""The likeliest numbers of clusters as small pictures to click, where the number was left open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QWidget
from superqt.utils import signals_blocked

from napari_ae_seg.core.colors import color
from napari_ae_seg.gui.parts.controls import tooltip
from napari_ae_seg.gui.parts.jobs import Job

if TYPE_CHECKING:
    from .view import View

SIDE = 72
"""Pixels of a picture's longer side."""


class Offers(QWidget):
    """Two or three pictures; a click on one asks for so many clusters."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[int, QToolButton] = {}
        self._view: View | None = None
        self._curve: dict[int, float] = {}
        self._job: Job | None = None
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.addStretch(1)
        self.hide()

    def take(self, view: View | None) -> None:
        """Offer what the clusters of `view` were chosen among; a number that was picked stays among the others."""
        segmenter = view.result.segmenter if view is not None else None
        curve = segmenter.clusters.curve if segmenter is not None else {}
        if view is not self._view or (curve and curve != self._curve):
            self._view, self._curve = view, curve
            self._clear()
            if segmenter is not None and len(segmenter.clusters.likely) > 1:
                self.stop()
                self._job = Job("Drawing", lambda _: segmenter.previews(SIDE), self, quiet=True)
                self._job.returned.connect(self._show)
                self._job.ended.connect(self._job.deleteLater)
                self._job.start()
        if segmenter is not None:
            self._mark(segmenter.clusters.k)

    def stop(self) -> None:
        """Nothing more is drawn."""
        if self._job is not None:
            self._job.stop()
            self._job = None

    def _show(self, pictures: dict[int, np.ndarray]) -> None:
        self._job = None
        self._clear()
        for place, (k, labels) in enumerate(pictures.items()):
            button = QToolButton()
            button.setCheckable(True)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setIcon(QIcon(_picture(labels)))
            button.setIconSize(QSize(SIDE, SIDE))
            button.setText(f"{k} cluster{'s' * (k != 1)}")
            button.setToolTip(tooltip(f"{100 * self._curve.get(k, 0):.0f} % likely. Click to take {k}."))
            button.clicked.connect(lambda _=False, k=k: self.chosen.emit(k))
            self._row.insertWidget(place, button)
            self.buttons[k] = button
        if self._view is not None:
            self._mark(self._view.result.segmenter.clusters.k)
        self.setVisible(bool(self.buttons))

    def _mark(self, k: int) -> None:
        for number, button in self.buttons.items():
            with signals_blocked(button):
                button.setChecked(number == k)

    def _clear(self) -> None:
        for button in self.buttons.values():
            self._row.removeWidget(button)
            button.deleteLater()
        self.buttons = {}
        self.hide()


def _picture(labels: np.ndarray) -> QPixmap:
    """Labels (Y, X), 0 for nothing, in the colors of segments."""
    table = np.array([(0, 0, 0), *(color(label) for label in range(1, int(labels.max(initial=0)) + 1))])
    drawn = np.ascontiguousarray((255 * table[labels]).round(), np.uint8)
    height, width = labels.shape
    return QPixmap.fromImage(QImage(drawn.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888))
