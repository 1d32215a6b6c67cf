"""An encoder as a package of the BioImage Model Zoo: native values in, the same latents out, wherever those run."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_ae_seg.core.wholefile import write_bytes
from napari_ae_seg.images.stack import Images, read

from .encode import encode, fitting

if TYPE_CHECKING:
    import os

    from .model import Autoencoder

FORMAT = "0.5.4"
"""Version of the zoo's description of models."""
SIDE = {2: 256, 3: 64}
"""Longest side in pixels of the part of an image that the package is tested on."""
REPOSITORY = "https://github.com/napari-ae-seg/napari-ae-seg"

WORDS = """# An encoder of napari-ae-seg

Made with [napari-ae-seg]({link}). It takes native values of images with {channels} channel(s), like those it was
fitted to; a place of its {latents} latents is {stride} pixels wide.

## Training

On: {trained}. No label of a person was used.

## Validation

The latents of the test image are those that the package itself computes. How well clusters of latents segment images
depends on the images: see the documentation there. For research, not for diagnosis.
"""
"""What a package says of itself."""


class Latents(nn.Module):
    """Native values of images (B, C, *space) to latents (B, latents, *space / stride), normalization and all."""

    low: Tensor
    mean: Tensor
    scale: Tensor
    mix: Tensor

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        norm = model.normalizer
        self.net = copy.deepcopy(model.net).cpu()
        span = norm.high - norm.low
        shape = (-1, *[1] * model.ndim)
        scale = np.divide(1.0, span, out=np.zeros_like(span), where=span > 0)
        for name, values in (("low", norm.low), ("mean", norm.mean), ("scale", scale)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).reshape(shape))
        mix = np.eye(norm.channels) if norm.mix is None else norm.mix
        self.register_buffer("mix", torch.tensor(mix / norm.deviation, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Latents of native values; what is NaN or infinite counts as the mean."""
        unit = ((x - self.low) * self.scale).clamp(0, 1) - self.mean
        unit = torch.where(torch.isfinite(x), unit, torch.zeros_like(unit))
        mixed = (self.mix @ unit.flatten(2)).unflatten(2, x.shape[2:])
        z: Tensor = self.net.encode(mixed).z
        return z


def write_bioimageio(model: Autoencoder, images: Images, path: str | os.PathLike[str]) -> None:
    """Write an encoder as a package of the BioImage Model Zoo: native values in, latents out.

    The package holds the network as TorchScript with its normalization, and a part of the first image with its latents,
    on which the zoo's checker, `bioimageio.core`, tests it.

    Parameters
    ----------
    model : Autoencoder
        The encoder; the one that comes with the package is fitted to the images first.
    images : Stack, array, path, layer, or list of them
        What it is tried on.
    path : path
        The file, which ends in .zip.

    Raises
    ------
    ValueError
        If the network was made elsewhere, or the image is smaller than one place of its latents.

    Examples
    --------
    >>> import tempfile, napari_ae_seg as ae
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ae.write_bioimageio(ae.Autoencoder.shipped(2), np.eye(64), f"{folder}/encoder.zip")
    ...     sorted(zipfile.ZipFile(f"{folder}/encoder.zip").namelist())
    ['README.md', 'input.npy', 'output.npy', 'rdf.yaml', 'weights.pt']
    """
    model, stack = fitting(model, images)
    if not model.net.decodes:
        raise ValueError(f"{model.net.title} was made elsewhere: package it there")
    image, step = stack.images[0], model.net.align
    sides = [min(size, SIDE[model.ndim]) // step * step for size in image.shape[2:]]
    if not all(sides):
        raise ValueError(f"the package is tested on an image of at least {step} pixels a side, got {image.shape[2:]}")
    raw = image.block(0, tuple(slice(0, side) for side in sides)).astype(np.float32)
    part = read(raw, axes="C" + "ZYX"[-model.ndim :], ndim=model.ndim)
    files = {
        "weights.pt": _traced(Latents(model), raw),
        "input.npy": _saved(raw[None]),
        "output.npy": _saved(encode(model, part, device="cpu").array),
        "README.md": _words(model).encode(),
    }
    described = json.dumps(_description(model, files), indent=1)  # JSON is YAML, too
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in {"rdf.yaml": described.encode(), **files}.items():
            package.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    write_bytes(path, packed.getvalue())


def _traced(module: nn.Module, raw: np.ndarray) -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of its own end, and of sizes that networks compare
        traced: Any = torch.jit.trace(module.eval(), torch.from_numpy(raw[None]), check_trace=False)
        torch.jit.save(traced, content)
    return content.getvalue()


def _saved(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def _description(model: Autoencoder, files: dict[str, bytes]) -> dict[str, Any]:
    """What the zoo calls a model description."""
    space, stride, align = "zyx"[-model.ndim :], model.net.stride, model.net.align
    batch = {"type": "batch"}
    inner = [{"type": "space", "id": axis, "size": {"min": align, "step": align}} for axis in space]
    outer = [
        {"type": "space", "id": axis, "size": {"tensor_id": "image", "axis_id": axis}, "scale": stride}
        for axis in space
    ]
    channels = {"type": "channel", "channel_names": [f"channel{number}" for number in range(model.channels)]}
    latents = {"type": "channel", "channel_names": [f"latent{number}" for number in range(model.net.latents)]}

    def file(name: str) -> dict[str, str]:
        return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}

    def tensor(name: str, axes: list[dict[str, Any]], test: str) -> dict[str, Any]:
        return {"id": name, "axes": axes, "test_tensor": file(test), "data": {"type": "float32"}}

    return {
        "type": "model",
        "format_version": FORMAT,
        "name": f"napari-ae-seg encoder ({model.ndim}D {model.net.latents} latents)",
        "description": "Latents of an encoder that learnt without labels of a person, to be clustered or classified.",
        "authors": [{"name": "napari-ae-seg developers"}],
        "cite": [{"text": "napari-ae-seg developers: napari-ae-seg", "url": REPOSITORY}],
        "license": "BSD-3-Clause",
        "git_repo": REPOSITORY,
        "documentation": "README.md",
        "tags": ["autoencoder", "unsupervised", "features", "segmentation", f"{model.ndim}d", "pytorch"],
        "inputs": [tensor("image", [batch, channels, *inner], "input.npy")],
        "outputs": [tensor("latents", [batch, latents, *outer], "output.npy")],
        "weights": {"torchscript": {**file("weights.pt"), "pytorch_version": torch.__version__.partition("+")[0]}},
    }


def _words(model: Autoencoder) -> str:
    trained = ", ".join(map(str, model.info.get("trained_on", []))) or "images of its maker"
    latents, stride = model.net.latents, model.net.stride
    return WORDS.format(channels=model.channels, latents=latents, stride=stride, trained=trained, link=REPOSITORY)
