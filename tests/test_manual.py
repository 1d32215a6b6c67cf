"""The manual: whatever a person can call says what goes in, what comes out, what may go wrong, and shows an example."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import napari_ae_seg as ae

INNER = {"state", "from_state"}
"""Methods by which model files are written; nobody else calls them."""


def public() -> Iterator[tuple[str, Any]]:
    """Name -> function, class, method or property that can be reached from the package in two steps."""
    for name in ae.__all__:
        thing = getattr(ae, name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            yield name, thing
        if not inspect.isclass(thing):
            continue
        for kind in reversed(thing.__mro__):
            if not kind.__module__.startswith("napari_ae_seg"):
                continue
            for part, member in vars(kind).items():
                if part.startswith(("_", "model_")) or part in INNER:
                    continue
                found = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
                if inspect.isfunction(found) or isinstance(found, property) or hasattr(found, "func"):
                    yield f"{name}.{part}", found


THINGS = dict(public())
CALLABLE = {name: thing for name, thing in THINGS.items() if inspect.isfunction(thing)}
CLASSES = {name: thing for name, thing in THINGS.items() if inspect.isclass(thing)}


def sections(thing: Any) -> dict[str, str]:
    """Heading -> text of a numpy-style docstring; what stands before the first heading is ""."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.getdoc(thing) or "", flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def named(section: str) -> set[str]:
    """The names that a section of parameters tells of."""
    heads = re.findall(r"^\*{0,2}(\w+(?:, \*{0,2}\w+)*)(?: :.*)?$", section, re.MULTILINE)
    return {name.strip("* ") for head in heads for name in head.split(",")}


def parameters(thing: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(thing).parameters) - {"self", "cls"}


def raised(thing: Callable[..., Any]) -> set[str]:
    """Exceptions that a function's own lines raise."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)}


@pytest.mark.parametrize("name", CALLABLE)
def test_a_function_tells_of_its_parameters_result_and_failures_with_an_example(name):
    thing, told = CALLABLE[name], sections(CALLABLE[name])
    assert told[""].strip(), "it says what it is for"
    assert named(told.get("Parameters", "")) == parameters(thing)
    if inspect.signature(thing).return_annotation not in ("None", None):
        assert "Returns" in told or "Yields" in told
    assert raised(thing) <= named(told.get("Raises", ""))
    assert ">>> " in told.get("Examples", "")


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_tells_of_what_it_is_made_of_with_an_example(name):
    thing, told = CLASSES[name], sections(CLASSES[name])
    assert told[""].strip(), "it says what it is for"
    if issubclass(thing, BaseException):
        return
    assert parameters(thing) <= named(told.get("Parameters", "")) | named(told.get("Attributes", ""))
    assert ">>> " in told.get("Examples", "")


@pytest.mark.parametrize("name", [name for name in THINGS if name not in CALLABLE and name not in CLASSES])
def test_a_property_says_what_it_is(name):
    assert (inspect.getdoc(THINGS[name]) or "").strip()
