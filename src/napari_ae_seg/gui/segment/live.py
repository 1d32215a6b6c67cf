"""Changing the clusters while a slider moves: previews until the person lets go, then one step to undo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from . import work

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ae_seg.config import SegmentationConfig
    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Result
    from napari_ae_seg.gui.parts.runner import Runner

UPDATING = "Updating"


class Live(QObject):
    """Answers wishes for other clusters, one at a time; of those that come meanwhile only the newest counts."""

    previewed = Signal(object)  # a Result to show for the moment
    settled = Signal(object)  # the Result to keep
    dropped = Signal()  # it was stopped or failed: what was there before stands

    def __init__(self, runner: Runner, config: Callable[[], SegmentationConfig], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.result: Result | None = None
        self._runner = runner
        self._config = config
        self._quick: bool | None = None
        runner.busy.connect(self._free)

    @property
    def waiting(self) -> bool:
        """Whether there is a wish that is not answered yet."""
        return self._quick is not None

    def take(self, result: Result | None) -> None:
        """Start from `result` from now on; None answers no wish."""
        self.result = result
        self._quick = None

    def forget(self) -> None:
        """Answer no wish made so far."""
        self._quick = None

    def want(self, quick: bool) -> None:
        """The controls changed; `quick` while a slider is held."""
        if self.result is not None and (self.result.live or not quick):
            self._quick = quick
            self._next()

    def _free(self, busy: bool) -> None:
        if not busy:
            QTimer.singleShot(0, self._next)

    def _next(self) -> None:
        if self._quick is None or self.result is None or self._runner.running:
            return
        quick, self._quick = self._quick, None
        result = self.result
        try:
            config = self._config()
        except ValueError as error:
            self._runner.say(str(error))
            return

        def task(report: Reporter) -> Result:
            return work.change(result, config, quick, report)

        self._runner.run(
            UPDATING,
            task,
            lambda changed: self._done(changed, quick),
            stopped=self.dropped.emit,
            failed=self.dropped.emit,
        )

    def _done(self, result: Result, quick: bool) -> None:
        if quick:
            self.previewed.emit(result)
        elif self._quick is None:
            self.settled.emit(result)
