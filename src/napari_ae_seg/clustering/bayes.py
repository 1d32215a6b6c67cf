"""A Bayesian Gaussian mixture, by variational inference."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch

from . import kmeans
from .method import Fitted, drawn
from .mixture import Mixture

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ae_seg.config import SegmentationConfig

PLACES = 3000
"""Places that it is fitted on: variational inference takes many rounds."""


def fit(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    """`k` clusters of the places `x` (n, F), one per Gaussian."""
    if len(x) == 1:
        return kmeans.fit(x, k, config)
    part = drawn(x, PLACES, config.seed)
    floor = 0.01 * float(part.var(0, correction=0).mean()) + 1e-12
    found = variational(part.cpu().double().numpy(), k, config.covariance_type, config.seed, floor)
    weights, means, roots = (torch.from_numpy(np.ascontiguousarray(one, np.float32)).to(x.device) for one in found)
    mixture = Mixture(weights, means, roots)
    return Fitted(mixture, {"likelihood": float(mixture.joint(x).logsumexp(1).mean())})


def variational(x: np.ndarray, k: int, covariance_type: str, seed: int, floor: float) -> tuple[np.ndarray, ...]:
    """Weights, means and roots of the precisions of a Bayesian mixture of `k` Gaussians on the places `x` (n, F).

    The prior is strengthened until no component is given up.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture

    for prior in (1 / k, 10.0, len(x) / k):
        mixture = BayesianGaussianMixture(
            n_components=k,
            covariance_type=covariance_type,
            weight_concentration_prior_type="dirichlet_distribution",
            weight_concentration_prior=prior,
            reg_covar=floor,
            random_state=seed,
            max_iter=60,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = mixture.fit_predict(x)
        if len(np.unique(labels)) == k:
            break
    roots = mixture.precisions_cholesky_
    return mixture.weights_, mixture.means_, roots[None] if covariance_type == "tied" else roots
