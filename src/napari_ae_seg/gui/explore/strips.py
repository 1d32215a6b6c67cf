"""Pictures of the clusters in a dock: prototypes beside typical patches, units by cluster, the curve of K."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_ae_seg.gui.parts.controls import tooltip
from napari_ae_seg.gui.parts.plots import TRAINING, VALIDATION

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent, QPaintEvent

    from napari_ae_seg.explore.exploration import Exploration

ROW = 116
"""Height of a cluster's row in the strip."""
PATCHES = 8


@dataclass(frozen=True)
class Row:
    """One cluster: its name and colour, its prototype and its typical patches (Y, X, 3) uint8."""

    name: str
    color: tuple[float, float, float]
    prototype: np.ndarray
    patches: list[np.ndarray]


def rows_of(one: Exploration) -> list[Row]:
    """The rows of all clusters, to be drawn."""
    found = []
    pairs = zip(one.labels, one.prototypes, one.typical(PATCHES), strict=True)
    for label, prototype, patches in pairs:
        name = one.segments.names[label]
        color = one.segments.colors[label]
        found.append(Row(name, color, one.thumbnail(prototype), [one.thumbnail(patch) for patch in patches]))
    return found


class Strip(QWidget):
    """A row per cluster: what the decoder draws of it, and the places of the image most like that."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        tip = (
            "Left, what the network draws of the cluster's mean latents; right, the patches of the image nearest to it."
        )
        self.setToolTip(tooltip(tip))
        self.rows: list[Row] = []
        self.show_rows([])

    def show_rows(self, rows: list[Row]) -> None:
        """Show these clusters."""
        self.rows = rows
        self.setFixedHeight(max(1, ROW * len(rows)))
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002 (Qt's name)
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        large = ROW - 24.0
        small = min((large - 4) / 2, (self.width() - large - 8) / (PATCHES // 2) - 4)
        for number, row in enumerate(self.rows):
            top = number * ROW
            painter.fillRect(QRectF(0, top + 3, 10, 10), QColor.fromRgbF(*row.color))
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            painter.drawText(QPointF(16, top + 13), row.name)
            painter.drawImage(QRectF(0, top + 18, large, large), _picture(row.prototype))
            for place, patch in enumerate(row.patches):
                line, column = divmod(place, PATCHES // 2)
                at = QPointF(large + 8 + column * (small + 4), top + 18 + line * (small + 4))
                painter.drawImage(QRectF(at.x(), at.y(), small, small), _picture(patch))
        painter.end()


class Units(QWidget):
    """A field per cluster and unit, bright where the unit is active there or far from its mean; click to choose one."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._values = np.zeros((0, 0))
        self._names: list[str] = []
        self._sparse = False

    def show_values(self, values: np.ndarray, names: list[str], sparse: bool) -> None:
        """Show values (K, units): shares of 0 to 1 if `sparse`, else deviations."""
        self._values, self._names, self._sparse = values, names, sparse
        self.setFixedHeight(max(1, min(18, 120 // max(1, len(names))) * len(names) + 18))
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002
        """Draw."""
        painter = QPainter(self)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(text)
        faint.setAlpha(22)
        top = 1.0 if self._sparse else max(1e-9, float(np.abs(self._values).max(initial=0)))
        for row, column in np.ndindex(*self._values.shape):
            value = float(self._values[row, column]) / top
            color = QColor(VALIDATION if value < 0 else TRAINING)
            color.setAlphaF(min(1.0, abs(value)))
            painter.fillRect(self._field(row, column), faint)
            painter.fillRect(self._field(row, column), color)
        painter.setPen(text)
        count = self._values.shape[1]
        step = max(1, -(-count * 22 // max(1, self.width())))
        for column in range(0, count, step):
            at = self._field(0, column).center().x()
            where = QRectF(at - 14, self.height() - 16, 28, 14)
            painter.drawText(where, Qt.AlignmentFlag.AlignCenter, str(column))
        painter.end()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Tell what lies under the mouse."""
        assert event is not None
        unit, row = self._under(event.position())
        if unit is None or not 0 <= row < len(self._names):
            return
        value = float(self._values[row, unit])
        words = f"active in {value:.0%} of" if self._sparse else f"{value:+.1f} deviations in"
        QToolTip.showText(event.globalPosition().toPoint(), f"unit {unit}: {words} {self._names[row]}", self)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Choose a unit."""
        assert event is not None
        unit, _ = self._under(event.position())
        if unit is not None:
            self.chosen.emit(unit)

    def _field(self, row: int, column: int) -> QRectF:
        rows, columns = self._values.shape
        wide, high = self.width() / columns, (self.height() - 18) / rows
        return QRectF(column * wide, row * high, wide - 1, high - 1)

    def _under(self, at: QPointF) -> tuple[int | None, int]:
        rows, columns = self._values.shape
        if not rows or not 0 <= at.x() < self.width():
            return None, 0
        return int(at.x() * columns / self.width()), int(at.y() * rows / max(1, self.height() - 18))


class Numbers(QWidget):
    """The probability of each number of clusters, and the number there is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(120)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip(tooltip("How likely each number of clusters is."))
        self._curve: dict[int, float] = {}
        self._k = 0

    def show_curve(self, curve: dict[int, float], k: int) -> None:
        """Show the probability of each number, and mark `k`."""
        self._curve, self._k = curve, k
        self.setVisible(len(curve) > 1)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002
        """Draw."""
        if len(self._curve) < 2:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        box = QRectF(self.rect()).adjusted(14, 10, -14, -20)
        low, high = min(self._curve.values()), max(self._curve.values())
        first, last = min(self._curve), max(self._curve)

        def at(k: int) -> QPointF:
            up = (self._curve[k] - low) / ((high - low) or 1.0)
            return QPointF(box.left() + box.width() * (k - first) / (last - first), box.bottom() - box.height() * up)

        painter.setPen(QPen(TRAINING, 2))
        painter.drawPolyline(QPolygonF([at(k) for k in sorted(self._curve)]))
        for k in sorted(self._curve):
            painter.setBrush(VALIDATION if k == self._k else TRAINING)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(at(k), *((5, 5) if k == self._k else (2.5, 2.5)))
            painter.setPen(text)
            where = QRectF(at(k).x() - 12, self.height() - 16, 24, 14)
            painter.drawText(where, Qt.AlignmentFlag.AlignCenter, str(k))
        painter.end()


def _picture(values: np.ndarray) -> QImage:
    held = np.ascontiguousarray(values)
    return QImage(held.data, held.shape[1], held.shape[0], held.strides[0], QImage.Format.Format_RGB888).copy()
