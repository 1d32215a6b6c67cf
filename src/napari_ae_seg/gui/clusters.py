"""The table of clusters: colour, name, share and confidence of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QColorDialog, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from .controls import tooltip

if TYPE_CHECKING:
    from napari_ae_seg.segments import Segments

COLUMNS = {
    "Name": "Double-click to give the cluster a name, or its square to give it a colour.",
    "Share": "Share of the image.",
    "Sure": "How sure the pixels belong there, on average.",
}
ROWS = 8
"""Rows shown without scrolling."""


class ClusterTable(QTableWidget):
    """One row per cluster of `segments`."""

    renamed = Signal(int, str)
    recoloured = Signal(int, tuple)
    chosen = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self.setHorizontalHeaderLabels(list(COLUMNS))
        for column, tip in enumerate(COLUMNS.values()):
            self.horizontalHeaderItem(column).setToolTip(tooltip(tip))
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, 58)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemChanged.connect(self._edited)
        self.itemSelectionChanged.connect(lambda: self.chosen.emit(self.selected()))
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)

    def show_segments(self, segments: Segments) -> None:
        """Show the table of `segments`."""
        self.blockSignals(True)
        table = segments.table
        self.setRowCount(len(table["index"]))
        for row, label in enumerate(table["index"]):
            name = QTableWidgetItem(str(table["name"][row]))
            name.setIcon(swatch(segments.colours.get(label, (0.5, 0.5, 0.5))))
            name.setData(Qt.ItemDataRole.UserRole, int(label))
            self.setItem(row, 0, name)
            for column, key in ((1, "share"), (2, "confidence")):
                item = QTableWidgetItem(f"{100 * float(table[key][row]):.0f} %")
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, column, item)
            self.setRowHeight(row, 24)
        self.blockSignals(False)
        self.setFixedHeight(min(self.rowCount(), ROWS) * 24 + self.horizontalHeader().sizeHint().height() + 4)

    def selected(self) -> list[int]:
        """Labels of the rows selected."""
        rows = sorted({index.row() for index in self.selectedIndexes()})
        return [self._label(row) for row in rows]

    def ask_colour(self, row: int) -> None:
        """Let the person choose the colour of a row."""
        chosen = QColorDialog.getColor(parent=self)
        if chosen.isValid():
            self.recoloured.emit(self._label(row), (chosen.redF(), chosen.greenF(), chosen.blueF()))

    def _label(self, row: int) -> int:
        return int(self.item(row, 0).data(Qt.ItemDataRole.UserRole))

    def _edited(self, item: QTableWidgetItem) -> None:
        if item.column() == 0 and item.text().strip():
            self.renamed.emit(self._label(item.row()), item.text().strip())


def swatch(rgb: tuple[float, float, float]) -> QIcon:
    """A square of a colour."""
    square = QPixmap(12, 12)
    square.fill(QColor.fromRgbF(*(float(part) for part in rgb)))
    return QIcon(square)
