"""Every figure in README and docs is one that a benchmark wrote to a file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from benchmarks import pages, results, strokes

ROOT = Path(__file__).parents[2]
DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
SCORE = re.compile(r"(?<![\w.\d])\.\d{2,3}(?!\d)")
"""Scores are written without the 0 before the point."""
MEASURED = re.compile(r"\d[\d.,]*\s?(?:%|ms|s|seconds|minutes|hours|MB|GB|TB|times)(?!\w)")
"""Numbers with the unit of a measurement."""


def scores() -> set[str]:
    """Every score in the files, as the pages write it."""
    numbers = {n for path in results.FOLDER.glob("*.json") for n in results.figures(json.loads(path.read_text()))}
    return {f"{n:.{digits}f}".removeprefix("0") for n in numbers if 0 <= n < 1 for digits in (2, 3)}


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_tables_are_what_was_measured(page):
    text = page.read_text(encoding="utf-8")
    assert pages.rendered(text) == text, "run: python -m benchmarks pages"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_every_score_of_a_page_is_in_a_file(page):
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = set(SCORE.findall(text))
    means = set(re.findall(SCORE, "".join(draw() for draw in pages.BLOCKS.values())))
    assert found - scores() - means == set()


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_times_sizes_and_shares_stand_in_tables_that_a_benchmark_draws(page):
    text = page.read_text(encoding="utf-8")
    for name in pages.BLOCKS:
        text = re.sub(rf"<!-- {name} -->.*?<!-- /{name} -->", "", text, flags=re.DOTALL)
    text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    assert set(MEASURED.findall(text)) <= {f"{100 * strokes.SHARE:g} %"}


def test_a_run_of_some_sets_leaves_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.keep("peers", {"a": {"kim": {"miou": 0.25}}, "b": {"kim": {"miou": 0.5}}})
    held = results.keep("peers", {"b": {"cuts": {"miou": 0.75}}})
    assert held["sets"] == {"a": {"kim": {"miou": 0.25}}, "b": {"kim": {"miou": 0.5}, "cuts": {"miou": 0.75}}}


def test_a_table_shows_what_is_there_and_says_where_others_are_better(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    measured = {"km_raw": {"miou": 0.61}, "default": {"miou": 0.5, "images": 3, "of": 33}}
    results.keep("peers", {"dsb2018_stage1_test": measured, "outex_us00000": {"km_raw": {"miou": 0.2}}})
    rows = pages.table("peers", pages.UNSUPERVISED).splitlines()
    assert rows[0] == "| | nuclei | textures | mean of the 2D sets | without textures |"
    assert rows[2] == "| k-means on intensity | .610 | .200 | .405 | .610 |"
    assert rows[3] == "| **napari-ae-seg, as it comes** | .500 | - | - | .500 |"
    assert pages.lost() == "- nuclei, without strokes: k-means on intensity .610; ours .500"
    assert "nuclei 3 of 33" in pages.machine("peers")
