"""The table of clusters: colour, name, share and confidence of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QItemSelectionModel, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QMenu,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_ae_seg.gui.parts.controls import tooltip
from napari_ae_seg.gui.parts.swatch import swatch

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent, QShowEvent

    from napari_ae_seg.segmenter.segments import Segments

COLUMNS = {
    "Name": "A click in the image selects its row, with Shift one more. Double-click to rename, right-click for more; "
    "Shift+M merges, Shift+S splits, Shift+H hides, Shift+B makes background.",
    "Share": "Share of the image.",
    "Confidence": "How sure the pixels belong there, on average.",
}
EDITS: dict[str, tuple[str, Callable[[int], bool], str]] = {
    "rename": ("Rename", lambda rows: rows == 1, "Select one cluster."),
    "recolor": ("Colour…", lambda rows: rows == 1, "Select one cluster."),
    "merge": ("Merge\tShift+M", lambda rows: rows > 1, "Select two clusters or more."),
    "split": ("Split\tShift+S", lambda rows: rows == 1, "Select one cluster."),
    "hide": ("Hide\tShift+H", lambda rows: rows > 0, "Select a cluster."),
    "show": ("Show again", lambda rows: rows > 0, "Select a cluster that is hidden."),
    "background": ("Make background\tShift+B", lambda rows: rows > 0, "Select a cluster."),
}
"""Method of the segmenter -> its words, how many clusters it takes, and what to do if there are too few."""

ROWS = 8
"""Rows shown without scrolling."""


class ClusterTable(QTableWidget):
    """One row per cluster of `segments`."""

    edited = Signal(str, tuple)  # a method of the segmenter and what it is given
    chosen = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self.cleared: frozenset[int] = frozenset()  # what was made background and can come back
        self._hidden: frozenset[int] = frozenset()
        self.setHorizontalHeaderLabels(list(COLUMNS))
        for column, tip in enumerate(COLUMNS.values()):
            self.horizontalHeaderItem(column).setToolTip(tooltip(tip))
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemChanged.connect(self._edited)
        self.itemSelectionChanged.connect(lambda: self.chosen.emit(self.selected()))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(lambda place: self.menu().exec(self.viewport().mapToGlobal(place)))
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)

    def show_segments(self, segments: Segments) -> None:
        """Show the table of `segments`."""
        with signals_blocked(self):
            table, self._hidden = segments.table, segments.hidden
            self.setRowCount(len(table["index"]))
            for row, label in enumerate(table["index"]):
                name = QTableWidgetItem(str(table["name"][row]))
                name.setIcon(swatch(segments.colors.get(label, (0.5, 0.5, 0.5)), label in segments.hidden))
                name.setData(Qt.ItemDataRole.UserRole, int(label))
                self.setItem(row, 0, name)
                for column, key in ((1, "share"), (2, "confidence")):
                    item = QTableWidgetItem(f"{100 * float(table[key][row]):.0f} %")
                    item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                    self.setItem(row, column, item)
                self.setRowHeight(row, 24)
        self._fit()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Fit the height now that the theme is known."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As high as its rows."""
        self.setFixedHeight(min(self.rowCount(), ROWS) * 24 + self.horizontalHeader().sizeHint().height() + 4)

    def selected(self) -> list[int]:
        """Labels of the rows selected."""
        rows = sorted({index.row() for index in self.selectedIndexes()})
        return [self._label(row) for row in rows]

    def choose(self, label: int, add: bool = False) -> None:
        """Select the row of `label`, alone or with those selected already."""
        if not add:
            self.clearSelection()
        for row in range(self.rowCount()):
            if self._label(row) == label:
                kind = QItemSelectionModel.SelectionFlag
                self.selectionModel().select(self.model().index(row, 0), kind.Select | kind.Rows)

    def menu(self) -> QMenu:
        """What can be done to the rows selected; what cannot says why."""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for name, (text, count, why) in EDITS.items():
            action = menu.addAction(text)
            action.setEnabled(count(len(self._meant(name))))
            action.setToolTip("" if action.isEnabled() else why)
            action.triggered.connect(lambda _=False, name=name: self.act(name))
        if self.cleared:
            back = menu.addAction("Bring back background")
            back.triggered.connect(lambda: self.edited.emit("foreground", tuple(sorted(self.cleared))))
        return menu

    def act(self, name: str) -> None:
        """Do `name`, a key of EDITS, to the rows selected, if it can be done."""
        if name == "hide" and self.selected() and self._hidden.issuperset(self.selected()):
            name = "show"
        labels = self._meant(name)
        if not EDITS[name][1](len(labels)):
            return
        if name == "rename":
            self.editItem(self.item(self.selectedIndexes()[0].row(), 0))
        elif name == "recolor":
            chosen = QColorDialog.getColor(parent=self)
            if chosen.isValid():
                self.edited.emit("recolor", (labels[0], (chosen.redF(), chosen.greenF(), chosen.blueF())))
        else:
            self.edited.emit(name, tuple(labels))

    def _meant(self, name: str) -> list[int]:
        """Labels of the rows selected to which `name` of EDITS can be done: only what is hidden is shown again."""
        return [label for label in self.selected() if name != "show" or label in self._hidden]

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Let the keys of EDITS do here what they do in the image."""
        pressed = QKeySequence(event.keyCombination()).toString() if event is not None else ""
        name = next((name for name, (text, _, _) in EDITS.items() if text.endswith(f"\t{pressed}")), "")
        if pressed and name:
            self.act(name)
        else:
            super().keyPressEvent(event)

    def _label(self, row: int) -> int:
        return int(self.item(row, 0).data(Qt.ItemDataRole.UserRole))

    def _edited(self, item: QTableWidgetItem) -> None:
        if item.column() == 0 and item.text().strip():
            self.edited.emit("rename", (self._label(item.row()), item.text().strip()))
