"""What a command says while it runs: a progress bar on a terminal, sentences, and the report at the end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from napari_ae_seg.core.errors import AeSegError, DestinationError, ImageReadError
from napari_ae_seg.core.progress import Progress, Report, silent

from .options import numbers
from .outputs import ENDINGS, Account, peak_memory, shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.config import NetworkConfig, TrainingConfig
    from napari_ae_seg.images.stack import Stack

EVERY = 5.0
"""Seconds between two lines of progress where there is no terminal."""


class Talk:
    """The voice of one command, and the account of what it did."""

    def __init__(self, command: str, fields: dict[str, Any]) -> None:
        self.account = Account(command)
        self._fields = fields
        self.quiet = bool(fields.get("quiet"))
        self._path: Path | None = fields.get("report")
        self._bar: Any = None
        self._stage = ""
        self._told = time.monotonic()
        self.places: tuple[Path, ...] = ()
        """Of the images that could be read."""
        self.failures: dict[Path, str] = {}
        """Why an image could not be done, while the others are."""
        self.unwritten: list[str] = []
        """Why a result beside the labels could not be written."""

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.finish()
        if kind is not None:
            return
        if self.failures:
            self.account.facts["failures"] = {str(path): why for path, why in self.failures.items()}
        if self._path:
            self.account.write(self._path)
        for why in (*self.failures.values(), *self.unwritten):
            speak(f"failed: {why}", sys.stderr)
        if self.failures:
            done = len(set(self.places) - set(self.failures))
            raise AeSegError(f"{len(self.failures)} images could not be done (listed above), {done} are done")
        if self.unwritten:
            raise AeSegError("the labels are written, what is listed above is not")

    @property
    def asked_of_images(self) -> list[str]:
        """How images are read, as a person asked for it."""
        return [str(self._fields.get(name)) for name in ("axes", "spacing", "channels", "roi", "level")]

    @property
    def reports(self) -> bool:
        """Whether an account of the run is asked for."""
        return self._path is not None

    def read(self, images: Sequence[Path], ndim: int = 0, carry_on: bool = False) -> Stack:
        """The stack of `images`, read as the options say; device and threads are settled with it.

        With `carry_on` an image that cannot be read becomes one of the `failures`, and the others go on.
        """
        from napari_ae_seg.core import devices as known
        from napari_ae_seg.images.batch import read_batch

        asked = self._fields
        chosen, threads = known.resolve(asked.get("device", "auto")), known.use_threads(asked.get("threads", 0))
        self.account.facts |= {"device": str(chosen.device), "device_reason": chosen.reason, "threads": threads}
        spacing = numbers(asked.get("spacing"), float, "--spacing")
        channels = numbers(asked.get("channels"), int, "--channels")
        with self.account.stage("read"):
            options = {"ndim": ndim, "spacing": spacing, "channels": channels, "roi": asked.get("roi")}
            options["level"] = asked.get("level", 0)
            batch = read_batch(images, asked.get("axes"), **options)
        if batch.failures and not carry_on:
            raise ImageReadError(next(iter(batch.failures.values())))
        self.places, self.failures, stack = batch.paths, dict(batch.failures), batch.stack
        self.account.facts["images"] = shapes(stack)
        self.say(stack.assumed)
        return stack

    def check(self, inputs: Iterable[Path | None], outputs: Mapping[str, Sequence[Path | None]]) -> None:
        """Before any work, see that every output, `--report` included, can be written and is none of the inputs."""
        from napari_ae_seg.images.destinations import check_destinations

        read = [path for path in (*inputs, self._fields.get("roi")) if path]
        given = {flag: [path for path in paths if path] for flag, paths in outputs.items()}
        given["--report"] = [self._path] if self._path else []
        check_destinations(read, given)
        for flag, endings in ENDINGS.items():
            wrong = next((path for path in given.get(flag, ()) if path.suffix.lower() not in endings), None)
            if wrong:
                raise DestinationError(f"{flag}: its file ends in {' or '.join(endings)}, got {wrong.name}")

    def expect(self, stack: Stack, training: TrainingConfig | None, network: NetworkConfig, clusters: int) -> None:
        """Estimates time and memory of training, if any, and labelling; says them and keeps them in the account."""
        from napari_ae_seg.autoencoder.training import estimate
        from napari_ae_seg.features.select import ASSUMED_K
        from napari_ae_seg.segmenter.cost import cost

        with self.account.stage("estimate"):
            seconds, size = cost(stack, network, clusters or ASSUMED_K)
            if training is not None:
                learning = estimate(stack, training, network)
                seconds, size = seconds + learning.seconds, max(size, learning.bytes)
        self.account.facts["estimate"] = {"seconds": round(seconds, 2), "bytes": int(size)}
        self.say(f"estimate: {seconds:.0f} s, {size / 2**30:.1f} GB")

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What is written inside may fail without keeping anything from the labels; the command ends by saying so."""
        try:
            yield
        except OSError as error:
            self.unwritten.append(" ".join(str(error).split()))

    def train(self, stack: Stack, training: TrainingConfig, network: NetworkConfig) -> Autoencoder:
        """An autoencoder trained on `stack`."""
        from napari_ae_seg.autoencoder.training import collapsed, train

        with self.account.stage("train"):
            trained = train(stack, training, network, self.report)
        self.say(collapsed(trained))
        return trained

    @property
    def report(self) -> Report:
        """Where the work reports its progress: a bar on a terminal, else a line every few seconds."""
        if self.quiet:
            return silent
        return self._show if sys.stderr.isatty() else self._tell

    def say(self, text: str) -> None:
        """Prints a sentence, unless the person wants quiet."""
        self.finish()
        if text and not self.quiet:
            speak(text)

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

    def _tell(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told >= EVERY:
            self._told = now
            done = f" {progress.done}/{progress.total}" if progress.total else ""
            speak(f"{progress.stage}{done} {progress.note}".rstrip(), sys.stderr)

    def _show(self, progress: Progress) -> None:
        from tqdm import tqdm

        if progress.stage != self._stage:
            self.finish()
            self._stage = progress.stage
            self._bar = tqdm(total=progress.total, desc=progress.stage, leave=False, dynamic_ncols=True)
        self._bar.total = progress.total
        self._bar.set_postfix_str(progress.note, refresh=False)
        self._bar.update(progress.done - self._bar.n)


def speak(text: str, stream: TextIO | None = None) -> None:
    """Prints a line; where nobody reads it any more, as after `| head`, the work goes on unheard."""
    stream = stream or sys.stdout
    if stream is None:  # there is none, as under pythonw
        return
    try:
        print(
            text.encode(stream.encoding or "utf-8", "backslashreplace").decode(stream.encoding or "utf-8"),
            file=stream,
            flush=True,
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def signals_wait() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM wait until the end of the block; what it gives says whether one came."""
    came: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM) if main}
    for one in before:
        signal.signal(one, lambda number, _: came.append(number))
    try:
        yield lambda: bool(came)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        if came:
            signal.raise_signal(came[0])
