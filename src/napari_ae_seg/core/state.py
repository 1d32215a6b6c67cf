"""State: what was fitted, as plain values that JSON knows and named arrays, and back; what is read is never believed.

A class that files may hold is `stored` under a name and a version, and its fields are what a file holds of it: numbers,
texts, configurations, arrays, tensors, other such classes, and tuples, lists, sets and dictionaries of them. The types
of the fields are what may be read into them. `Annotated[int, (1, 64)]` sets limits;
`Annotated[np.ndarray, "float32 n F"]`
names the type and the sides of an array, and sides of one name are equal throughout an object. What else must hold, the
method `check` of the class says: it raises ValueError where the object makes no sense.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from napari_ae_seg.config import Config

Arrays = dict[str, np.ndarray]
T = TypeVar("T")

LONGEST, LARGEST = 20_000, 2**63 - 1
"""Characters of a text, and the largest whole number, that are read."""

_ARRAY = "array"  # stands in the values where an array of that path belongs
_COLLECTIONS: dict[Any, Callable[..., Any]] = {list: list, tuple: tuple, frozenset: frozenset}


@dataclass(frozen=True)
class Kind:
    """A class that files may hold."""

    name: str
    version: int
    cls: type
    via: Any
    """A class that a file holds in its place, with `of(thing)` and `made(type)`; or None."""
    family: type | None
    """A type of fields that this class, named in the file, may be read into."""


_KINDS: dict[type, Kind] = {}


def stored(name: str, version: int = 1, via: Any = None, family: type | None = None) -> Callable[[type[T]], type[T]]:
    """Registers a dataclass under the `name` and `version` that files know it by.

    >>> @stored("example")
    ... @dataclass
    ... class Example:
    ...     places: Annotated[np.ndarray, "float32 n"]
    >>> pack(Example(np.zeros(2)))
    ({'is': 'example', 'version': 1, 'places': 'array'}, {'places': array([0., 0.])})
    """

    def register(cls: type[T]) -> type[T]:
        _KINDS[cls] = Kind(name, version, cls, via, family)
        return cls

    return register


def name_of(kind: type) -> str:
    """The name that files know a class by."""
    return _KINDS[kind].name


def pack(thing: Any) -> tuple[Any, Arrays]:
    """What `unpack` makes `thing` of again: values that JSON knows, and arrays by name."""
    arrays: Arrays = {}
    return _packed(thing, "", arrays), arrays


def unpack(kind: type[T], values: Any, arrays: Arrays, path: str = "") -> T:
    """The object of type `kind` that `values` and `arrays` under `path` describe; ValueError if they describe none."""
    made: T = _made(kind, values, path, arrays, {})
    return made


def _packed(thing: Any, path: str, arrays: Arrays) -> Any:
    if isinstance(thing, np.generic):
        return thing.item()
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    if isinstance(thing, Config):
        return thing.model_dump(mode="json")
    if type(thing) in _KINDS:
        kind = _KINDS[type(thing)]
        thing = kind.via.of(thing) if kind.via else thing
        own = {
            field.name: _packed(getattr(thing, field.name), _under(path, field.name), arrays) for field in fields(thing)
        }
        return {"is": kind.name, "version": kind.version, **own}
    if isinstance(thing, Mapping):
        return {str(key): _packed(value, _under(path, key), arrays) for key, value in thing.items()}
    if isinstance(thing, frozenset):
        return sorted(thing)
    if isinstance(thing, list | tuple):
        return [_packed(value, _under(path, number), arrays) for number, value in enumerate(thing)]
    arrays[path] = thing.detach().cpu().numpy() if hasattr(thing, "detach") else thing
    if not isinstance(arrays[path], np.ndarray):
        raise TypeError(f"a file cannot hold {path}, of type {type(thing).__name__}")
    return _ARRAY


def _made(hint: Any, value: Any, path: str, arrays: Arrays, sizes: dict[str, int]) -> Any:
    """`value` as what the type `hint` says; `sizes` are the sides of the arrays of the same object seen so far."""
    origin, args = get_origin(hint), get_args(hint)
    if kinds := _kinds(hint):
        named = value.get("is") if isinstance(value, dict) else None
        if named not in kinds:
            raise _wrong(path, f"a {' or a '.join(kinds)}", value)
        return _object(kinds[named], value, path, arrays)
    if origin is Annotated and isinstance(args[1], str):
        return _array(args[0], args[1], value, path, arrays, sizes)
    if origin is Annotated:
        return _within(_made(args[0], value, path, arrays, sizes), args[1], path)
    if origin in (Union, UnionType):
        (one,) = (option for option in args if option is not NoneType)
        return None if value is None else _made(one, value, path, arrays, sizes)
    if origin in _COLLECTIONS:
        return _COLLECTIONS[origin](_parts(origin, args, value, path, arrays, sizes))
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(path, "names and values", value)
        return {
            _key(args[0], key, path): _made(args[1], part, _under(path, key), arrays, sizes)
            for key, part in value.items()
        }
    if origin is Literal:
        if not any(value == one and type(value) is type(one) for one in args):
            raise _wrong(path, f"one of {', '.join(map(str, args))}", value)
        return value
    if isinstance(hint, type) and issubclass(hint, Config):
        return hint.model_validate(value)
    return _scalar(hint, value, path)


def _object(kind: Kind, value: dict[str, Any], path: str, arrays: Arrays) -> Any:
    if value.get("version") != kind.version:
        raise ValueError(f"its {kind.name} is of version {value.get('version')}, this one reads {kind.version}")
    hints = _hints(kind.via or kind.cls)
    if set(value) != {"is", "version", *hints}:
        odd = sorted(map(str, set(value) ^ {"is", "version", *hints}))
        raise ValueError(f"its {kind.name} lacks, or has beyond what is known, {', '.join(odd)[:200]}")
    sizes: dict[str, int] = {}
    parts = {name: _made(hint, value[name], _under(path, name), arrays, sizes) for name, hint in hints.items()}
    made = (kind.via or kind.cls)(**parts)
    if hasattr(made, "check"):
        made.check()
    return made.made(kind.cls) if kind.via else made


@cache
def _hints(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in fields(cls)}


def _parts(
    origin: Any, args: tuple[Any, ...], value: Any, path: str, arrays: Arrays, sizes: dict[str, int]
) -> Iterator[Any]:
    """The parts of a list, a tuple or a set."""
    several = origin is not tuple or args[-1] is ...
    if not isinstance(value, list) or not (several or len(value) == len(args)):
        raise _wrong(path, "a list" if several else f"a list of {len(args)}", value)
    for number, part in enumerate(value):
        yield _made(args[0] if several else args[number], part, _under(path, number), arrays, sizes)


def _kinds(hint: Any) -> dict[str, Kind]:
    """The classes that may be read where `hint` says, by name; none if it is not about such."""
    return {kind.name: kind for kind in _KINDS.values() if hint in (kind.cls, kind.family)} if hint else {}


def _array(base: Any, spec: str, value: Any, path: str, arrays: Arrays, sizes: dict[str, int]) -> Any:
    """The array at `path` in native order and of the type that `spec` names, finite, a copy; as `base` holds it."""
    dtype, *sides = spec.split()
    if value != _ARRAY or path not in arrays:
        raise _wrong(path, "an array", value)
    found = arrays[path]
    wanted = found.dtype if dtype == "any" else np.dtype(dtype)
    if found.dtype.kind.replace("u", "i") != wanted.kind.replace("u", "i") or found.dtype.kind not in "iuf":
        raise ValueError(f"{path} should hold numbers of type {dtype}, it holds {found.dtype}")
    with np.errstate(over="ignore"):
        array = np.array(found, wanted, order="C")
    if not np.isfinite(array).all() or (wanted.kind != "f" and not np.array_equal(array, found)):
        raise ValueError(f"{path} holds values that are not finite or too large")
    if sides[-1:] == ["*"]:
        sides = [*sides[:-1], *(str(side) for side in array.shape[len(sides) - 1 :])]
    fits = len(sides) == array.ndim
    for side, size in zip(sides, array.shape, strict=False):
        fits = fits and size == (int(side) if side.isdigit() else sizes.setdefault(side, size))
    if not fits:
        known = ", ".join(f"{side}={sizes[side]}" if side in sizes else side for side in sides)
        raise ValueError(f"{path} has the shape {array.shape}, it should have ({known})")
    if issubclass(base, np.ndarray):
        return array
    return sys.modules[base.__module__].from_numpy(array)  # torch, which images and settings must not import


def _scalar(hint: Any, value: Any, path: str) -> Any:
    if hint is Any:
        return value
    if hint is bool and isinstance(value, bool):
        return value
    if hint is str and isinstance(value, str) and len(value) <= LONGEST:
        return value
    if hint in (int, float) and isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST:
        return value  # a whole number stays one, so that it is written as it was read
    if hint is float and isinstance(value, float) and math.isfinite(value):
        return value
    words = {bool: "true or false", str: f"a text of at most {LONGEST} characters", int: "a whole number"}
    raise _wrong(path, words.get(hint, "a finite number"), value)


def _key(hint: Any, key: str, path: str) -> Any:
    base, limits = (get_args(hint)[0], get_args(hint)[1]) if get_origin(hint) is Annotated else (hint, None)
    if base is int and not (key.isascii() and key.lstrip("-").isdigit() and len(key) < 19):
        raise _wrong(path, "values by whole numbers", key)
    return _within(base(key), limits, path)


def _within(value: Any, limits: tuple[float, float] | None, path: str) -> Any:
    if limits and not limits[0] <= value <= limits[1]:
        raise _wrong(path, f"within {limits[0]:g} and {limits[1]:g}", value)
    return value


def _under(path: str, name: Any) -> str:
    """The path of a part; a slash within a name is written as in a JSON pointer."""
    part = str(name).replace("~", "~0").replace("/", "~1")
    return f"{path}/{part}" if path else part


def _wrong(path: str, wanted: str, value: Any) -> ValueError:
    text = repr(value.get("is", "names and values") if isinstance(value, dict) else value)
    return ValueError(f"{path or 'it'} should be {wanted}, it is {text if len(text) < 60 else text[:56] + ' ...'}")
