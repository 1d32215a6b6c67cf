"""Encoding: what the network sees in an image, tile by tile and equal to the whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_ae_seg.core import devices, filters
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.images import notebook
from napari_ae_seg.images.stack import Images, as_stack
from napari_ae_seg.images.tiles import tiles

from .maps import Maps

if TYPE_CHECKING:
    from napari_ae_seg.images.normalize import Normalizer
    from napari_ae_seg.images.stack import Image, Stack

    from .model import Autoencoder

TILE = {2: 256, 3: 64}
"""Side of the tiles that pass through the network at once on a CPU: larger buffers only pay page faults."""
GPU_TILE = {2: 1024, 3: 128}
BLOCK = {2: 1024, 3: 192}
"""Side of the blocks of an image whose maps are held in memory at once."""


@dataclass(frozen=True, repr=False)
class Features:
    """What a network says about every place of a stack: one array of numbers per image.

    `encode` makes it; `decode` draws the image again from features of kind "latent" at the network's own stride.

    Parameters
    ----------
    arrays : tuple of ndarray
        Per image (samples, features, *space / stride), float32; sides are rounded up.
    stride : int
        Pixels per place, along each axis.
    kind : {"latent", "multiscale", "decoder"}
        What was asked for.
    images : tuple of Image
        Where the features come from: shape, axes and range of values.
    normalizer : Normalizer
        How the values of the images were scaled for the network.

    Examples
    --------
    >>> import napari_ae_seg as ae
    >>> model = ae.train(np.eye(32), ae.TrainingConfig(steps=2), ae.NetworkConfig(levels=2, latents=5))
    >>> features = ae.encode(model, np.eye(32))
    >>> features
    Features of 1 image: latent, 5 numbers per place, a place is 2 pixels wide
      image: (1, 5, 16, 16)
    """

    arrays: tuple[np.ndarray, ...]
    stride: int
    kind: str
    images: tuple[Image, ...]
    normalizer: Normalizer

    def __repr__(self) -> str:
        count, wide = len(self.arrays), f"{self.stride} pixel{'s' * (self.stride != 1)} wide"
        title = (
            f"Features of {count} image{'s' * (count != 1)}: {self.kind}, "
            f"{self.arrays[0].shape[1]} numbers per place, a place is {wide}"
        )
        pairs = zip(self.images, self.arrays, strict=True)
        return notebook.listed(title, [f"{image.name}: {array.shape}" for image, array in pairs])

    @property
    def array(self) -> np.ndarray:
        """The features of the one image; ValueError if there are several."""
        if len(self.arrays) != 1:
            raise ValueError(f"there are features of {len(self.arrays)} sources; choose one of `arrays`")
        return self.arrays[0]


def encode(
    model: Autoencoder,
    images: Images,
    features: Literal["latent", "multiscale", "decoder"] = "latent",
    stride: int = 0,
    device: str = "auto",
    report: Report = silent,
) -> Features:
    """Features of every place of images, as a network sees them.

    Parameters
    ----------
    model : Autoencoder
        The network, of `train`, `Autoencoder.load` or `Autoencoder.shipped`. The shipped encoder takes images of any
        brightness and number of channels, others those they were trained on.
    images : Stack, array, path, layer, or list of them
        What to look at.
    features : {"latent", "multiscale", "decoder"}, optional
        "latent" is the bottleneck, "multiscale" every level of the encoder, "decoder" the image as the network
        redraws it.
    stride : int, optional
        Pixels per place: 1, 2, 4 or the network's own. 0 is the network's own for latents, 1 for the others.
    device : str, optional
        "auto" takes the GPU if there is one; or "cpu", "cuda", "mps".
    report : callable, optional
        Is told of progress; `progress_bar` shows it.

    Returns
    -------
    Features
        An array (samples, features, *space / stride) per image.

    Raises
    ------
    ValueError
        If features or stride are others than these, or the images do not fit the network.
    TypeError
        If the network is no Autoencoder.

    Examples
    --------
    >>> import napari_ae_seg as ae
    >>> model = ae.Autoencoder.shipped(2)
    >>> ae.encode(model, np.eye(64)).array.shape, model.net.stride
    ((1, 16, 32, 32), 2)
    >>> ae.encode(model, np.eye(64), stride=1).array.shape
    (1, 16, 64, 64)
    """
    if features not in ("latent", "multiscale", "decoder"):
        raise ValueError(f"features is latent, multiscale or decoder, got {features!r}")
    model, stack = fitting(model, images)
    own = model.net.stride
    stride = stride or (own if features == "latent" else 1)
    if stride not in (1, 2, 4, own):
        raise ValueError(f"stride is 1, 2, 4 or the network's own, {own}; got {stride}")
    model = model.on(device)
    arrays = []
    for image in stack.images:
        count, space = image.shape[0], image.shape[2:]
        out: np.ndarray | None = None
        align = math.lcm(model.net.align, stride)
        halo = model.net.halo + model.net.decode_halo
        halo += -halo % align
        todo = list(product(range(count), tiles(space, sides(space, align=align), halo, align)))
        for done, (n, tile) in enumerate(todo):
            report(Progress("encode", done, len(todo)))
            maps = encode_array(model, image.block(n, tile.outer), decoder=features == "decoder")
            block = _select(maps, features, stride)
            if out is None:
                out = np.zeros((count, len(block), *(-(-s // stride) for s in space)), np.float32)
            out[n][scaled(tile.core, stride)] = block[scaled(tile.inner, stride)].cpu().numpy()
        report(Progress("encode", len(todo), len(todo)))
        assert out is not None  # a stack has no empty axes
        arrays.append(out)
    return Features(tuple(arrays), stride, features, stack.images, model.normalizer)


def fitting(model: Autoencoder, images: Images) -> tuple[Autoencoder, Stack]:
    """The model as it takes `images`, and their Stack; TypeError or ValueError if they do not go together."""
    from .model import Autoencoder

    if not isinstance(model, Autoencoder):
        raise TypeError(f"an Autoencoder comes first, then the images; got a {type(model).__name__}")
    stack = as_stack(images)
    model = model.suited_to(stack)
    check_channels(model, stack)
    return model, stack


def encode_array(
    model: Autoencoder,
    raw: np.ndarray,
    grid: int = 1,
    decoder: bool = False,
    normalizer: Normalizer | None = None,
    wanted: set[str] | None = None,
) -> Maps:
    """Maps of one block of native values (C, *space); `normalizer` stands in for the model's own.

    Only the `wanted` sources are filled ("raw", a level by its number), all if it is None: without a level the network
    does not run at all.

    Levels finer than `grid` are averaged down to it. The network runs over tiles with a halo of its receptive
    field, so that the maps equal those of the whole block at once.
    """
    norm = normalizer or model.normalizer
    if wanted == {"raw"}:
        standard, valid = torch.from_numpy(norm.standard(raw)), torch.from_numpy(norm.valid(raw))
        return Maps(standard.to(model.device), [], [], valid.to(model.device))
    side = max(model.net.tile, (GPU_TILE if model.device.type == "cuda" else TILE)[model.net.ndim])
    return devices.shrinking(
        lambda size, device: _encode(model.on(device), norm, raw, grid, decoder, wanted, size),
        side,
        model.device,
        smallest=max(model.net.align, 16),
    )


def _encode(
    model: Autoencoder,
    normalizer: Normalizer,
    raw: np.ndarray,
    grid: int,
    decoder: bool,
    wanted: set[str] | None,
    side: int,
) -> Maps:
    net, device, space = model.net, model.device, raw.shape[1:]
    x = pad_to(torch.from_numpy(normalizer.apply(raw)), net.align)  # (M, *padded)
    strides = [max(stride, grid) for stride in net.level_strides]
    levels = [
        torch.zeros((channels, *(-(-p // s) for p in x.shape[1:])), device=device)
        for channels, s in zip(net.level_channels, strides, strict=True)
    ]
    decoded = torch.zeros(x.shape, device=device) if decoder else None
    halo = net.halo + (net.decode_halo if decoder else 0)
    align = math.lcm(net.align, grid)
    for tile in tiles(x.shape[1:], side + -side % align, halo, align):
        part = x[(slice(None), *tile.outer)][None].to(device)
        with torch.inference_mode():
            encoded = net.encode(part.contiguous(memory_format=net.memory_format))
            parts = zip(levels, encoded.levels, net.level_strides, strides, strict=True)
            for number, (level, output, own, stride) in enumerate(parts):
                if wanted is not None and str(number) not in wanted:
                    continue
                level[scaled(tile.core, stride)] = _at(output[0][scaled(tile.inner, own)], own, stride)
            if decoded is not None:
                image = (net.decode(encoded.z, encoded.indices) if encoded.redrawn is None else encoded.redrawn)[0]
                decoded[scaled(tile.core, 1)] = image[scaled(tile.inner, 1)]
    return Maps(
        raw=torch.from_numpy(normalizer.standard(raw)).to(device),
        levels=[level[crop(space, stride)] for level, stride in zip(levels, strides, strict=True)],
        strides=strides,
        valid=torch.from_numpy(normalizer.valid(raw)).to(device),
        decoded=None if decoded is None else decoded[crop(space, 1)],
        codes=net.codes,
        tone_weight=net.tone_weight,
    )


def sides(space: tuple[int, ...], side: int = 0, align: int = 1) -> tuple[int, ...]:
    """Sides of the blocks that an image of shape `space` is cut into: about `side` along each axis, or what fits.

    A volume of few slices is cut into blocks of all its slices, wider in the plane.
    """
    side = side or BLOCK[len(space)]
    plane = int((side**3 / space[0]) ** 0.5) if len(space) == 3 and space[0] < side else side
    return tuple(s + -s % align for s in ((side,) * len(space) if len(space) == 2 else (side, plane, plane)))


def check_channels(model: Autoencoder, stack: Stack) -> None:
    """Raises unless `stack` has the channels and axes that `model` was trained on."""
    if stack.channels != model.channels:
        raise ValueError(
            f"the model was trained on {model.channels} channel{'s' * (model.channels != 1)}, the image has "
            f"{stack.channels}; choose as many channels, or train a model on this image"
        )
    if stack.ndim != model.ndim:
        raise ValueError(
            f"the model is {model.ndim}D and the image is taken as {stack.ndim}D; "
            f"read it with ndim={model.ndim}, or train a model on this image"
        )


def pad_to(x: Tensor, align: int) -> Tensor:
    """`x` (C, *space) repeated at its end until every axis is a multiple of `align`."""
    padding: list[int] = []
    for size in reversed(x.shape[1:]):
        padding += [0, -size % align]
    if not any(padding):
        return x
    return functional.pad(x[None], padding, mode="replicate")[0]


def scaled(region: tuple[slice, ...], stride: int) -> tuple[slice, ...]:
    """`region` of an image as the index of maps (F, *space / stride).

    >>> scaled((slice(8, 20),), 4)
    (slice(None, None, None), slice(2, 5, None))
    """
    return (slice(None), *(slice(s.start // stride, -(-s.stop // stride)) for s in region))


def crop(space: tuple[int, ...], stride: int) -> tuple[slice, ...]:
    """Index of the cells of maps (F, *padded / stride) that an image of shape `space` reaches."""
    return (slice(None), *(slice(0, -(-size // stride)) for size in space))


def _select(maps: Maps, features: str, stride: int) -> Tensor:
    """The chosen features (F, *space / stride) of a block."""
    chosen: list[tuple[Tensor, int]]
    if features == "decoder":
        assert maps.decoded is not None  # asked for above
        chosen = [(maps.decoded, 1)]
    elif features == "latent":
        chosen = [(maps.levels[-1], maps.strides[-1])]
    else:
        chosen = list(zip(maps.levels, maps.strides, strict=True))
    return torch.cat([_at(x, own, stride, maps.space) for x, own in chosen])


def _at(x: Tensor, stride: int, to: int, space: tuple[int, ...] | None = None) -> Tensor:
    """Maps (F, *space / stride) at stride `to`."""
    space = space or tuple(side * stride for side in x.shape[1:])
    return filters.resample(x, [stride] * len(space), [to] * len(space), space)
