"""Tables of the Classify dock: the classes with their examples, and what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget
from superqt.utils import signals_blocked

from napari_ae_seg.core.colors import color
from napari_ae_seg.gui.parts.controls import tooltip
from napari_ae_seg.gui.parts.forms import column, sentence
from napari_ae_seg.gui.parts.swatch import swatch

from . import learning

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from .learning import Answer

COLUMNS = {
    "Class": "Choose the class to give. Double-click to rename it.",
    "Examples": "How many you have named.",
    "Found": "How many are recognised, yours included.",
}
ROW = 24
ROWS = 8
"""Rows shown without scrolling."""
TINT = QColor("#4c9be8")


class ClassTable(QTableWidget):
    """One row per class; the row selected is the class that clicks give."""

    renamed = Signal(str, str)  # from, to
    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(COLUMNS), parent)
        self.setHorizontalHeaderLabels(list(COLUMNS))
        for place, tip in enumerate(COLUMNS.values()):
            self.horizontalHeaderItem(place).setToolTip(tooltip(tip))
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for place in (1, 2):
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(place, 76)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.itemChanged.connect(self._edited)
        self.itemSelectionChanged.connect(self.chosen)
        self.show_classes([], {}, {})

    @property
    def name(self) -> str:
        """The class chosen, or ""."""
        item = self.item(self.currentRow(), 0)
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    def choose(self, name: str) -> None:
        """Choose class `name`."""
        for row in range(self.rowCount()):
            if self.item(row, 0).data(Qt.ItemDataRole.UserRole) == name:
                self.selectRow(row)

    def show_classes(self, names: Sequence[str], examples: dict[str, int], found: dict[str, int]) -> None:
        """Show `names` with how many are named and found, keeping the choice."""
        now = self.name
        with signals_blocked(self):
            self.setRowCount(len(names))
            for row, name in enumerate(names):
                item = QTableWidgetItem(name)
                item.setIcon(swatch(color(row + 1)))
                item.setData(Qt.ItemDataRole.UserRole, name)
                self.setItem(row, 0, item)
                for place, counts in ((1, examples), (2, found)):
                    self.setItem(row, place, number(f"{counts[name]}" if name in counts else ""))
                self.setRowHeight(row, ROW)
            self._fit()
            if names:
                self.choose(now if now in names else names[0])
        self.chosen.emit()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Fit the height now that the theme is known."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As high as its rows."""
        rows = min(max(self.rowCount(), 2), ROWS)
        self.setFixedHeight(rows * ROW + self.horizontalHeader().sizeHint().height() + 4)

    def _edited(self, item: QTableWidgetItem) -> None:
        before, after = str(item.data(Qt.ItemDataRole.UserRole)), item.text().strip()
        if item.column() == 0 and after != before:
            self.renamed.emit(before, after)


class ConfusionTable(QTableWidget):
    """Rows are what held-back examples are, columns what they were taken for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 0, parent)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setToolTip(tooltip("Examples held back: what they are (rows), and what they were taken for (columns)."))
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setMaximumWidth(120)

    def show_counts(self, names: Sequence[str], counts: Sequence[Sequence[float]]) -> None:
        """Show how many of each of `names` were taken for each; classes without examples are left out."""
        kept = [k for k, row in enumerate(counts) if sum(row) > 0]
        shown = [names[k] for k in kept]
        self.setRowCount(len(kept))
        self.setColumnCount(len(kept))
        self.setVerticalHeaderLabels(shown)
        self.setHorizontalHeaderLabels(shown)
        for row, true in enumerate(kept):
            total = sum(counts[true])
            for place, taken in enumerate(kept):
                value = counts[true][taken]
                cell = number(f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}")
                cell.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                tint = QColor(TINT)
                tint.setAlphaF(0.75 * value / total)
                cell.setBackground(tint)
                self.setItem(row, place, cell)
            self.setRowHeight(row, ROW)
        self.setFixedHeight(min(len(kept), ROWS) * ROW + self.horizontalHeader().sizeHint().height() + 4)


class QualityBox(QWidget):
    """What was found, and how well held-back examples are recognised."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.counts, self.says, self.warnings, self.weights = (sentence() for _ in range(4))
        self.confusion = ConfusionTable()
        layout = column(self)
        for widget in (self.counts, self.says, self.confusion, self.warnings, self.weights):
            layout.addWidget(widget)
        self.hide()

    def show_answer(self, answer: Answer) -> None:
        """Show what is known of `answer`."""
        classifier = answer.found.classifier
        quality = classifier.quality
        self.counts.setText(f"Found {answer.found.sentence}.")
        if quality is not None:
            self.says.setText(quality.sentence)
            self.confusion.show_counts(classifier.classes, quality.confusion)
            self.confusion.setVisible(quality.accuracy is not None)
            self.warnings.setText("\n".join(f"\N{WARNING SIGN} {warning}" for warning in quality.warnings))
            self.warnings.setVisible(bool(quality.warnings))
            self.weights.setText(learning.what_matters(answer.weights))
        for widget in (self.says, self.weights):
            widget.setVisible(bool(widget.text()))
        self.show()


def number(text: str) -> QTableWidgetItem:
    """A cell with a number, not to be edited."""
    item = QTableWidgetItem(text)
    item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item
