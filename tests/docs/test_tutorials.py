"""Every tutorial runs as it stands, draws its pictures, and finds what was drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))

import generate  # noqa: E402

SCRIPTS = sorted(path.stem for path in (DOCS / "tutorials").glob("*.py") if path.stem != "pictures")


def test_every_tutorial_is_in_the_list():
    assert sorted(path.stem for path in generate.tutorials()) == SCRIPTS


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_tutorial_runs_as_it_stands(name, tmp_path):
    names: dict = {}
    page = generate.played(DOCS / "tutorials" / f"{name}.py", tmp_path / name, names)
    assert page.startswith("# ")
    pictures = sorted((tmp_path / name).glob("*.png"))
    assert pictures
    assert all(f"]({name}/{path.name})" in page for path in pictures)
    for path in pictures:
        with Image.open(path) as picture:
            assert len(np.unique(np.asarray(picture.convert("L")))) > 5, f"{path.name} shows nothing"
    assert names.get("score", 1) > 0.6
