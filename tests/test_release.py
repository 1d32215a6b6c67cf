"""What a release needs is kept right between releases."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path

import yaml

import napari_ae_seg as ae

ROOT = Path(__file__).parents[1]
release = runpy.run_path(str(ROOT / "scripts" / "release.py"))


def test_every_file_names_the_version_of_the_source():
    assert release["written_version"]() == ae.__version__
    assert release["version_faults"](ae.__version__) == []
    assert len(release["version_faults"]("9.9.9")) == 5


def test_the_recipe_for_conda_requires_what_pyproject_does():
    assert release["recipe_faults"]() == []


def test_workflows_and_forms_can_be_read():
    files = [*ROOT.glob(".github/**/*.yml"), ROOT / ".napari-hub" / "config.yml", ROOT / ".pre-commit-config.yaml"]
    assert len(files) > 7
    assert all(isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict) for path in files)


def test_every_python_that_is_tested_is_named_on_the_index():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
    tested = jobs["test"]["strategy"]["matrix"]["python"]
    assert tested == ["3.11", "3.12", "3.13", "3.14"]
    assert all(f"Programming Language :: Python :: {version}" in named for version in tested)
