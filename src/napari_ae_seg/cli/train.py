"""`train`: an autoencoder for your images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from napari_ae_seg.config import NetworkConfig, TrainingConfig

from .console import Talk
from .options import Images, configured, option, takes


@takes(NetworkConfig, TrainingConfig, reading=True, preset=True)
def train(images: Images, model: Annotated[Path, option("Where to write the model (.aeseg).")], **fields: Any) -> None:
    """Train an autoencoder on IMAGES and save it."""
    network, training = configured(NetworkConfig, fields), configured(TrainingConfig, fields)
    with Talk("train", fields) as talk:
        talk.check(images, {"--model": [model]})
        stack = talk.read(images, network.ndim, carry_on=True)
        talk.expect(stack, training, network, 0)
        trained = talk.train(stack, training, network)
        trained.save(model)
        talk.account.configs(network, training)
        talk.say_cost()
        talk.say(f"model: {model}")
