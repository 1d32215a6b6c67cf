"""An image that is flipped or turned is fitted like the image itself, where no network looks at it."""

import numpy as np
import pytest

import napari_ae_seg as ae
from napari_ae_seg.samples import draw


def labels_of(values):
    stack = ae.read(np.ascontiguousarray(values), axes="YX")
    return ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=3, features="corrected")).apply(stack).labels


@pytest.mark.parametrize("back", [np.flipud, np.fliplr, np.transpose])
def test_a_flipped_or_transposed_image_gets_the_same_labels(back):
    values = np.asarray(draw("nuclei").image)[:128, :112]
    assert (back(labels_of(back(values))) != labels_of(values)).mean() < 0.01
