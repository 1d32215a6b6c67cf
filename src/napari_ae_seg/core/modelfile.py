"""Model files: named arrays and a JSON header in one safetensors file, its SHA-256 checked before anything is believed.

A file is whatever `write` was given under its name in full, or what was there before.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ModelFileError
from .wholefile import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
"""Version of the file format; a reader refuses files of a later one."""

_DIGEST = re.compile(rb'"sha256":"([0-9a-f]{64})"')
_LENGTH = 8  # bytes of the little-endian length of a safetensors header
_PEEK = 2**26  # no header is as long; a foreign file's first bytes may say anything
_UPDATE = "update it with: pip install --upgrade napari-ae-seg"


def write(path: str | os.PathLike[str], header: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> None:
    """A file at `path` with `header` (anything JSON knows) and `tensors`, whole or not at all."""
    from safetensors.numpy import save

    metadata = {"format": str(FORMAT), "header": json.dumps(header), "sha256": "0" * 64}
    content = bytearray(save({name: _plain(array) for name, array in tensors.items()}, metadata=metadata))
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
    from safetensors.numpy import load

    content = _bytes(Path(path))
    start, stop = _place(content, str(path))
    if _digest(content, start, stop) != content[start:stop]:
        raise ModelFileError(f"{path} is damaged: its content does not match its checksum; copy or download it again")
    try:
        metadata = json.loads(content[_LENGTH : _LENGTH + _header_length(content)])["__metadata__"]
        version = int(metadata["format"])
        if version > FORMAT:
            raise ModelFileError(
                f"{path} was written by a later version of napari-ae-seg (file format {version}, "
                f"this version reads up to {FORMAT}); {_UPDATE}"
            )
        header = json.loads(metadata["header"])
        tensors = load(bytes(content))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} is not a model of napari-ae-seg, although its checksum is right") from error
    if not isinstance(header, dict):
        raise ModelFileError(f"{path} is not a model of napari-ae-seg: its header is no set of names and values")
    return header, tensors


def peek(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The header of the file at `path`, read alone and not checked: to list models by, never to use one."""
    try:
        with Path(path).open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH), "little")
            metadata = json.loads(file.read(length) if length < _PEEK else b"")["__metadata__"]
        header = json.loads(metadata["header"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} is not a model of napari-ae-seg") from error
    return header if isinstance(header, dict) else {}


def _plain(array: np.ndarray) -> np.ndarray:
    """The array in native byte order and one piece, of a type that safetensors stores."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a model file holds numbers, got an array of {array.dtype}")
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C", copy=True)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise ModelFileError(f"{path} is a folder, not a model file") from None
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
