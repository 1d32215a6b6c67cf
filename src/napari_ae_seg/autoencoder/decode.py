"""Decoding: latents back into pictures - what a cluster looks like to the network, and images that never were."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.core import devices
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.images.axes import CHANNELS
from napari_ae_seg.images.stack import Images, Stack
from napari_ae_seg.images.tiles import tiles

from .encode import Features, encode_array, fitting, pad_to, scaled, sides
from .model import Autoencoder
from .nets.losses import activate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ae_seg.images.stack import Image


def decode(model: Autoencoder, z: Features | np.ndarray, space: Sequence[int] | None = None) -> Any:
    """The images that a network draws of latents.

    Parameters
    ----------
    model : Autoencoder
        The network that encoded them.
    z : Features or ndarray
        What `encode` gave at the network's own stride, its default; or an array (samples, latents, *space / stride).
    space : sequence of int, optional
        Sides of the image that an array comes from, where they are no multiples of the stride.

    Returns
    -------
    ndarray or list of ndarray
        Of Features an image of the shape, axes and range of values of its source, float32; of those of several images
        a list. Of an array the images (samples, channels, *space), in the units of the training images.

    Raises
    ------
    ValueError
        If the latents are not of this network, or not at its own stride.
    TypeError
        If the network is no Autoencoder.

    Examples
    --------
    >>> import napari_ae_seg as ae
    >>> model = ae.train(np.eye(30), ae.TrainingConfig(steps=2), ae.NetworkConfig(levels=2, latents=5))
    >>> features = ae.encode(model, np.eye(30))
    >>> ae.decode(model, features).shape, ae.decode(model, features.array).shape
    ((30, 30), (1, 1, 30, 30))
    """
    if not isinstance(model, Autoencoder):
        raise TypeError(f"an Autoencoder comes first, then the latents; got a {type(model).__name__}")
    if isinstance(z, Features):
        _check_decodable(model, z)
        model = replace(model.suited_to(Stack(z.images)), normalizer=z.normalizer)
        found = [_decoded(model, array, image) for array, image in zip(z.arrays, z.images, strict=True)]
        return found[0] if len(found) == 1 else found
    z = np.asarray(z, np.float32)
    if z.ndim != model.ndim + 2 or z.shape[1] != model.net.latents:
        raise ValueError(
            f"latent maps of this model are (N, {model.net.latents}, {', '.join('ZYX'[-model.ndim :])}), got {z.shape}"
        )
    drawn = np.stack([native(model, _drawn(model, torch.from_numpy(np.array(one)))) for one in z])
    if space is None:
        return drawn
    stride, wanted = model.net.stride, tuple(int(side) for side in space)
    if tuple(-(-side // stride) for side in wanted) != z.shape[2:]:
        raise ValueError(f"an image of {wanted} has other latents than {z.shape[2:]} places of {stride} pixels")
    return drawn[(slice(None), slice(None), *(slice(side) for side in wanted))]


def reconstruct(model: Autoencoder, images: Images, device: str = "auto", report: Report = silent) -> Any:
    """Images as a network redraws them: what they look like to it.

    Parameters
    ----------
    model : Autoencoder
        The network.
    images : Stack, array, path, layer, or list of them
        What to redraw, tile by tile.
    device : str, optional
        "auto" takes the GPU if there is one; or "cpu", "cuda", "mps".
    report : callable, optional
        Is told of progress; `progress_bar` shows it.

    Returns
    -------
    ndarray or list of ndarray
        An image of the shape, axes and range of values of its source, float32; of several images a list.

    Raises
    ------
    ValueError
        If the images do not fit the network.
    TypeError
        If the network is no Autoencoder.

    Examples
    --------
    >>> import napari_ae_seg as ae
    >>> model = ae.train(np.eye(30), ae.TrainingConfig(steps=2), ae.NetworkConfig(levels=2))
    >>> ae.reconstruct(model, np.eye(30)).shape
    (30, 30)
    """
    model, stack = fitting(model, images)
    model, net = model.on(device), model.net
    halo = net.halo + net.decode_halo
    halo += -halo % net.align
    found = []
    for image in stack.images:
        space = image.shape[2:]
        drawn = np.zeros(image.shape, np.float32)
        todo = list(product(range(image.shape[0]), tiles(space, sides(space, align=net.align), halo, net.align)))
        for done, (n, tile) in enumerate(todo):
            report(Progress("reconstruct", done, len(todo)))
            decoded = encode_array(model, image.block(n, tile.outer), decoder=True, wanted=set()).decoded
            assert decoded is not None  # asked for
            drawn[n][scaled(tile.core, 1)] = native(model, decoded)[scaled(tile.inner, 1)]
        report(Progress("reconstruct", len(todo), len(todo)))
        found.append(as_source(image, drawn))
    return found[0] if len(found) == 1 else found


def generate(model: Autoencoder, n: int = 1, seed: int = 0) -> np.ndarray:
    """New images, drawn from a variational model.

    Parameters
    ----------
    model : Autoencoder
        Trained with `NetworkConfig(variational=True)`.
    n : int, optional
        How many.
    seed : int, optional
        The same seed gives the same images.

    Returns
    -------
    ndarray
        (n, channels, *space) in the units of the training images.

    Raises
    ------
    ValueError
        If the model is not variational, or `n` is below 1.

    Examples
    --------
    >>> import napari_ae_seg as ae
    >>> network = ae.NetworkConfig(levels=2, latents=4, variational=True)
    >>> model = ae.train(np.eye(32), ae.TrainingConfig(steps=2), network)
    >>> ae.generate(model, n=2).shape[:2]
    (2, 1)
    """
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
    drawn: np.ndarray = decode(model, np.broadcast_to(flat, (*centers.shape, *[cells + 2 * margin] * ndim)))
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


def as_source(image: Image, drawn: np.ndarray) -> np.ndarray:
    """Channels (N, C, *space) with the axes of their source, within what its type of values can hold."""
    if image.dtype.kind in "iu":
        drawn = drawn.clip(np.iinfo(image.dtype).min, np.iinfo(image.dtype).max)
    parts: list[np.ndarray] = [image.to_source(np.ascontiguousarray(part)) for part in drawn.swapaxes(0, 1)]
    place = next((at for at, axis in enumerate(image.axes) if axis in CHANNELS), None)
    if place is None:
        return parts[0] if len(parts) == 1 else np.stack(parts)
    before = sum(axis not in CHANNELS for axis in image.axes[:place])
    return np.stack(parts, axis=before)


def native(model: Autoencoder, drawn: Tensor) -> np.ndarray:
    """What the decoder draws (M, *space) in the units of the training images (C, *space), and within their range."""
    picture = activate(drawn, model.training.loss)
    if model.training.loss == "bce":
        picture = model.standardized(picture[None])[0]
    return model.normalizer.bounded(model.normalizer.invert(picture.cpu().numpy()))


def _check_decodable(model: Autoencoder, features: Features) -> None:
    """Raises unless `features` are latents of `model` at its own stride."""
    if features.kind != "latent":
        raise ValueError(
            f"latents are decoded, these are {features.kind} features: encode(model, images) gives latents"
        )
    if features.stride != model.net.stride:
        raise ValueError(
            f"this network draws of places {model.net.stride} pixels wide, these are {features.stride} wide: "
            "encode(model, images) without a stride gives what fits"
        )
    counts = (features.arrays[0].shape[1], features.normalizer.outputs, features.arrays[0].ndim - 2)
    if counts != (model.net.latents, model.net.channels, model.ndim):
        raise ValueError("these latents are of another network: decode them with the one that encoded them")


def _decoded(model: Autoencoder, z: np.ndarray, image: Image) -> np.ndarray:
    """The image of latent maps (N, latents, *space / stride), tile by tile, with the axes of its source."""
    net, space = model.net, image.shape[2:]
    align, unpools = net.align, model.network.up == "unpool"
    halo = net.decode_halo + (net.halo if unpools else 0)  # where the maxima were depends on more than the latents
    halo += -halo % align
    drawn = np.zeros(image.shape, np.float32)
    for n, tile in product(range(image.shape[0]), tiles(space, sides(space, align=align), halo, align)):
        maxima = _maxima(model, image.block(n, tile.outer)) if unpools else None
        part = torch.from_numpy(z[n][scaled(tile.outer, net.stride)])
        drawn[n][scaled(tile.core, 1)] = native(model, _drawn(model, part, maxima))[scaled(tile.inner, 1)]
    return as_source(image, drawn)


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
