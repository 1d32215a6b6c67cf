"""A reader is one file and one line, as CONTRIBUTING shows."""

import re
import sys
import types
from pathlib import Path

import numpy as np

from napari_ae_seg.images.formats import READERS, WRITERS, module_of
from napari_ae_seg.images.stack import read

CONTRIBUTING = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_a_reader_is_a_function_and_a_line(tmp_path, monkeypatch):
    section = CONTRIBUTING.split("## Adding a reader\n")[1].split("\n## ")[0]
    [code] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    module = types.ModuleType("text")
    exec(code, vars(module))
    monkeypatch.setitem(sys.modules, "napari_ae_seg.images.formats.text", module)
    monkeypatch.setitem(READERS, ".txt", "text")
    np.savetxt(tmp_path / "a.txt", np.eye(3))
    image = read(tmp_path).image
    assert (image.name, image.axes, image.block(0, (slice(0, 3), slice(0, 3)))[0].tolist()) == (
        "a",
        "YX",
        np.eye(3).tolist(),
    )


def test_every_line_of_the_tables_names_a_module_that_does_it():
    for ending in READERS:
        assert callable(module_of(READERS, Path(f"a{ending}")).read)
    for ending in WRITERS:
        assert callable(module_of(WRITERS, Path(f"a{ending}")).write)
