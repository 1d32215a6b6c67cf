"""The line of a dock that runs its jobs: what is going on, how far, and a button to stop it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QTimer, Signal
from qtpy.QtWidgets import QDockWidget, QHBoxLayout, QMainWindow, QProgressBar, QPushButton, QWidget
from superqt.utils import QSignalDebouncer

from .forms import column, sentence
from .jobs import Job, Work
from .wording import as_sentence

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_ae_seg.core.progress import Progress

Then = Callable[[Any], Any]


class Runner(QWidget):
    """Runs one job at a time; hidden while there is none and it has nothing to say."""

    busy = Signal(bool)

    def __init__(self, stop: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._has_stop = stop
        self.job: Job | None = None
        self._waiting: list[Callable[[], Any]] = []
        self._turn = QSignalDebouncer(parent=self)
        self._turn.triggered.connect(self._next)
        self.text = sentence()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.stop_button = QPushButton("Stop")
        self.stop_button.setToolTip("End this at once; nothing half-done is kept.")
        self.stop_button.clicked.connect(self.stop)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.bar, 1)
        line.addWidget(self.stop_button)
        layout = column(self, spacing=4)
        layout.addWidget(self.text)
        layout.addLayout(line)
        self.say("")

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self.job is not None

    def run(
        self,
        title: str,
        work: Work,
        then: Then,
        sent: Then | None = None,
        stopped: Callable[[], Any] | None = None,
        failed: Callable[[], Any] | None = None,
    ) -> Job:
        """Start `work`; `then` gets its result, `sent` what it sends; `stopped` and `failed` say how else it ended."""
        if self.job is not None:
            raise RuntimeError(f"{self.job.title} is still running")
        job = self.job = Job(title, work, self)
        job.advanced.connect(self._advanced)
        job.sent.connect(sent or _ignore)
        job.failed.connect(self.say)
        job.stopped.connect(lambda: self.say(""))
        if stopped is not None:
            job.stopped.connect(stopped)
        if failed is not None:
            job.failed.connect(lambda _: failed())
        job.returned.connect(lambda result: self._returned(result, then))
        job.ended.connect(lambda: self._ended(job))
        self._show_bar(title)
        self.busy.emit(True)
        job.start()
        return job

    def when_free(self, act: Callable[[], Any], stop: bool = False) -> None:
        """Call `act` at once, or when the running job is over; `stop` ends that job."""
        if self.job is None:
            act()
            return
        self._waiting.append(act)
        if stop:
            self.job.stop()

    def stop(self) -> None:
        """Ask the job to end."""
        if self.job is not None:
            self.job.stop()
            self.text.setText(f"Stopping: {self.job.title.lower()}")
            self.stop_button.setEnabled(False)

    def say(self, text: str) -> None:
        """Show `text` alone, as a sentence; nothing at all if it is empty."""
        self.text.setText(as_sentence(text))
        self.text.setVisible(bool(text))
        self.bar.hide()
        self.stop_button.hide()
        self.setVisible(bool(text))

    def _next(self) -> None:
        if self.job is None and self._waiting:
            self._waiting.pop(0)()
        if self._waiting and self.job is None:
            self._turn.throttle()

    def _returned(self, result: Any, then: Then) -> None:
        self.say("")
        self.job, ended = None, self.job  # so that `then` may start the next job
        if ended is not None:
            self.busy.emit(False)
        then(result)

    def _ended(self, job: Job) -> None:
        if self.job is job:
            self.job = None
            self.bar.hide()
            self.stop_button.hide()
            self.busy.emit(False)
        job.deleteLater()
        self._turn.throttle()

    def _show_bar(self, title: str) -> None:
        self.text.setText(title)
        self.text.show()
        self.bar.setRange(0, 0)
        self.bar.show()
        self.stop_button.setEnabled(True)
        self.stop_button.setVisible(self._has_stop)
        self.show()

    def _advanced(self, progress: Progress) -> None:
        if self.job is None or self.job.reporter.stopping:
            return
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        note = f" · {progress.note}" if progress.note else ""
        self.text.setText(f"{progress.stage[:1].upper()}{progress.stage[1:]}{note}")


class Dock(QWidget):
    """A dock widget that joins those of this plugin as a tab, and stops its jobs when it is taken out of the window."""

    runner: Runner

    def event(self, event: QEvent | None) -> bool:
        """Notice that napari puts the widget into a dock, or takes it out to close it."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is None:
                self.closing()
            else:
                QTimer.singleShot(0, self._join)  # once napari has placed the dock in its window
        return bool(super().event(event))

    def closing(self) -> None:
        """End what is running."""
        self.runner.stop()

    def leave(self, viewer: Viewer, work: Any) -> None:
        """Keep unfinished work for a dock of this kind that is opened later in the same viewer."""
        _LEFT.setdefault(viewer, {})[type(self)] = work

    def left(self, viewer: Viewer) -> Any:
        """The work that the last dock of this kind left in `viewer`; None without any."""
        return _LEFT.get(viewer, {}).pop(type(self), None)

    def _join(self) -> None:
        """Lie on the docks of this plugin that are in the same window, not below them, where neither has room."""
        frame = _frame(self)
        window = frame.parent() if frame is not None else None
        if frame is None or not isinstance(window, QMainWindow):
            return
        frame.setWindowTitle(frame.windowTitle().split(" ")[0])  # on its tab, where there is no room for all of it
        frames = [_frame(dock) for dock in window.findChildren(Dock) if dock is not self]
        there = [one for one in frames if one is not None and not one.isFloating() and not frame.isFloating()]
        beside = [one for one in there if window.dockWidgetArea(one) == window.dockWidgetArea(frame)]
        if beside and not set(beside) & set(window.tabifiedDockWidgets(frame)):
            window.tabifyDockWidget(beside[-1], frame)
            frame.show()
            frame.raise_()


def _frame(dock: QWidget) -> QDockWidget | None:
    """What holds `dock` in the window."""
    holder = dock.parent()
    while holder is not None and not isinstance(holder, QDockWidget):
        holder = holder.parent()
    return holder


_LEFT: weakref.WeakKeyDictionary[Viewer, dict[type[Dock], Any]] = weakref.WeakKeyDictionary()


def _ignore(_: Any) -> None:
    """A value that nobody wants."""
