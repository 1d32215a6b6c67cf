"""Sparse codes: few latents active at each place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from napari_ae_seg.config import NetworkConfig

# Optimisers move every weight by about the learning rate. At a rate that suits the others, a gate must travel from open
# to closed, and a threshold across the range of its latent, within the steps of a short training.
GATE_GAIN, SHIFT_GAIN = 30.0, 10.0


class Code(nn.Module):
    """Latents as they are; the base of the sparse ones."""

    def __init__(self, config: NetworkConfig) -> None:  # noqa: ARG002
        super().__init__()

    def forward(self, z: Tensor, _generator: torch.Generator | None = None) -> Tensor:
        """The code of latents (B, latents, *space)."""
        return z

    def penalty(self, z: Tensor) -> Tensor:
        """What sparsity costs, for the code z (B, latents, *space); the weight beta multiplies it."""
        return z.new_zeros(())


class Shrunk(Code):
    """l1: rectified latents whose sum is kept small.

    They are standardised first and only shifted by what is learnt: otherwise the network would make them small, not
    zero, and let the decoder make up for it.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        self.norm = nn.BatchNorm1d(config.latents, affine=False)
        self.shift = nn.Parameter(torch.zeros(config.latents))

    def forward(self, z: Tensor, _generator: torch.Generator | None = None) -> Tensor:
        """Latents above a threshold that is learnt."""
        standard: Tensor = self.norm(z.flatten(2))  # (B, latents, places)
        return torch.relu(standard + SHIFT_GAIN * self.shift[:, None]).reshape(z.shape)

    def penalty(self, z: Tensor) -> Tensor:
        """Sum of the latents of a place, mean over places."""
        return z.abs().sum(1).mean()


class TopK(Code):
    """topk: the `active` latents of largest magnitude at each place, the others zero."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        self.active = min(config.active or math.ceil(config.latents / 4), config.latents)

    def forward(self, z: Tensor, _generator: torch.Generator | None = None) -> Tensor:
        """The largest of each place, where they are."""
        largest = z.detach().abs().topk(self.active, dim=1, sorted=False).indices
        kept = torch.zeros_like(z).scatter_(1, largest, 1.0)
        return z * kept


class Gated(Code):
    """l0: each latent passes a gate that is learnt and can close for good (hard concrete, Louizos et al. 2018).

    While training a gate is drawn anew for every image; afterwards it is fixed, and exactly 0 once it has closed.
    """

    temperature, low, high = 2 / 3, -0.1, 1.1

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        self.gate = nn.Parameter(torch.full((config.latents,), 1.0 / GATE_GAIN))

    @property
    def log_odds(self) -> Tensor:
        """(latents,): logarithm of the odds that a gate is open."""
        return GATE_GAIN * self.gate

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Each latent times its gate."""
        if self.training:
            u = torch.rand(z.shape[:2], generator=generator, device=z.device).clamp(1e-6, 1 - 1e-6)
            gates = self._stretched((torch.logit(u) + self.log_odds) / self.temperature)  # (B, latents)
        else:
            gates = self.gates()[None]
        return z * gates.reshape(*gates.shape, *[1] * (z.ndim - 2)).to(z.dtype)

    def gates(self) -> Tensor:
        """The gates (latents,) after training, each within 0 and 1."""
        return self._stretched(self.log_odds)

    def penalty(self, z: Tensor) -> Tensor:  # noqa: ARG002
        """Expected number of open gates."""
        return torch.sigmoid(self.log_odds - self.temperature * math.log(-self.low / self.high)).sum()

    def _stretched(self, odds: Tensor) -> Tensor:
        return (torch.sigmoid(odds) * (self.high - self.low) + self.low).clamp(0, 1)


CODES: dict[str, type[Code]] = {"none": Code, "l1": Shrunk, "topk": TopK, "l0": Gated}
"""Every kind of sparsity by the name that `NetworkConfig.sparsity` gives it."""


@dataclass(frozen=True, slots=True)
class SparsityReport:
    """How sparse a set of latents is."""

    zeros: float
    """Share of the values that are exactly zero."""
    usage: tuple[float, ...]
    """For each latent, the share of places where it is active."""
    dead: tuple[int, ...]
    """The latents that are active nowhere."""


def sparsity_report(z: Tensor) -> SparsityReport:
    """How sparse latents (N, latents, *space) are.

    >>> sparsity_report(torch.tensor([[1.0, 0.0, 0.0], [2.0, 3.0, 0.0]]))
    SparsityReport(zeros=0.5, usage=(1.0, 0.5, 0.0), dead=(2,))
    """
    active = (z != 0).transpose(0, 1).flatten(1).double().mean(1)  # (latents,)
    usage = tuple(active.tolist())
    return SparsityReport(1.0 - float(active.mean()), usage, tuple(i for i, share in enumerate(usage) if share == 0))
