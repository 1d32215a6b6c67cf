"""Arrays of files that cannot be read piece by piece: decoded when first looked at, and the last few of them kept."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

Decode = Callable[[], np.ndarray]


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
        self._kept = Kept(128 * 2**20)

    def __getitem__(self, index: Any) -> np.ndarray:
        index = index if isinstance(index, tuple) else (index,)
        index = (*index, *(slice(None),) * (len(self.shape) - len(index)))
        outer, inner = index[: len(self._outer)], index[len(self._outer) :]
        if not self._outer:
            return self._read(0)[inner]
        numbers = np.arange(int(np.prod(self._outer))).reshape(self._outer)[outer]
        parts = [self._read(int(number))[inner] for number in np.ravel(numbers)]
        return np.stack(parts).reshape(*np.shape(numbers), *parts[0].shape)

    def _read(self, number: int) -> np.ndarray:
        return self._kept.get(number, lambda: np.asarray(self._decode(number)).reshape(self._page))


_KEPT = Kept(256 * 2**20)
