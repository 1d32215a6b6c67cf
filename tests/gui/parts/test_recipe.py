"""What is copied does the same again: in napari's console, as a script, and on a command line."""

import shlex
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from napari.layers._source import layer_source
from qtpy.QtWidgets import QApplication

from ..conftest import blobs, press, settle, slide


def copied(dock, which):
    (dock.results.as_python if which == "python" else dock.results.as_shell).trigger()
    return QApplication.clipboard().text()


def done(qtbot, dock):
    slide(dock, "n_clusters", 3)
    press(qtbot, dock.button)
    settle(qtbot, dock)


SQUARE = np.array([[5, 5], [5, 70], [70, 70], [70, 5]])


def test_a_shapes_layer_as_region_is_copied_as_the_pixels_it_holds(viewer, segment_dock, qtbot, image):
    viewer.add_image(image, name="cells")
    region = viewer.add_shapes([SQUARE], name="here")
    segment_dock.options.region.choose(region)
    done(qtbot, segment_dock)
    expected = viewer.layers["cells segments"].data.copy()
    code = copied(segment_dock, "python")
    viewer.layers.remove(region)
    exec(code, {"viewer": viewer})
    assert (viewer.layers[-1].data == expected).all()


def test_a_region_of_several_images_is_copied_for_each(viewer, segment_dock, qtbot):
    for seed, name in ((1, "a"), (2, "b")):
        viewer.add_image(blobs(seed=seed), name=name)
    segment_dock.image.choose(viewer.layers["a"])
    segment_dock.options.more.tick(viewer.layers["b"])
    segment_dock.options.region.choose(viewer.add_shapes([SQUARE], name="here"))
    done(qtbot, segment_dock)
    expected = [viewer.layers[f"{name} segments"].data.copy() for name in "ab"]
    exec(copied(segment_dock, "python"), {"viewer": viewer})
    assert all((layer.data == data).all() for layer, data in zip(viewer.layers[-2:], expected, strict=True))


@pytest.fixture
def from_file(viewer, segment_dock, qtbot, image, tmp_path):
    """An image opened from a file, segmented within a region."""
    tifffile.imwrite(tmp_path / "cells.tif", image)
    with layer_source(path=str(tmp_path / "cells.tif"), reader_plugin="napari"):
        viewer.add_image(image, name="cells")
    segment_dock.options.region.choose(viewer.add_shapes([SQUARE], name="here"))
    done(qtbot, segment_dock)
    return segment_dock, viewer.layers["cells segments"].data.copy()


def test_copied_python_is_a_script_of_its_own(from_file, tmp_path):
    dock, expected = from_file
    script = copied(dock, "python").replace("    napari.run()", "    np.save('found.npy', viewer.layers[-1].data)")
    (tmp_path / "script.py").write_text(f"import numpy as np\n{script}")
    ran = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert (np.load(tmp_path / "found.npy") == expected).all()


def test_a_copied_command_line_gives_the_same_labels(from_file, tmp_path):
    dock, expected = from_file
    command = shlex.split(copied(dock, "shell"), comments=True)
    ran = subprocess.run(
        [sys.executable, "-m", "napari_ae_seg", *command[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    assert (tifffile.imread(tmp_path / "cells_labels.tif") == expected).all()
