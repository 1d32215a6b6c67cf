"""What training makes small: the error of the reconstruction and the price of the latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ae_seg.config import TrainingConfig

    from .net import Net, Output

UNHIDDEN = 0.1
"""Weight of what was not hidden, beside 1 + this of what was."""


def objective(
    net: Net, output: Output, target: Tensor, config: TrainingConfig, mask: Tensor | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss and its parts, each before its weight: reconstruction, sparsity and kl, where the network has them.

    `target` (B, C, *space) is the clean image, normalised; for loss="bce" it is the image within 0 to 1.
    """
    parts = {"reconstruction": reconstruction(output.reconstruction, target, config.loss, mask)}
    loss = config.alpha * parts["reconstruction"]
    if net.config.sparsity in ("l1", "l0"):
        parts["sparsity"] = net.sparsity_penalty(output.encoded)
        loss = loss + config.beta * parts["sparsity"]
    if net.config.variational:
        parts["kl"] = net.kl(output.encoded)
        loss = loss + config.kl * parts["kl"]
    return loss, parts


def reconstruction(x: Tensor, target: Tensor, loss: str = "mse", mask: Tensor | None = None) -> Tensor:
    """Mean error of `x`, hidden places (mask (B, 1, *space) = 1) counting more than the others.

    >>> float(reconstruction(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)))
    1.0
    """
    errors = ERRORS[loss](x, target)
    return errors.mean() if mask is None else (errors * (mask + UNHIDDEN)).mean()


def activate(x: Tensor, loss: str) -> Tensor:
    """An image as the loss compares it: what a decoder gives, or its sigmoid for "bce"."""
    return torch.sigmoid(x) if loss == "bce" else x


def contrastive(a: Tensor, b: Tensor, temperature: float = 0.2) -> Tensor:
    """How hard it is to tell from its latents a (P, F, *space) which of b's P patches is a patch's neighbour (InfoNCE).

    >>> far, near = torch.eye(4).flip(0), torch.eye(4)
    >>> bool(contrastive(near, near) < contrastive(near, far))
    True
    """
    one, other = (F.normalize(z.flatten(2).mean(2) if z.ndim > 2 else z, dim=1) for z in (a, b))  # (P, F)
    likeness = one @ other.T / temperature
    own = torch.arange(len(one), device=one.device)
    return (F.cross_entropy(likeness, own) + F.cross_entropy(likeness.T, own)) / 2


def _squared(x: Tensor, target: Tensor) -> Tensor:
    return (x - target).square()


def _absolute(x: Tensor, target: Tensor) -> Tensor:
    return (x - target).abs()


def _huber(x: Tensor, target: Tensor) -> Tensor:
    return F.huber_loss(x, target, reduction="none")


def _entropy(x: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(x, target.clamp(0, 1), reduction="none")


ERRORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": _squared,
    "bce": _entropy,
    "l1": _absolute,
    "huber": _huber,
}
"""Error at each pixel by the name that `TrainingConfig.loss` gives it."""
