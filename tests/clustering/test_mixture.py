"""Our expectation-maximisation reaches the likelihood of scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from napari_ae_seg.clustering.kmeans import kmeans
from napari_ae_seg.clustering.mixture import fit_mixture


@pytest.fixture(scope="module")
def points() -> torch.Tensor:
    """Three tilted, overlapping Gaussians far from the origin."""
    rng = np.random.default_rng(0)
    shapes = [rng.normal(size=(4, 4)) for _ in range(3)]
    parts = [rng.normal(size=(500, 4)) @ shape + rng.normal(size=4) * 3 + 100 for shape in shapes]
    return torch.from_numpy(np.concatenate(parts).astype(np.float32))


@pytest.mark.parametrize("covariance", ["full", "diag", "tied"])
def test_the_likelihood_is_scikit_learns(points, covariance):
    labels = kmeans(points, 3).labels
    ours = fit_mixture(points, labels, 3, covariance, ridge=1e-9, tolerance=1e-6, iterations=500)
    means = np.stack([points[labels == i].double().mean(0).numpy() for i in range(3)])
    theirs = GaussianMixture(
        3, covariance_type=covariance, tol=1e-6, reg_covar=1e-9, max_iter=500, means_init=means, random_state=0
    ).fit(points.double().numpy())
    assert ours.likelihood == pytest.approx(theirs.score(points.double().numpy()), abs=1e-3)


def test_the_likelihood_rises_each_round(points):
    labels = kmeans(points, 3, n_init=1).labels
    seen = [fit_mixture(points, labels, 3, ridge=1e-9, tolerance=0, iterations=i).likelihood for i in range(1, 8)]
    assert np.all(np.diff(seen) > -1e-5)


def test_the_chunks_change_nothing(points, monkeypatch):
    labels = kmeans(points, 3).labels
    whole = fit_mixture(points, labels, 3).likelihood
    monkeypatch.setattr("napari_ae_seg.clustering.mixture.BLOCK", 1200)
    assert fit_mixture(points, labels, 3).likelihood == pytest.approx(whole, abs=1e-4)


def test_memberships_are_log_probabilities(points):
    mixture = fit_mixture(points, kmeans(points, 3).labels, 3)
    assert torch.allclose(mixture.memberships(points).exp().sum(1), torch.ones(len(points)), atol=1e-5)


def test_a_component_on_a_single_value_does_not_collapse():
    x = torch.cat([torch.zeros(50, 2), torch.randn(50, 2, generator=torch.Generator().manual_seed(0)) + 5])
    mixture = fit_mixture(x, (x[:, 0] > 2).long(), 2)
    assert torch.isfinite(mixture.memberships(x)).all()
