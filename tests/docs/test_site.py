from __future__ import annotations

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import generate  # noqa: E402

import napari_ae_seg as ae  # noqa: E402

dead = runpy.run_path(str(ROOT / "scripts" / "links.py"))["dead"]


def test_the_reference_has_everything_public_once():
    page = generate.reference()
    for name in ae.__all__:
        if callable(getattr(ae, name)):
            assert page.count(f":: napari_ae_seg.{name}\n") == 1, name


def test_cells_of_a_script_are_words_and_code():
    text = "# %% [markdown]\n# # Title\n#\n# words\n\n# %%\nx = 1\n\n# a comment\ny = 2\n"
    assert generate.cells(text) == [("words", "# Title\n\nwords", 1), ("code", "x = 1\n\n# a comment\ny = 2", 6)]


def test_dead_links_of_a_site_are_found(tmp_path):
    links = '<a href="b.html#there"></a><img src="c.png"><img src="a.html?v=1"><a href="#top1">'
    (tmp_path / "a.html").write_text(f'<h1 id="top1"></h1>{links}')
    (tmp_path / "b.html").write_text('<a href="a.html#gone"></a><a href="https://example.org">')
    assert dead(tmp_path) == ["a.html: b.html#there", "a.html: c.png", "b.html: a.html#gone"]
