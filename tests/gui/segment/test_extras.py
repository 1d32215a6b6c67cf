"""Further pictures of a result lie where its image lies."""

import numpy as np

from ..conftest import press, settle, slide


def test_probabilities_are_planes_of_clusters_that_add_up_and_lie_as_the_image_does(viewer, segment_dock, qtbot, image):
    viewer.add_image(image, scale=(2.0, 0.5), translate=(3.0, 4.0), rotate=20.0, shear=[0.2], name="turned")
    slide(segment_dock, "n_clusters", 3)
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    segment_dock.results.shows["probabilities"].trigger()
    settle(qtbot, segment_dock)
    layer, source = viewer.layers[-1], viewer.layers["turned"]
    assert layer.data.shape == (3, *image.shape)
    np.testing.assert_allclose(layer.data.sum(0), 1, atol=0.02)
    here = (5.0, 7.0)
    np.testing.assert_allclose(layer.data_to_world((1.0, *here)), (1.0, *source.data_to_world(here)), atol=1e-6)
