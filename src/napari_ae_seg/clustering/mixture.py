"""Gaussian mixtures in torch: expectation-maximisation over chunks of the points, on whatever device they are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from torch import Tensor

from napari_ae_seg.core.state import stored

from .kmeans import kmeans
from .method import Fitted, Model

if TYPE_CHECKING:
    from napari_ae_seg.config import SegmentationConfig

BLOCK = 1 << 21
"""Numbers held at once; memory stays flat however many points there are."""
STARTS = 3
"""Starts of a mixture, each from its own k-means."""
Covariance = Literal["full", "diag", "tied"]


@stored("mixture", family=Model)
@dataclass(frozen=True)
class Mixture:
    """K weighted Gaussians."""

    weights: Annotated[Tensor, "float32 K"]
    """(K,) summing to 1"""
    means: Annotated[Tensor, "float32 K F"]
    """(K, F)"""
    roots: Annotated[Tensor, "float32 *"]
    """Roots of the precisions, x @ root being white: (K, F, F), one (1, F, F) if tied, or (K, F) if diagonal."""
    likelihood: float = 0.0
    """Mean log-likelihood of the points it was fitted to."""

    @property
    def k(self) -> int:
        """Number of components."""
        return len(self.weights)

    @property
    def features(self) -> int:
        """Number of features."""
        return self.means.shape[1]

    def check(self) -> None:
        """ValueError unless weights and roots are those of Gaussians."""
        k, features = self.means.shape
        full, diagonal = self.roots.ndim == 3, self.roots.ndim == 2
        if (
            not k
            or not features
            or self.roots.shape not in {(k, features, features), (1, features, features), (k, features)}
        ):
            raise ValueError(
                f"the roots of {k} Gaussians of {features} features have the shape {tuple(self.roots.shape)}"
            )
        scales = self.roots.diagonal(dim1=1, dim2=2) if full else self.roots
        if not (full or diagonal) or scales.min() <= 0 or self.weights.min() <= 0 or self.weights.max() > 1:
            raise ValueError("Gaussians have weights within 0 and 1 and scales above 0")

    def joint(self, x: Tensor) -> Tensor:
        """Log p(x, component), (n, K), of points `x` (n, F)."""
        parts = [self._joint(part) for part in x.split(_rows(self.k, x.shape[1]))]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def memberships(self, x: Tensor) -> Tensor:
        """Log p(component | x), (n, K), of points `x` (n, F)."""
        return self.joint(x).log_softmax(1)

    def permuted(self, order: Tensor) -> Mixture:
        """The components in another order: number i is what was number `order[i]`."""
        roots = self.roots if len(self.roots) < self.k else self.roots[order]
        return replace(self, weights=self.weights[order], means=self.means[order], roots=roots)

    def moved(self, shift: Tensor) -> Mixture:
        """The same mixture of points that lie `shift` (F,) further."""
        return replace(self, means=self.means + shift)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.means.device

    def to(self, device: torch.device) -> Mixture:
        """The same mixture on another device."""
        moved = {name: value.to(device) for name, value in self.tensors().items()}
        return replace(self, **moved)  # type: ignore[arg-type]

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by the name of its field."""
        return {"weights": self.weights, "means": self.means, "roots": self.roots}

    def _joint(self, x: Tensor) -> Tensor:
        centered = x - self.means[:, None]  # (K, n, F)
        if self.roots.ndim == 2:
            centered *= self.roots[:, None]
            log_det = self.roots.log().sum(1)
        else:
            centered = centered @ self.roots
            log_det = self.roots.diagonal(dim1=1, dim2=2).log().sum(1)
        constant = self.weights.log() + log_det - 0.5 * x.shape[1] * math.log(2 * math.pi)
        return torch.add(constant, centered.square_().sum(2).T, alpha=-0.5)


