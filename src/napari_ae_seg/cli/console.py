"""What a command says while it runs: a progress bar on a terminal, sentences, and the report at the end."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from napari_ae_seg.core.progress import Progress, Report, silent

from .outputs import Account, peak_memory

if TYPE_CHECKING:
    from pathlib import Path


class Talk:
    """The voice of one command, and the account of what it did."""

    def __init__(self, command: str, fields: dict[str, Any]) -> None:
        self.account = Account(command)
        self.quiet = bool(fields.get("quiet"))
        self._path: Path | None = fields.get("report")
        self._bar: Any = None
        self._stage = ""
        self._seed = fields.get("seed", 0)
        self._asked = {"device": fields.get("device", "auto"), "threads": fields.get("threads", 0)}

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.finish()
        if kind is None and self._path:
            self.account.write(self._path)

    def device(self) -> None:
        """Settles threads and device, and keeps them in the account."""
        from napari_ae_seg.core import devices as known

        chosen = known.resolve(self._asked["device"])
        threads = known.use_threads(self._asked["threads"])
        self.account.facts |= {"device": str(chosen.device), "device_reason": chosen.reason, "threads": threads}

    @property
    def report(self) -> Report:
        """Where the work reports its progress."""
        return silent if self.quiet or not sys.stderr.isatty() else self._show

    def say(self, text: str) -> None:
        """Prints a sentence, unless the person wants quiet."""
        self.finish()
        if text and not self.quiet:
            print(text)

    def say_cost(self) -> None:
        """Says what the run took beside what was estimated."""
        spent, memory = time.perf_counter() - self.account.started, peak_memory()
        measured = f"took {spent:.1f} s" + (f" and {memory / 2**30:.2f} GB of memory" if memory else "")
        expected = self.account.facts.get("estimate")
        if expected:
            measured += f" (estimated: {expected['seconds']:.1f} s and {expected['bytes'] / 2**30:.2f} GB)"
        self.say(measured)

    def finish(self) -> None:
        """Ends the progress bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._stage = ""

    def _show(self, progress: Progress) -> None:
        from tqdm import tqdm

        if progress.stage != self._stage:
            self.finish()
            self._stage = progress.stage
            self._bar = tqdm(total=progress.total, desc=progress.stage, leave=False, dynamic_ncols=True)
        self._bar.total = progress.total
        self._bar.set_postfix_str(progress.note, refresh=False)
        self._bar.update(progress.done - self._bar.n)
