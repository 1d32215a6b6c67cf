"""Model files: named arrays and a JSON header in one safetensors file, its SHA-256 checked before anything is believed.

`save` and `load` hold whole objects, by their state; `write` and `read` the header and arrays it consists of. The same
content gives the same bytes, and whatever is wrong with a file is a ModelFileError.

A file is whatever `write` was given under its name in full, or what was there before.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from . import state
from .errors import ModelFileError
from .wholefile import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
"""Version of the file format; a reader refuses files of a later one."""

T = TypeVar("T")

_DIGEST = re.compile(rb'"sha256":"([0-9a-f]{64})"')
_LENGTH = 8  # bytes of the little-endian length of a safetensors header
_HEADER = 2**24  # bytes of the longest header
_DEEPEST = 100  # lists within lists of a header
_UPDATE = "update it with: pip install --upgrade napari-ae-seg"
_ODD = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What code may raise that a file leads astray; nothing else is caught."""
_TYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
}
"""Names that safetensors has for numpy's types."""


def save(path: str | os.PathLike[str], thing: Any) -> None:
    """A file at `path` from which `load` makes `thing` again; its class is one that files may hold."""
    write(path, *state.pack(thing))


def load(path: str | os.PathLike[str], kind: type[T], advice: str = "") -> T:
    """The object of type `kind` that the file at `path` holds, or that is a part of what it holds.

    ModelFileError if there is none, with `advice` on what to do then, or if it makes no sense.
    """
    header, arrays = read(path)
    name = state.name_of(kind)
    part = "" if header.get("is") == name else next((one for one in header if find(header, one, "is") == name), None)
    if part is None:
        held = str(find(header, "is") or "nothing that this version knows")[:60]
        article = "an " if held[0] in "aeiou" else "" if held.startswith("nothing") else "a "
        raise ModelFileError(f"{path} holds {article}{held}, no {name}{advice and f': {advice}'}")
    try:
        return state.unpack(kind, header[part] if part else header, arrays, part)
    except _ODD as error:
        why = "too large for the memory" if isinstance(error, MemoryError) else " ".join(str(error).split())[:300]
        raise ModelFileError(f"{path} holds no {name} that can be used: {why}; save it again, or {_UPDATE}") from error


def find(header: Any, *names: str) -> Any:
    """What stands in `header` under `names`, one within the other; None if there is no such thing.

    >>> find({"info": {"date": "today"}}, "info", "date"), find({"info": 3}, "info", "date")
    ('today', None)
    """
    for name in names:
        header = header.get(name) if isinstance(header, dict) else None
    return header


