"""Arrays of files that cannot be read piece by piece: decoded when first looked at, and the last few of them kept."""

from __future__ import annotations

import struct
import threading
import tokenize
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_ae_seg.core.errors import ImageReadError

UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError, LookupError, ArithmeticError, AssertionError, AttributeError),
    *(TypeError, SyntaxError, struct.error, tokenize.TokenError, zlib.error),
)
"""Exceptions that decoding libraries raise on damaged files."""

KEPT = 128 * 2**20
"""Files of up to this many bytes are kept decoded, while they are among the last ones looked at."""

Decode = Callable[[], np.ndarray]


def why(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


class Kept:
    """The last decoded pieces, up to `limit` bytes of them (the newest one always); several threads may ask."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._pieces: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._busy: dict[Hashable, threading.RLock] = {}
        self._lock = threading.RLock()  # reentrant: a collected array forgets its piece wherever it is collected

    def get(self, key: Hashable, decode: Decode) -> np.ndarray:
        """The piece `key`, decoded now if it is not kept; who asks for it meanwhile waits."""
        with self._lock:
            if key in self._pieces:
                self._pieces.move_to_end(key)
                return self._pieces[key]
            busy = self._busy.setdefault(key, threading.RLock())
        with busy:
            with self._lock:
                if key in self._pieces:
                    return self._pieces[key]
            try:
                piece = decode()
                with self._lock:
                    self._pieces[key] = piece
                    while len(self._pieces) > 1 and sum(k.nbytes for k in list(self._pieces.values())) > self.limit:
                        self._pieces.popitem(last=False)
            finally:
                with self._lock:
                    self._busy.pop(key, None)
            return piece

    def forget(self, owner: object) -> None:
        """Drop the pieces of `owner`, whose keys begin with it."""
        with self._lock:
            for key in [key for key in self._pieces if isinstance(key, tuple) and key[0] is owner]:
                self._pieces.pop(key, None)


class Decoded:
    """An array of known `shape` and `dtype` whose values are decoded as a whole when it is first indexed."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, decode: Decode) -> None:
        self.shape, self.dtype, self._decode = shape, np.dtype(dtype), decode
        self._key = object()
        weakref.finalize(self, _KEPT.forget, self._key)

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.asarray(_KEPT.get((self._key, 0), self._decode)[index])


class Paged:
    """Pages of one shape, decoded one at a time: an array of shape (*outer, *page)."""

    def __init__(self, outer: tuple[int, ...], page: tuple[int, ...], dtype: Any, decode: Callable[[int], Any]) -> None:
        self.shape, self.dtype = (*outer, *page), np.dtype(dtype)
        self.chunks = (*(1 for _ in outer), *page)
        self._outer, self._page, self._decode = outer, page, decode
        self._key = object()
        weakref.finalize(self, _KEPT.forget, self._key)

    def __getitem__(self, index: Any) -> np.ndarray:
        index = () if index is Ellipsis else index
        index = (*index, *(slice(None),) * (len(self.shape) - len(index)))
        outer, inner = index[: len(self._outer)], index[len(self._outer) :]
        if not self._outer:
            return np.asarray(self._read(0)[inner])
        numbers = np.arange(int(np.prod(self._outer))).reshape(self._outer)[outer]
        parts = [self._read(int(number))[inner] for number in np.ravel(numbers)]
        return np.asarray(np.stack(parts).reshape(*np.shape(numbers), *parts[0].shape))

    def _read(self, number: int) -> np.ndarray:
        return _KEPT.get((self._key, number), lambda: np.asarray(self._decode(number)).reshape(self._page))


class Mapped:
    """A part of a file that holds an array as it is; the file is open only while a piece is copied from it."""

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: Any, start: int, order: Literal["C", "F"] = "C"
    ) -> None:
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self._path, self._start, self._order = path, start, order

    def __getitem__(self, index: Any) -> np.ndarray:
        whole: np.ndarray = np.memmap(self._path, self.dtype, "r", self._start, self.shape, self._order)
        return np.array(whole[index])


class Opened:
    """Files that are opened when they are looked at; the last few stay open, so that thousands can be read."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: OrderedDict[Hashable, tuple[Any, list[None]]] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def use(self, key: Hashable, opens: Callable[[], Any]) -> Iterator[Any]:
        """What `opens` gives, which has `close`; it stays open at least as long as it is in use."""
        with self._lock:
            if key not in self._held:
                self._held[key] = (opens(), [])
            handle, users = self._held[key]
            self._held.move_to_end(key)
            users.append(None)
            self._close_oldest()
        try:
            yield handle
        finally:
            with self._lock:
                users.pop()
                self._close_oldest()

    def _close_oldest(self) -> None:
        for key in [key for key, (_, users) in self._held.items() if not users]:
            if len(self._held) <= self.limit:
                return
            self._held.pop(key)[0].close()


class Guarded:
    """An array of a file: whatever its decoder raises becomes one sentence."""

    def __init__(self, array: Any, name: str) -> None:
        self.shape, self.dtype, self._array, self._name = tuple(array.shape), np.dtype(array.dtype), array, name
        self.chunks = getattr(array, "shards", None) or getattr(array, "chunks", None)

    def __getitem__(self, index: Any) -> np.ndarray:
        try:
            return np.asarray(self._array[index])
        except ImageReadError:
            raise
        except UNREADABLE as error:
            raise ImageReadError(f"{self._name}: damaged, some pixels cannot be read ({why(error)})") from None


class Expanded:
    """An array seen with axes of length 1 added at `places` of its shape."""

    def __init__(self, array: Any, places: Sequence[int]) -> None:
        self._array, self._places, self.dtype = array, tuple(places), np.dtype(array.dtype)
        self.shape = self._with_ones(array.shape)
        self.chunks = self._with_ones(array.chunks) if getattr(array, "chunks", None) else None

    def __getitem__(self, index: Any) -> np.ndarray:
        index = (slice(None),) * len(self.shape) if index is Ellipsis else index
        part = np.asarray(self._array[tuple(at for place, at in enumerate(index) if place not in self._places)])
        kept = [place for place, at in enumerate(index) if isinstance(at, slice)]
        return np.expand_dims(part, [to for to, place in enumerate(kept) if place in self._places])

    def _with_ones(self, sizes: Sequence[int]) -> tuple[int, ...]:
        left = iter(sizes)
        return tuple(1 if place in self._places else next(left) for place in range(len(sizes) + len(self._places)))


_KEPT = Kept(256 * 2**20)
