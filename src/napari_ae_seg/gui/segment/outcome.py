"""What the Segment dock shows of a result: what was chosen, the clusters, and what can be done with them."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QMenu, QPushButton, QWidget
from superqt.utils import signals_blocked

from napari_ae_seg.gui.parts.controls import tooltip
from napari_ae_seg.gui.parts.forms import beside, column, sentence

from . import extras, measuring
from .clusters import ClusterTable
from .offers import Offers

STROKES_TIP = (
    "Take the brush, on a layer of strokes above the image: paint a few in the number of a cluster, or of a new one "
    "(M in napari)."
)
BACKGROUND_TIP = "What lies plain around the things in the image; it is left clear, and no object is counted in it."
LEARN_TIP = "The pixels you painted stay, and the rest of the image follows them. One step to undo."
NOTHING_PAINTED = "Nothing is painted yet: correct the labels with napari's brush, or press “Paint strokes”."


class Outcome(QWidget):
    """The controls of a result; the dock connects them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.says = sentence()
        self.offers = Offers()
        self.table = ClusterTable()
        self.background = QCheckBox("Show background")
        self.background.setToolTip(tooltip(BACKGROUND_TIP))
        self.count = QPushButton("Count objects")
        self.measure_menu, opened = _menu("Measure")
        self.measure_menu.setToolTip(tooltip(measuring.TIP))
        self.measures = {what: opened.addAction(text) for what, text in measuring.WHAT.items()}
        self.counted = sentence()
        self.strokes = QPushButton("Paint strokes")
        self.strokes.setToolTip(tooltip(STROKES_TIP))
        self.learn = QPushButton("Learn from my edits")
        self.discard = QPushButton()
        self.show_menu, shown = _menu("Show also")
        self.shows = {which: shown.addAction(text) for which, text in extras.NAMES.items()}
        self.copy_menu, copied = _menu("Copy")
        self.as_python, self.as_shell = copied.addAction("as Python"), copied.addAction("as command line")
        self.save = QPushButton("Save model…")
        self.save.setToolTip(tooltip("Keep the model with its clusters, to label other images alike."))
        layout = column(self)
        layout.addWidget(self.says)
        layout.addWidget(self.offers)
        layout.addWidget(self.table)
        layout.addWidget(beside(self.count, self.measure_menu, equal=True))
        layout.addWidget(self.counted)
        layout.addWidget(self.background)
        layout.addWidget(beside(self.strokes, self.learn, equal=True))
        layout.addWidget(self.discard)
        layout.addWidget(beside(self.show_menu, self.copy_menu, self.save, equal=True))

    def offer_background(self, background: int | None, hidden: frozenset[int]) -> None:
        """Offer to show the background that was found, if one was."""
        self.background.setVisible(background is not None)
        with signals_blocked(self.background):
            self.background.setChecked(background is not None and background not in hidden)

    def offer(self, painted: int, taught: bool, given: bool, live: bool) -> None:
        """Offer what can be done with `painted` pixels.

        `taught` is whether there is something to forget, `given` something to learn, `live` features in memory.
        """
        self.discard.setVisible(painted > 0 or taught)
        self.discard.setText("Discard painted" if painted else "Forget what was learnt")
        self.discard.setToolTip(tooltip(f"Show the clusters again: {painted} pixels are painted."))
        why = "" if given else NOTHING_PAINTED
        why = why if live else "The image is too large to learn from strokes."
        self.learn.setEnabled(not why)
        self.learn.setToolTip(tooltip(why or LEARN_TIP))
        self.strokes.setEnabled(live)


def _menu(text: str) -> tuple[QPushButton, QMenu]:
    button = QPushButton(text)
    opened = QMenu(button)
    button.setMenu(opened)
    return button, opened
