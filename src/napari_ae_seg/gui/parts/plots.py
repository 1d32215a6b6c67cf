"""Pictures drawn in a dock: the course of training, and a patch before and after.

They are painted by Qt itself: text stays crisp at any scaling and opening a dock needs no second graphics context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

TRAINING = QColor("#4c9be8")
VALIDATION = QColor("#e8914c")
"""Two colours that stay apart on dark and light ground, and for most colour-blind people."""

SMOOTHING = 0.15
"""Weight of a new step in the moving mean that the curve shows over the faint raw line."""


class Curve(QWidget):
    """Loss over steps: training as a line over its faint raw values, validation as a line with points."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(116)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip("<qt>How far reconstructions are from the image, over the steps. Lower is closer.</qt>")
        self.clear()

    def clear(self) -> None:
        """Start anew."""
        self.steps: list[tuple[int, float, float | None]] = []
        self.losses: list[tuple[float, float]] = []
        self.smooth: list[tuple[float, float]] = []
        self.checks: list[tuple[float, float]] = []
        self.total = 0
        self.update()

    def add(self, number: int, loss: float, validation: float | None) -> None:
        """One more step."""
        self.steps.append((number, loss, validation))
        last = self.smooth[-1][1] if self.smooth else loss
        self.losses.append((number, loss))
        self.smooth.append((number, last + SMOOTHING * (loss - last)))
        if validation is not None and np.isfinite(validation):
            self.checks.append((number, validation))
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002 (Qt's name)
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(text)
        faint.setAlpha(60)
        box = QRectF(self.rect()).adjusted(52, 22, -8, -20)
        painter.setPen(QPen(faint, 1))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        painter.drawLine(box.topLeft(), box.bottomLeft())
        painter.setPen(text)
        left = self._legend(painter, box.left(), "training", TRAINING)
        self._legend(painter, left, "held back", VALIDATION)
        low, high = self._range()
        last = max(self.total, self.losses[-1][0] if self.losses else 1, 1)
        painter.setPen(text)
        if self.losses:
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(0, box.top() - 8, box.left() - 6, 16), right, f"{high:.3g}")
            painter.drawText(QRectF(0, box.bottom() - 8, box.left() - 6, 16), right, f"{low:.3g}")
        painter.drawText(QRectF(box.left(), box.bottom() + 2, box.width(), 18), Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(
            QRectF(box.left(), box.bottom() + 2, box.width(), 18), Qt.AlignmentFlag.AlignRight, f"{last} steps"
        )
        painter.setClipRect(box.adjusted(-3, -3, 3, 3))
        place = _Place(box, last, low, high)
        raw = QColor(TRAINING)
        raw.setAlpha(70)
        place.line(painter, self.losses, QPen(raw, 1))
        place.line(painter, self.smooth, QPen(TRAINING, 2))
        place.line(painter, self.checks, QPen(VALIDATION, 2))
        painter.end()

    def _range(self) -> tuple[float, float]:
        """From below the lowest value to what the first steps do not dominate."""
        shown = [loss for _, loss in self.smooth] + [loss for _, loss in self.checks]
        if not shown:
            return 0.0, 1.0
        low, high = min(shown), float(np.percentile(shown, 99.5))
        room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        return max(0.0, low - room), high + room

    @staticmethod
    def _legend(painter: QPainter, left: float, text: str, color: QColor) -> float:
        width = float(painter.fontMetrics().horizontalAdvance(text))
        painter.fillRect(QRectF(left, 9, 12, 3), color)
        painter.drawText(QPointF(left + 17, 15), text)
        return left + 17 + width + 16


class Pair(QWidget):
    """A patch of the image and what the autoencoder makes of it, side by side."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(100)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip("<qt>A patch of the image, and the same patch as the autoencoder gives it back.</qt>")
        self._pictures: list[QImage] = []

    def clear(self) -> None:
        """Show nothing."""
        self._pictures = []
        self.update()

    def show_patches(self, before: np.ndarray, after: np.ndarray) -> None:
        """Show two patches (channels, y, x) with values from 0 to 1."""
        self._pictures = [_picture(before), _picture(after)]
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002 (Qt's name)
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        side = min(self.height() - 20, (self.width() - 12) // 2)
        for index, words in enumerate(("image", "reconstruction")):
            box = QRectF(index * (side + 12), 0, side, side)
            painter.fillRect(box, self.palette().color(QPalette.ColorRole.AlternateBase))
            if self._pictures:
                painter.drawImage(box, self._pictures[index])
            painter.setPen(text)
            painter.drawText(QRectF(box.left(), side + 2, side + 12, 18), Qt.AlignmentFlag.AlignLeft, words)
        painter.end()


class _Place:
    """From steps and losses to places in `box`."""

    def __init__(self, box: QRectF, last: float, low: float, high: float) -> None:
        self._box, self._last, self._low, self._span = box, last, low, high - low

    def line(self, painter: QPainter, points: list[tuple[float, float]], pen: QPen) -> None:
        """Draw `points`, thinned out to what the width can show."""
        thin = points[:: max(1, len(points) // 600)]
        if points and thin[-1] != points[-1]:
            thin = [*thin, points[-1]]
        placed = [self._at(*point) for point in thin]
        painter.setPen(pen)
        if len(placed) > 1:
            painter.drawPolyline(QPolygonF(placed))
        elif placed:
            painter.drawPoint(placed[0])

    def _at(self, number: float, loss: float) -> QPointF:
        x = self._box.left() + self._box.width() * number / self._last
        return QPointF(x, self._box.bottom() - self._box.height() * (loss - self._low) / self._span)


def _picture(patch: np.ndarray) -> QImage:
    """(channels, y, x) as a grey or coloured picture: the first three channels if there are more than two."""
    channels = patch[:3] if len(patch) >= 3 else np.repeat(patch[:1], 3, axis=0)
    values = np.ascontiguousarray((channels.clip(0, 1) * 255).astype(np.uint8).transpose(1, 2, 0))
    height, width = values.shape[:2]
    return QImage(values.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
