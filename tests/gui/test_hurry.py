"""Whatever a person in a hurry does, and whatever layers there are, no exception leaves a slot and nothing crashes."""

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.hurried import DOCKS, odd_layers
from napari.utils.notifications import notification_manager

from .conftest import settle


def test_random_sequences_end_well():
    numbers = map(str, range(4))
    command = [sys.executable, "-X", "faulthandler", "-m", "benchmarks.hurried", "few", *numbers]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("name", DOCKS)
def test_odd_layers_come_and_go_while_a_dock_is_open(viewer, dock, qtbot, name):
    widget = dock(name)
    for layer in odd_layers().values():
        viewer.add_layer(layer)
        viewer.layers.selection.active = layer
        layer.name = f"{layer.name} again"
        if hasattr(widget, "image") and layer in [widget.image.itemData(row) for row in range(widget.image.count())]:
            widget.image.choose(layer)
            widget.options.extent.choose("current")
            widget.button.click()
            settle(qtbot, widget)
            widget.options.extent.choose("whole")
    viewer.layers.clear()
    settle(qtbot, widget)
    assert "Traceback" not in "".join(record.message for record in notification_manager.records)
