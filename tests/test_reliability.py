"""Every promise of docs/reliability.md is held by tests that there are, and none of the findings is forgotten."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text()
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_the_test_that_holds_a_promise_is_there(file, name):
    tree = ast.parse((TESTS / file).read_text())
    assert name in {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}


def test_every_finding_has_its_promise():
    cells = [row.split("|")[2] for row in PAGE.splitlines() if row.startswith("| ")]
    told = {letter for cell in cells for letter in re.findall(r"[RGN][0-9]+", cell)}
    wanted = (
        {f"R{n}" for n in range(1, 19)} | {f"G{n}" for n in range(1, 14)} | {f"N{n}" for n in (1, 2, 3, 4, 5, 6, 8)}
    )
    assert told == wanted