def fit(x: Tensor, k: int, config: SegmentationConfig) -> Fitted:
    """`k` clusters of the places `x` (n, F), one per Gaussian: the likeliest of a few mixtures with none left empty."""
    fits = []
    for seed in range(config.seed, config.seed + STARTS):
        start = kmeans(x, k, seed=seed, n_init=max(1, config.n_init // STARTS))
        fits.append(fit_mixture(x, start.labels, k, config.covariance_type))
    best = max(fits, key=lambda one: (len(torch.unique(one.memberships(x).argmax(1))), one.likelihood))
    return Fitted(best, {"likelihood": best.likelihood})


def fit_mixture(
    x: Tensor,
    labels: Tensor,
    k: int,
    covariance_type: Covariance = "full",
    *,
    ridge: float = 0.01,
    tolerance: float = 1e-3,
    iterations: int = 100,
) -> Mixture:
    """The mixture of `k` Gaussians that `labels` (n,) of points `x` (n, F) lead to as the likelihood rises.

    `ridge` times the mean variance of `x` is added to every variance: a component cannot collapse onto a point, and
    sparse ones stay broad. Stops when the mean log-likelihood gains less than `tolerance`.

    >>> x = torch.cat([torch.linspace(0, 1, 50), torch.linspace(9, 10, 50)])[:, None]
    >>> found = fit_mixture(x, (x > 5).long().ravel(), 2)
    >>> found.means.ravel().round(decimals=2).tolist()
    [0.5, 9.5]
    """
    shift = x.mean(0)
    points = x - shift
    floor = ridge * float(points.var(0, correction=0).mean()) + 1e-12
    mixture = _estimate(points, torch.nn.functional.one_hot(labels, k).to(points.dtype), covariance_type, floor)
    before = -math.inf
    for _ in range(iterations):
        responsibilities, likelihood = _expect(mixture, points)
        mixture = _estimate(points, responsibilities, covariance_type, floor)
        if abs(likelihood - before) < tolerance:
            break
        before = likelihood
    return replace(mixture.moved(shift), likelihood=_expect(mixture, points)[1])


def _expect(mixture: Mixture, x: Tensor) -> tuple[Tensor, float]:
    """Responsibilities (n, K) and the mean log-likelihood."""
    responsibilities, total = [], 0.0
    for part in x.split(_rows(mixture.k, x.shape[1])):
        joint = mixture.joint(part)
        evidence = joint.logsumexp(1, keepdim=True)
        total += float(evidence.sum())
        responsibilities.append((joint - evidence).exp_())
    return torch.cat(responsibilities), total / len(x)


def _estimate(x: Tensor, responsibilities: Tensor, covariance_type: Covariance, floor: float) -> Mixture:
    """The mixture of greatest likelihood given the responsibilities."""
    sizes = responsibilities.sum(0) + 10 * torch.finfo(x.dtype).eps
    means = (responsibilities.T @ x) / sizes[:, None]
    k, features = means.shape
    spread = torch.zeros((k, features) if covariance_type == "diag" else (k, features, features), device=x.device)
    rows = _rows(k, features)
    for part, share in zip(x.split(rows), responsibilities.T.split(rows, 1), strict=True):
        centered = part - means[:, None]  # (K, n, F)
        weighted = centered * share[..., None]
        spread += (weighted * centered).sum(1) if covariance_type == "diag" else weighted.mT @ centered
    if covariance_type == "tied":
        spread = spread.sum(0, keepdim=True) / len(x)
    else:
        spread = spread / sizes.reshape(-1, *[1] * (spread.ndim - 1))
    return Mixture(sizes / sizes.sum(), means, roots_of(spread, floor))


def _rows(k: int, features: int) -> int:
    """Points whose differences to all means are held at once."""
    return max(1, BLOCK // (k * features))


def roots_of(spread: Tensor, floor: float) -> Tensor:
    """Roots of the precisions of covariances (K, F, F) or variances (K, F) with `floor` added to every variance."""
    if spread.ndim == 2:
        return (spread + floor).rsqrt()
    # small matrices, in double precision on the CPU: a Cholesky factor in float32 loses ill-conditioned ones
    exact = spread.cpu().double() + floor * torch.eye(spread.shape[1], dtype=torch.float64)
    lower = torch.linalg.cholesky(exact)
    identity = torch.eye(spread.shape[1], dtype=torch.float64).expand_as(lower)
    roots: Tensor = torch.linalg.solve_triangular(lower, identity, upper=False).mT
    return roots.to(spread.device, spread.dtype)
