"""The Train autoencoder dock: images, a button, and a curve that falls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QPushButton, QWidget
from superqt.utils import QSignalDebouncer, signals_blocked

from napari_ae_seg.config import PRESETS, NetworkConfig, TrainingConfig, choice_of, defaults, preset
from napari_ae_seg.gui.parts import recipe
from napari_ae_seg.gui.parts.controls import Combo, tooltip
from napari_ae_seg.gui.parts.forms import (
    Form,
    beside,
    caption,
    column,
    fold,
    menu,
    read,
    row_of,
    rows,
    scrolling,
    sentence,
    values,
)
from napari_ae_seg.gui.parts.jobs import Job
from napari_ae_seg.gui.parts.layers import NO_IMAGE, REGIONS, LayerList, LayerPicker, heed, unwrapped
from napari_ae_seg.gui.parts.models import NEW, Model, ModelList, ModelPicker, ask_where, free_path, misfit, network_of
from napari_ae_seg.gui.parts.plots import Curve, Pair
from napari_ae_seg.gui.parts.preferences import run_defaults
from napari_ae_seg.gui.parts.results import Plan
from napari_ae_seg.gui.parts.runner import Dock, Runner
from napari_ae_seg.gui.parts.sources import Images
from napari_ae_seg.gui.parts.wording import as_sentence
from napari_ae_seg.gui.session import current

from . import course
from .course import Left

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.autoencoder.training import Fit
    from napari_ae_seg.images.stack import Stack

    from .course import Forecast

NETWORK = ("kind", "latents", "sparsity")
TRAINING = ("steps", "max_minutes", "device")
"""Fields in sight; all others are under Advanced."""

SETTLE_MS = 500
"""How long the controls must rest before the cost is estimated anew."""

PURPOSE = (
    "What you train is offered in the Segment dock. What the shipped encoder learns is clustered there; "
    "what a new network learns, only where it promises more than brightness."
)

TRAIN_TIP = "Let an autoencoder learn the images that are ticked."
ANEW_TIP = "Begin anew; what was learnt before the pause is given up. “Resume” goes on with it."


class TrainWidget(Dock):
    """Train an autoencoder on images, watch it learn, keep it."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(napari_viewer)
        self.fit: Fit | None = None
        self.model: Autoencoder | None = None
        self.plan: Plan | None = None
        self._ending = False
        self._saved: Path | None = None
        self._asking: Job | None = None
        self._build()
        self._rest = QSignalDebouncer(parent=self)
        self._rest.setTimeout(SETTLE_MS)
        self._rest.triggered.connect(self._forecast)
        self._connect()
        self._resume(self.left(self._viewer))
        self._tick_first()
        self._follow()

    def training(self) -> TrainingConfig:
        """The training that the controls show; ValueError if it contradicts itself."""
        return read(TrainingConfig, *self.forms)

    def network(self) -> NetworkConfig:
        """The network that the controls show; ValueError if it contradicts itself."""
        return read(NetworkConfig, *self.forms)

    def planned(self) -> Plan:
        """What the controls ask for; ValueError if it cannot be done."""
        images = Images(tuple(self.images.layers), self.together.currentData(), (), self.region.layer)
        if not images.layers:
            raise ValueError("tick at least one image to learn from")
        start = self.start.model
        return Plan(images, images.read(), self.training(), self.network(), None if start == NEW else start)

    def train(self) -> None:
        """Begin anew."""
        try:
            plan = self.plan = self.planned()
        except ValueError as error:
            self.runner.say(str(error))
            return
        self._end_forecast()
        self.fit, self.model, self._saved, self._ending = None, None, None, False
        self.curve.clear()
        self.pair.clear()
        self.pair.hide()
        self.course.show()
        self._run("Training", lambda report: course.begin(plan, report))

    def pause(self) -> None:
        """Stop for now; nothing is lost."""
        self.runner.stop()

    def resume(self) -> None:
        """Go on as if never paused."""
        fit = self.fit
        if fit is not None and not self.runner.running:
            self._run("Training", lambda report: course.go_on(fit, report))

    def end(self) -> None:
        """End the training, keeping the best it has learnt."""
        if self.runner.running:
            self._ending = True
            self.runner.stop()
        else:
            self._finish()

    def save(self, path: str = "") -> None:
        """Write the model to `path`, or to the models folder under the images' name."""
        model, plan = self.model, self.plan
        if model is None or plan is None:
            return
        where = Path(path) if path else self._saved or free_path(plan.images.layers[0].name)
        self.runner.run("Saving", lambda _: model.save(where), then=lambda _: self._was_saved(where))

    def save_as(self) -> None:
        """Ask where, and write the model there."""
        if self.plan is not None and (path := ask_where(self, self.plan.images.layers[0].name)):
            self.save(path)

    def closing(self) -> None:
        """Pause what is running: a dock that is opened later goes on with it."""
        super().closing()
        self._end_forecast()
        if self.plan is not None and (self.model is not None or (self.fit is not None and self.fit.number)):
            self.leave(self._viewer, Left(self.plan, self.fit, self.model, self._saved, list(self.curve.steps)))

    def _resume(self, left: Left | None) -> None:
        """Show what a dock that was closed has left, if its images are still there."""
        if left is None or not all(layer in self._viewer.layers for layer in left.plan.images.layers):
            return
        self.plan, self.fit, self.model, self._saved = left.plan, left.fit, left.model, left.saved
        for layer in left.plan.images.layers:
            self.images.tick(layer)
        self.together.choose(left.plan.images.together)
        self.region.choose(left.plan.images.region or "")
        if left.plan.start is not None:
            self.start.hold(left.plan.start)
        for form in self.forms:
            form.write((left.plan.network if form.config is NetworkConfig else left.plan.training).model_dump())
        for step in left.steps:
            self.curve.add(*step)
        if left.fit is not None:
            self.curve.total = left.fit.training.steps
            self.runner.say(self._paused(left.fit))
        self.course.show()

    def _run(self, title: str, task: Any) -> None:
        self.runner.run(
            title, task, then=lambda _: self._finish(), sent=self._sent, stopped=self._stopped, failed=self._failed
        )

    def _sent(self, value: Any) -> None:
        if hasattr(value, "before"):
            self.pair.show_patches(value.before, value.after)
            self.pair.show()
        elif hasattr(value, "loss"):
            self.curve.total = value.steps
            self.curve.add(value.number, value.loss, value.validation)
        else:
            self.fit = value
            current().update(fit=value)

    def _stopped(self) -> None:
        if self._ending:
            self._ending = False
            QTimer.singleShot(0, self._finish)
        elif self.fit is not None and self.fit.number:
            self.runner.say(self._paused(self.fit))
        else:
            self.fit = None
        self._enable()

    @staticmethod
    def _paused(fit: Fit) -> str:
        return f"Paused after {fit.number} of {fit.training.steps} steps."

    def _failed(self) -> None:
        self._ending = False
        if self.fit is not None and not self.fit.number:
            self.fit = None

    def _finish(self) -> None:
        fit = self.fit
        if fit is None or not fit.number or self.runner.running:
            self._enable()
            return
        self.runner.run("Finishing", lambda report: course.finish(fit, report), then=self._finished)

    def _finished(self, found: tuple[Autoencoder, str]) -> None:
        fit = self.fit
        model, doubt = found
        self.model = model
        assert fit is not None
        assert self.plan is not None
        why = f" ({fit.stopped})" if fit.stopped else ""
        use = doubt or "Ready in the Segment dock; save it to keep it."
        self.runner.say(f"Learnt in {fit.number} steps{why}. {use}")
        anew = self.plan.start is None
        training, network = (self.plan.training, self.plan.network) if anew else (None, None)
        self.fit = None
        name = f"trained on {self.plan.images.layers[0].name}"
        made = Model(name, None, model, training, network)
        current().hold(made)
        current().update(model=model, trained=made)
        self._enable()

    def _was_saved(self, path: Path) -> None:
        self._saved = path
        self.history.refresh()
        current().hold(Model(path.stem, path))
        self.runner.say(f"Saved as {path}.")

    def _choose_preset(self, *_: Any) -> None:
        name = self.preset.currentData()
        for form in self.forms:
            chosen = preset(name, form.config)
            latents = NetworkConfig(**preset(name, NetworkConfig)).latents  # its default depends on the kind
            form.write({**defaults(form.config), "latents": latents, **run_defaults(), **chosen})

    def _changed(self, name: str) -> None:
        if name == "kind":
            kind = self.forms[0].values()["kind"]
            self.forms[0].write({"latents": NetworkConfig(kind=kind).latents})
        self._follow()

    def _follow(self, *_: Any) -> None:
        shown, meant = values(*self.forms), self._meant()
        for form in self.forms:
            form.show_relevant(shown if form.config is NetworkConfig else meant)
            if form.config is NetworkConfig:
                form.setEnabled(self.start.model == NEW)
                why = "" if self.start.model == NEW else "The model that training starts from keeps its network."
                form.setToolTip(tooltip(why) if why else "")
        layout = self.source.layout()
        layout.setRowVisible(self.together, len(self.images.layers) > 1)
        self._enable()
        if not self.runner.running:
            self._rest.throttle()

    def _meant(self) -> dict[str, Any]:
        """What the rows of the training are beside: the network chosen or that of a model, and what images decide."""
        shown, start = values(*self.forms), self.start.model
        if start != NEW:
            own = network_of(start)
            usual = "noise" if own.get("kind") == "unet" else "masked"
            left_open = shown["corruption"] == "auto"
            return {**shown, **own, "corruption": usual if left_open else shown["corruption"]}
        stack = self._stack()
        return {**shown, "ndim": shown["ndim"] or (stack.ndim if stack is not None else 0)}

    def _stack(self) -> Stack | None:
        """The images that are ticked; None without any, or where they cannot be read together."""
        images = Images(tuple(self.images.layers), self.together.currentData())
        try:
            stack = images.read() if images.layers else None
            return stack if stack is None or stack.ndim else None
        except ValueError:  # it says so when the button is pressed
            return None

    def _tick_first(self) -> None:
        active = self._viewer.layers.selection.active
        images = [layer for layer in self._viewer.layers if isinstance(layer, Image)]
        if not self.images.layers and images:
            self.images.tick(active if active in images else images[-1])

    def _inserted(self, *_: Any) -> None:
        self._tick_first()
        self._follow()

    def _removed(self, event: Any) -> None:
        if self.plan is not None and event.value in self.plan.images.layers and self.runner.running:
            job = self.runner.job
            if job is not None and job.title == "Training":
                job.stopped.connect(lambda: self.runner.say(f"Stopped: the image {event.value.name} was removed."))
                self.fit = None
                self.runner.stop()
        self._follow()

    def _enable(self, *_: Any) -> None:
        """Grey out what cannot be done now, and say why."""
        running, paused = self.runner.running, self.fit is not None and not self.runner.running
        why = ""
        if not any(isinstance(layer, Image) for layer in self._viewer.layers):
            why = NO_IMAGE
        elif not self.images.layers:
            why = "Tick at least one image to learn from."
        elif running and self.runner.job is not None:
            why = f"{self.runner.job.title} is under way."
        else:
            why = self._contradiction()
        _set(self.train_button, not why, why or (ANEW_TIP if paused else TRAIN_TIP))
        training = running and self.runner.job is not None and self.runner.job.title == "Training"
        for before in (self.purpose, self.reason, self.cost):  # the course takes their room
            before.setVisible(not training and not paused)
        self.pause_button.setText("Resume" if paused else "Pause")
        _set(self.pause_button, training or paused, "Go on as if never paused." if paused else "Stop for now.")
        _set(self.stop_button, training or paused, "End, and keep the best that was learnt.")
        done = self.model is not None and not running
        for button in (self.save_button, self.save_as_button):
            _set(button, done, "Keep the model." if done else "There is no trained model yet.")
        self.why.setText("" if running else why)
        self.why.setVisible(bool(why) and not running)

    def _contradiction(self) -> str:
        """Why what is chosen cannot be; nothing if it can."""
        try:
            self.training(), self.network()
        except ValueError as error:
            return as_sentence(str(error))
        start, stack = self.start.model, self._stack()
        return misfit(start, stack) if start != NEW and stack is not None else ""

    def _pause_or_resume(self) -> None:
        if self.runner.running:
            self.pause()
        else:
            self.resume()

    def _forecast(self) -> None:
        """Ask for the device and the cost, in the background, once the controls rest."""
        if self.runner.running or self._asking is not None:
            self._rest.throttle()
            return
        try:
            plan = self.planned()
        except ValueError:
            plan = None
        device = self.forms[1].values()["device"]
        job = self._asking = Job("Estimating", lambda report: course.forecast(plan, device, report), self, quiet=True)
        job.returned.connect(self._forecasted)
        job.failed.connect(lambda text: self.cost.setText(text))
        job.ended.connect(self._asked)
        job.start()

    def _forecasted(self, found: Forecast) -> None:
        with signals_blocked(self.forms[1]):
            self.forms[1].offer("device", found.devices)
        self.reason.setText(f"Runs on the {choice_of(TrainingConfig, 'device', found.device)}: {found.reason}.")
        self.cost.setText(found.words)

    def _asked(self) -> None:
        if self._asking is not None:
            self._asking.deleteLater()
        self._asking = None

    def _end_forecast(self) -> None:
        self._rest.cancel()
        if self._asking is not None:
            self._asking.stop()

    def _copy(self, write: Any) -> None:
        clipboard = QApplication.clipboard()
        try:
            plan = self.plan or self.planned()
        except ValueError as error:
            self.runner.say(str(error))
            return
        if clipboard is not None:
            clipboard.setText(write(plan, self._saved))

    def _build(self) -> None:
        self.images = LayerList(self._viewer, (Image,))
        self.images.setObjectName("images")
        self.together = Combo()
        self.together.setObjectName("together")
        self.together.offer({"samples": "separate images", "channels": "channels of one image"})
        self.region = LayerPicker(self._viewer, REGIONS, none="everywhere")
        self.region.setObjectName("region")
        self.start = ModelPicker(first=NEW)
        self.start.setObjectName("start")
        self.preset = Combo()
        self.preset.setObjectName("preset")
        self.preset.offer(dict(zip(PRESETS, PRESETS, strict=True)))
        hidden = [n for n in NetworkConfig.model_fields if n not in NETWORK]
        further = [n for n in TrainingConfig.model_fields if n not in TRAINING]
        self.forms = (
            Form(NetworkConfig, NETWORK),
            Form(TrainingConfig, TRAINING),
            Form(NetworkConfig, hidden),
            Form(TrainingConfig, further),
        )
        self._choose_preset()
        self.purpose, self.reason, self.cost, self.why = sentence(PURPOSE), sentence(), sentence(), sentence()
        self.train_button, self.pause_button, self.stop_button = (QPushButton(t) for t in ("Train", "Pause", "Stop"))
        self.save_button, self.save_as_button = QPushButton("Save"), QPushButton("Save as…")
        copies = {
            "as Python": lambda: self._copy(recipe.training_in_python),
            "as command line": lambda: self._copy(recipe.training_in_shell),
        }
        self.copy_menu = menu("Copy", copies)
        self.runner = Runner(stop=False)
        self.curve, self.pair, self.history = Curve(), Pair(), ModelList()
        self.course = QWidget()
        drawn = column(self.course)
        drawn.addWidget(self.curve)
        drawn.addWidget(self.pair)
        self.course.hide()
        self._lay_out()

    def _lay_out(self) -> None:
        body = QWidget()
        layout = column(body, spacing=6, margin=8)
        self.source = QWidget()
        source = rows(self.source)
        tips = {"Images": "Images to learn from.", "Taken as": "", "Learn inside": "A Labels or Shapes layer."}
        shown = (self.images, self.together, self.region)
        for (text, tip), widget in zip(tips.items(), shown, strict=True):
            source.addRow(caption(text, tip), widget)
        source.addRow(caption("Preset", "A named set of options."), self.preset)
        layout.addWidget(self.purpose)
        layout.addWidget(self.source)
        for form in self.forms[:2]:
            layout.addWidget(form)
        for line in (self.reason, self.cost):
            layout.addWidget(line)
        layout.addWidget(beside(self.train_button, self.pause_button, self.stop_button, equal=True))
        layout.addWidget(beside(self.save_button, self.save_as_button, self.copy_menu, equal=True))
        layout.addWidget(self.why)
        layout.addWidget(self.runner)
        layout.addWidget(self.course)
        layout.addWidget(fold("Advanced", *self.forms[2:]))
        start = row_of({"Start from": self.start})
        start.setToolTip(tooltip("The network chosen above, or a model that learns further."))
        layout.addWidget(fold("Models", start, self.history))
        layout.addStretch(1)
        column(self).addWidget(scrolling(body))

    def _connect(self) -> None:
        heed(self, self._viewer.layers.events.inserted, self._inserted)
        heed(self, self._viewer.layers.events.removed, self._removed)
        self.images.changed.connect(self._follow)
        self.together.currentIndexChanged.connect(self._follow)
        self.region.picked.connect(self._follow)
        self.start.currentIndexChanged.connect(self._follow)
        self.preset.currentIndexChanged.connect(self._choose_preset)
        self.train_button.clicked.connect(self.train)
        self.pause_button.clicked.connect(self._pause_or_resume)
        self.stop_button.clicked.connect(self.end)
        self.save_button.clicked.connect(lambda: self.save())
        self.save_as_button.clicked.connect(self.save_as)
        self.history.opened.connect(lambda path: self.start.open(path))
        self.start.refused.connect(self.runner.say)
        self.runner.busy.connect(self._enable)
        for form in self.forms:
            form.changed.connect(self._changed)


def _set(button: QPushButton, on: bool, tip: str) -> None:
    button.setEnabled(on)
    button.setToolTip(tooltip(tip))
