"""What a training starts from: the encoder that comes along, unless a new network is asked for."""

from __future__ import annotations

from dataclasses import replace

from napari_ae_seg.autoencoder.model import Autoencoder
from napari_ae_seg.autoencoder.nets import UNet
from napari_ae_seg.config import MOST_LATENTS, NetworkConfig


def begun_from(network: NetworkConfig, ndim: int) -> Autoencoder | None:
    """The shipped encoder with as many of its latents as `network` asks for; None if that asks for a new one.

    ValueError if it has no fewer: only the latents of a unet are in order.

    >>> begun_from(NetworkConfig(latents=4), 2).net.latents, begun_from(NetworkConfig(kind="conv"), 2)
    (4, None)
    """
    if network.kind != "shipped":
        return None
    model, latents = Autoencoder.shipped(ndim), network.latents or MOST_LATENTS
    if isinstance(model.net, UNet):
        net = model.net.first(latents)
        return replace(model, net=net, network=net.config)
    if latents != model.net.latents:
        raise ValueError(
            f"the shipped encoder for {ndim}D has {model.net.latents} latents, {latents} need a new network: "
            "kind='conv'"
        )
    return model
