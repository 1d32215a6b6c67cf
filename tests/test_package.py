from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import napari_ae_seg as ae

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "sklearn",
    "skimage",
    "dask",
    "zarr",
    "napari",
    "qtpy",
    "PyQt6",
    "PySide6",
    "magicgui",
    "scipy",
    "numpy",
)


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a new interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_after("import napari_ae_seg").intersection(HEAVY)


def test_reading_configs_loads_no_torch_nor_window():
    loaded = loaded_after("import napari_ae_seg as ae; ae.TrainingConfig(steps=5)")
    assert not loaded.intersection({"torch", "sklearn", "skimage", "dask", "napari", "qtpy", "PyQt6", "magicgui"})


def test_the_samples_need_no_torch():
    loaded = loaded_after("from napari_ae_seg.samples import draw; draw('volume')")
    assert not loaded.intersection({"torch", "sklearn", "skimage", "dask", "napari", "qtpy", "PyQt6"})


def test_every_public_name_can_be_imported():
    missing = [name for name in ae.__all__ if not hasattr(ae, name)]
    assert not missing


def test_the_version_is_the_same_everywhere():
    assert metadata.version("napari-ae-seg") == ae.__version__
    assert f"version: {ae.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {ae.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_pinned_version_meets_its_floor():
    pins = dict(re.findall(r"^([\w.-]+)==(\d+(?:\.\d+)*)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    pins = {normal(name): number(version) for name, version in pins.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        name, floor = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?>=(\d+(?:\.\d+)*)", requirement).groups()
        assert pins[normal(name)] >= number(floor), requirement


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
