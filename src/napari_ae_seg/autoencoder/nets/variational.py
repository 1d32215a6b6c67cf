"""Variational latents: a Gaussian at every place, from which new images can be drawn."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Gaussian(nn.Module):
    """Latents drawn from the distribution that the encoder predicts; its mean once trained."""

    mean: Tensor
    spread: Tensor

    def __init__(self, latents: int) -> None:
        super().__init__()
        # what the latents of the training images look like together, see `fit`; the prior until then
        self.register_buffer("mean", torch.zeros(latents))
        self.register_buffer("spread", torch.zeros(latents, latents).fill_diagonal_(1.0))

    def forward(self, h: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """z, mean and log variance, each (B, latents, *space), of h (B, 2 latents, *space)."""
        mu, logvar = h.chunk(2, dim=1)
        logvar = logvar.clamp(-12, 8)  # beyond, its exponential swamps every other term
        return (reparameterize(mu, logvar, generator) if self.training else mu), mu, logvar

    def fit(self, mu: Tensor, logvar: Tensor) -> None:
        """Draw from now on from the Gaussian of all the latents (n, latents) together."""
        centered = mu.double() - mu.double().mean(0)
        covariance = centered.T @ centered / len(mu) + torch.diag(logvar.double().exp().mean(0))
        self.mean.copy_(mu.mean(0))
        self.spread.copy_(torch.linalg.cholesky(covariance + 1e-8 * torch.eye(len(covariance), device=mu.device)))

    def draw(self, n: int, space: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
        """Latent maps (n, latents, *space)."""
        noise = torch.randn(n, len(self.mean), *space, generator=generator, device=self.mean.device)
        drawn = torch.einsum("ij,bj...->bi...", self.spread, noise)
        return drawn + self.mean.reshape(1, -1, *[1] * len(space))


def reparameterize(mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A draw from the Gaussians that lets gradients through."""
    noise = torch.randn(mu.shape, generator=generator, device=mu.device).to(mu.dtype)
    return mu + noise * torch.exp(0.5 * logvar)


def divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """Distance (Kullback-Leibler) of Gaussians (B, latents, *space) from the standard one: latents' sum, places' mean.

    >>> float(divergence(torch.ones(1, 2, 3), torch.zeros(1, 2, 3)))
    1.0
    """
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean()
