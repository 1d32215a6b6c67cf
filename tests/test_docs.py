from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import yaml

import napari_ae_seg as ae

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])


def test_the_page_of_settings_says_what_config_says():
    script = runpy.run_path(str(ROOT / "scripts" / "settings.py"))
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == script["page"](), "run: make docs-settings"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    if not (ROOT / "docs" / "images").exists():  # as in a source distribution
        targets = [target for target in targets if not target.endswith((".png", ".gif"))]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_used_in_the_pages_are_public(page):
    used = set(re.findall(r"\bae\.(\w+)", page.read_text(encoding="utf-8")))
    assert used <= set(ae.__all__)


def test_the_manifest_at_the_top_is_the_one_in_the_package():
    inside = ROOT / "src" / "napari_ae_seg" / "napari.yaml"
    assert (ROOT / "napari.yaml").resolve() == inside.resolve()
    assert yaml.safe_load(inside.read_text(encoding="utf-8"))["name"] == "napari-ae-seg"


def test_the_page_for_python_runs_as_it_stands(tmp_path, monkeypatch):
    code = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    monkeypatch.chdir(tmp_path)
    small = 'draw("nuclei").image[:128, :128]'
    for block in code:
        exec(block.replace('draw("nuclei").image', small).replace("steps=200", "steps=20"), names)
    assert names["redrawn"].shape == names["drawn"].shape == (128, 128)
    assert names["every_pixel"].shape == (1, 16, 128, 128)
    assert names["segments"].labels.max() == 3
    assert names["again"].names[1] == "background"
    assert names["objects"].count > 3
