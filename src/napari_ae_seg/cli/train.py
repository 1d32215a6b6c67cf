"""`train`: an autoencoder for your images."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_ae_seg.config import NetworkConfig, TrainingConfig, flag_of
from napari_ae_seg.core.progress import Progress
from napari_ae_seg.images.destinations import check_room

from .console import Talk, signals_wait, speak
from .options import Images, configured, given_in, option, takes

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.autoencoder.training import Fit
    from napari_ae_seg.images.stack import Stack

EVERY = 60.0
"""Seconds of training from one checkpoint to the next."""
_LEFT_OPEN = (0, "auto", "shipped")  # what the images, or the encoder that comes along, decide
_FREE = ("device", "threads")  # what a training may go on with otherwise than it began


@takes(NetworkConfig, TrainingConfig, reading=True, preset=True)
def train(
    images: Images,
    model: Annotated[Path, option("Where to write the model (.aeseg).")],
    checkpoint: Annotated[
        Path | None,
        option("Keep the unfinished training here (.aeseg); the same command goes on from it."),
    ] = None,
    **fields: Any,
) -> None:
    """Train an autoencoder on IMAGES and save it."""
    network, training = configured(NetworkConfig, fields), configured(TrainingConfig, fields)
    with Talk("train", fields) as talk:
        talk.check(images, {"--model": [model], "--checkpoint": [checkpoint]})
        check_room({path: 0 for path in (model, checkpoint) if path})
        stack = talk.read(images, network.ndim, carry_on=True)
        talk.expect(stack, training, network, 0)
        if checkpoint:
            trained = _kept(_begun(stack, training, network, checkpoint, fields, talk), checkpoint, talk)
        else:
            trained = talk.train(stack, training, network)
        _saved(trained.save, model)
        talk.account.configs(trained.network, trained.training)
        talk.say_cost()
        talk.say(f"model: {model}")


def _begun(
    stack: Stack, training: TrainingConfig, network: NetworkConfig, checkpoint: Path, fields: dict[str, Any], talk: Talk
) -> Fit:
    """The training in the file, if there is one and it is what is asked for; a new one otherwise."""
    from napari_ae_seg.autoencoder.training import Fit

    if not checkpoint.exists():
        return Fit.on(stack, training, network, report=talk.report)
    fit = Fit.load(checkpoint, stack, talk.report)
    for config, own in ((TrainingConfig, fit.training), (NetworkConfig, fit.learner.net.config)):
        for name, value in given_in(config, fields).items():
            begun = getattr(own, name)
            if name not in _FREE and value not in (begun, *_LEFT_OPEN):
                raise typer.BadParameter(
                    f"{flag_of(name)} {value}: the training in {checkpoint} was begun with {begun}; "
                    "give the same, or another --checkpoint"
                )
    talk.say(f"going on from step {fit.number} of {fit.training.steps} in {checkpoint}")
    return fit


def _kept(fit: Fit, checkpoint: Path, talk: Talk) -> Autoencoder:
    """What the training gives; it is kept in the file now and then, at its end, and when it is stopped."""
    from napari_ae_seg.autoencoder.training import collapsed

    with talk.account.stage("train"), signals_wait() as stopped:
        kept = time.monotonic()
        for step in fit:
            talk.report(Progress("train", step.number, step.steps, f"loss {step.loss:.3f}"))
            if stopped():
                _leave(fit, checkpoint, talk)
                break
            if fit.finished or time.monotonic() - kept >= EVERY:
                kept = time.monotonic()
                try:
                    fit.save(checkpoint)
                except OSError as error:  # it is tried again, and the model is what was asked for
                    speak(f"napari-ae-seg: {error}; the training goes on without it", sys.stderr)
    talk.say(collapsed(fit.model))
    return fit.model


def _leave(fit: Fit, checkpoint: Path, talk: Talk) -> None:
    """Keep a training that was stopped, and say how to go on with it."""
    stopped = f"stopped after step {fit.number} of {fit.training.steps}"
    try:
        fit.save(checkpoint)
    except OSError as error:
        speak(f"{stopped}; {error}; --checkpoint {_aside(fit.save, checkpoint)} goes on", sys.stderr)
    else:
        talk.say(f"{stopped}; the same command goes on from {checkpoint}")


def _saved(save: Callable[[Path], None], model: Path) -> None:
    """Write the model; OSError if that cannot be any more, and it is kept elsewhere."""
    try:
        save(model)
    except OSError as error:
        raise OSError(f"{error}; the model is kept as {_aside(save, model)}") from error


def _aside(save: Callable[[Path], None], path: Path) -> Path:
    """Save among temporary files what cannot be saved at `path`."""
    place = Path(tempfile.mkdtemp(prefix="napari-ae-seg-"), path.name)
    save(place)
    return place
