"""Phenotypes in the Explore dock: a heat map, a layer and a table of the objects of a layer."""

import numpy as np
from scipy import ndimage

from ..conftest import press, settle


def test_objects_are_grouped_and_shown_and_a_layer_of_another_image_is_refused(segmented, viewer, dock, qtbot):
    _, layer = segmented
    explore = dock("Explore latents")
    settle(qtbot, explore)
    parts = explore.phenotyping
    other = viewer.add_labels(np.ones((8, 8), int), name="elsewhere")
    parts.objects.choose(other)
    press(qtbot, parts.button)
    assert "Count objects" in explore.runner.text.text()
    objects = viewer.add_labels(ndimage.label(layer.data == 3)[0], name="cells")
    parts.objects.choose(objects)
    parts.form.write({"n_phenotypes": 2})
    for _ in range(2):  # found again, there is one layer
        press(qtbot, parts.button)
        settle(qtbot, explore)
    found = [one for one in viewer.layers if one.name.endswith("phenotypes")]
    assert len(found) == 1
    assert set(np.unique(found[0].data)) == {0, 1, 2}
    assert list(found[0].features["index"]) == [1, 2]
    assert parts.heat.values.shape == (2, 1)
    parts.show_table()
    assert parts._table.table["count"] == parts.found.table["count"]
