"""Decoding: latents back into pictures - what a cluster looks like to the network, and images that never were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.core import devices
from napari_ae_seg.images.tiles import tiles

from .encode import encode_array, pad_to, scaled, sides
from .nets.losses import activate

if TYPE_CHECKING:
    from napari_ae_seg.images.stack import Image

    from .model import Autoencoder


def decode(model: Autoencoder, z: np.ndarray) -> np.ndarray:
    """Images (N, C, *space) in input units of latent maps `z` (N, latents, *space / stride)."""
    z = np.asarray(z, np.float32)
    if z.ndim != model.ndim + 2 or z.shape[1] != model.net.latents:
        raise ValueError(
            f"latent maps of this model are (N, {model.net.latents}, {', '.join('ZYX'[-model.ndim :])}), got {z.shape}"
        )
    return np.stack([native(model, _drawn(model, torch.from_numpy(np.array(one)))) for one in z])


def generate(model: Autoencoder, n: int = 1, seed: int = 0) -> np.ndarray:
    """`n` new images (n, C, *space) in input units, drawn from a variational model."""
    if n < 1:
        raise ValueError(f"at least one image is drawn, got n={n}")
    if not model.network.variational:
        raise ValueError("only a variational model can draw images: train one with variational=True (--variational)")
    with devices.seeded(seed, model.device), torch.inference_mode():
        drawn = model.net.sample(n, generator=torch.Generator(model.device).manual_seed(seed))
    return np.stack([native(model, one) for one in drawn])


def prototypes(model: Autoencoder, centers: np.ndarray, side: int = 0) -> np.ndarray:
    """What the decoder draws of each latent centre (K, latents), everywhere the same: (K, C, *side) in input units."""
    net, ndim = model.net, model.ndim
    cells, margin = -(-(side or (64 if ndim == 2 else 32)) // net.stride), -(-net.decode_halo // net.stride)
    flat = np.asarray(centers, np.float32).reshape(*centers.shape, *[1] * ndim)
    drawn = decode(model, np.broadcast_to(flat, (*centers.shape, *[cells + 2 * margin] * ndim)))
    inner = slice(margin * net.stride, (margin + cells) * net.stride)  # the rim looks different: nothing lies around it
    return drawn[(slice(None), slice(None), *[inner] * ndim)]


def segmented_image(model: Autoencoder, image: Image, clusters: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The picture (N, C, *space) in input units that the decoder draws when every latent is its cluster's centre.

    `clusters` (N, *space) are 0 (the latents stay) or 1..K, `centers` (K, latents).
    """
    net, space = model.net, image.shape[2:]
    out = np.zeros(image.shape, np.float32)
    table = torch.from_numpy(np.asarray(centers, np.float32)).to(model.device)
    halo = net.halo + net.decode_halo
    for n in range(image.shape[0]):
        for tile in tiles(space, sides(space, align=net.align), halo, net.align):
            raw = image.block(n, tile.outer)
            z = encode_array(model, raw).levels[-1]
            middle = tuple(slice(net.stride // 2, None, net.stride) for _ in space)
            padded = pad_to(torch.from_numpy(clusters[n][tile.outer].astype(np.float32))[None], net.stride)[0]
            label = padded[middle].long().to(z.device)[tuple(slice(0, side) for side in z.shape[1:])]
            flat = table[(label - 1).clamp_min(0)].movedim(-1, 0)
            drawn = native(model, _drawn(model, torch.where(label[None] > 0, flat, z), _maxima(model, raw)))
            out[n][scaled(tile.core, 1)] = drawn[scaled(tile.inner, 1)]
    return out


def native(model: Autoencoder, drawn: Tensor) -> np.ndarray:
    """What the decoder draws (M, *space) in the units of the training images (C, *space)."""
    picture = activate(drawn, model.training.loss)
    if model.training.loss == "bce":
        picture = model.standardized(picture[None])[0]
    return model.normalizer.invert(picture.cpu().numpy())


def _drawn(model: Autoencoder, z: Tensor, indices: list[Tensor] | None = None) -> Tensor:
    with torch.inference_mode():
        return model.net.decode(z[None].to(model.device), indices)[0]


def _maxima(model: Autoencoder, raw: np.ndarray) -> list[Tensor] | None:
    """Where an unpooling network found its maxima in a block (C, *space); None for the others."""
    if model.network.up != "unpool":
        return None
    x = pad_to(torch.from_numpy(model.normalizer.apply(raw)), model.net.align)[None]
    with torch.inference_mode():
        return model.net.encode(x.to(model.device)).indices