def write(path: str | os.PathLike[str], header: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> None:
    """A file at `path` with `header` (anything JSON knows) and `tensors`, whole or not at all."""
    text = json.dumps(header, sort_keys=True)
    if len(text) > _HEADER // 2:
        raise ValueError(f"a model file holds up to {_HEADER // 2:,} characters besides its arrays, got {len(text):,}")
    arrays = {name: _plain(tensors[name]) for name in sorted(tensors)}
    entries: dict[str, Any] = {"__metadata__": {"format": str(FORMAT), "header": text, "sha256": "0" * 64}}
    end = 0
    for name in sorted(arrays, key=lambda name: -arrays[name].itemsize):  # so that every array starts at its multiple
        start, end = end, end + arrays[name].nbytes
        kind = _TYPES[arrays[name].dtype.name]
        entries[name] = {"dtype": kind, "shape": list(arrays[name].shape), "data_offsets": [start, end]}
    inner = json.dumps(entries, separators=(",", ":")).encode()
    inner += b" " * (-len(inner) % 8)
    parts = [arrays[name].tobytes() for name in entries if name in arrays]
    content = bytearray(b"".join([len(inner).to_bytes(_LENGTH, "little"), inner, *parts]))
    start, stop = _place(content)
    content[start:stop] = _digest(content, start, stop)
    write_bytes(path, content)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the tensors of the file at `path`; ModelFileError if one byte is not as it was written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/a.aeseg", {"kind": "example"}, {"x": np.arange(3)})
    ...     read(f"{folder}/a.aeseg")
    ({'kind': 'example'}, {'x': array([0, 1, 2])})
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as parsed

    content = _bytes(Path(path))
    start, stop = _place(content, str(path))
    if _digest(content, start, stop) != content[start:stop]:
        raise ModelFileError(f"{path} is damaged: its content does not match its checksum; copy or download it again")
    try:
        header = _header(content[_LENGTH : _LENGTH + _header_length(content)], path)
        tensors = parsed(content)
    except (SafetensorError, *_ODD) as error:
        raise ModelFileError(f"{path} is not a model of napari-ae-seg, although its checksum is right") from error
    return header, tensors


def peek(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The header of the file at `path`, read alone and not checked: to list models by, never to use one.

    Anything may stand in it: look things up with `find`.
    """
    try:
        return _header(_bytes(Path(path), whole=False)[_LENGTH:], path)
    except _ODD as error:
        raise ModelFileError(f"{path} is not a model of napari-ae-seg") from error


def shape_of(path: str | os.PathLike[str], name: str) -> tuple[int, ...]:
    """The shape that the header of the file at `path` gives its array `name`: read like `peek`; none if there is none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/a.aeseg", {}, {"x": np.zeros((3, 2))})
    ...     shape_of(f"{folder}/a.aeseg", "x"), shape_of(f"{folder}/a.aeseg", "y")
    ((3, 2), ())
    """
    try:
        shape = find(json.loads(_bytes(Path(path), whole=False)[_LENGTH:]), name, "shape")
    except _ODD as error:
        raise ModelFileError(f"{path} is not a model of napari-ae-seg") from error
    return tuple(shape) if isinstance(shape, list) and all(type(side) is int for side in shape) else ()


def _header(text: bytes, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Our own part of a safetensors header."""
    metadata = json.loads(text)["__metadata__"]
    version = int(metadata["format"])
    if version > FORMAT:
        raise ModelFileError(
            f"{path} was written by a later version of napari-ae-seg (file format {version}, "
            f"this version reads up to {FORMAT}); {_UPDATE}"
        )
    header = json.loads(metadata["header"])
    level: list[Any] = [header]
    for _ in range(_DEEPEST):
        level = [v for x in level if isinstance(x, dict | list) for v in (x.values() if isinstance(x, dict) else x)]
    if level or not isinstance(header, dict):
        raise ValueError("the header is nested too deep, or no set of names and values")
    return header


def _plain(array: np.ndarray) -> np.ndarray:
    """The array in little-endian order and one piece, of a type that safetensors stores."""
    array = np.asarray(array)
    if array.dtype.name not in _TYPES:
        raise TypeError(f"a model file holds numbers, got an array of {array.dtype}")
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _bytes(path: Path, whole: bool = True) -> bytes:
    """The content of a file that may be a model, or its header alone."""
    try:
        if path.is_dir():
            raise ModelFileError(f"{path} is a folder, not a model file")
        if path.exists() and not path.is_file():  # reading a pipe or a device would never end
            raise ModelFileError(f"{path} is no file")
        with path.open("rb") as file:
            start = file.read(_LENGTH)
            length = int.from_bytes(start, "little")
            head = start + (file.read(length) if length <= _HEADER else file.read(1 << 10))
            if whole and length <= _HEADER:
                _place(head, str(path))
                return head + file.read()
            return head
    except FileNotFoundError:
        raise ModelFileError(f"{path} does not exist") from None
    except MemoryError:
        raise ModelFileError(f"{path} is too large for the memory") from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from None


def _header_length(content: bytes | bytearray) -> int:
    return int.from_bytes(content[:_LENGTH], "little")


def _place(content: bytes | bytearray, path: str = "the file") -> tuple[int, int]:
    """Where the digest stands; quotes inside JSON texts are escaped, so nothing else in the header looks like it."""
    end = _LENGTH + _header_length(content)
    if not content:
        raise ModelFileError(f"{path} is empty")
    found = list(_DIGEST.finditer(content, _LENGTH, end)) if end <= len(content) else []
    if len(found) != 1:
        what = "is cut short or damaged" if b'"sha256"' in content[: 1 << 20] else "is not a model of napari-ae-seg"
        raise ModelFileError(f"{path} {what}")
    return found[0].span(1)


def _digest(content: bytes | bytearray, start: int, stop: int) -> bytes:
    """SHA-256, in hexadecimal, over every byte but those from `start` to `stop`."""
    view = memoryview(content)
    digest = hashlib.sha256(view[:start])
    digest.update(view[stop:])
    return digest.hexdigest().encode()
