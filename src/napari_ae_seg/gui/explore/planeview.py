"""The plane of latents as a picture to draw on: a lasso with the mouse, light where something lies, wheel to zoom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget
from superqt.utils import QSignalThrottler

from napari_ae_seg.gui.parts.controls import tooltip

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent, QPaintEvent, QResizeEvent, QWheelEvent

SIDE = 512
"""Bins along each side, as in explore.plane."""
LARGEST = 480
LIVE_MS = 40
"""How often a lasso tells what it holds while it is drawn."""
CLOSEST = 12.0
LIGHT = (255, 214, 10)
TIP = (
    "Every pixel of the image is a point here; alike pixels lie close together. Draw a lasso to see its pixels in the "
    "image. Click to let go, turn the wheel to zoom, drag with the right button to move, double-click to see all."
)


class PlaneView(QWidget):
    """Shows a picture of SIDE x SIDE bins; positions are (column, row) of bins."""

    lassoed = Signal(object, bool)  # the corners, and whether the lasso is closed

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(300)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip(tooltip(TIP))
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.corners: list[tuple[float, float]] = []
        self.cross: tuple[int, int] | None = None
        self._picture: QImage | None = None
        self._light: QImage | None = None
        self._drawing = False
        self._moved_from: QPointF | None = None
        self._zoom, self._middle = 1.0, QPointF(SIDE / 2, SIDE / 2)
        self._told = QSignalThrottler(parent=self)
        self._told.setTimeout(LIVE_MS)
        self._told.triggered.connect(lambda: self.lassoed.emit(list(self.corners), False))

    def show_picture(self, picture: np.ndarray | None) -> None:
        """Show (SIDE, SIDE, 3) uint8, or nothing."""
        self._picture = None if picture is None else _image(picture, QImage.Format.Format_RGB888)
        self.update()

    def show_light(self, light: np.ndarray | None) -> None:
        """Light up bins: (SIDE, SIDE) of 0 to 1."""
        self._light = None
        if light is not None and light.any():
            shown = np.zeros((SIDE, SIDE, 4), np.uint8)
            shown[..., :3] = LIGHT
            shown[..., 3] = np.where(light > 0.01, 110 + 145 * light.clip(0, 1), 0)
            self._light = _image(shown, QImage.Format.Format_RGBA8888)
        self.update()

    def show_cross(self, place: tuple[int, int] | None) -> None:
        """Mark one place."""
        if place != self.cross:
            self.cross = place
            self.update()

    def clear(self) -> None:
        """Take the lasso, the light and the mark away."""
        self.corners, self.cross, self._light = [], None, None
        self.update()

    def position(self, place: tuple[float, float]) -> QPointF:
        """Where a (column, row) is in the widget."""
        box, size = self._box(), self._box().width() / SIDE * self._zoom
        at = QPointF(place[0] + 0.5, place[1] + 0.5) - self._middle
        return box.center() + at * size

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802, ARG002
        """Stay a square, up to a size."""
        self.setFixedHeight(min(max(self.width(), 100), LARGEST))

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002 (Qt's name)
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        box = self._box()
        painter.fillRect(box, QColor(0, 0, 0))
        painter.setClipRect(box)
        corner, far = self.position((-0.5, -0.5)), self.position((SIDE - 0.5, SIDE - 0.5))
        for picture in (self._picture, self._light):
            if picture is not None:
                painter.drawImage(QRectF(corner, far), picture)
        painter.setPen(QPen(QColor(*LIGHT), 1.5))
        if self.corners:
            line = QPolygonF([self.position(place) for place in self.corners])
            painter.drawPolyline(line) if self._drawing else painter.drawPolygon(line)
        if self.cross is not None:
            at = self.position(self.cross)
            for color, width in ((QColor(0, 0, 0), 4.0), (QColor(255, 255, 255), 1.6)):
                painter.setPen(QPen(color, width))
                painter.drawEllipse(at, 6, 6)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Begin a lasso, or to move the picture."""
        assert event is not None
        if event.button() == Qt.MouseButton.LeftButton and self._picture is not None:
            self.corners, self._drawing = [self._place(event.position())], True
        elif event.button() in (Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton):
            self._moved_from = event.position()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Draw the lasso on, or move the picture."""
        assert event is not None
        if self._drawing:
            self.corners.append(self._place(event.position()))
            self._told.throttle()
            self.update()
        elif self._moved_from is not None:
            scale = self._box().width() / SIDE * self._zoom
            self._middle -= (event.position() - self._moved_from) / scale
            self._moved_from = event.position()
            self._keep_inside()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Close the lasso; a click holds nothing."""
        assert event is not None
        self._moved_from = None
        if self._drawing and event.button() == Qt.MouseButton.LeftButton:
            self._drawing = False
            self._told.cancel()
            if len(self.corners) < 3:
                self.corners = []
            self.lassoed.emit(list(self.corners), True)
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802, ARG002
        """Show the whole plane again."""
        self._zoom, self._middle = 1.0, QPointF(SIDE / 2, SIDE / 2)
        self.update()

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Zoom in and out where the mouse is."""
        assert event is not None
        before = QPointF(*self._place(event.position()))
        self._zoom = float(np.clip(self._zoom * 1.0015 ** event.angleDelta().y(), 1.0, CLOSEST))
        self._middle += before - QPointF(*self._place(event.position()))
        self._keep_inside()
        event.accept()

    def _keep_inside(self) -> None:
        half = SIDE / 2 / self._zoom
        x, y = (float(np.clip(value, half, SIDE - half)) for value in (self._middle.x(), self._middle.y()))
        self._middle = QPointF(x, y)
        self.update()

    def _box(self) -> QRectF:
        side = min(self.width(), self.height())
        return QRectF((self.width() - side) / 2, 0, side, side)

    def _place(self, at: QPointF) -> tuple[float, float]:
        box = self._box()
        found = (at - box.center()) / (box.width() / SIDE * self._zoom) + self._middle
        return (round(found.x() - 0.5, 1), round(found.y() - 0.5, 1))


def _image(values: np.ndarray, kind: QImage.Format) -> QImage:
    held = np.ascontiguousarray(values)
    return QImage(held.data, held.shape[1], held.shape[0], held.strides[0], kind).copy()
