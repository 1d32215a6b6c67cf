"""The list of models: the one that comes with the package, those trained here, and the files of the models folder."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QListWidget, QListWidgetItem, QWidget

from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core import modelfile
from napari_ae_seg.core.errors import ModelFileError
from napari_ae_seg.gui.session import current

from .controls import Combo, tooltip
from .layers import heed
from .preferences import models_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from napari_ae_seg.config import NetworkConfig, TrainingConfig
    from napari_ae_seg.images.stack import Stack
    from napari_ae_seg.segmenter.segmenter import Segmenter

ENDING = ".aeseg"


@dataclass(frozen=True)
class Model:
    """A model to work with: the shipped encoder (neither path nor held), one in a file, or one in memory."""

    name: str
    path: Path | None = None
    held: Any = None
    training: TrainingConfig | None = None
    network: NetworkConfig | None = None


SHIPPED = Model("ready to use")
"""The encoder that comes with the package."""

NEW = Model("the network above")
"""No model: training starts from the shipped encoder or from nothing."""


@dataclass(frozen=True)
class Entry:
    """A model file as a list shows it."""

    path: Path
    date: str
    images: str
    clusters: bool

    @property
    def words(self) -> str:
        """Name and day on one line, what it was trained on below."""
        return f"{self.path.stem}  ·  {self.date[:10]}\n{self.images or 'trained on unnamed images'}"


def entry(path: Path) -> Entry:
    """The entry of the file at `path`; ModelFileError if it is no model."""
    header = modelfile.peek(path)
    kind = modelfile.find(header, "is")
    if kind not in ("autoencoder", "segmenter", "classifier"):
        raise ModelFileError(f"{path} holds no model that a dock can work with")
    info = modelfile.find(header, *([] if kind == "autoencoder" else ["model"]), "info")
    names, date = modelfile.find(info, "trained_on"), modelfile.find(info, "date")
    images = ", ".join(map(str, names)) if isinstance(names, list) else ""
    return Entry(path, _one_line(date if isinstance(date, str) else ""), _one_line(images), kind == "segmenter")


def own_config(model: Model) -> SegmentationConfig | None:
    """How the clusters that are saved with `model` were found; None if there are none."""
    if model.path is None:
        return None
    try:
        header = modelfile.peek(model.path)
        clustered = modelfile.find(header, "is") == "segmenter"
        return SegmentationConfig.model_validate(modelfile.find(header, "config")) if clustered else None
    except (ModelFileError, ValueError):
        return None  # what is wrong with the file is said once it is opened


def misfit(model: Model, stack: Stack, instead: tuple[str, str] = (", or as many channels", " or extent")) -> str:
    """Why `model` cannot look at `stack`, in one sentence; nothing if it can, or if only opening it would tell.

    `instead` is what a person may choose beside another model: of channels, and of slices and volumes.
    """
    channels, ndim = _made_for(model)
    try:
        there, taken = stack.channels, stack.ndim
    except ValueError:  # it says so when the button is pressed
        return ""
    if channels not in (0, there):
        seen = f"{channels} channel{'s' * (channels != 1)}"
        return f"{model.name!r} has learnt from {seen}, the image has {there}: choose another model{instead[0]}."
    if ndim not in (0, taken):
        seen, got = ("volumes", "slices") if ndim == 3 else ("slices", "a volume")
        return f"{model.name!r} has learnt from {seen}, the image is taken as {got}: choose another model{instead[1]}."
    return ""


def network_of(model: Model) -> dict[str, Any]:
    """Name -> value of the network of `model`; nothing where that is unknown."""
    if model.held is not None:
        return dict(model.held.network)
    header, part = _header(model)
    network = modelfile.find(header, *part, "network")
    return network if isinstance(network, dict) else {}


def load(model: Model) -> tuple[Any, Segmenter | None]:
    """The autoencoder of `model`, and its segmenter if it has clusters; neither for the shipped encoder."""
    if model.path is None:
        return model.held, None
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.segmenter.segmenter import Segmenter

    if modelfile.find(modelfile.peek(model.path), "is") == "segmenter":
        segmenter = Segmenter.load(model.path)
        return segmenter.model, segmenter
    return Autoencoder.load(model.path), None


def entries(folder: Path) -> list[Entry]:
    """The models in `folder`, newest first; files that are none are left out."""
    found = []
    for path in folder.glob(f"*{ENDING}"):
        try:
            found.append(entry(path))
        except ModelFileError:
            continue
    return sorted(found, key=lambda one: (one.date, one.path.name), reverse=True)


class ModelPicker(Combo):
    """One of the models; takes `.aeseg` files dropped on it.

    A model that does not `suit` what is to be looked at is left for the first of the list, unless a person chose it.
    """

    refused = Signal(str)

    def __init__(self, first: Model = SHIPPED, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._first = first
        self.setAcceptDrops(True)
        self.setToolTip(tooltip("What looks at the image. Drop a model file (.aeseg) here to use it."))
        self._held: list[Model] = []
        self._wanted = first
        self._by_hand: Model | None = None
        self.activated.connect(self._choose_by_hand)
        heed(self, current().changed, lambda what: self.refresh() if what == "models" else None)
        self.refresh()

    @property
    def model(self) -> Model:
        """The model chosen."""
        chosen = self.currentData()
        return chosen if isinstance(chosen, Model) else self._first

    def refresh(self) -> None:
        """Offer the models there are now."""
        saved = [Model(one.path.stem, one.path) for one in entries(models_folder())]
        known = {model.path for model in saved}
        held = dict.fromkeys([*self._held, *current().models])
        others = [model for model in held if model.path is None or (model.path not in known and model.path.exists())]
        self.offer({model: model.name for model in (self._first, *others, *saved)})

    def hold(self, model: Model) -> None:
        """Offer `model` here, and choose it; it takes the place of one of the same name."""
        if model != self._first and model not in current().models:
            self._held = [model, *(kept for kept in self._held if kept.name != model.name)]
        self.refresh()
        self.choose(model)
        self._wanted = model

    def want(self, model: Model, fits: Callable[[Model], bool]) -> None:
        """Choose `model`, now if it fits, else as soon as it does."""
        self._wanted = model
        if fits(model):
            self.hold(model)

    def suit(self, fits: Callable[[Model], bool]) -> None:
        """Choose the model wanted last if it fits, else the first of the list; what a person chose stays."""
        if self.model == self._by_hand:
            return
        there = any(self.itemData(row) == self._wanted for row in range(self.count()))
        self.choose(self._wanted if there and fits(self._wanted) else self._first)

    def open(self, path: str | Path = "") -> None:
        """Choose the model in the file at `path`; asks for one if none is given."""
        chosen = str(path) or ask_for_model(self)
        if not chosen:
            return
        try:
            entry(Path(chosen))
        except ModelFileError as error:
            self.refused.emit(str(error))
            return
        self.hold(Model(Path(chosen).stem, Path(chosen)))
        self._choose_by_hand()

    def showPopup(self) -> None:  # noqa: N802 (Qt's name)
        """Offer the files that there are now."""
        self.refresh()
        super().showPopup()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Take model files."""
        if event is not None and _dropped(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Open the model file dropped."""
        if event is not None and (path := _dropped(event)):
            event.acceptProposedAction()
            self.open(path)

    def _choose_by_hand(self, *_: Any) -> None:
        self._by_hand = self._wanted = self.model


class ModelList(QListWidget):
    """The models folder, newest first, with date and what each was trained on."""

    opened = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setFixedHeight(112)
        self.setToolTip(tooltip("Double-click a model to go on with it."))
        self.itemActivated.connect(lambda item: self.opened.emit(item.data(Qt.ItemDataRole.UserRole)))
        self.refresh()

    @property
    def path(self) -> Path | None:
        """The file of the row selected."""
        item = self.currentItem()
        return item.data(Qt.ItemDataRole.UserRole) if item is not None and item.isSelected() else None

    def refresh(self) -> None:
        """Show what the models folder holds now."""
        self.clear()
        for one in entries(models_folder()):
            item = QListWidgetItem(one.words, self)
            item.setToolTip(tooltip("<br>".join(escape(str(part)) for part in (one.path, one.date, one.images))))
            item.setData(Qt.ItemDataRole.UserRole, one.path)
        if not self.count():
            item = QListWidgetItem("Models you save appear here.", self)
            item.setFlags(Qt.ItemFlag.NoItemFlags)


def ask_for_model(parent: QWidget) -> str:
    """The path of a model file that the person chooses, or nothing."""
    path, _ = QFileDialog.getOpenFileName(parent, "Open a model", str(models_folder()), f"Models (*{ENDING})")
    return str(path)


def ask_where(parent: QWidget, name: str) -> str:
    """A path to save a model at, or nothing."""
    start = str(models_folder() / f"{name}{ENDING}")
    path, _ = QFileDialog.getSaveFileName(parent, "Save the model", start, f"Models (*{ENDING})")
    return str(path) if not path or path.endswith(ENDING) else f"{path}{ENDING}"


def free_path(name: str) -> Path:
    """A path in the models folder, named after `name`, where there is no file yet."""
    plain = "".join(c if c.isalnum() or c in "-_ " else "-" for c in name).strip() or "model"
    path = models_folder() / f"{plain}{ENDING}"
    number = 2
    while path.exists():
        path = models_folder() / f"{plain} {number}{ENDING}"
        number += 1
    return path


def _made_for(model: Model) -> tuple[int, int]:
    """The channels and the axes in space that `model` looks at; 0 where that is open or unknown."""
    if model.held is not None:
        return model.held.channels, model.held.ndim
    header, part = _header(model)
    ndim = modelfile.find(header, *part, "ndim")
    low = modelfile.shape_of(model.path, "/".join([*part, "normalizer", "low"])) if header and model.path else ()
    return low[0] if low else 0, ndim if ndim in (2, 3) else 0


def _header(model: Model) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the file of `model` says, and under which names it says it of the autoencoder; nothing without a file."""
    try:
        header = modelfile.peek(model.path) if model.path is not None else {}
    except ModelFileError:
        return {}, ()  # what is wrong with the file is said once it is opened
    return header, () if modelfile.find(header, "is") == "autoencoder" else ("model",)


def _one_line(text: str) -> str:
    """What a stranger's file says, as a list has room for."""
    return " ".join(text[:500].split())[:200]


def _dropped(event: Any) -> str:
    """The first model file among what is dragged."""
    data = event.mimeData()
    paths = [url.toLocalFile() for url in data.urls()] if data is not None else []
    return next((path for path in paths if path.endswith(ENDING)), "")
