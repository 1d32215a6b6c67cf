"""The Segment dock: an image, a button, labels; then sliders that change them live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QPushButton, QToolButton, QWidget

from napari_ae_seg.config import RunConfig, SegmentationConfig
from napari_ae_seg.gui.parts import recipe
from napari_ae_seg.gui.parts.controls import Slider, tooltip
from napari_ae_seg.gui.parts.forms import Form, beside, column, fold, read, row_of, scrolling, sentence, values
from napari_ae_seg.gui.parts.jobs import Job
from napari_ae_seg.gui.parts.layers import NO_IMAGE, LayerPicker, heed, unwrapped
from napari_ae_seg.gui.parts.models import ModelPicker, ask_where, own_config
from napari_ae_seg.gui.parts.preferences import run_defaults
from napari_ae_seg.gui.parts.results import Request
from napari_ae_seg.gui.parts.runner import Dock, Runner
from napari_ae_seg.gui.parts.sources import Options
from napari_ae_seg.gui.session import current

from . import extras, strokes, touch, work
from .instances import Objects
from .live import UPDATING, Live
from .outcome import Outcome
from .view import View, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_ae_seg.gui.parts.history import History
    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Result
    from napari_ae_seg.segmenter.segments import Segments

FIRST = ("n_clusters",)
"""Fields above the button; all others are under Advanced, these first:"""
THEN = ("method", "features", "smoothing", "granularity")

WARM_UP_MS = 300

TIP = "Find the parts of the image and show them as labels."
TRAIN_TIP = "Let an autoencoder learn this image first, then segment with it. Slower, and better on unusual images."


class SegmentWidget(Dock):
    """Segment images without labels, and change the clusters until they fit."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(napari_viewer)
        self._asked: tuple[Layer, ...] = ()
        self._writing = False
        self._build()
        self.view = View(self._viewer, self)
        self.live = Live(self.runner, self.config, self)
        self._connect()
        self._follow_image()
        self._show(None)
        QTimer.singleShot(WARM_UP_MS, self._warm_up)

    @property
    def result(self) -> Result | None:
        """What is shown."""
        return self.live.result

    def config(self) -> SegmentationConfig:
        """The configuration that the controls show; ValueError if it contradicts itself."""
        return read(SegmentationConfig, *self.forms)

    def request(self) -> Request:
        """What the controls ask for; ValueError if it cannot be done."""
        images = self.options.images(self.image.layer).of(self._viewer)
        model, config = self.models.model, self.config()
        own = own_config(model)
        refit = own is not None and own.change(config).anew
        return Request(images, images.read(), model, config, refit)

    def segment(self) -> None:
        """Segment what is chosen, as it is chosen."""
        self._start("Segmenting", work.segment)

    def train_and_segment(self) -> None:
        """Let an autoencoder learn what is chosen, then segment with it."""
        self._start("Training", work.train_and_segment)

    def closing(self) -> None:
        """End what is running, and change nothing for others any more."""
        super().closing()
        self.objects.stop()
        current().update(edit=None)

    def edit(self, method: str, *arguments: Any) -> None:
        """Change the segmenter by hand (rename, recolour, merge ...), as one step to undo."""
        self.runner.when_free(lambda: self._edit(method, arguments))

    def _edit(self, method: str, arguments: tuple[Any, ...]) -> None:
        result = self.result
        if result is None:
            return

        def task(report: Reporter) -> Result:
            segmenter = getattr(result.segmenter, method)(*arguments)
            return work.relabel(result, segmenter, (method, arguments), False, report)

        self.runner.run(UPDATING, task, then=self._settled)

    def learn(self) -> None:
        """Let the segmenter learn from what was painted: those pixels stay, the rest follows."""
        self.runner.when_free(self._learn)

    def _learn(self) -> None:
        result = self.result
        if result is None:
            return
        given = strokes.gathered(self._viewer, self._shown())
        if given:
            self.runner.run("Learning", lambda report: work.learn(result, given, report), then=self._settled)
        else:
            self.runner.say("Paint with the number of a cluster: erased pixels stay erased, but teach nothing.")

    def paint_strokes(self) -> None:
        """Take the brush, on a layer of strokes for the image whose labels are active, or the first."""
        shown = self._shown()
        active = self._viewer.layers.selection.active
        chosen = next((one for history, one in shown if history.layer is active), shown[0][1])
        before = strokes.layer_of(self._viewer, chosen)
        layer = strokes.paint_on(self._viewer, chosen, next(iter(self.table.selected()), 1))
        if layer is not before:
            strokes.watch(layer, self._touched, self)

    def discard_painted(self) -> None:
        """Show the clusters where the person painted, and forget what strokes taught."""
        if self.result is not None and strokes.known(self.result.segmenter):
            self.edit("unguided")
        self.runner.when_free(self.view.discard_painted)

    def save(self, path: str = "") -> None:
        """Write the model with its clusters to `path`; asks where if it is not given."""
        if self.result is None:
            return
        chosen = path or ask_where(self, self.result.request.images.layers[0].name)
        if chosen:
            segmenter, painted = self.result.segmenter, strokes.drawn(self.result.request.stack, self.view.histories)
            task = lambda _: strokes.keeping(segmenter, painted).save(chosen)  # noqa: E731
            self.runner.run("Saving", task, then=lambda _: self.models.open(chosen))

    def show_extra(self, which: str) -> None:
        """Show a further picture of the result: a key of `extras.NAMES`."""
        result = self.result
        if result is not None and not self.runner.running:
            then: Callable[[Any], Any] = lambda drawn: extras.show(self._viewer, drawn)  # noqa: E731
            self.runner.run("Drawing", lambda report: extras.picture(result, which, report), then)

    def _warm_up(self) -> None:
        """Once the dock is there, do in the background what would make the first labels wait."""
        job = Job("Warming up", warm_up, self, quiet=True)
        job.ended.connect(job.deleteLater)
        job.start()

    def _start(self, title: str, task: Callable[[Request, Reporter], Result]) -> None:
        try:
            request = self.request()
        except ValueError as error:
            self.runner.say(str(error))
            return
        self.view.forget_preview()
        self._asked = request.images.layers
        self.live.forget()

        def begin() -> None:
            self.runner.run(title, lambda report: task(request, report), then=self._segmented)

        self.runner.when_free(begin, stop=True)

    def _segmented(self, result: Result) -> None:
        if result.request.model.held is not None:
            self.models.hold(result.request.model)
        if self.result is None or self.result.request.images.layers != result.request.images.layers:
            self.view.start_anew()
        self._settled(result)

    def _settled(self, result: Result) -> None:
        if result is self.result:
            self.view.forget_preview()
        else:
            self.view.show(result)
        self._show(result)

    def _previewed(self, result: Result) -> None:
        self.view.preview(result)
        self.table.show_segments(result.segments[0])

    def _dropped(self) -> None:
        if self.result is not None:
            self._settled(self.result)

    def _moved(self, result: Result) -> None:
        """An undo or redo brought another result back: the controls follow."""
        self._write(result.segmenter.config)
        self._show(result)

    def _write(self, config: SegmentationConfig) -> None:
        """Show `config` in the controls; that is no wish to change anything."""
        self._writing = True
        for form in self.forms:
            form.write(config.model_dump())
        self._writing = False
        self._relevant()

    def _model_chosen(self, *_: Any) -> None:
        """A model that holds clusters brings its settings along."""
        own = own_config(self.models.model)
        if own is not None:
            self._write(own.but(**run_defaults()))

    def _show(self, result: Result | None) -> None:
        self.live.take(result)
        self.results.setVisible(result is not None)
        self.objects_fold.setVisible(result is not None)
        self.objects.take(result)
        if result is not None:
            self.says.setText(result.segments[0].sentence)
            self.table.show_segments(result.segments[0])
            self.table.cleared = result.segmenter.edits.cleared
            one = result.segments[0] if len(result.segments) == 1 else list(result.segments)
            layer = next(iter(self.view.layers), None)
            held = current()
            held.update(model=result.segmenter.model, segmenter=result.segmenter, segments=one, layer=layer)
        current().update(result=result, edit=self.edit)
        self._touched()

    def _touched(self) -> None:
        """Offer what can be done with what the person painted."""
        result = self.result
        painted = self.view.painted if result is not None else 0
        taught = result is not None and strokes.known(result.segmenter)
        given = any(strokes.present(self._viewer, *pair) for pair in self._shown())
        self.results.offer(painted, taught, given, result is not None and result.live)

    def _shown(self) -> list[tuple[History, Segments]]:
        """The history of each layer with the segments it shows."""
        segments = self.result.segments if self.result is not None else ()
        return list(zip(self.view.histories, segments, strict=False))

    def _changed(self, name: str) -> None:
        self._relevant()
        if not self._writing:
            widget = next(form.controls[name].widget for form in self.forms if name in form.controls)
            self.live.want(quick=isinstance(widget, Slider) and widget.dragging)

    def _relevant(self) -> None:
        shown = values(*self.forms)
        for form in self.forms:
            form.show_relevant(shown)

    def _follow_image(self, *_: Any) -> None:
        image = self.image.layer
        self.options.follow(image if isinstance(image, Image) else None)
        self._enable()

    def _trained(self, what: str) -> None:
        """The other dock has trained a model: use it."""
        made = current().trained
        if what == "trained" and made is not None:
            self.models.hold(made)

    def _removed(self, layer: Layer) -> None:
        """A layer left the viewer: what is computed for it is of no use."""
        job = self.runner.job
        if layer in self._asked and job is not None and job.title != UPDATING:
            job.stopped.connect(lambda: self.runner.say(f"Stopped: the image {layer.name} was removed."))
            self.runner.stop()

    def _enable(self, *_: Any) -> None:
        """Grey out what cannot be done now, and say why."""
        job = self.runner.job
        why = NO_IMAGE if self.image.layer is None else ""
        if job is not None and job.title != UPDATING:
            why = why or f"{job.title} is under way."
        for button, tip in ((self.button, TIP), (self.train_button, TRAIN_TIP)):
            button.setEnabled(not why)
            button.setToolTip(tooltip(why or tip))
        self.why.setText(NO_IMAGE if self.image.layer is None else "")
        self.why.setVisible(self.image.layer is None)

    def _copy(self, write: Callable[[Result], str]) -> None:
        clipboard = QApplication.clipboard()
        if self.result is not None and clipboard is not None:
            untaught = self.view.painted > 0 and self.result.segmenter.guide is None
            clipboard.setText(recipe.UNTAUGHT * untaught + write(self.result))

    def _build(self) -> None:
        self.image = LayerPicker(self._viewer, (Image,))
        self.image.setObjectName("image")
        self.options = Options(self._viewer)
        self.models = ModelPicker()
        self.models.setObjectName("model")
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
        self.objects = Objects(self._viewer, self.table.selected)
        self.objects_fold = fold("Objects", self.objects)
        body = QWidget()
        layout = column(body, spacing=10, margin=8)
        layout.addWidget(row_of({"Image": self.image, "Model": beside(self.models, self.open_button)}))
        layout.addWidget(self.forms[0])
        layout.addWidget(beside(self.button, self.train_button, equal=True))
        layout.addWidget(self.why)
        layout.addWidget(self.runner)
        layout.addWidget(self.results)
        layout.addWidget(self.objects_fold)
        layout.addWidget(fold("Image and region", self.options))
        layout.addWidget(fold("Advanced", self.forms[1]))
        layout.addStretch(1)
        column(self).addWidget(scrolling(body))

    def _connect(self) -> None:
        self.image.picked.connect(self._follow_image)
        self.open_button.clicked.connect(lambda: self.models.open())
        self.models.refused.connect(self.runner.say)
        self.models.currentIndexChanged.connect(self._model_chosen)
        self.button.clicked.connect(self.segment)
        self.train_button.clicked.connect(self.train_and_segment)
        self.save_button.clicked.connect(lambda: self.save())
        self.discard.clicked.connect(self.discard_painted)
        self.learn_button.clicked.connect(self.learn)
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
        self.view.moved.connect(self._moved)
        self.view.touched.connect(self._touched)
        self.view.closed.connect(lambda: self._show(None))
        self.view.removed.connect(self._removed)
        heed(self, current().changed, self._trained)
        self.table.edited.connect(lambda name, given: self.edit(name, *given))
        self.view.made.connect(lambda layer: strokes.watch(layer, self._touched, self))
        self.view.made.connect(lambda layer: touch.listen(layer, self.table.choose, self.table.act))
        for form in self.forms:
            form.changed.connect(self._changed)
            form.released.connect(lambda: self.live.want(quick=False))
        self._relevant()
