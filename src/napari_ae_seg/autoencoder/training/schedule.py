"""When to learn how fast, when to look back, and when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.nets import Net
    from napari_ae_seg.config import TrainingConfig

_START, _END = 1 / 25, 1 / 250_000
"""First and last learning rate, as shares of the highest."""

_WORSE = 1.25
"""Without patience the last weights, at which the schedule aims, are kept unless earlier ones were this much better:
the loss does not say how well an image will be segmented, and small differences say nothing."""


def rate(number: int, training: TrainingConfig) -> float:
    """Learning rate of step `number`, counted from 0: up along a cosine, then down along another.

    >>> from napari_ae_seg.config import TrainingConfig
    >>> one_cycle = TrainingConfig(steps=100, warmup=0.2, learning_rate=1.0)
    >>> [round(rate(number, one_cycle), 3) for number in (0, 10, 19, 60, 99)]
    [0.04, 0.56, 1.0, 0.48, 0.0]
    """
    last = training.steps - 1
    top = max(training.warmup * training.steps - 1, 0.0)
    if number < top:
        share = _between(_START, 1.0, number / top)
    else:
        share = _between(1.0, _END, (number - top) / (last - top) if last > top else 0.0)
    return training.learning_rate * share


def steps_of(training: TrainingConfig, net: Net, pixels: int) -> int:
    """Steps of a training on so many pixels: as asked for, or as many as its epochs take."""
    if not training.epochs:
        return training.steps
    seen = math.prod(net.batch_shape(training.batch or net.usual_batch, training.patch))
    return max(1, math.ceil(training.epochs * pixels / seen))


def usual(training: TrainingConfig, of_shipped: bool = False) -> TrainingConfig:
    """With what is usual for a new network, or for the shipped encoder, where it is left open.

    >>> from napari_ae_seg.config import TrainingConfig
    >>> usual(TrainingConfig()).learning_rate, usual(TrainingConfig(), of_shipped=True).corruption
    (0.004, 'noise')
    """
    rate, batch, corruption = (3e-4, 2, "noise") if of_shipped else (4e-3, 0, "masked")
    resolved: TrainingConfig = training.but(
        learning_rate=training.learning_rate or rate,
        batch=training.batch or batch,
        corruption=corruption if training.corruption == "auto" else training.corruption,
    )
    return resolved


def check_every(training: TrainingConfig) -> int:
    """Steps between two checks: some forty in long runs, ten steps apart in short ones."""
    return max(10, training.steps // 40)


@dataclass
class Watch:
    """Looks at the loss of each check, and says when training has gone on for long enough."""

    training: TrainingConfig
    losses: list[float] = field(default_factory=list)

    @property
    def best(self) -> int:
        """Which check had the lowest loss."""
        return self.losses.index(min(self.losses))

    @property
    def keeps_last(self) -> bool:
        """Whether the last weights are the ones to keep, or else the best."""
        margin = 1.0 if self.training.patience else _WORSE
        return not self.losses or self.losses[-1] <= min(self.losses) * margin

    def add(self, loss: float) -> bool:
        """Takes the loss of a check; True if it is the lowest so far."""
        self.losses.append(loss)
        return self.best == len(self.losses) - 1

    def verdict(self, seconds: float) -> str:
        """Why to stop now, after `seconds` of training; "" to go on."""
        config = self.training
        if config.max_minutes and seconds >= 60 * config.max_minutes:
            return f"{config.max_minutes:g} minutes are over"
        if self.losses and config.target_loss and self.losses[-1] <= config.target_loss:
            return f"the loss fell to {self.losses[-1]:.4g}, the target is {config.target_loss:g}"
        if self.losses and config.patience and len(self.losses) - 1 - self.best >= config.patience:
            return f"the loss has not improved in {config.patience} checks"
        return ""


def _between(start: float, stop: float, share: float) -> float:
    return stop + (start - stop) * (1 + math.cos(math.pi * share)) / 2
