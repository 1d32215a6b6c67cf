"""Files and folders that appear whole or not at all: every file of this package is written here.

A file is written under a hidden name beside its place, flushed to the disk, and renamed; then its folder is flushed,
too. The hidden name tells which process wrote it, so that what a killed process left behind is cleared away by the next
one. A folder cannot be renamed onto another: the old one steps aside first, and `restore` brings it back if the process
was killed in between.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import sys
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MARK = "aeseg"
_HIDDEN = re.compile(rf"\.(?P<name>.+)\.{_MARK}-(?P<host>[0-9a-f]{{8}})-(?P<pid>\d+)-[0-9a-f]{{8}}\.(?P<what>new|old)")
_LONGEST = 100  # bytes of a file's name that its hidden name repeats: names have an end at 255
_TRIES = 100  # times that two writers of one folder may get in each other's way
_WAIT = 0.02  # seconds until the next try
_MADE: set[str] = set()  # hidden names of this process: another one may have had its number before


@contextmanager
def whole_file(path: str | os.PathLike[str], ending: str = "") -> Iterator[Path]:
    """A temporary file beside `path`, with its `ending`, that takes its name once all is written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(f"{folder}/a.txt") as temporary:
    ...         _ = temporary.write_text("all of it")
    ...     Path(f"{folder}/a.txt").read_text()
    'all of it'
    """
    path = _target(path)
    try:
        temporary = _beside(path, "new", os.fsencode(path.name)[:_LONGEST].decode(errors="ignore"))
        temporary = temporary.with_name(temporary.name + (ending or path.suffix))
        _sweep(path.parent)
    except OSError as error:
        raise _sentence(path, error) from error
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)  # noqa: PTH105 - atomic, and the same on every system
        _flush(path.parent)
    except OSError as error:
        raise _sentence(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], content: bytes | bytearray) -> None:
    """Write `content` to `path`, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


@contextmanager
def whole_folder(path: str | os.PathLike[str], replaces: Callable[[Path], bool] = lambda _: False) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its name once all is written.

    What is there already is replaced only if `replaces` says of it that it may be.
    """
    path = _target(path)
    restore(path)
    try:
        _may_replace(path, replaces)
        temporary = _beside(path, "new", path.name)
        _sweep(path.parent)
        temporary.mkdir()
    except OSError as error:
        raise _sentence(path, error) from error
    try:
        yield temporary
        _put(temporary, path, replaces)
    except OSError as error:
        raise _sentence(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put_folder(folder: Path, path: str | os.PathLike[str], replaces: Callable[[Path], bool] = lambda _: False) -> None:
    """Give `folder`, which a long job filled, the name `path`; what is there is replaced as `replaces` says."""
    try:
        _put(folder, _target(path), replaces)
    except OSError as error:
        raise _sentence(Path(path), error) from error


def restore(path: Path) -> None:
    """Bring back the folder at `path` if a process was killed while it was replacing it."""
    if path.exists() or not path.parent.is_dir():
        return
    for _ in range(_TRIES):
        aside = [(old, found) for old, found in _hidden(path.parent) if found["name"] == path.name]
        aside = [(old, found) for old, found in aside if found["what"] == "old"]
        for old, found in aside:
            if _is_left_behind(found) and old.is_dir():
                with suppress(OSError):  # another process may do the same
                    old.rename(path)
        if path.exists() or not aside:
            return
        time.sleep(_WAIT)  # a living process is about to put the new one there


def restore_all(folder: Path) -> None:
    """Bring back every folder in `folder` whose replacement was killed."""
    for _, found in _hidden(folder):
        if found["what"] == "old":
            restore(folder / found["name"])


def _put(folder: Path, path: Path, replaces: Callable[[Path], bool]) -> None:
    """Flush all of `folder` to the disk and rename it."""
    for held, _, files in os.walk(folder, topdown=False):
        for file in files:
            _flush(Path(held, file))
        _flush(Path(held))
    _exchange(folder, path, replaces)


def _exchange(temporary: Path, path: Path, replaces: Callable[[Path], bool]) -> None:
    """Rename `temporary` to `path`; what is there steps aside, and comes back if that fails."""
    aside: list[Path] = []
    try:
        for attempt in range(_TRIES):
            if path.exists():
                _may_replace(path, replaces)
                with suppress(FileNotFoundError):  # another writer was faster
                    aside.append(path.rename(_beside(path, "old", path.name)))
            try:
                temporary.rename(path)
                break
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or attempt == _TRIES - 1:
                    raise  # else another writer put its own there meanwhile
    except OSError:
        if aside and not path.exists():
            aside.pop().rename(path)
        raise
    finally:
        for old in aside:
            shutil.rmtree(old, ignore_errors=True)
    _flush(path.parent)


def _may_replace(path: Path, replaces: Callable[[Path], bool]) -> None:
    for _ in range(3):  # it may be stepping aside for another writer meanwhile
        if not path.exists() or replaces(path):
            return
        time.sleep(_WAIT)
    why = "what is there was not written by napari-ae-seg and is not replaced; give another name"
    raise FileExistsError(errno.EEXIST, why)


def _target(path: str | os.PathLike[str]) -> Path:
    """Where `path` leads to: a link keeps pointing there."""
    path = Path(path)
    return path.resolve() if path.is_symlink() else path


def _beside(path: Path, what: str, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = f".{name}.{_MARK}-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.{what}"
    _MADE.add(hidden)
    return path.with_name(hidden)


def _hidden(folder: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    """The hidden files and folders that this package makes in `folder`."""
    with os.scandir(folder) as entries:
        found = [(entry.path, _HIDDEN.match(entry.name)) for entry in entries if entry.name.startswith(".")]
    for path, match in found:
        if match:
            yield Path(path), match


def _sweep(folder: Path) -> None:
    """Clear away what processes left behind that are no more; an old folder without a successor comes back."""
    for path, found in _hidden(folder):
        if not _is_left_behind(found):
            continue
        if found["what"] == "old" and not (folder / found["name"]).exists():
            restore(folder / found["name"])
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def _is_left_behind(found: re.Match[str]) -> bool:
    """Whether the process that made a hidden file ran on this machine and has ended."""
    pid = int(found["pid"])
    if pid == os.getpid():
        return found["host"] == _host() and found[0] not in _MADE
    if found["host"] != _host() or sys.platform == "win32":  # where there is no asking without harm
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _host() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _flush(path: Path) -> None:
    """Make what was written survive a power cut; folders cannot be flushed on every system."""
    if path.is_dir():
        if sys.platform == "win32":
            return
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
                raise
        finally:
            os.close(handle)
        return
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sentence(path: Path, error: OSError) -> OSError:
    """The same kind of error in a sentence that names the place."""
    if str(error).startswith("cannot write "):
        return error
    why = error.strerror or str(error)
    if "requested and" in why:  # numpy's way to say it
        why = os.strerror(errno.ENOSPC)
    kind = type(error) if type(error).__module__ == "builtins" else OSError
    return kind(f"cannot write {str(path)!r}: {why}")
