"""One training by several processes, a GPU each: every step, torch averages what their shares of the batch teach.

The process that iterates over the `Fit` is the first of them; the others do a step whenever it does, and end with it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.core import devices
from napari_ae_seg.core.errors import AeSegError

from . import checkpoint

if TYPE_CHECKING:
    from .fit import Fit
    from .learner import Learner
    from .material import Material

PATIENCE = timedelta(days=2)
"""How long the others wait for the next step: a person may look at the model in between."""


def device_of(rank: int, training: Any) -> torch.device:
    """Where a process of a training learns; ValueError if there are not so many GPUs."""
    device = devices.resolve(training.device).device
    if training.gpus == 1 or device.type == "cpu":
        return device
    there = torch.cuda.device_count() if device.type == "cuda" else 1
    if there < training.gpus:
        raise ValueError(f"gpus={training.gpus}: this machine has {there}; device='cpu' trains in as many processes")
    return torch.device("cuda", rank)


@contextmanager
def together(fit: Fit) -> Iterator[Callable[[], None]]:
    """The other processes of a training; calling what it gives lets each of them do a step."""
    import torch.multiprocessing as processes

    count = fit.training.gpus
    spawning = processes.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        begun, meeting = Path(folder, "begun"), Path(folder, "meeting")
        fit.save(begun)
        about = (type(fit), fit.material, begun, meeting)
        others = [spawning.Process(target=_follow, args=(rank, *about), daemon=True) for rank in range(1, count)]
        for one in others:
            one.start()
        try:
            with _joined(fit, 0, meeting) as told:
                yield lambda: _tell(told, True)
                _tell(told, False)
            for one in others:
                one.join(10)
        except RuntimeError as error:
            ended = [one.exitcode for one in others if one.exitcode]
            if not ended:
                raise
            raise AeSegError(f"{len(ended)} of the {count} processes of the training ended: {error}") from error
        finally:
            for one in others:
                one.terminate()


def _follow(rank: int, kind: type[Fit], material: Material, begun: Path, meeting: Path) -> None:
    """What another process does: a step whenever it is told to."""
    saved = checkpoint.read(begun)
    net = build(saved.network, material.normalizer.outputs, material.ndim)
    fit = kind(material, saved.training, net, saved.threads, rank)
    checkpoint.restore(fit, saved)
    with _joined(fit, rank, meeting) as told:
        while _heard(told):
            fit._follow()


@contextmanager
def _joined(fit: Fit, rank: int, meeting: Path) -> Iterator[Tensor]:
    """Learn with the others; what it gives is how the first process tells them what to do."""
    from torch import distributed
    from torch.nn.parallel import DistributedDataParallel

    count, learner = fit.training.gpus, fit.learner
    on_gpu = learner.device.type == "cuda"
    devices.use_threads(fit.threads if on_gpu else max(1, fit.threads // count))
    if on_gpu:
        torch.cuda.set_device(learner.device)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # they are all on this machine
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo", init_method=meeting.as_uri(), rank=rank, world_size=count, timeout=PATIENCE
    )
    try:
        # the statistics of its layers are gathered when training ends, so that buffers may differ until then
        learner.loss = DistributedDataParallel(_Loss(learner), broadcast_buffers=False, find_unused_parameters=True)
        yield torch.zeros(1, device=learner.device)
    finally:
        learner.loss = learner.alone
        distributed.destroy_process_group()


class _Loss(nn.Module):
    """The loss of a learner as torch wants it: a module that holds the network."""

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.net, self._alone = learner.net, learner.alone

    def forward(self, *given: Any) -> Any:
        """The loss and its parts."""
        return self._alone(*given)


def _tell(told: Tensor, go: bool) -> None:
    torch.distributed.broadcast(told.fill_(float(go)), 0)


def _heard(told: Tensor) -> bool:
    torch.distributed.broadcast(told, 0)
    return bool(told.item())
