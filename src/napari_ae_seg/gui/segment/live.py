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

    from .view import View

UPDATING = "Updating"


class Live(QObject):
    """Answers wishes for other clusters, one at a time; of those that come meanwhile only the newest counts."""

    previewed = Signal(object, object)  # a View, and the Result to show in it for the moment
    settled = Signal(object, object)  # a View, and the Result to keep in it
    dropped = Signal(object)  # it was stopped or failed: what was there before stands in this View

    def __init__(self, runner: Runner, config: Callable[[], SegmentationConfig], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view: View | None = None
        self._runner = runner
        self._config = config
        self._wish: tuple[View, SegmentationConfig, bool] | None = None
        runner.busy.connect(self._free)

    @property
    def waiting(self) -> bool:
        """Whether there is a wish that is not answered yet."""
        return self._wish is not None

    def take(self, view: View | None) -> None:
        """Change what `view` shows from now on; what was settled for another is still done there."""
        if view is self._view or (self._wish is not None and self._wish[2]):
            self._wish = None
        self._view = view

    def forget(self) -> None:
        """Answer no wish made so far."""
        self._wish = None

    def want(self, quick: bool) -> None:
        """The controls changed; `quick` while a slider is held."""
        if self._view is None or (quick and not self._view.result.live):
            return
        try:
            self._wish = self._view, self._config(), quick
        except ValueError as error:
            self._runner.say(str(error))
            return
        self._next()

    def _free(self, busy: bool) -> None:
        if not busy:
            QTimer.singleShot(0, self._next)

    def _next(self) -> None:
        if self._wish is None or self._runner.running:
            return
        (view, config, quick), self._wish = self._wish, None
        result = view.result

        def task(report: Reporter) -> Result:
            return work.change(result, config, quick, report)

        def dropped() -> None:
            self.dropped.emit(view)

        self._runner.run(
            UPDATING, task, lambda changed: self._done(view, changed, quick), stopped=dropped, failed=dropped
        )

    def _done(self, view: View, result: Result, quick: bool) -> None:
        if quick:
            self.previewed.emit(view, result)
        elif self._wish is None or self._wish[0] is not view:
            self.settled.emit(view, result)
