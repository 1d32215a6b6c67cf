"""A random forest as plain arrays."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from napari_ae_seg.clustering.forest import DEPTH, LEAF, TREES, fit_forest

RNG = np.random.default_rng(0)


def test_the_arrays_say_what_the_forest_of_scikit_learn_says():
    which = np.repeat([0, 1, 2], 80)
    x = (np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])[which] + 1.5 * RNG.standard_normal((240, 2))).astype(np.float32)
    same = RandomForestClassifier(TREES, max_depth=DEPTH, min_samples_leaf=LEAF, random_state=0).fit(x, which)
    assert np.allclose(fit_forest(x, which).probabilities(x.T), same.predict_proba(x).T, atol=1e-6)
