"""Arrays of files that cannot be read piece by piece: decoded when first looked at, and the last few of them kept."""

from __future__ import annotations

import mmap
import struct
import threading
import tokenize
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import ImageReadError

UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError, LookupError, ArithmeticError, AssertionError, AttributeError),
    *(TypeError, SyntaxError, struct.error, tokenize.TokenError, zlib.error),
)
"""What the libraries that decode files raise at damaged ones: they trip over numbers that cannot be."""

KEPT = 128 * 2**20
"""Bytes of decoded pages that a file keeps."""

Decode = Callable[[], np.ndarray]


def why(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


class Kept:
    """The last decoded pieces, up to `limit` bytes of them (the newest one always); several threads may ask."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._pieces: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._lock = threading.RLock()  # reentrant: a collected array forgets its piece wherever it is collected

    def get(self, key: Hashable, decode: Decode) -> np.ndarray:
        """The piece `key`, decoded now if it is not kept."""
        with self._lock:
            if key in self._pieces:
                self._pieces.move_to_end(key)
                return self._pieces[key]
            piece = self._pieces[key] = decode()
            while len(self._pieces) > 1 and sum(kept.nbytes for kept in list(self._pieces.values())) > self.limit:
                self._pieces.popitem(last=False)
            return piece

    def forget(self, key: Hashable) -> None:
        """Drop the piece `key`."""
        with self._lock:
            self._pieces.pop(key, None)


class Decoded:
    """An array of known `shape` and `dtype` whose values are decoded as a whole when it is first indexed."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, decode: Decode) -> None:
        self.shape, self.dtype, self._decode = shape, np.dtype(dtype), decode
        self._key = object()
        weakref.finalize(self, _KEPT.forget, self._key)

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.asarray(_KEPT.get(self._key, self._decode)[index])


class Paged:
    """Pages of one shape, decoded one at a time: an array of shape (*outer, *page)."""

    def __init__(self, outer: tuple[int, ...], page: tuple[int, ...], dtype: Any, decode: Callable[[int], Any]) -> None:
        self.shape, self.dtype = (*outer, *page), np.dtype(dtype)
        self.chunks = (*(1 for _ in outer), *page)
        self._outer, self._page, self._decode = outer, page, decode
        self._kept = Kept(KEPT)

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
        return self._kept.get(number, lambda: np.asarray(self._decode(number)).reshape(self._page))


class Mapped:
    """A file mapped into memory; of a large one what was looked at is handed back at once."""

    def __init__(self, array: np.memmap) -> None:
        self.shape, self.dtype, self._array = array.shape, array.dtype, array
        self._map: Any = getattr(array, "_mmap", None)
        self._large = array.nbytes > KEPT and hasattr(self._map, "madvise")  # Windows has none

    def __getitem__(self, index: Any) -> np.ndarray:
        part = np.array(self._array[index])
        if self._large:
            self._map.madvise(mmap.MADV_DONTNEED)
        return part


class Guarded:
    """An array of a file: whatever its decoder raises becomes one sentence."""

    def __init__(self, array: Any, name: str) -> None:
        self.shape, self.dtype, self._array, self._name = tuple(array.shape), np.dtype(array.dtype), array, name
        self.chunks = getattr(array, "shards", None) or getattr(array, "chunks", None)

    def __getitem__(self, index: Any) -> np.ndarray:
        try:
            return np.asarray(self._array[index])
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
