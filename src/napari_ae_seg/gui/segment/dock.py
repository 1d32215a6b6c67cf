"""The Segment dock: an image, a button, labels; then sliders that change them live."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QPushButton, QToolButton, QWidget
from superqt.utils import QSignalDebouncer, signals_blocked

from napari_ae_seg.config import RunConfig, SegmentationConfig, matters
from napari_ae_seg.gui.parts import recipe
from napari_ae_seg.gui.parts.controls import Combo, Slider, tooltip
from napari_ae_seg.gui.parts.forms import Form, beside, column, fold, read, row_of, scrolling, sentence, values
from napari_ae_seg.gui.parts.jobs import Job
from napari_ae_seg.gui.parts.layers import NO_IMAGE, LayerPicker, heed, unwrapped
from napari_ae_seg.gui.parts.models import SHIPPED, Model, ModelPicker, ask_where, misfit, own_config
from napari_ae_seg.gui.parts.preferences import run_defaults
from napari_ae_seg.gui.parts.results import Request
from napari_ae_seg.gui.parts.runner import Dock, Runner
from napari_ae_seg.gui.parts.sources import Options
from napari_ae_seg.gui.session import current

from . import extras, measuring, strokes, touch, work
from .folder import Folder
from .growing import Growing
from .instances import Objects
from .live import UPDATING, Live
from .outcome import Outcome
from .view import View, superseded, view_of, view_on, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Result

FIRST = ("n_clusters",)
"""Fields above the button; all others are under Advanced, these first:"""
THEN = ("method", "features", "smoothing", "granularity")

WARM_UP_MS = 300

TIP = "Find the parts of the image and show them as labels."
TRAIN_TIP = "Let an autoencoder learn this image first, then segment with it. Slower, and better on unusual images."

REMOVED = "The image {name!r} was removed. Its labels can still be changed; choose another image to segment."

TAUGHT = "What you painted decides most labels now: forget it to change the number of clusters."


class SegmentWidget(Dock):
    """Segment images without labels, and change the clusters until they fit."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(napari_viewer)
        self.view: View | None = None
        self.growing = Growing(napari_viewer)
        self._asked: tuple[Layer, ...] = ()
        self._writing = False
        self._making = False
        self._warmed = False
        self._closed = False
        self._model: Model | None = None
        self._build()
        self.live = Live(self.runner, self.config, self)
        self._connect()
        self._held("trained")
        self._follow_image()
        self._activated()
        self._show()

    @property
    def result(self) -> Result | None:
        """What is shown."""
        return self.view.result if self.view is not None else None

    def config(self) -> SegmentationConfig:
        """The configuration that the controls show; ValueError if it contradicts itself."""
        return read(SegmentationConfig, *self.forms)

    def request(self) -> Request:
        """What the controls ask for; ValueError if it cannot be done."""
        images = self.options.images(self.image.layer).of(self._viewer)
        model, config = self.models.model, self.config()
        refit = own_config(model) is not None and self.clusters.currentData() == "new"
        clear = not self.results.background.isChecked()
        return Request(images, images.read(), model, config, refit, clear)

    def segment(self) -> None:
        """Segment what is chosen, as it is chosen."""
        self._start("Segmenting", work.segment)

    def train_and_segment(self) -> None:
        """Let an autoencoder learn what is chosen, then segment with it."""
        self._start("Training", work.train_and_segment)

    def closing(self) -> None:
        """End what is running, and change nothing for others any more."""
        super().closing()
        self._closed = True
        self.objects.stop()
        self.results.offers.stop()
        self.folder.runner.stop()
        if self.view is not None:
            self.view.forget_preview()
            self._listen(self.view, False)
        if current().edit == self.edit:
            current().update(edit=None)

    def edit(self, method: str, *arguments: Any) -> None:
        """Change the segmenter by hand (rename, recolor, merge ...), as one step to undo."""
        view = self.view
        if view is not None:
            self.runner.when_free(lambda: self._edit(view, method, arguments))

    def _edit(self, view: View, method: str, arguments: tuple[Any, ...]) -> None:
        result = view.result

        def task(report: Reporter) -> Result:
            segmenter = getattr(result.segmenter, method)(*arguments)
            return work.relabel(result, segmenter, (method, arguments), False, report)

        self.runner.run(UPDATING, task, then=lambda changed: self._settled(view, changed))

    def learn(self) -> None:
        """Let the segmenter learn from what was painted: those pixels stay, the rest follows."""
        view = self.view
        if view is not None:
            self.runner.when_free(lambda: self._learn(view))

    def _learn(self, view: View) -> None:
        given, result = strokes.gathered(self._viewer, view), view.result
        if given:
            task = lambda report: work.learn(result, given, report)  # noqa: E731
            self.runner.run("Learning", task, then=lambda changed: self._settled(view, changed))
        else:
            self.runner.say("Paint with the number of a cluster: erased pixels stay erased, but teach nothing.")

    def paint_strokes(self) -> None:
        """Take the brush, on a layer of strokes for the image whose labels are active, or the first."""
        view = self.view
        if view is not None and view.shown:
            active = self._viewer.layers.selection.active
            first = view.shown[0][0]
            number = next((number for number, history, _ in view.shown if history.layer is active), first)
            strokes.paint_on(self._viewer, view, number, next(iter(self.table.selected()), 1))

    def discard_painted(self) -> None:
        """Show the clusters where the person painted, and forget what strokes taught."""
        view = self.view
        if view is None:
            return
        if strokes.known(view.result.segmenter):
            self.edit("unguided")
        self.runner.when_free(view.discard_painted)

    def save(self, path: str = "") -> None:
        """Write the model with its clusters to `path`; asks where if it is not given."""
        view = self.view
        if view is None:
            return
        chosen = path or ask_where(self, view.result.request.images.layers[0].name)
        if chosen:
            segmenter, painted = view.result.segmenter, strokes.drawn(view)
            task = lambda _: strokes.keeping(segmenter, painted).save(chosen)  # noqa: E731
            self.runner.run("Saving", task, then=lambda _: self._saved(chosen))

    def _saved(self, path: str) -> None:
        current().hold(Model(Path(path).stem, Path(path)))
        self.runner.say(f"Saved as {path}. Choose it under Model to give other images the same clusters.")

    def show_extra(self, which: str) -> None:
        """Show a further picture of the result: a key of `extras.NAMES`."""
        view = self.view
        if view is not None and not self.runner.running:
            result = view.result
            then: Callable[[Any], Any] = lambda drawn: extras.show(self._viewer, view, which, drawn)  # noqa: E731
            self.runner.run("Drawing", lambda report: extras.picture(result, which, report), then)

    def measure(self, what: str) -> None:
        """Show the measures of `what`, a key of `measuring.WHAT`."""
        view = self.view
        if view is None or self.runner.running:
            return
        try:
            number, layer = self.measures.asked(view, what)
        except ValueError as error:
            self.runner.say(str(error))
            return
        question = self.measures.question(view, number, layer)
        show = lambda found: self.measures.show(layer, *found)  # noqa: E731
        self.runner.run("Measuring", lambda report: measuring.measured(question, report), show)

    def _warm_up(self) -> None:
        """Do in the background what would make the first labels wait.

        Not before there is an image: adding one makes napari's registry of units, which two threads must not make.
        """
        if self._closed:
            return
        job = Job("Warming up", warm_up, self, quiet=True)
        job.ended.connect(job.deleteLater)
        job.start()

    def _start(self, title: str, task: Callable[[Request, Reporter], Result]) -> None:
        try:
            request = self.request()
        except ValueError as error:
            self.runner.say(str(error))
            return
        if self.view is not None:
            self.view.forget_preview()
        self._asked = request.images.layers
        self.live.forget()

        def begin() -> None:
            growing = self.growing
            work_on = lambda report: task(request, report)  # noqa: E731
            self.runner.run(title, work_on, self._segmented, growing.take, growing.stop, growing.stop)

        self.runner.when_free(begin, stop=True)

    def _segmented(self, result: Result) -> None:
        """New labels: in the layers of this image, as one step to undo, or in new layers."""
        self.growing.forget()
        if self._closed:
            return
        model = result.request.model
        if model.held is not None and model not in current().models:
            current().hold(model)
            current().update(trained=model)
        before = view_on(self._viewer, result.request.images.layers[0])
        if before is not None and before.whole(self._viewer) and before.fits(result):
            before.show(result)
        else:
            self._making = True
            before = View(self._viewer, result, superseded(self._viewer, result))
            self._making = False
            for layer in before.layers:
                touch.listen(layer)
        self._turn_to(before)
        self._show()

    def _settled(self, view: View, result: Result) -> None:
        """A change of what `view` shows is there; labels that were deleted meanwhile do not come back."""
        if self._closed or not view.within(self._viewer):
            return
        if result is view.result:
            view.forget_preview()
        elif view.fits(result):
            view.show(result)
        else:  # more clusters than a byte counts
            self._segmented(result)
            return
        if view is self.view:
            self._show()

    def _previewed(self, view: View, result: Result) -> None:
        if view is self.view:
            view.preview(result)
            self.table.show_segments(result.segments[0])

    def _dropped(self, view: View) -> None:
        view.forget_preview()
        if view is self.view:
            self._show()

    def _moved(self) -> None:
        """An undo or redo brought another result back: the controls follow."""
        if self.result is not None:
            self._write(self.result.segmenter.config)
        self._show()

    def _turn_to(self, view: View | None) -> None:
        """Work with `view` from now on: its table, its settings, its strokes; None is none."""
        before, self.view = self.view, view
        if view is before:
            return
        if view is None:
            self._listen(before, False)
            if self.image.removed:
                self.image.name_removed("")
            self._show()
            return
        if before is not None:
            before.forget_preview()
            self._listen(before, False)
        self._listen(view, True)
        view.use()
        request = view.result.request
        image = request.images.layers[0]
        if image in self._viewer.layers:
            self.image.choose(image)
        else:
            self.image.name_removed(image.name)
        self.options.show_images(request.images)
        with signals_blocked(self.models):
            self.models.hold(request.model)
        self._write(view.result.segmenter.config)
        self._model_shown()
        self.table.clearSelection()  # what was selected are clusters of other labels
        self._show()
        self._enable()

    def _listen(self, view: View | None, on: bool) -> None:
        """Hear of what happens to `view`, or no more."""
        if view is not None:
            for signal, act in ((view.moved, self._moved), (view.touched, self._soon.throttle)):
                if on:
                    signal.connect(act)
                else:
                    signal.disconnect(act)

    def _activated(self, _: Any = None) -> None:
        """The person turned to another layer: labels bring back what belongs to them."""
        view = view_of(self._viewer.layers.selection.active)
        if view is not None and not self._making and not self._closed:
            self._turn_to(view)
            if current().result is not view.result:  # another viewer was worked with meanwhile
                self._show()

    def _pointed(self, view: View | None, label: int, add: bool) -> None:
        if view is not None and not self._closed and view.within(self._viewer):
            self._turn_to(view)
            self.table.choose(label, add)

    def _key(self, view: View | None, name: str) -> None:
        if view is not None and not self._closed and view.within(self._viewer):
            self._turn_to(view)
            self.table.act(name)

    def _write(self, config: SegmentationConfig) -> None:
        """Show what matters of `config` in the controls; that is no wish to change anything."""
        self._writing = True
        shown = config.model_dump()
        for form in self.forms:
            form.write({name: value for name, value in shown.items() if matters(SegmentationConfig, name, shown)})
        self._writing = False
        self._relevant()

    def _fits(self, model: Model) -> bool:
        return not self._misfit(model)

    def _misfit(self, model: Model) -> str:
        """Why `model` cannot look at what is chosen; nothing if it can."""
        if self.image.layer is None or model == SHIPPED:
            return ""
        try:
            chosen = self.options.images(self.image.layer).of(self._viewer)
            return misfit(model, replace(chosen, region=None, inside=None).read())
        except ValueError:  # it says so when the button is pressed
            return ""

    def _suit(self, *_: Any) -> None:
        """Something else is looked at: with a model that can."""
        self.models.suit(self._fits)
        self._enable()

    def _model_chosen(self, *_: Any) -> None:
        """A model that holds clusters brings its settings along."""
        self._enable()
        if self.models.model == self._model:  # the list is another, the choice is not
            return
        self._model_shown()
        self._take_own()

    def _model_shown(self) -> None:
        """Ask whether the clusters of the model are wanted, if it holds some."""
        self._model = self.models.model
        with signals_blocked(self.clusters):
            request = self.result.request if self.result is not None else None
            anew = request is not None and request.refit and request.model == self.models.model
            self.clusters.choose("new" if anew else "own")
        self.source.layout().setRowVisible(self.clusters, own_config(self.models.model) is not None)

    def _take_own(self, *_: Any) -> None:
        """The clusters of the model are wanted: so are the settings that they were found with."""
        own = own_config(self.models.model)
        if own is not None and self.clusters.currentData() == "own":
            self._write(own.but(**run_defaults()))

    def _show(self) -> None:
        result = self.result
        self.live.take(self.view)
        self.results.setVisible(result is not None)
        self.results.offers.take(self.view)
        for folded in (self.objects_fold, self.folder_fold):
            folded.setVisible(result is not None)
        self.objects.take(self.view)
        self.folder.take(self.view)
        held = current()
        if result is not None and self.view is not None:
            taught = f" {TAUGHT}" if result.segmenter.guide is not None else ""
            self.says.setText(result.segments[0].sentence + taught)
            self.table.show_segments(result.segments[0])
            self.table.cleared = result.segmenter.edits.cleared
            self.results.offer_background(result.background, result.segmenter.edits.hidden)
            one = result.segments[0] if len(result.segments) == 1 else list(result.segments)
            layer = next(iter(self.view.layers), None)
            held.update(model=result.segmenter.model, segmenter=result.segmenter, segments=one, layer=layer)
            layers = {number: history.layer for number, history, _ in self.view.shown}
            held.update(result=result, layers=layers, edit=self.edit)
        elif held.edit == self.edit:  # what is shown elsewhere stands
            held.update(result=None, layers={}, edit=None)
        self._touched()

    def _touched(self) -> None:
        """Offer what can be done with what the person painted."""
        view = self.view
        if view is None or self._closed:
            return
        taught, given = strokes.known(view.result.segmenter), strokes.present(self._viewer, view)
        self.results.offer(view.painted, taught, given, view.result.live)

    def _changed(self, name: str) -> None:
        self._relevant()
        if not self._writing:
            self._ask_for_new()
            widget = next(form.controls[name].widget for form in self.forms if name in form.controls)
            self.live.want(quick=isinstance(widget, Slider) and widget.dragging)

    def _ask_for_new(self) -> None:
        """Settings that give other clusters than those of the model ask for new ones, and the row says so."""
        own = own_config(self.models.model)
        try:
            if own is not None and own.change(self.config()).anew:
                self.clusters.choose("new")
        except ValueError:  # it says so when the button is pressed
            return

    def _take_number(self, k: int) -> None:
        """One of the offered numbers of clusters was clicked."""
        self.forms[0].write({"n_clusters": k})
        self._changed("n_clusters")

    def _background(self, on: bool) -> None:
        if self.result is not None and self.result.background is not None:
            self.edit("show" if on else "hide", self.result.background)

    def _relevant(self) -> None:
        shown = values(*self.forms)
        for form in self.forms:
            form.show_relevant(shown)

    def _follow_image(self, *_: Any) -> None:
        image = self.image.layer
        self.options.follow(image if isinstance(image, Image) else None)
        if image is not None and not self._warmed:
            self._warmed = True
            QTimer.singleShot(WARM_UP_MS, self._warm_up)
        shown = self.view.result.request.images.layers[0] if self.view is not None else None
        if not self.image.removed and (shown is None or shown is not image):
            self._turn_to(view_on(self._viewer, image))
        self._suit()

    def _held(self, what: str) -> None:
        """A model was trained: use it."""
        if what == "trained" and current().trained is not None and not self._closed:
            self.models.want(current().trained, self._fits)

    def _removed(self, event: Any) -> None:
        """A layer left the viewer: what is computed for it is of no use."""
        layer, job = event.value, self.runner.job
        if layer in self._asked and job is not None and job.title != UPDATING:
            job.stopped.connect(lambda: self.runner.say(f"Stopped: the image {layer.name} was removed."))
            self.runner.stop()
        if self._making:  # new labels take the place of these
            return
        if self.view is not None and not self.view.within(self._viewer):
            if job is not None and job.title == UPDATING:
                self.runner.stop()
            self._turn_to(view_on(self._viewer, self.image.layer))
        worked = view_of(self._viewer.layers.selection.active)  # what the person works with stays in the dock
        if worked is not None and worked.within(self._viewer) and layer is worked.result.request.images.layers[0]:
            self._turn_to(worked)
            self.image.name_removed(layer.name)

    def _enable(self, *_: Any) -> None:
        """Grey out what cannot be done now, and say why."""
        job = self.runner.job
        removed = REMOVED.format(name=self.image.removed) if self.image.removed else ""
        lacking = (removed or NO_IMAGE) if self.image.layer is None else ""
        why = lacking
        if job is not None and job.title != UPDATING:
            why = why or f"{job.title} is under way."
        unfit = self._misfit(self.models.model)
        for button, tip, not_now in ((self.button, TIP, why or unfit), (self.train_button, TRAIN_TIP, why)):
            button.setEnabled(not not_now)
            button.setToolTip(tooltip(not_now or tip))
        self.why.setText(lacking or unfit)
        self.why.setVisible(bool(lacking or unfit))

    def _copy(self, write: Callable[[Result], str]) -> None:
        clipboard = QApplication.clipboard()
        if self.view is not None and clipboard is not None:
            untaught = self.view.painted > 0 and self.view.result.segmenter.guide is None
            clipboard.setText(recipe.UNTAUGHT * untaught + write(self.view.result))

    def _build(self) -> None:
        self.image = LayerPicker(self._viewer, (Image,))
        self.image.setObjectName("image")
        self.options = Options(self._viewer)
        self.models = ModelPicker()
        self.models.setObjectName("model")
        self.clusters = Combo()
        self.clusters.setObjectName("clusters")
        self.clusters.offer({"own": "those of the model", "new": "found anew"})
        self.clusters.setToolTip(tooltip("The model holds clusters: they mean the same in every image."))
        self.open_button = QToolButton()
        self.open_button.setText("Open…")
        self.open_button.setToolTip(tooltip("Open a model file (.aeseg)."))
        run = tuple(RunConfig.model_fields)
        rest = (name for name in SegmentationConfig.model_fields if name not in (*FIRST, *THEN, *run))
        self.forms = (Form(SegmentationConfig, FIRST), Form(SegmentationConfig, (*THEN, *rest, *run)))
        for form in self.forms:
            form.write(run_defaults())
        self.button = QPushButton("Segment")
        self.train_button = QPushButton("Train on this image")
        self.why = sentence()
        self.runner = Runner()
        self.results = Outcome()
        self.says, self.table, self.discard = self.results.says, self.results.table, self.results.discard
        self.learn_button, self.save_button = self.results.learn, self.results.save
        self.show_menu, self.copy_menu = self.results.show_menu, self.results.copy_menu
        self.objects = Objects(self._viewer, self.table.selected, self.results.count, self.results.counted)
        self.measures = measuring.Measures(self._viewer)
        self._soon = QSignalDebouncer(parent=self)  # napari tells of paint before it is in the layer
        self._soon.triggered.connect(self._touched)
        self.folder = Folder()
        self.folder_fold = fold("Folder of images", self.folder)
        self.objects_fold = fold("Objects: size and parting", self.objects)
        body = QWidget()
        layout = column(body, spacing=10, margin=8)
        model = beside(self.models, self.open_button)
        self.source = row_of({"Image": self.image, "Model": model, "Clusters are": self.clusters})
        layout.addWidget(self.source)
        layout.addWidget(self.forms[0])
        layout.addWidget(beside(self.button, self.train_button, equal=True))
        layout.addWidget(self.why)
        layout.addWidget(self.runner)
        layout.addWidget(self.results)
        layout.addWidget(self.objects_fold)
        layout.addWidget(self.folder_fold)
        layout.addWidget(fold("Image and region", self.options))
        layout.addWidget(fold("Advanced", self.forms[1]))
        layout.addStretch(1)
        column(self).addWidget(scrolling(body))

    def _connect(self) -> None:
        self.image.picked.connect(self._follow_image)
        self.open_button.clicked.connect(lambda: self.models.open())
        self.models.refused.connect(self.runner.say)
        self.options.changed.connect(self._suit)
        self.models.currentIndexChanged.connect(self._model_chosen)
        self.clusters.currentIndexChanged.connect(self._take_own)
        self.button.clicked.connect(self.segment)
        self.train_button.clicked.connect(self.train_and_segment)
        self.save_button.clicked.connect(lambda: self.save())
        self.discard.clicked.connect(self.discard_painted)
        self.results.offers.chosen.connect(self._take_number)
        self.learn_button.clicked.connect(self.learn)
        self.results.background.toggled.connect(self._background)
        self.results.count.clicked.connect(self.objects.show_objects)
        for what, action in self.results.measures.items():
            action.triggered.connect(lambda _=False, what=what: self.measure(what))
        self.table.chosen.connect(self.objects.follow)
        for which, action in self.results.shows.items():
            action.triggered.connect(lambda _=False, which=which: self.show_extra(which))
        self.results.strokes.clicked.connect(self.paint_strokes)
        self.results.as_python.triggered.connect(lambda: self._copy(recipe.segmenting_in_python))
        self.results.as_shell.triggered.connect(lambda: self._copy(recipe.segmenting_in_shell))
        self.runner.busy.connect(self._enable)
        self.live.previewed.connect(self._previewed)
        self.live.settled.connect(self._settled)
        self.live.dropped.connect(self._dropped)
        self.table.edited.connect(lambda name, given: self.edit(name, *given))
        heed(self, touch.HANDS.pointed, self._pointed)
        heed(self, touch.HANDS.asked, self._key)
        heed(self, current().changed, self._held)
        heed(self, self._viewer.layers.events.removed, self._removed)
        heed(self, self._viewer.layers.selection.events.active, self._activated)
        self._model_shown()
        for form in self.forms:
            form.changed.connect(self._changed)
            form.released.connect(lambda: self.live.want(quick=False))
        self._relevant()
