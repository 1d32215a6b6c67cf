from __future__ import annotations

import ast
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


MODULES = {
    "bioio-base": "bioio_base",
    "bioio-lif": "bioio",  # plugins, which it finds by itself
    "bioio-nd2": "bioio",
    "lazy-loader": "lazy_loader",
    "pillow": "PIL",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "umap-learn": "umap",
}
"""Distributions whose module has another name."""


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


FOR_OTHERS = {"bokeh"}
"""What an extra names for another package: dask draws its dashboard with it."""


def imported() -> set[str]:
    """Top-level modules that the source imports, also within functions and by `optional("name", ...)`."""
    names = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "optional":
                names.add(node.args[0].value)
    return {name.partition(".")[0] for name in names}


def declared(requirements: list[str]) -> set[str]:
    """The modules of what `requirements` name."""
    names = {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}
    return {MODULES.get(name, name) for name in names}


def test_the_package_depends_on_exactly_what_its_source_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = declared(project["dependencies"])
    extras = declared([name for extra in project["optional-dependencies"].values() for name in extra])
    outside = imported() - sys.stdlib_module_names - {"napari_ae_seg"}
    assert base - outside == set(), "declared, and imported nowhere"
    assert extras - outside - FOR_OTHERS == set(), "an extra that no source file imports"
    assert outside - base - extras == set(), "imported, and not declared"


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
