"""Forms made from configurations: a row per field, in the words, ranges and tooltips of its declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_ae_seg.config import Config, SettingError, label_of, matters

from .controls import Combo, Control, Slider, choices, control, tooltip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from qtpy.QtGui import QShowEvent

C = TypeVar("C", bound=Config)


class Form(QWidget):
    """A row for each of `names`, fields of `config`."""

    changed = Signal(str)
    released = Signal()  # a slider was let go

    def __init__(self, config: type[Config], names: Iterable[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.config = config
        self.controls: dict[str, Control] = {}
        self._layout = rows(self)
        for name in names:
            self._add(name)

    def values(self) -> dict[str, Any]:
        """Name -> value of every row."""
        return {name: made.read() for name, made in self.controls.items()}

    def relevant(self) -> dict[str, Any]:
        """Name -> value of the rows that are not hidden as meaningless."""
        return {name: made.read() for name, made in self.controls.items() if self._layout.isRowVisible(made.widget)}

    def write(self, values: Mapping[str, Any]) -> None:
        """Show `values`; names that have no row here are skipped."""
        for name in self.controls.keys() & values.keys():
            self.controls[name].write(values[name])

    def offer(self, name: str, values: Iterable[Any]) -> None:
        """Offer `values` in the choice `name`."""
        combo = self.controls[name].widget
        assert isinstance(combo, Combo)
        combo.offer(choices(self.config, name, values))

    def show_relevant(self, values: Mapping[str, Any]) -> None:
        """Hide the rows that `values` of this and other forms leave without meaning."""
        for name, made in self.controls.items():
            if (visible := matters(self.config, name, values)) != self._layout.isRowVisible(made.widget):
                self._layout.setRowVisible(made.widget, visible)

    def row(self, text: str, widget: QWidget, tip: str = "") -> None:
        """Add a row of another kind below the others."""
        self._layout.addRow(caption(text, tip), widget)

    def _add(self, name: str) -> None:
        field = self.config.model_fields[name]
        made = self.controls[name] = control(self.config, name)
        self._layout.addRow(caption(label_of(self.config, name), field.description or ""), made.widget)
        made.changed.connect(lambda *_: self.changed.emit(name))
        if isinstance(made.widget, Slider):
            made.widget.released.connect(self.released)


def values(*forms: Form) -> dict[str, Any]:
    """Name -> value of every row of `forms`."""
    return {name: value for form in forms for name, value in form.values().items()}


def read(config: type[C], *forms: Form) -> C:
    """The configuration that `forms` show; ValueError in one sentence if its fields contradict each other."""
    given = {name: value for form in forms if form.config is config for name, value in form.relevant().items()}
    try:
        return config(**given)
    except SettingError as error:
        raise ValueError(error.naming(lambda name: f"{label_of(config, name)}:")) from None


def fold(title: str, *widgets: QWidget) -> QCollapsible:
    """`widgets` folded away under `title`."""
    folded = _Fold(title, expandedIcon=OPEN, collapsedIcon=SHUT)
    folded.setDuration(0)
    folded.layout().setContentsMargins(0, 0, 0, 0)
    folded.layout().setSpacing(2)
    folded.content().layout().setContentsMargins(0, 0, 0, 4)
    folded.content().layout().setSpacing(6)
    for widget in widgets:
        folded.addWidget(widget)
    folded.content().hide()  # else the keyboard reaches what is folded away
    folded.toggled.connect(folded.content().setVisible)
    return folded


def rows(widget: QWidget) -> QFormLayout:
    """An empty form layout of this plugin's look, set on `widget`."""
    layout = QFormLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(10)
    layout.setVerticalSpacing(6)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return layout


def row_of(widgets: Mapping[str, QWidget]) -> QWidget:
    """A form of `widgets`, each after its words."""
    form = QWidget()
    layout = rows(form)
    for text, widget in widgets.items():
        layout.addRow(caption(text), widget)
    return form


def beside(*widgets: QWidget, equal: bool = False) -> QWidget:
    """`widgets` side by side; the first takes the room that is left, or all the same."""
    line = QWidget()
    layout = QHBoxLayout(line)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for widget in widgets:
        layout.addWidget(widget, 1 if equal or widget is widgets[0] else 0)
    return line


def scrolling(body: QWidget) -> QScrollArea:
    """`body` in a frame that scrolls up and down, never sideways."""
    area = _Scrolling()
    area.setWidget(body)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setMinimumWidth(WIDTH)
    return area


class _Fold(QCollapsible):
    """Draws its arrow in the colour that the theme gives to words."""

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 (Qt's name)
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._recolor()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 (Qt's name)
        super().showEvent(event)
        self._recolor()

    def _recolor(self) -> None:
        self.toggleButton().ensurePolished()
        self.setExpandedIcon(OPEN)
        self.setCollapsedIcon(SHUT)


class _Scrolling(QScrollArea):
    """As wide at least as its content, so that nothing is cut."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 (Qt's name)
        if event is not None and event.type() == QEvent.Type.LayoutRequest and watched is self.widget():
            beside_it = self.verticalScrollBar().sizeHint().width() + BESIDE
            self.setMinimumWidth(max(WIDTH, self.widget().minimumSizeHint().width() + beside_it))
        return bool(super().eventFilter(watched, event))


def menu(text: str, actions: Mapping[str, Callable[[], Any]]) -> QPushButton:
    """A button that opens a menu."""
    button = QPushButton(text)
    opened = QMenu(button)
    for words_, act in actions.items():
        opened.addAction(words_).triggered.connect(lambda _=False, act=act: act())
    button.setMenu(opened)
    return button


def column(widget: QWidget, spacing: int = 8, margin: int = 0) -> QVBoxLayout:
    """An empty column of this plugin's look, set on `widget`."""
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(spacing)
    return layout


def caption(text: str, tip: str = "") -> QLabel:
    """The words before a row; they line up across forms, on two lines where one is too short."""
    label = QLabel(text)
    label.setFixedWidth(CAPTION)
    label.setWordWrap(True)
    label.setToolTip(tooltip(tip) if tip else "")
    return label


def sentence(text: str = "") -> QLabel:
    """A line of text that wraps and never widens the dock."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


OPEN, SHUT = "▾", "▸"
"""Arrows of a fold."""

WIDTH = 330
"""Width in pixels that a dock asks for."""

BESIDE = 4
"""Pixels that a theme may draw around the scroll bar."""

CAPTION = 118
"""Width in pixels of the words before a row."""
