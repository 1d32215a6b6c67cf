"""What the package is compared with labels images, too."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import others, scores
from benchmarks.sets import Case


class Halves(Case):
    """Two halves of another brightness, and a little noise."""

    def image(self):
        noise = np.random.default_rng(0).normal(0, 4, (48, 64))
        return (self.truth() * 60 + 100 + noise).astype(np.uint8)

    def truth(self):
        return np.repeat([0, 1], 32)[None].repeat(48, 0)


@pytest.mark.parametrize("method", others.OTHERS)
def test_halves_are_told_apart(method, monkeypatch):
    monkeypatch.setattr(others, "STEPS", 15)
    case = Halves("dsb2018_stage1_test", "halves", None, None)
    labels, _ = others.OTHERS[method](case)
    assert labels.shape == (48, 64)
    bar = 0.3 if method == "basic_kmeans" else 0.6  # its features of edges make the border between halves a cluster
    assert scores.miou(case.truth(), labels) > bar


def test_methods_for_pictures_are_not_tried_on_volumes():
    assert not others.possible("kim", Case("mri3d_mni152_tissue", "a", None, None))
    assert others.possible("km_raw", Case("mri3d_mni152_tissue", "a", None, None))
