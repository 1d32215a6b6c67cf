"""A square of a colour, to stand before a name."""

from __future__ import annotations

from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap


def swatch(rgb: tuple[float, float, float], hidden: bool = False) -> QIcon:
    """A square of a colour, hollow if it is hidden."""
    square = QPixmap(12, 12)
    square.fill(QColor(0, 0, 0, 0))
    painter = QPainter(square)
    color = QColor.fromRgbF(*(float(part) for part in rgb))
    if hidden:
        painter.setPen(QPen(color, 2))
        painter.drawRect(1, 1, 10, 10)
    else:
        painter.fillRect(0, 0, 12, 12, color)
    painter.end()
    icon = QIcon(square)
    icon.addPixmap(square, QIcon.Mode.Selected)  # else Qt tints it in a selected row
    return icon
