"""One control for one field of a configuration, made from the field's declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_ae_seg.config import Config, Shown, choice_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic.fields import FieldInfo
    from qtpy.QtGui import QWheelEvent

DEVICES = ("auto", "cpu")
"""Devices on offer until those of this computer are known."""


@dataclass(frozen=True)
class Control:
    """A widget that holds one value: how to read, write and hear of it."""

    widget: QWidget
    read: Callable[[], Any]
    write: Callable[[Any], None]
    changed: Any


def control(config: type[Config], name: str) -> Control:
    """The control for field `name`: its range, default, words and tooltip are those of the declaration."""
    field = config.model_fields[name]
    made = _make(config, name, field)
    made.widget.setObjectName(name)
    made.widget.setToolTip(tooltip(field.description or ""))
    made.write(field.default)
    return made


def tooltip(text: str) -> str:
    """Rich text, so that Qt wraps it."""
    return f"<qt>{text}</qt>"


class Combo(QComboBox):
    """Choices with words of their own; narrow if need be, deaf to the wheel unless it has the focus."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def offer(self, options: dict[Any, str]) -> None:
        """Offer `options` (value -> word), keeping the present choice if it is among them."""
        now = self.currentData()
        with signals_blocked(self):
            self.clear()
            for value, word in options.items():
                self.addItem(word, value)
        self.choose(now if now in options else next(iter(options), None))

    def choose(self, value: Any) -> None:
        """Select `value`, adding it if it is new."""
        for index in range(self.count()):
            if self.itemData(index) == value:
                self.setCurrentIndex(index)
                return
        if value is not None:
            self.addItem(str(value), value)
            self.setCurrentIndex(self.count() - 1)

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Leave the wheel to the scrolling dock unless this has the focus."""
        _wheel(super(), self, event)


class Integer(QSpinBox):
    """A whole number."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Leave the wheel to the scrolling dock unless this has the focus."""
        _wheel(super(), self, event)


class Number(QDoubleSpinBox):
    """A number, shown without idle zeros, stepping by a tenth of its size."""

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """Show as few digits as it takes."""
        return f"{value:.6g}"

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Leave the wheel to the scrolling dock unless this has the focus."""
        _wheel(super(), self, event)


class Slider(QWidget):
    """A number with a slider in front of it; tells when the person lets go."""

    changed = Signal()
    released = Signal()

    def __init__(self, spin: QSpinBox | QDoubleSpinBox, top: int) -> None:
        super().__init__()
        self.spin = spin
        self.slider = Groove(Qt.Orientation.Horizontal)
        self.slider.setRange(0, top)
        self.spin.setFixedWidth(88)
        self.setFocusProxy(self.slider)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.spin)
        self.slider.valueChanged.connect(self._slid)
        self.slider.sliderReleased.connect(self.released)
        self.spin.valueChanged.connect(self._typed)

    @property
    def dragging(self) -> bool:
        """Whether the slider is held."""
        return bool(self.slider.isSliderDown())

    def value(self) -> Any:
        """The number."""
        return self.spin.value()

    def write(self, value: Any) -> None:
        """Show `value`."""
        self.spin.setValue(value)

    def _slid(self, value: int) -> None:
        self.spin.setValue(value)

    def _typed(self, value: float) -> None:
        with signals_blocked(self.slider):
            self.slider.setValue(min(round(value), self.slider.maximum()))
        self.changed.emit()


class Groove(QSlider):
    """A slider that leaves the wheel to the scrolling dock unless it has the focus."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Leave the wheel to the scrolling dock unless this has the focus."""
        _wheel(super(), self, event)


def choices(config: type[Config], name: str, values: Iterable[Any]) -> dict[Any, str]:
    """`values` of a field with what they are called."""
    return {value: choice_of(config, name, value) for value in values}


def _make(config: type[Config], name: str, field: FieldInfo) -> Control:
    kind = field.annotation
    if name == "device":
        return _choice(choices(config, name, DEVICES))
    if get_origin(kind) is Literal:
        return _choice(choices(config, name, get_args(kind)))
    if kind is bool:
        box = QCheckBox()
        return Control(box, box.isChecked, box.setChecked, box.toggled)
    if get_origin(kind) is tuple:
        return _sizes()
    return _number(field, shown(config, name))


def _choice(options: dict[Any, str]) -> Control:
    combo = Combo()
    combo.offer(options)
    return Control(combo, combo.currentData, combo.choose, combo.currentIndexChanged)


def _sizes() -> Control:
    line = QLineEdit()
    line.setPlaceholderText("none")

    def read() -> tuple[int, ...]:
        text = line.text().replace(",", " ").split()
        if not all(word.isdigit() for word in text):
            raise ValueError(f"hidden layers are whole numbers with commas between, got {line.text()!r}")
        return tuple(int(word) for word in text)

    return Control(line, read, lambda sizes: line.setText(", ".join(map(str, sizes))), line.textChanged)


def _number(field: FieldInfo, words: Shown) -> Control:
    low, high = bounds(field)
    spin: Integer | Number
    if field.annotation is int:
        spin = Integer()
        spin.setRange(int(low), min(int(high), 2**31 - 1))
        spin.setStepType(
            QSpinBox.StepType.AdaptiveDecimalStepType if high > 1000 else QSpinBox.StepType.DefaultStepType
        )
    else:
        spin = Number()
        spin.setDecimals(6)
        spin.setRange(low, high)
        spin.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    spin.setSpecialValueText(words.zero if low == 0 else "")
    spin.setSuffix(f" {words.unit}" if words.unit else "")
    spin.setKeyboardTracking(False)
    spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    spin.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    if words.slider:
        slider = Slider(spin, words.slider)
        return Control(slider, slider.value, slider.write, slider.changed)
    return Control(spin, spin.value, spin.setValue, spin.valueChanged)


def bounds(field: FieldInfo) -> tuple[float, float]:
    """The smallest and largest value that the declaration admits; an open end comes as close as six decimals show."""
    whole = field.annotation is int
    low, high = (0.0, float(2**31 - 1)) if whole else (0.0, 1e9)
    gap = 1.0 if whole else 1e-6
    for rule in field.metadata:
        low = rule.ge if getattr(rule, "ge", None) is not None else low
        low = rule.gt + gap if getattr(rule, "gt", None) is not None else low
        high = rule.le if getattr(rule, "le", None) is not None else high
        high = rule.lt - gap if getattr(rule, "lt", None) is not None else high
    return low, high


def _wheel(parent: Any, widget: QWidget, event: QWheelEvent | None) -> None:
    if widget.hasFocus():
        parent.wheelEvent(event)
    elif event is not None:
        event.ignore()
