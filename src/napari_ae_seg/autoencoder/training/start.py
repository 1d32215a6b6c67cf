"""What a training starts from: the encoder that comes along, unless a new network is asked for."""

from __future__ import annotations

from dataclasses import replace

from napari_ae_seg.autoencoder.model import Autoencoder
from napari_ae_seg.autoencoder.nets import UNet
from napari_ae_seg.config import MOST_LATENTS, NetworkConfig


def begun_from(network: NetworkConfig, ndim: int) -> Autoencoder | None:
    """The shipped encoder, if `network` asks for it, with as many of its latents.

    >>> begun_from(NetworkConfig(latents=4), 2).net.latents, begun_from(NetworkConfig(kind="conv"), 2)
    (4, None)
    """
    if network.kind != "shipped":
        return None
    model = Autoencoder.shipped(ndim)
    assert isinstance(model.net, UNet)
    net = model.net.first(network.latents or MOST_LATENTS)
    return replace(model, net=net, network=net.config)
