"""An autoencoder with all it takes to use it again: network, normaliser, configurations and history."""

from __future__ import annotations

import copy
import datetime
import importlib.metadata
import importlib.resources
import platform
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg import __version__
from napari_ae_seg.config import NetworkConfig, TrainingConfig
from napari_ae_seg.core import devices, modelfile
from napari_ae_seg.core.errors import ModelFileError
from napari_ae_seg.images.normalize import Normalizer

from .nets import Net, build
from .nets.losses import activate

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from napari_ae_seg.images.sample import Block

SHIPPED = {2: "encoder2d.aeseg", 3: "encoder3d.aeseg"}
"""The encoders that come with the package, by spatial axes; they look at three channels."""


@dataclass(eq=False)
class Autoencoder:
    """A trained network and what it was trained with. `net` takes what `normalizer` makes of native values."""

    net: Net
    normalizer: Normalizer
    network: NetworkConfig
    training: TrainingConfig
    ndim: int
    spacing: tuple[float, ...] = ()
    """Size of a pixel of the training images along each spatial axis."""
    units: tuple[str, ...] = ()
    axes: str = ""
    """Axes of the first training image, a letter each."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """Step, loss, validation, rate and seconds as training went on."""
    info: dict[str, Any] = field(default_factory=dict)
    """Versions, date, names of the training images, device, precision, threads, and the errors on training patches."""

    def __post_init__(self) -> None:
        # One layout always: another adds up in another order, and a loaded model would differ in the last bits.
        self.net.eval().to(memory_format=self.net.memory_format)  # type: ignore[call-overload]

    @property
    def channels(self) -> int:
        """Channels of the images it takes."""
        return self.normalizer.channels

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.net.parameters()).device

    def on(self, device: str | torch.device = "auto") -> Autoencoder:
        """The model on `device`: itself if it is there already, else a copy."""
        wanted = devices.resolve(str(device)).device
        if wanted.type == self.device.type and wanted.index in (None, self.device.index):
            return self
        return replace(self, net=copy.deepcopy(self.net).to(wanted))

    def fitted_to(self, blocks: Sequence[Block]) -> Autoencoder:
        """The same network for other images: its normaliser fitted to `blocks`, their channels mixed into its own."""
        return replace(self, normalizer=Normalizer.fit(blocks, mix_to=self.net.channels))

    @torch.inference_mode()
    def reconstruct(self, x: Tensor) -> Tensor:
        """Normalised images (B, outputs, *space) as the network draws them; sides are multiples of `net.align`."""
        drawn = activate(self.net(x.to(self.device)).reconstruction, self.training.loss)
        return self.standardized(drawn) if self.training.loss == "bce" else drawn

    def standardized(self, unit: Tensor) -> Tensor:
        """(B, C, *space) within [0, 1] as the normaliser scales it."""
        mean = torch.as_tensor(self.normalizer.mean, dtype=unit.dtype, device=unit.device)
        return (unit - mean.reshape(-1, *[1] * self.ndim)) / self.normalizer.deviation

    def errors(self, patches: np.ndarray) -> np.ndarray:
        """Mean squared error (P,) of the reconstructions of normalised patches (P, outputs, *space)."""
        means = [
            (self.reconstruct(batch).cpu() - batch).square().flatten(1).mean(1)
            for batch in torch.as_tensor(patches).split(8)
        ]
        return torch.cat(means).numpy()

    def save(self, path: str | os.PathLike[str]) -> None:
        """An .aeseg file at `path`."""
        meta, arrays = self.state()
        modelfile.write(path, {"autoencoder": meta}, {f"autoencoder/{name}": a for name, a in arrays.items()})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Autoencoder:
        """The model in the file at `path`, on the CPU; ModelFileError if there is none."""
        header, arrays = modelfile.read(path)
        if "autoencoder" not in header:
            raise ModelFileError(f"{path} holds no autoencoder, only {', '.join(header) or 'nothing'}")
        try:
            return cls.from_state(header["autoencoder"], _under("autoencoder/", arrays))
        except ModelFileError as error:
            raise ModelFileError(f"{path} {error}") from error.__cause__

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What a file keeps: a part JSON knows, and named arrays."""
        scaling, numbers = self.normalizer.state()
        meta = {
            "network": self.network.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "normalizer": scaling,
            "ndim": self.ndim,
            "spacing": list(self.spacing),
            "units": list(self.units),
            "axes": self.axes,
            "history": self.history,
            "info": self.info,
        }
        weights = {f"net/{name}": tensor.cpu().numpy() for name, tensor in self.net.state_dict().items()}
        return meta, {**weights, **{f"normalizer/{name}": array for name, array in numbers.items()}}

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Autoencoder:
        """The model that `state` described; ModelFileError if it is not one this version can make."""
        try:
            network, training = NetworkConfig(**meta["network"]), TrainingConfig(**meta["training"])
            normalizer = Normalizer.from_state(meta["normalizer"], _under("normalizer/", arrays))
            net = build(network, normalizer.outputs, meta["ndim"])
            net.load_state_dict({name: torch.tensor(array) for name, array in _under("net/", arrays).items()})
            return cls(
                net,
                normalizer,
                network,
                training,
                ndim=meta["ndim"],
                spacing=tuple(meta["spacing"]),
                units=tuple(meta["units"]),
                axes=meta["axes"],
                history=meta["history"],
                info=meta["info"],
            )
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelFileError(
                f"holds an autoencoder that this version of napari-ae-seg, {__version__}, cannot rebuild; "
                "another version wrote it: pip install --upgrade napari-ae-seg"
            ) from error

    @classmethod
    def shipped(cls, ndim: int = 2, blocks: Sequence[Block] | None = None) -> Autoencoder:
        """The encoder that comes with the package, its normaliser fitted to `blocks` of an image if they are given."""
        if not has_shipped(ndim):
            raise ModelFileError(f"this version comes with no encoder for {ndim}D images: train one")
        with importlib.resources.as_file(_shipped(ndim)) as path:
            model = cls.load(path)
        return model if blocks is None else model.fitted_to(blocks)


def has_shipped(ndim: int) -> bool:
    """Whether an encoder for images of `ndim` axes comes with the package."""
    return ndim in SHIPPED and _shipped(ndim).is_file()


def provenance() -> dict[str, Any]:
    """When and with what a model is made.

    >>> sorted(provenance())
    ['date', 'versions']
    """
    names = ("torch", "numpy", "safetensors")
    versions = {"napari-ae-seg": __version__, "python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in names}
    return {"date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "versions": versions}


def _shipped(ndim: int) -> importlib.resources.abc.Traversable:
    return importlib.resources.files("napari_ae_seg") / "weights" / SHIPPED[ndim]


def _under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
