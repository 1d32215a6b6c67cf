"""What a control of the Segment dock does to clusters that were found follows from the stage of its field."""

from __future__ import annotations

import numpy as np
import pytest

import napari_ae_seg as ae
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.gui.parts.models import Model
from napari_ae_seg.gui.parts.results import Request
from napari_ae_seg.gui.segment import work

OTHER = {
    "encode": {"features": "intensity", "stride": 2, "surround": False, "max_samples": 300},
    "fit": {"n_clusters": 3, "method": "kmeans", "n_init": 3, "seed": 4},
    "apply": {"normalize": "image", "threads": 1},
    "finish": {"smoothing": 2.0, "sharpen": False, "min_size": 9, "fill_holes": 9, "majority": 2, "granularity": 1},
}


def silent(progress: object) -> None:
    """Say nothing of the progress."""


@pytest.fixture(scope="module")
def result():
    image = np.random.default_rng(0).normal(0, 0.1, (48, 48)).astype(np.float32)
    image[12:36, 12:36] += 1
    config = SegmentationConfig(n_clusters=2, max_samples=500)
    return work.segment(Request(None, ae.read(image), Model("shipped"), config), silent)


@pytest.mark.parametrize(
    ("stage", "name", "value"),
    [(stage, name, value) for stage, changes in OTHER.items() for name, value in changes.items()],
)
def test_a_changed_control_does_again_what_its_stage_says(result, stage, name, value):
    config = result.segmenter.config.but(**{name: value})
    found = work.change(result, config, False, silent)
    assert found.segmenter.config == config
    assert (found.segmenter.space is result.segmenter.space) == (stage != "encode")
    assert (found.segmenter.clusters is result.segmenter.clusters) == (stage in ("apply", "finish"))
    assert (found.prepared[0] is result.prepared[0]) == (stage in ("fit", "finish"))


def test_controls_changed_together_are_all_heeded(result):
    config = result.segmenter.config.but(n_clusters=3, normalize="image", smoothing=2.0)
    found = work.change(result, config, False, silent)
    assert found.segmenter.clusters.k == 3
    assert found.prepared[0] is not result.prepared[0]
    assert found.segments[0].labels.max() == 3
