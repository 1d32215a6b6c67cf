"""The rules that turn gradients into better weights.

They are those of `torch.optim`, on all weights as one vector. Making a torch.optim optimiser loads torch's compiler,
which takes a second and 70 MB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable


class AdamW:
    """Adam with decoupled weight decay; its moments are the running means of gradients and of their squares."""

    decoupled = True
    moments = 2
    _remembered = (0.9, 0.999)
    _least = 1e-8

    def __init__(self, weights: Iterable[Tensor], decay: float) -> None:
        self.weights, self.decay, self.count = list(weights), decay, 0
        total = sum(weight.numel() for weight in self.weights)
        self.state = [torch.zeros(total, device=self.weights[0].device) for _ in range(self.moments)]

    def forget(self) -> None:
        """Drops the gradients."""
        for weight in self.weights:
            weight.grad = None

    @torch.no_grad()
    def step(self, rate: float, clip: float = 0.0) -> None:
        """Moves the weights against their gradients, which are shortened to `clip` if they are longer (0: never)."""
        gradient = torch.cat([(torch.zeros_like(w) if w.grad is None else w.grad).reshape(-1) for w in self.weights])
        if clip:
            gradient *= (clip / (gradient.norm() + 1e-6)).clamp(max=1)
        if self.decay and not self.decoupled:
            gradient += self.decay * torch.cat([weight.reshape(-1) for weight in self.weights])
        self.count += 1
        if self.decay and self.decoupled:
            torch._foreach_mul_(self.weights, 1 - rate * self.decay)
        parts = (self._direction(gradient) * rate).split([weight.numel() for weight in self.weights])
        torch._foreach_sub_(self.weights, [part.view(w.shape) for w, part in zip(self.weights, parts, strict=True)])

    def move(self, device: torch.device) -> None:
        """Takes what it remembers to `device`; the weights are there already."""
        self.state = [moment.to(device) for moment in self.state]

    def _direction(self, gradient: Tensor) -> Tensor:
        mean, square = self.state
        first, second = self._remembered
        mean.lerp_(gradient, 1 - first)
        square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        size = (square / (1 - second**self.count)).sqrt_().add_(self._least)
        return (mean / (1 - first**self.count)).div_(size)


class Adam(AdamW):
    """Adam, its weight decay part of the gradient."""

    decoupled = False


class SGD(AdamW):
    """Gradient descent with Nesterov momentum."""

    decoupled = False
    moments = 1
    _momentum = 0.9

    def _direction(self, gradient: Tensor) -> Tensor:
        (velocity,) = self.state
        velocity.mul_(self._momentum).add_(gradient)
        return gradient.add(velocity, alpha=self._momentum)


OPTIMIZERS: dict[str, type[AdamW]] = {"adamw": AdamW, "adam": Adam, "sgd": SGD}
"""Every optimiser by the name that `TrainingConfig.optimizer` gives it."""
