"""A table as a data frame shows it: sorted by any column, copied and saved as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QApplication, QFileDialog, QHBoxLayout, QPushButton, QTableView, QWidget

from napari_ae_seg.core.errors import AeSegError
from napari_ae_seg.images.formats.table import Table, plain_cell

from .controls import tooltip
from .forms import column, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUE = Qt.ItemDataRole.UserRole
"""The role under which a cell has its value, not its text: what rows are sorted by."""


class TableView(QWidget):
    """A table with a line that says what it is of, and buttons to copy and save it."""

    chosen = Signal(int)  # the number of the row that a person turned to

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = Table()
        self.says = sentence()
        self.view = QTableView()
        self.view.setSortingEnabled(True)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.verticalHeader().hide()
        self._model = QSortFilterProxyModel(self)
        self._model.setSortRole(VALUE)
        self.view.setModel(self._model)
        self.save_button, self.copy_button = QPushButton("Save…"), QPushButton("Copy")
        self.save_button.setToolTip(tooltip("As a CSV file, or as Parquet where pyarrow is installed."))
        self.copy_button.setToolTip(tooltip("All rows, to be pasted into a spreadsheet."))
        self.save_button.clicked.connect(lambda: self.save())
        self.copy_button.clicked.connect(self.copy)
        line = QHBoxLayout()
        line.addWidget(self.says, 1)
        line.addWidget(self.copy_button)
        line.addWidget(self.save_button)
        layout = column(self, spacing=4, margin=6)
        layout.addLayout(line)
        layout.addWidget(self.view, 1)

    def show_table(self, table: Table, of: str) -> None:
        """Show `table`, which is `of` something."""
        self.table = table
        self._of = of
        self.says.setText(of)
        self._model.setSourceModel(_Rows(table, self))
        self.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)  # as it comes
        self.view.resizeColumnsToContents()
        self.view.selectionModel().currentRowChanged.connect(self._turned)

    def save(self, path: str = "") -> None:
        """Write the table to `path`; asks where if it is not given."""
        kinds = "Comma-separated values (*.csv);;Parquet (*.parquet)"
        path = path or QFileDialog.getSaveFileName(self, "Save the table", "measures.csv", kinds)[0]
        if not path:
            return
        try:
            self.table.save(path)
        except (AeSegError, ValueError, OSError) as error:
            self.says.setText(str(error))
        else:
            self.says.setText(f"{self._of} Saved as {path}.")

    def copy(self) -> None:
        """Put all rows on the clipboard, as they are sorted, with tabs between the cells."""
        clipboard = QApplication.clipboard()
        rows = [self._source(row) for row in range(self._model.rowCount())]
        cells = list(self.table.values())
        lines = [list(self.table), *([values[row] for values in cells] for row in rows)]
        if clipboard is not None:
            clipboard.setText("\n".join("\t".join(_cell(value) for value in line) for line in lines))

    def _source(self, row: int) -> int:
        return int(self._model.mapToSource(self._model.index(row, 0)).row())

    def _turned(self, now: QModelIndex, _: QModelIndex) -> None:
        if now.isValid():
            self.chosen.emit(self._source(now.row()))


class _Rows(QAbstractTableModel):
    """The rows of a table, as Qt reads them."""

    def __init__(self, table: Table, parent: QWidget) -> None:
        super().__init__(parent)
        self._heads = list(table)
        self._columns: Sequence[Any] = list(table.values())
        self._count = table.count

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 (Qt's name)
        """How many rows there are."""
        return 0 if parent is not None and parent.isValid() else self._count

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """How many columns there are."""
        return 0 if parent is not None and parent.isValid() else len(self._heads)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The text, the value or the place of a cell."""
        value = self._columns[index.column()][index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _shown(value)
        if role == VALUE:
            return value
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """The name of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._heads[section]
        return None


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def _cell(value: Any) -> str:
    """A value as one cell of a spreadsheet."""
    return "" if value is None else str(plain_cell(value)).replace("\t", " ").replace("\n", " ")
