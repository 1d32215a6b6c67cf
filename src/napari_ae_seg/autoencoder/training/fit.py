"""The training of one autoencoder: an iterator over steps that may be left and taken up again at any of them."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.autoencoder.nets import Net, build
from napari_ae_seg.autoencoder.nets.latents import choose_latents
from napari_ae_seg.config import NetworkConfig, TrainingConfig
from napari_ae_seg.core import devices
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.images.patches import PatchSampler
from napari_ae_seg.images.stack import Images, as_stack

from . import checkpoint
from .finish import finish
from .learner import Learner
from .material import Material
from .parallel import device_of, together
from .schedule import Watch, check_every, rate, steps_of, usual
from .start import begun_from

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.images.stack import Stack

_CHECKED = 8
"""Patches kept apart that a check looks at, at least."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of training, as a loop over a `Fit` gives it.

    Parameters
    ----------
    number : int
        Counted from 1.
    steps : int
        How many there will be.
    loss : float
        On this step's batch.
    validation : float or None
        Loss on patches kept apart, at the steps that check it.
    seconds : float
        Time spent training so far.
    eta : float
        Seconds that are left.
    rate : float
        Learning rate.
    parts : dict
        Parts of the loss, each before its weight.

    Examples
    --------
    >>> import napari_ae_seg as ae
    >>> [step.number for step in ae.Fit.on(np.eye(32), ae.TrainingConfig(steps=2), ae.NetworkConfig(levels=2))]
    [1, 2]
    """

    number: int
    steps: int
    loss: float
    validation: float | None
    seconds: float
    eta: float
    rate: float
    parts: dict[str, float]


class Fit:
    """A training: iterate to train, stop iterating to pause, iterate again to go on exactly as if never paused.

    `Fit.on` makes it. `fit.model` is at any time the autoencoder learnt so far, ready for use.

    Parameters
    ----------
    material : Material
        What is learnt from.
    training : TrainingConfig
        How.
    net : torch.nn.Module
        What learns.
    threads : int
        CPU threads; the result depends on their number in the last bits.
    rank : int, optional
        Which of the processes that train together this is; 0 is the first.

    Examples
    --------
    >>> import napari_ae_seg as ae
    >>> fit = ae.Fit.on(np.eye(32), ae.TrainingConfig(steps=3), ae.NetworkConfig(levels=2))
    >>> for step in fit:
    ...     if step.number == 2:
    ...         break
    >>> fit.finished, [step.number for step in fit], fit.model.ndim
    (False, [3], 2)
    """

    def __init__(self, material: Material, training: TrainingConfig, net: Net, threads: int, rank: int = 0) -> None:
        self.training, self.material, self.threads, self._rank = training, material, threads, rank
        self.learner = Learner(net, material.normalizer, training, device_of(rank, training), rank)
        self.sampler = PatchSampler(
            material.blocks,
            net.batch_shape(1, training.patch)[1:],
            focus=training.focus,
            validation=training.validation,
            seed=training.seed,
        )
        self.watch = Watch(training)
        self.best: dict[str, Tensor] = {}
        self.number, self.seconds, self.batch = 0, 0.0, training.batch or net.usual_batch
        self.history: list[dict[str, Any]] = []
        self.losses: list[float] = []  # of the steps since the last check
        self.stopped = ""
        self.origin: dict[str, Any] = {"latents": "", "history": [], "runs": []}
        self._recent: list[float] = []
        self._model: tuple[int, Autoencoder] | None = None

    @classmethod
    def on(
        cls,
        images: Images,
        training: TrainingConfig | None = None,
        network: NetworkConfig | None = None,
        model: Autoencoder | None = None,
        report: Report = silent,
    ) -> Fit:
        """The training of a new network on images, or of a model that is trained further.

        Parameters
        ----------
        images : Stack, array, path, layer, or list of them
            What to learn from.
        training : TrainingConfig, optional
            How to learn.
        network : NetworkConfig, optional
            The shape of a new network.
        model : Autoencoder, optional
            To be trained further; it keeps its network and its scaling of values.
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        Fit
            Nothing is learnt before it is iterated.

        Raises
        ------
        ValueError
            If both a model and another network are given, or the images do not fit the model.
        TypeError
            If a configuration stands in the place of another.

        Examples
        --------
        >>> import napari_ae_seg as ae
        >>> ae.Fit.on(np.eye(32), ae.TrainingConfig(steps=3))
        Fit: step 0 of 3, unet network, 2D
        """
        training, stack = TrainingConfig.of(training), as_stack(images)
        network = None if network is None else NetworkConfig.of(network)
        if model is not None and network not in (None, model.network):
            raise ValueError("a model that is trained further keeps its network: give network or model, not both")
        threads = devices.use_threads(training.threads)
        report(Progress("sample", 0, 1))
        network = model.network if model is not None else network or NetworkConfig()
        stack = stack.with_ndim(network.ndim) if network.ndim else stack
        begun = None if model is not None else begun_from(network, stack.ndim)
        model = begun or model
        model = None if model is None else model.suited_to(stack)
        material = Material.of(stack, training.seed, _kept(model, stack, training))
        report(Progress("sample", 1, 1))
        if model is not None:
            training = usual(training, of_shipped=model.net.settles)
            training = training.but(steps=steps_of(training, model.net, material.pixels))
            fit = cls(material, training, copy.deepcopy(model.net), threads)
            fit.origin |= {"history": model.history, "runs": model.info.get("runs", [])}
            fit.origin["latents"] = model.info.get("latents", "")
            if begun is not None and model.net.settles and training.stay:
                fit.learner.follow(copy.deepcopy(model.net))
            return fit
        network, sentence = _settled(network, training, material)
        net = build(network, material.normalizer.outputs, material.ndim, training.seed)
        training = usual(training)
        training = training.but(steps=steps_of(training, net, material.pixels))
        fit = cls(material, training, net, threads)
        fit.origin["latents"] = sentence
        return fit

    def __repr__(self) -> str:
        loss = f", loss {self.history[-1]['loss']:.4g}" if self.history else ""
        why = f", stopped: {self.stopped}" if self.stopped else ""
        net = self.learner.net
        return f"Fit: step {self.number} of {self.training.steps}{loss}, {net.config.kind} network, {net.ndim}D{why}"

    def __iter__(self) -> Iterator[Step]:
        devices.use_threads(self.threads)
        if self.training.gpus > 1 and not self.finished:
            with together(self) as go:
                while not self.finished:
                    go()
                    yield self._step()
        while not self.finished:
            yield self._step()

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do; `stopped` says why, if it is sooner than asked for."""
        return bool(self.stopped) or self.number >= self.training.steps

    @property
    def model(self) -> Autoencoder:
        """The autoencoder as learnt so far: the weights that did best where that is checked, its statistics frozen."""
        if self._model is None or self._model[0] != self.number:
            devices.use_threads(self.threads)
            self._model = (self.number, finish(self))
        return self._model[1]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint, from which training goes on exactly.

        Parameters
        ----------
        path : path
            The file.

        Examples
        --------
        >>> import tempfile, napari_ae_seg as ae
        >>> fit = ae.Fit.on(np.eye(32), ae.TrainingConfig(steps=2), ae.NetworkConfig(levels=2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fit.save(f"{folder}/run.checkpoint")
        ...     len(list(ae.Fit.load(f"{folder}/run.checkpoint", np.eye(32))))
        2
        """
        checkpoint.write(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str], images: Images, report: Report = silent) -> Fit:
        """The training that `save` left in a file, to go on with the same images.

        Parameters
        ----------
        path : path
            The checkpoint.
        images : Stack, array, path, layer, or list of them
            Those it was trained on.
        report : callable, optional
            Is told of progress.

        Returns
        -------
        Fit
            At the step where it was saved.

        Raises
        ------
        ModelFileError
            If the file is damaged or no checkpoint.
        ValueError
            If it was trained on other images.

        Examples
        --------
        >>> import tempfile, napari_ae_seg as ae
        >>> fit = ae.Fit.on(np.eye(32), ae.TrainingConfig(steps=2), ae.NetworkConfig(levels=2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fit.save(f"{folder}/run.checkpoint")
        ...     len(list(ae.Fit.load(f"{folder}/run.checkpoint", np.eye(32))))
        2
        """
        saved = checkpoint.read(path)
        report(Progress("sample", 0, 1))
        material = Material.of(as_stack(images).with_ndim(saved.network.ndim), saved.training.seed, saved.normalizer)
        report(Progress("sample", 1, 1))
        if material.fingerprint() != saved.fingerprint:
            raise ValueError(f"{path} was trained on other images: {', '.join(saved.trained_on)}")
        net = build(saved.network, material.normalizer.outputs, material.ndim)
        threads = devices.use_threads(saved.threads)
        fit = cls(material, saved.training, net, threads)
        checkpoint.restore(fit, saved)
        return fit

    def _step(self) -> Step:
        start = time.perf_counter()
        if self.training.gpus > 1:  # one process alone cannot take less
            loss, parts = self._learn(self.batch, self.learner.device)
        else:
            loss, parts = devices.shrinking(self._learn, self.batch, self.learner.device, what="batch")
        learning_rate = rate(self.number, self.training)
        self.number += 1
        self.losses.append(loss)
        validation = self._check(learning_rate) if self._is_due() else None
        self._recent = [*self._recent[-19:], time.perf_counter() - start]
        self.seconds += self._recent[-1]
        self.stopped = self.watch.verdict(self.seconds) if self.number < self.training.steps else ""
        steps = self.training.steps
        return Step(self.number, steps, loss, validation, self.seconds, self._left(), learning_rate, parts)

    def _follow(self) -> None:
        """A step of a process that is not the first: it learns, and leaves all else to that one."""
        self.sampler.begin_at(self.number, self._rank)
        self._learn(self.batch, self.learner.device)
        self.number += 1

    def _left(self) -> float:
        """Seconds that are left, at the pace of the last steps."""
        if self.finished:
            return 0.0
        seconds = (self.training.steps - self.number) * sum(self._recent) / len(self._recent)
        allowed = 60 * self.training.max_minutes
        return min(seconds, max(allowed - self.seconds, 0)) if allowed else seconds

    def _learn(self, batch: int, device: torch.device) -> tuple[float, dict[str, float]]:
        """A step on `batch` patches, which from now on is how many there are at a time."""
        self.batch = batch
        if device != self.learner.device:
            self.learner.move(device)
        net = self.learner.net
        count, *sides = net.batch_shape(batch, self.training.patch)
        count = -(-count // self.training.gpus)
        if net.one_place or max(sides) <= net.stride:
            count = max(count, 2)  # one value has no variance
        if self.training.contrastive_weight:  # the second half are the neighbours of the first
            patches = np.concatenate(self.sampler.neighbors(count))
        else:
            patches = self.sampler.draw(count)
        return self.learner.learn(torch.from_numpy(patches), self.number)

    def _is_due(self) -> bool:
        return self.number % check_every(self.training) == 0 or self.number >= self.training.steps

    def _check(self, learning_rate: float) -> float | None:
        """Looks at patches kept apart, if there are any, and keeps the weights if they do best."""
        loss, self.losses = sum(self.losses) / len(self.losses), []
        validation = self._validated() if self.training.validation else None
        if self.watch.add(loss if validation is None else validation) and validation is not None:
            self.best = {name: weight.detach().clone() for name, weight in self.learner.net.state_dict().items()}
        done = {"step": self.number, "loss": loss, "validation": validation, "rate": learning_rate}
        self.history.append({**done, "seconds": round(self.seconds, 3)})
        return validation

    def _validated(self) -> float:
        count = max(_CHECKED, self.batch)
        return self.learner.check(torch.from_numpy(self.sampler.validation(count)))


def train(
    images: Images,
    training: TrainingConfig | None = None,
    network: NetworkConfig | None = None,
    report: Report = silent,
    model: Autoencoder | None = None,
) -> Autoencoder:
    """Train an autoencoder on images, anew or from a model on; `Fit.on` does it step by step.

    Parameters
    ----------
    images : Stack, array, path, layer, or list of them
        What to learn from.
    training : TrainingConfig, optional
        How to learn.
    network : NetworkConfig, optional
        The shape of a new network.
    report : callable, optional
        Is told of progress; `progress_bar` shows it.
    model : Autoencoder, optional
        To be trained further; it keeps its network and its scaling of values.

    Returns
    -------
    Autoencoder
        The trained model.

    Raises
    ------
    ValueError
        If both a model and another network are given, or the images do not fit the model.
    TypeError
        If a configuration stands in the place of another.

    Examples
    --------
    >>> import napari_ae_seg as ae
    >>> model = ae.train(np.eye(32), ae.TrainingConfig(steps=2), ae.NetworkConfig(levels=2, latents=5))
    >>> model.net.latents, model.history[-1]["step"]
    (5, 2)
    """
    fit = Fit.on(images, training, network, model, report)
    for step in fit:
        report(Progress("train", step.number, step.steps, f"loss {step.loss:.3f}"))
    return fit.model


def _kept(model: Autoencoder | None, stack: Stack, training: TrainingConfig) -> Any:
    """The normaliser of a model that is trained further on `stack`, if it can be."""
    if model is None:
        return None
    if not model.net.decodes:
        raise ValueError(f"{model.net.title} has no decoder, so it cannot be trained here; train it where it was made")
    if stack.channels != model.channels:
        raise ValueError(f"the model takes {model.channels} channels, the images have {stack.channels}")
    if training.loss == "bce" and model.normalizer.mix is not None:
        raise ValueError(
            "loss='bce' needs the image within 0 to 1, this model mixes its channels; try loss='mse', or a new "
            "network: kind='conv'"
        )
    return model.normalizer


def _settled(network: NetworkConfig, training: TrainingConfig, material: Material) -> tuple[NetworkConfig, str]:
    """The network with its axes and number of latents decided, and how the latter was."""
    network = network.but(ndim=material.ndim)
    if network.latents:
        return network, ""
    shape = build(network.but(latents=4, active=0), 1, material.ndim).batch_shape(1, training.patch)
    sampler = PatchSampler(material.blocks, shape[1:], focus=0.0, seed=training.seed)
    latents, sentence = choose_latents(torch.from_numpy(sampler.draw(64)), network)
    return network.but(latents=latents), sentence
