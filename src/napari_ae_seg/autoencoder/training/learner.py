"""One step of learning: corrupted patches through the network, the loss on the clean ones, the optimiser."""

from __future__ import annotations

import contextlib
import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from napari_ae_seg.autoencoder.nets import KINDS
from napari_ae_seg.autoencoder.nets.corrupt import corrupt
from napari_ae_seg.autoencoder.nets.losses import contrastive, objective
from napari_ae_seg.core import devices
from napari_ae_seg.core.errors import AssumptionWarning

from .augment import augment
from .optimizers import OPTIMIZERS
from .schedule import rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ae_seg.autoencoder.nets import Net, Output
    from napari_ae_seg.config import NetworkConfig, TrainingConfig
    from napari_ae_seg.images.normalize import Normalizer

CPU = torch.device("cpu")


def precision(training: TrainingConfig, network: NetworkConfig, ndim: int, device: torch.device) -> str:
    """'fp32' or 'mixed': how `training` computes on `device`.

    On a CPU, the gradients of torch's 3D convolutions in 16 bits may hold memory that was never written (torch 2.13,
    latent maps of side 2), and dense layers gain nothing.
    """
    if device.type == "cpu" and ndim == 3:
        if training.precision == "mixed":
            notice = "in 16 bits torch computes 3D convolutions wrongly on a CPU: training in 32 bits"
            warnings.warn(notice, AssumptionWarning, stacklevel=3)
        return "fp32"
    if device.type == "cpu" and not KINDS[network.kind].gains_from_16_bits and training.precision == "auto":
        return "fp32"
    return devices.precision(training.precision, device)


class Learner:
    """A network and its optimiser on a device. All that is random in a step follows from the seed and its number."""

    def __init__(
        self, net: Net, normalizer: Normalizer, training: TrainingConfig, device: torch.device, rank: int = 0
    ) -> None:
        self.training, self.normalizer, self.device = training, normalizer, device
        self.precision = precision(training, net.config, net.ndim, device)
        self.rank = rank
        self.loss: Callable[..., tuple[Tensor, dict[str, Tensor]]] = self.alone
        """The loss on patches, and its parts; several processes replace it by one that averages what is learnt."""
        self.net = net.to(device).to(memory_format=net.memory_format)  # type: ignore[call-overload]
        self.teacher: Net | None = None
        """The network whose latents it stays close to; its own layers keep their statistics then."""
        self.optimizer = OPTIMIZERS[training.optimizer](self.net.parameters(), training.weight_decay)

    def learn(self, patches: Tensor, number: int) -> tuple[float, dict[str, float]]:
        """The loss on `patches` (P, C, *space) and its parts, learnt from in step `number`, counted from 0.

        With a contrastive term, the second half of the patches are the neighbours of the first.
        """
        training, random = self.training, self._random(number, CPU)
        self._train()
        patches = augment(patches, training.flips, training.brightness_jitter, random)
        loss, parts = self.loss(patches, random, number, bool(training.contrastive_weight))
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is no longer a number at step {number + 1}: "
                f"try a learning_rate below {training.learning_rate:g} or clip=1"
            )
        self.optimizer.forget()
        loss.backward()
        self.optimizer.step(rate(number, training), training.clip)
        return value, {name: part.item() for name, part in parts.items()}

    @torch.no_grad()
    def check(self, patches: Tensor) -> float:
        """The loss on `patches`, of which the same parts are hidden every time; nothing is learnt."""
        self._train(statistics_alone=True)
        return self.alone(patches, self._random(0, CPU), 0)[0].item()

    def move(self, device: torch.device) -> None:
        """From now on on `device`."""
        self.device = device
        self.net.to(device)
        if self.teacher is not None:
            self.teacher.to(device)
        self.precision = precision(self.training, self.net.config, self.net.ndim, device)
        self.optimizer.move(device)

    def alone(
        self, patches: Tensor, random: torch.Generator, number: int, paired: bool = False
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss on `patches` and its parts."""
        # What is hidden is drawn on the CPU, so that every device hides the same.
        seen, mask = corrupt(patches, self.training, random)
        target = self._target(patches).to(self.device)
        seen = seen.to(self.device).contiguous(memory_format=self.net.memory_format)
        mask = None if mask is None else mask.to(self.device)
        own = random if self.device.type == "cpu" else self._random(number, self.device)
        mixed = self.precision == "mixed"
        with torch.autocast(self.device.type, torch.bfloat16) if mixed else contextlib.nullcontext():
            output = self.net(seen, own)
        output = _exact(output)
        loss, parts = objective(self.net, output, target, self.training, mask)
        if self.teacher is not None:
            parts["moved"] = self._moved(patches, output.z)
            loss = loss + self.training.stay * parts["moved"]
        if paired:
            one, other = output.z.chunk(2)
            parts["contrastive"] = contrastive(one, other)
            loss = loss + self.training.contrastive_weight * parts["contrastive"]
        return loss, parts

    def follow(self, teacher: Net) -> None:
        """Stay close to the latents of `teacher`."""
        self.teacher = teacher.to(self.device).eval()

    def _train(self, statistics_alone: bool = False) -> None:
        """Ready to learn; the statistics of its layers are those of each batch until training ends, if they are new."""
        if self.net.training and not statistics_alone and self.teacher is None:
            return
        self.net.train(not statistics_alone)
        self.normalize_as_learning(self.net)

    def normalize_as_learning(self, net: Net) -> None:
        """Let `net`, a copy of the network, normalize its layers as they are while it learns."""
        for module in net.modules():
            if isinstance(module, _BatchNorm):
                module.train(self.teacher is None)

    def _moved(self, patches: Tensor, z: Tensor) -> Tensor:
        """Mean squared distance of latents `z` from what the teacher sees in the clean patches."""
        assert self.teacher is not None
        with torch.no_grad():
            clean = patches.to(self.device).contiguous(memory_format=self.net.memory_format)
            taught = self.teacher(clean).z
        distance: Tensor = (z - taught).square().sum(1).mean()
        return distance

    def _target(self, patches: Tensor) -> Tensor:
        """What a reconstruction is compared with: the patches, or for bce the patches within [0, 1]."""
        if self.training.loss != "bce":
            return patches
        mean = torch.from_numpy(self.normalizer.mean).float().reshape(-1, *[1] * (patches.ndim - 2))
        return (patches * self.normalizer.deviation + mean).clamp(0, 1)

    def _random(self, number: int, device: torch.device) -> torch.Generator:
        numbers = [self.training.seed, number, *([self.rank] if self.rank else [])]
        seed = np.random.SeedSequence(numbers).generate_state(1)[0]
        return torch.Generator(device).manual_seed(int(seed))


def _exact(output: Output) -> Output:
    """The same in 32 bits: losses are sums of many small numbers."""
    encoded = output.encoded
    encoded = replace(
        encoded,
        z=encoded.z.float(),
        mu=None if encoded.mu is None else encoded.mu.float(),
        logvar=None if encoded.logvar is None else encoded.logvar.float(),
    )
    return replace(output, reconstruction=output.reconstruction.float(), z=encoded.z, encoded=encoded)
