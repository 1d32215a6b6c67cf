"""Who labels large images and folders: rows of the Segment dock."""

from __future__ import annotations

from qtpy.QtWidgets import QLineEdit, QWidget

from napari_ae_seg.gui.parts.controls import Integer, tooltip
from napari_ae_seg.gui.parts.forms import caption, rows
from napari_ae_seg.gui.parts.results import Sharing

MOST = 256
PROCESSES = "Images larger than memory, and folders of images, are shared among so many processes of this machine."
SCHEDULER = "The address of a dask scheduler, such as tcp://10.0.0.1:8786: its workers share large images and folders."


class SharingRows(QWidget):
    """How many processes there are, or which scheduler has some."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.processes = Integer()
        self.processes.setRange(1, MOST)
        self.processes.setObjectName("processes")
        self.processes.setToolTip(tooltip(PROCESSES))
        self.scheduler = QLineEdit()
        self.scheduler.setPlaceholderText("none")
        self.scheduler.setObjectName("scheduler")
        self.scheduler.setToolTip(tooltip(SCHEDULER))
        layout = rows(self)
        layout.addRow(caption("Processes", PROCESSES), self.processes)
        layout.addRow(caption("Scheduler", SCHEDULER), self.scheduler)

    def asked(self) -> Sharing:
        """What the rows say."""
        return Sharing(self.processes.value(), self.scheduler.text().strip())
