"""A journal: what a long job has done, one line after the other, on the disk before the next thing begins.

A line is only believed if it ends: what a kill or a power cut tore off is cut away, and that piece of work is done
again. The first line says what job it is, so that no other job goes on with it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from .errors import JobError

Entry = dict[str, Any]


class Journal:
    """What one process writes down of a job, at `path`; `about` says what job it is.

    Raises JobError if another process is writing there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Journal(Path(folder, "a.jsonl"), {"job": 1}) as journal:
    ...         journal.add({"block": 7})
    ...     entries(Path(folder, "a.jsonl"))
    [{'job': 1}, {'block': 7}]
    """

    def __init__(self, path: Path, about: Entry) -> None:
        self.path = path
        fresh = not path.exists()
        self._file: BinaryIO = path.open("ab+")
        _lock(self._file, path)
        whole = sum(map(len, _lines(path.read_bytes())))
        if whole < path.stat().st_size:
            self._file.truncate(whole)
        if not whole:
            self.add(about)
        if fresh:
            sync(path.parent)

    def add(self, entry: Entry) -> None:
        """Write down one thing that is done; it stays written when this returns, whatever happens then."""
        self._file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let another process go on with it."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def entries(path: Path) -> list[Entry]:
    """The whole lines of the journal at `path`; [] if there is none."""
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in _lines(path.read_bytes())]
    except ValueError as error:
        raise JobError(f"{path} is no journal of a job ({error}): delete its folder to begin anew") from None


def sync(path: Path) -> None:
    """Make a file or the names in a folder survive a power cut; folders cannot be flushed on every system."""
    if path.is_dir() and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():
            raise
    finally:
        os.close(handle)


def _lines(content: bytes) -> list[bytes]:
    """The lines that end."""
    return [line for line in content.splitlines(keepends=True) if line.endswith(b"\n")]


def _lock(file: BinaryIO, path: Path) -> None:
    """Holds the file until it is closed, also by the end of the process."""
    if sys.platform == "win32":
        import msvcrt

        def hold() -> None:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        def hold() -> None:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    try:
        hold()
    except OSError:
        file.close()
        raise JobError(
            f"another process is at work on {path.parent.parent.parent.name}: wait for it, or end it"
        ) from None
