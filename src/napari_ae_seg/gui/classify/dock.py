"""The Classify dock: click a few objects, and a classifier recognises the others, live."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QCheckBox, QFileDialog, QLineEdit, QPushButton, QWidget
from superqt.utils import QSignalDebouncer

from napari_ae_seg.config import ClassificationConfig
from napari_ae_seg.gui.parts.controls import tooltip
from napari_ae_seg.gui.parts.forms import Form, beside, column, fold, read, scrolling, sentence, values
from napari_ae_seg.gui.parts.layers import heed, unwrapped
from napari_ae_seg.gui.parts.models import ask_for_model, ask_where
from napari_ae_seg.gui.parts.preferences import run_defaults
from napari_ae_seg.gui.parts.runner import Dock, Runner
from napari_ae_seg.gui.session import current

from . import learning
from .classes import ClassTable, QualityBox
from .examples import Given
from .learning import Answer, Question
from .pointing import object_at, on_click
from .results import Results
from .subjects import SubjectRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels, Layer
    from napari.viewer import Viewer

    from napari_ae_seg.classifier import Classifier

FIRST = ("learner", "latents", "shape", "brightness")
"""Fields in sight under "How it learns"; the kind of items is chosen above, so `slices` has no row."""
SETTLE_MS = 120
"""How long to wait after a click before learning: the next one may follow."""
TWO = "Add two classes, or more, then name a few {kind} of each."
LEARNING = "Learning"


class Left(NamedTuple):
    """Classes and examples, and what was chosen, when the dock was closed."""

    classes: list[str]
    given: Given
    before: Classifier | None
    origin: str
    results: list[Labels]
    kind: str
    image: Layer | None
    objects: Layer | None
    images: tuple[Layer, ...]


class ClassifyWidget(Dock):
    """Name a few objects, slices or images; the others are recognised as you go on."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(napari_viewer)
        self.classes: list[str] = []
        self.given = Given()
        self.before: Classifier | None = None
        self._origin = ""
        self._named = 0
        self._unfit = ""
        self.answer: Answer | None = None
        self._asked: Question | None = None
        self._waiting: Callable[[], None] | None = None
        self.results = Results(self._viewer)
        self._build()
        self._rest = QSignalDebouncer(parent=self)
        self._rest.setTimeout(SETTLE_MS)
        self._rest.triggered.connect(self.learn)
        self._connect()
        self._resume(self.left(self._viewer))
        self._followed()

    def config(self) -> ClassificationConfig:
        """The configuration that the controls show; ValueError if it contradicts itself."""
        config = read(ClassificationConfig, *self.forms)
        return config.model_copy(update={"slices": self.about.kind == "slices"})

    def add_class(self, name: str = "") -> None:
        """Add class `name`, or the one typed, and choose it."""
        name = (name or self.typed.text()).strip()
        if name and name not in self.classes:
            self.classes.append(name)
            self.typed.clear()
            self._show_classes()
            self.table.choose(name)

    def remove_class(self) -> None:
        """Forget the class chosen and its examples."""
        name = self.table.name
        if name and not (self.before is not None and name in self.before.classes):
            self.classes.remove(name)
            self.given.forget(name)
            self._changed()

    def rename_class(self, before: str, after: str) -> None:
        """Call a class something else."""
        if not after or after in self.classes:
            self._show_classes()
            return
        self.classes[self.classes.index(before)] = after
        self.given.rename(before, after)
        if self.before is not None:
            self.before = learning.renamed(self.before, before, after)
        self._changed()

    def name_item(self, layer: Layer, number: int) -> None:
        """Give an item the class chosen; once more takes it back."""
        if self.table.name:
            self.given.give(layer, number, self.table.name)
            self._changed()

    def name_pointed(self) -> None:
        """Give the item that the person is at the class chosen."""
        item = self.about.pointed()
        if item is not None:
            self.name_item(*item)

    def undo(self) -> None:
        """Take back the last naming."""
        if self.given.undo():
            self._changed()

    def learn(self) -> None:
        """Learn from what is named now, unless that is too little or known already."""
        self._rest.cancel()
        if self.runner.running:
            self._waiting = self._waiting or self.learn
            return
        try:
            subject, config = self.about.subject(self.results.layer), self.config()
        except ValueError as error:
            self.runner.say(str(error) if self.answer is not None else "")
            return
        subject = replace(subject, state=self.about.state())
        known = set(self.given.counts(subject.layers)) | set(self.before.classes if self.before else ())
        if len(known) < 2:
            self._forget_answer()
            return
        if self._unfit:  # it is said below the buttons
            return
        measured = self.answer.measured if self.answer is not None else None
        measured = measured if measured is not None and measured.subject.same_as(subject) else None
        labels = None if measured is not None or subject.objects is None else _copied(subject.objects)
        given = self.given.of(subject.layers)
        question = Question(subject, tuple(self.classes), given, config, self.before, self._origin, measured, labels)
        if self.answer is None or not question.same_as(self._asked):
            self._asked = question
            self._run(LEARNING, lambda report: learning.learn(question, report), self._learnt)

    def save(self, path: str = "") -> None:
        """Write the classifier to `path`; asks where if it is not given."""
        if self.answer is None:
            return
        chosen = path or ask_where(self, f"{self.answer.measured.subject.layers[0].name} classes")
        if chosen:
            classifier = self.answer.found.classifier
            self._run("Saving", lambda _: classifier.save(chosen), lambda _: self.runner.say(f"Saved as {chosen}."))

    def open(self, path: str = "") -> None:
        """Go on with the classifier in the file at `path`; asks for one if none is given."""
        chosen = path or ask_for_model(self)
        if chosen:
            self._run("Opening", lambda _: learning.load(chosen), lambda found: self._opened(found, chosen))

    def export(self, path: str = "") -> None:
        """Write the table of classes to `path`; asks where if it is not given."""
        if self.answer is None:
            return
        name = f"{self.answer.measured.subject.layers[0].name} classes.csv"
        chosen = path or QFileDialog.getSaveFileName(self, "Save the table", name, "Tables (*.csv)")[0]
        if chosen:
            found, chosen = self.answer.found, chosen if chosen.endswith(".csv") else f"{chosen}.csv"
            self._run("Saving", lambda _: found.to_csv(chosen, True), lambda _: self.runner.say(f"Saved as {chosen}."))

    def copy(self) -> None:
        """Put the lines of Python that do the same on the clipboard."""
        clipboard = QApplication.clipboard()
        if self._asked is not None and clipboard is not None:
            clipboard.setText(learning.python(self._asked))

    def closing(self) -> None:
        """End what is running, and leave the mouse alone; what has a class is kept for a dock that is opened later."""
        super().closing()
        self._rest.cancel()
        self._end_clicks()
        if self.classes:
            layers = self.results.layers
            chosen = self.about.kind, self.about.image.layer, self.about.objects.layer, tuple(self.about.images.layers)
            self.leave(self._viewer, Left(self.classes, self.given, self.before, self._origin, layers, *chosen))

    def _resume(self, left: Left | None) -> None:
        """Go on with the classes and examples of a dock that was closed."""
        if left is None:
            return
        self.classes, self.given, self._origin = left.classes, left.given, left.origin
        for layer in list(self.given.classes):
            if layer not in self._viewer.layers:
                self.given.drop(layer)
        self.about.choose(left.kind)
        for picker, layer in ((self.about.image, left.image), (self.about.objects, left.objects)):
            if layer in self._viewer.layers:
                picker.choose(layer)
        for layer in left.images:
            self.about.images.tick(layer)
        self.results.resume(left.results)
        if left.before is not None:
            self.about.models.hold(learning.model_of(left.before, left.origin))
            self.before = left.before
        self._changed()

    def _run(self, title: str, task: Callable[[Any], Any], then: Callable[[Any], Any]) -> None:
        """Run a job once none is running: what is learnt meanwhile is given up."""
        if self.runner.running:
            self._waiting = lambda: self._run(title, task, then)
            if self.runner.job is not None and self.runner.job.title == LEARNING:
                self._asked = None
                self.runner.stop()
            return
        sent = self._learnt if title == LEARNING else None
        self.runner.run(title, task, then, sent=sent, stopped=self._forget_question, failed=self._forget_question)

    def _free(self, busy: bool) -> None:
        """Do what waited for the job to end."""
        self._enable()
        if not busy and self._waiting is not None:
            QTimer.singleShot(0, self._next)

    def _next(self) -> None:
        act, self._waiting = self._waiting, None
        if act is not None:
            act()

    def _forget_question(self) -> None:
        self._asked = None

    def _learnt(self, answer: Answer) -> None:
        self.answer = answer
        self.results.show(answer)
        self._show_classes()
        self.box.show_answer(answer)
        current().update(classified=answer.found, layer=self.results.layer)

    def _opened(self, classifier: Classifier, path: str) -> None:
        self.before = None
        self.about.choose(classifier.kind)
        self.about.models.hold(learning.model_of(classifier, path))
        self.before, self._origin = classifier, path
        self.classes = list(dict.fromkeys([*classifier.classes, *self.classes]))
        for form in self.forms:
            form.write(classifier.config.model_dump(exclude={"device", "threads"}))
        self.runner.say(f"Opened with {len(classifier.examples)} examples; what you name is added to them.")
        self._changed()

    def _show_classes(self) -> None:
        try:
            examples = self.given.counts(self.about.subject(self.results.layer).layers)
        except ValueError:
            examples = {}
        if self.before is not None:
            for name, count in self.before.counts.items():
                examples[name] = examples.get(name, 0) + count
        names = self.answer.found.names if self.answer is not None else []
        found = {name: names.count(name) for name in self.classes} if names else {}
        self._named = sum(1 for count in examples.values() if count)
        self.table.show_classes(self.classes, {name: examples.get(name, 0) for name in self.classes}, found)
        self._enable()

    def _changed(self, *_: Any) -> None:
        self._unfit = self.about.misfit()
        self._show_classes()
        self._rest.throttle()

    def _forget_answer(self) -> None:
        self.answer = self._asked = None
        self.box.hide()
        self.results.clear()
        self._show_classes()

    def _configured(self, *_: Any) -> None:
        shown = values(*self.forms)
        for form in self.forms:
            form.show_relevant(shown)
        if self.answer is not None:
            self._rest.throttle()

    def _modeled(self, *_: Any) -> None:
        if self.before is not None and self.about.models.model.held is not self.before.model:
            self.before = None
            self.runner.say("The examples of the file are left out: they belong to the model that they were seen by.")
        self._changed()

    def _followed(self, *_: Any) -> None:
        self.clicks.setVisible(self.about.kind == "objects")
        self._changed()

    def _clicked(self, event: Any) -> None:
        layer = self.about.objects.layer
        if layer is None or not self.clicks.isChecked() or self.about.kind != "objects":
            return
        number = object_at(layer, self.results.layer, event)
        if number:
            layer.selected_label = number
            self.name_item(layer, number)

    def _removed(self, event: Any) -> None:
        self.given.drop(event.value)
        self.about.drop(event.value)
        if self.results.holds(event.value):
            self.results.forget()
        subject = self.answer.measured.subject if self.answer is not None else None
        if subject is not None and event.value in (*subject.images, subject.objects):
            self.runner.stop()
            self._forget_answer()

    def _enable(self, *_: Any) -> None:
        """Grey out what cannot be done now, and say why."""
        kind, item, name = self.about.kind, self.about.pointed(), self.table.name
        why = "" if name else TWO.format(kind=kind)
        try:
            self.about.subject(self.results.layer)
        except ValueError as error:
            why = str(error)
        if item is not None:
            what = self.about.describe(item)
            taken = self.given.of((item[0],))[item[0]].get(item[1]) == name
            self.name_button.setText(f"Take {what} back" if taken and name else f"Name {what}")
        _set(self.name_button, not why and item is not None, why or f"It is {name!r}; the others are recognised.")
        fixed = self.before is not None and name in self.before.classes
        _set(
            self.remove_button, bool(name) and not fixed, "The file knows it." if fixed else "Forget the class chosen."
        )
        _set(self.undo_button, bool(self.given.steps), "Take back the last naming.")
        done = self.answer is not None and self.answer.final and not self.runner.running
        tips = {
            self.save_button: "Keep the classifier.",
            self.csv_button: "The table, as a CSV file.",
            self.copy_button: "The lines of Python that do the same.",
        }
        for button, tip in tips.items():
            _set(button, done, tip)
        hint = self._unfit or why or (TWO.format(kind=kind) if self._named < 2 else "")
        self.why.setText(hint)
        self.why.setVisible(bool(hint))

    def _build(self) -> None:
        self.about = SubjectRows(self._viewer)
        self.table = ClassTable()
        self.typed = QLineEdit()
        self.typed.setPlaceholderText("name of a class")
        self.add_button, self.remove_button = QPushButton("Add"), QPushButton("Remove")
        self.name_button, self.undo_button = QPushButton("Name"), QPushButton("Undo")
        self.clicks = QCheckBox("Click objects to name them")
        self.clicks.setChecked(True)
        self.clicks.setToolTip(tooltip("A click on an object gives it the class chosen; once more takes it back."))
        rest = [name for name in ClassificationConfig.model_fields if name not in (*FIRST, "slices")]
        self.forms = (Form(ClassificationConfig, FIRST), Form(ClassificationConfig, rest))
        for form in self.forms:
            form.write(run_defaults())
        self.runner = Runner()
        self.why = sentence()
        self.box = QualityBox()
        self.save_button, self.open_button = QPushButton("Save…"), QPushButton("Open…")
        self.open_button.setToolTip(tooltip("Recognise these with a classifier saved before, and teach it further."))
        self.csv_button = QPushButton("CSV…")
        self.copy_button = QPushButton("Copy")
        self._lay_out()

    def _lay_out(self) -> None:
        body = QWidget()
        layout = column(body, spacing=8, margin=8)
        layout.addWidget(self.about)
        layout.addWidget(self.table)
        layout.addWidget(beside(self.typed, self.add_button, self.remove_button))
        layout.addWidget(self.clicks)
        layout.addWidget(beside(self.name_button, self.undo_button))
        layout.addWidget(self.why)
        layout.addWidget(self.runner)
        layout.addWidget(self.box)
        layout.addWidget(beside(self.save_button, self.open_button, self.csv_button, self.copy_button, equal=True))
        layout.addWidget(fold("How it learns", self.forms[0]))
        layout.addWidget(fold("Advanced", self.forms[1]))
        layout.addStretch(1)
        column(self).addWidget(scrolling(body))

    def _connect(self) -> None:
        viewer = self._viewer
        self._end_clicks = on_click(viewer, self._clicked)
        heed(self, viewer.layers.events.removed, self._removed)
        heed(self, viewer.layers.selection.events.active, self._enable)
        heed(self, viewer.dims.events.point, self._enable)
        self.about.changed.connect(self._followed)
        self.about.painted.connect(self._configured)
        self.about.selected.connect(self._enable)
        self.about.models.currentIndexChanged.connect(self._modeled)
        self.about.models.refused.connect(self.runner.say)
        self.table.chosen.connect(self._enable)
        self.table.renamed.connect(self.rename_class)
        self.typed.returnPressed.connect(self.add_class)
        self.add_button.clicked.connect(lambda: self.add_class())
        self.remove_button.clicked.connect(self.remove_class)
        self.name_button.clicked.connect(self.name_pointed)
        self.undo_button.clicked.connect(self.undo)
        self.save_button.clicked.connect(lambda: self.save())
        self.open_button.clicked.connect(lambda: self.open())
        self.csv_button.clicked.connect(lambda: self.export())
        self.copy_button.clicked.connect(self.copy)
        self.runner.busy.connect(self._free)
        self.destroyed.connect(lambda *_: self._end_clicks())
        for form in self.forms:
            form.changed.connect(self._configured)
        self._configured()


def _copied(layer: Layer) -> np.ndarray:
    """The labels as they are now; what is painted meanwhile is learnt next."""
    return np.array(layer.data[0] if layer.multiscale else layer.data)


def _set(button: QPushButton, on: bool, tip: str) -> None:
    button.setEnabled(on)
    button.setToolTip(tooltip(tip))
