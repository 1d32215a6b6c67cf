"""Phenotypes in the Explore dock: objects of a layer grouped by all channels, as a heat map, a layer and a table."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import QPushButton, QSizePolicy, QToolTip, QWidget

from napari_ae_seg.config import PhenotypeConfig
from napari_ae_seg.core.colors import color
from napari_ae_seg.core.progress import Progress
from napari_ae_seg.gui.parts.controls import tooltip
from napari_ae_seg.gui.parts.forms import Form, beside, column, read, row_of
from napari_ae_seg.gui.parts.layers import LayerPicker, holds_clusters
from napari_ae_seg.gui.parts.plots import TRAINING, VALIDATION
from napari_ae_seg.gui.parts.tableview import TableView
from napari_ae_seg.gui.session import current

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer
    from qtpy.QtGui import QMouseEvent, QPaintEvent

    from napari_ae_seg.explore.exploration import Exploration
    from napari_ae_seg.explore.phenotypes import Phenotypes
    from napari_ae_seg.gui.parts.runner import Runner

ROW, HEADS = 20, 74
"""Height of a row, and of the names of the markers below."""
TOP = 2.0
"""Deviations at which a field has its full colour."""
TIP = "Group the objects of a layer by their mean intensity in every channel and by their latents."
NO_OBJECTS = "Choose a layer of objects of the image that is explored: “Count objects” in the Segment dock makes one."


class Phenotyping(QWidget):
    """A layer of objects, the settings, and what was found."""

    def __init__(
        self, viewer: Viewer, explored: Callable[[], Exploration | None], runner: Runner, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._explored, self._runner = viewer, explored, runner
        self._layer: weakref.ref[Any] | None = None
        self._table: TableView | None = None
        self.found: Phenotypes | None = None
        self.objects = LayerPicker(viewer, (Labels,), unlikely=holds_clusters)
        self.form = Form(PhenotypeConfig, ("n_phenotypes", "scaling", "latents"))
        self.button, self.table_button = QPushButton("Find phenotypes"), QPushButton("Table")
        self.button.setToolTip(tooltip(TIP))
        self.table_button.setToolTip(tooltip("Phenotype x marker, in deviations from the mean of all objects."))
        self.table_button.setEnabled(False)
        self.heat = Heat()
        layout = column(self, spacing=6)
        layout.addWidget(row_of({"Objects": self.objects}))
        layout.addWidget(self.form)
        layout.addWidget(beside(self.button, self.table_button, equal=True))
        layout.addWidget(self.heat)
        self.button.clicked.connect(self.find)
        self.table_button.clicked.connect(self.show_table)

    def find(self) -> None:
        """Group the objects of the layer chosen."""
        one, layer = self._explored(), self.objects.layer
        if one is None or self._runner.running:
            return
        if layer is None or tuple(layer.data.shape) != one.image.label_shape:
            self._runner.say(NO_OBJECTS)
            return
        config, labels = read(PhenotypeConfig, self.form), np.array(layer.data)

        def task(report: Any) -> Phenotypes:
            from napari_ae_seg.explore.phenotypes import phenotypes

            report(Progress("grouping", 0, 0))
            return phenotypes(labels, one.image, config, model=one.segmenter.model)

        self._runner.run("Finding phenotypes", task, then=lambda found: self._show(found, one))

    def show_table(self) -> None:
        """Show phenotype x marker below the image."""
        if self.found is None:
            return
        if self._table is None or self._table.parent() is None:
            self._table = TableView()
            self._viewer.window.add_dock_widget(self._table, name="Phenotypes", area="bottom")
        self._table.show_table(self.found.table, "Mean of each marker, in deviations from that of all objects.")

    def _show(self, found: Phenotypes, one: Exploration) -> None:
        self.found = found
        self.table_button.setEnabled(True)
        names = [f"{n}: {name}" for n, name in zip(found.table["index"], found.table["name"], strict=True)]
        self.heat.show_values(found.heat, names, found.markers)
        colors = {n: (*color(n), 1.0) for n in found.table["index"]}
        clear = (0.0, 0.0, 0.0, 0.0)
        about = {"colormap": {None: clear, 0: clear, **colors}, "features": dict(found.table)}
        layer = self._layer() if self._layer is not None else None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        active = self._viewer.layers.selection.active
        layer = Labels(found.labels, name=f"{one.segments.name} phenotypes", **about, **one.segments.transform)
        current().clustered.add(layer)
        self._viewer.add_layer(layer)
        self._layer = weakref.ref(layer)
        if active in self._viewer.layers:
            self._viewer.layers.selection.active = active
        if self._table is not None and self._table.parent() is not None:
            self.show_table()


class Heat(QWidget):
    """A row per phenotype and a field per marker: bright where it is above the mean of all objects, or below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.show_values(np.zeros((0, 0)), [], ())

    def show_values(self, values: np.ndarray, names: list[str], markers: tuple[str, ...]) -> None:
        """Show deviations (K, markers)."""
        self.values, self.names, self.markers = values, names, markers
        self.setFixedHeight(2 * ROW * len(names) + HEADS if names else 1)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002 (Qt's name)
        """Draw."""
        if not self.names:
            return
        painter = QPainter(self)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(text)
        faint.setAlpha(22)
        for row, name in enumerate(self.names):
            top = 2.0 * ROW * row
            painter.fillRect(QRectF(0, top + 3, 10, 10), QColor.fromRgbF(*color(row + 1)))
            painter.setPen(text)
            room = QRectF(16, top, self.width() - 16.0, ROW - 2)
            short = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(room.width()))
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, short)
            for place, value in enumerate(self.values[row]):
                field = self._field(row, place)
                shade = QColor(VALIDATION if value > 0 else TRAINING)
                shade.setAlphaF(min(1.0, abs(float(value)) / TOP))
                painter.fillRect(field, faint)
                painter.fillRect(field, shade)
        painter.setPen(text)
        for place, marker in enumerate(self.markers):
            painter.save()
            field = self._field(len(self.names) - 1, place)
            painter.translate(field.center().x() + 4, field.bottom() + 4)
            painter.rotate(90)
            short = painter.fontMetrics().elidedText(marker, Qt.TextElideMode.ElideRight, HEADS - 8)
            painter.drawText(0, 4, short)
            painter.restore()
        painter.end()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Tell what lies under the mouse."""
        assert event is not None
        at = event.position()
        row, place = int(at.y() // (2 * ROW)), int(at.x() * len(self.markers) / max(1, self.width()))
        if 0 <= row < len(self.names) and 0 <= place < len(self.markers):
            told = f"{self.markers[place]}: {self.values[row, place]:+.1f} deviations in {self.names[row]}"
            QToolTip.showText(event.globalPosition().toPoint(), told, self)

    def _field(self, row: int, place: int) -> QRectF:
        wide = self.width() / max(1, len(self.markers))
        return QRectF(place * wide, 2.0 * ROW * row + ROW, wide - 1, ROW - 4)
