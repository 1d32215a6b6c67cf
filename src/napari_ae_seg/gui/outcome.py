"""What the Segment dock shows of a result: what was chosen, the clusters, and what can be done with them."""

from __future__ import annotations

from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from . import extras
from .clusters import ClusterTable
from .controls import tooltip
from .forms import beside, column, sentence


class Outcome(QWidget):
    """The controls of a result; the dock connects them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.says = sentence()
        self.table = ClusterTable()
        self.learn = QPushButton("Learn from my edits")
        self.discard = QPushButton()
        self.show_menu, shown = _menu("Show also")
        self.shows = {which: shown.addAction(text) for which, text in extras.NAMES.items()}
        shown.addSeparator()
        self.add_strokes = shown.addAction("Empty layer for strokes")
        self.copy_menu, copied = _menu("Copy")
        self.as_python, self.as_shell = copied.addAction("as Python"), copied.addAction("as command line")
        self.save = QPushButton("Save model…")
        self.save.setToolTip(tooltip("Keep the model with its clusters, to label other images alike."))
        layout = column(self)
        layout.addWidget(self.says)
        layout.addWidget(self.table)
        self.edits = beside(self.learn, self.discard, equal=True)
        layout.addWidget(self.edits)
        layout.addWidget(beside(self.show_menu, self.copy_menu, self.save, equal=True))


def _menu(text: str) -> tuple[QPushButton, QMenu]:
    button = QPushButton(text)
    opened = QMenu(button)
    button.setMenu(opened)
    return button, opened
