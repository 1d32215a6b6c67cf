"""Long work beside the window: one job at a time, with its progress, its end and a way to stop it.

A job is a function of a `Reporter`. It runs in a thread that never touches Qt: what it reports and sends waits in the
reporter, and a timer of the main thread fetches it. So redraws are throttled by construction, and whatever the work
raises arrives as one sentence (napari's own workers swallow a RuntimeError).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from napari.qt.threading import FunctionWorker, create_worker
from napari.utils.notifications import (
    ErrorNotification,
    Notification,
    NotificationSeverity,
    notification_manager,
)
from napari.utils.progress import cancelable_progress
from qtpy.QtCore import QObject, QTimer, Signal

from napari_ae_seg.core.errors import AeSegError
from napari_ae_seg.core.progress import Progress, Stopped

from .wording import as_sentence

log = logging.getLogger(__name__)

TICK_MS = 50
"""How often the window looks at a job."""

QUIET_MS = 400
"""Work shorter than this shows no progress: a bar that only flickers is noise."""


class Reporter:
    """What a job is told to call: with its `Progress`; it raises `Stopped` once somebody asked for that."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self._sent: deque[Any] = deque()
        self._stop = threading.Event()

    def __call__(self, progress: Progress) -> None:
        """Take note of how far the work is."""
        self.progress = progress
        self.check()

    def check(self) -> None:
        """Raise `Stopped` if the person asked to stop."""
        if self._stop.is_set():
            raise Stopped

    def send(self, value: Any) -> None:
        """Hand `value` to the main thread."""
        self._sent.append(value)
        self.check()

    def fetch(self) -> list[Any]:
        """What was sent since the last fetch."""
        return [self._sent.popleft() for _ in range(len(self._sent))]

    def stop(self, *_: Any) -> None:
        """Ask the job to end at its next report."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether somebody asked the job to end."""
        return self._stop.is_set()


Work = Callable[[Reporter], Any]


class Job(QObject):
    """One running piece of work; its signals arrive in the main thread, `ended` always and last."""

    advanced = Signal(object)  # Progress
    sent = Signal(object)  # what the work sent
    returned = Signal(object)  # its result
    failed = Signal(str)  # one sentence
    stopped = Signal()
    ended = Signal()

    def __init__(self, title: str, work: Work, parent: QObject | None = None, quiet: bool = False) -> None:
        super().__init__(parent)
        self.title = title
        self.reporter = Reporter()
        self._task = _Task(title, work, self.reporter)
        self._bar: cancelable_progress | None = None
        self._shown: Progress | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._age = -(10**9) if quiet else 0  # a quiet job never shows its progress
        self._inside = self._over = False
        self.destroyed.connect(self.reporter.stop)
        self._worker = create_worker(self._task, _worker_class=_Worker)
        self._worker.reporter = self.reporter
        self._worker.finished.connect(self._end)

    def start(self) -> None:
        """Begin."""
        self._timer.start()
        self._worker.start()

    def stop(self) -> None:
        """End the job at its next report, well within a second."""
        self.reporter.stop()

    def _tick(self) -> None:
        if self._inside:  # napari's progress bar processes events when it is set
            return
        self._inside = True
        self._age += TICK_MS
        for value in self.reporter.fetch():
            self.sent.emit(value)
        progress = self.reporter.progress
        if self._age >= QUIET_MS and not self.reporter.stopping:
            self._show(progress)
        self._inside = False
        if self._over:
            self._end()

    def _show(self, progress: Progress | None) -> None:
        if self._bar is None:
            self._bar = cancelable_progress(total=0, desc=self.title, cancel_callback=self.stop, leave=False)
            self._bar.cancel = self._cancel  # napari's own acts only on the next turn of a loop over the bar
        if progress is None or progress is self._shown:
            return
        self._shown = progress
        if self._bar.total != progress.total:
            self._bar.total = progress.total
        self._bar.set_description(f"{self.title}: {progress.stage}")
        if ahead := progress.done - self._bar.n:
            self._bar.update(ahead)
        self.advanced.emit(progress)

    def _cancel(self) -> None:
        self.stop()

    def _end(self) -> None:
        if self._inside:  # the end came while napari's progress bar processed events
            self._over = True
            return
        self._timer.stop()
        for value in self.reporter.fetch():
            self.sent.emit(value)
        if self._bar is not None:
            self._bar.close()
        if self._task.error is not None:
            self.failed.emit(tell(self._task.error))
        elif self._task.finished:
            self.returned.emit(self._task.result)
        else:
            self.stopped.emit()
        self.ended.emit()
        self._task = _Task(self.title, _nothing, self.reporter)  # lets go of the work and its result


def tell(error: BaseException) -> str:
    """What a person reads about `error`: one sentence in a napari notification.

    What nobody foresaw has its traceback behind the button of the notification, and in the log.
    """
    from napari_ae_seg.core.devices import is_out_of_memory

    text = str(error).strip() or type(error).__name__
    foreseen = isinstance(error, (AeSegError, ValueError, OSError))
    if foreseen:
        sentence = as_sentence(text)
    elif is_out_of_memory(error):
        sentence = f"Memory ran out: close other programs, or work on a smaller image or region ({text[:120]})."
    else:
        sentence = f"Something went wrong: {text} ({type(error).__name__})."
    log.log(logging.DEBUG if foreseen else logging.ERROR, "%s", sentence, exc_info=error)
    if foreseen:
        notification_manager.dispatch(Notification(sentence, NotificationSeverity.ERROR))
        return sentence
    shown = AeSegError(sentence)
    shown.__cause__ = error
    shown.__traceback__ = error.__traceback__
    notification_manager.dispatch(ErrorNotification(shown))
    return sentence


class _Task:
    """The work as napari's worker calls it: never raises, keeps how it ended."""

    def __init__(self, title: str, work: Work, reporter: Reporter) -> None:
        self.title = title
        self.result: Any = None
        self.error: BaseException | None = None
        self.finished = False
        self._work = work
        self._reporter = reporter

    def __call__(self) -> None:
        try:
            self.result = self._work(self._reporter)
            self.finished = True
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 (what leaves a Qt thread ends the process; `Job` tells of it)
            self.error = error

    def __repr__(self) -> str:
        return self.title  # napari names it when the window is closed while it runs


class _Worker(FunctionWorker):
    """napari's worker; it stops the work when napari asks, and leaves the process-wide warning filters alone."""

    reporter: Reporter

    def quit(self) -> None:
        super().quit()
        self.reporter.stop()

    def run(self) -> None:
        self.started.emit()
        self._running = True
        self._func()
        self._running = False
        with suppress(RuntimeError):  # the program ended meanwhile, and Qt's objects with it
            self.finished.emit()
            self._finished.emit(self)


def _nothing(_: Reporter) -> None:
    """Work of a job that has ended."""
