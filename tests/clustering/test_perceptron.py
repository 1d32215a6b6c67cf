"""A perceptron that learns from a few painted places."""

import numpy as np
import torch

from napari_ae_seg.clustering.perceptron import fit_perceptron
from napari_ae_seg.core import state

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1000, 3))
RING = (np.hypot(X[:, 0], X[:, 1]) > 1).astype(int)


def test_it_tells_a_ring_from_what_is_inside():
    learnt = fit_perceptron(X, RING)
    fresh = RNG.normal(size=(1000, 3))
    found = learnt.scores(torch.from_numpy(fresh.T.astype(np.float32))).argmax(0).numpy()
    assert np.mean(found == (np.hypot(fresh[:, 0], fresh[:, 1]) > 1)) > 0.85


def test_a_feature_that_never_varies_changes_nothing():
    wide = np.column_stack([X, np.full(len(X), 7.0)])
    scores = fit_perceptron(wide, RING).scores(torch.from_numpy(wide.T.astype(np.float32)))
    assert torch.isfinite(scores).all()


def test_saved_and_loaded_it_says_the_same():
    learnt = fit_perceptron(X, RING)
    same = state.unpack(type(learnt), *state.pack(learnt))
    places = torch.from_numpy(X.T.astype(np.float32))
    assert torch.equal(same.scores(places), learnt.scores(places))
