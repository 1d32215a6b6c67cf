"""The trained network as an encoder of the package: `python -m encoder.export NETWORK.safetensors`."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.model import SHIPPED, provenance
from napari_ae_seg.autoencoder.nets import Net, build
from napari_ae_seg.autoencoder.nets.blocks import Unit
from napari_ae_seg.images.normalize import Normalizer

from . import pool
from .average import about
from .net import Encoder
from .scenes.layouts import draw
from .scenes.scene import Dice, render

WEIGHTS = Path("src/napari_ae_seg/weights")
EPS = 1e-5
"""What batch normalization adds to a variance."""
SETTLING = 24
"""Scenes on which it is found what the latents alone tell of an image."""


def exported(network: Encoder, info: dict[str, Any]) -> ae.Autoencoder:
    """The model of a trained network; `info` is what its file says of the training."""
    ndim = network.ndim
    config = ae.NetworkConfig(kind="unet", ndim=ndim, latents=network.latents, widths=network.widths)
    net = build(config, 3, ndim)
    state = _unfolded(network.state_dict())
    named = {_named(name): tensor for name, tensor in state.items() if name != "weights"}
    net.load_state_dict({**named, "beside": state["weights"], "read": net.read})
    scenes = list(_scenes(ndim, net.own_align).split(1))
    _normalize(net.eval(), scenes)
    net.settle(scenes)
    told = {**provenance(), "trained_on": ["napari-ae-seg's generated scenes"], **info}
    normalizer = Normalizer(np.zeros(3), np.ones(3), np.full(3, 0.5), 0.25, np.eye(3))
    return ae.Autoencoder(net, normalizer, config, ae.TrainingConfig(), ndim, info=told)


def _unfolded(net: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights with a normalization that does nothing but add the bias, where training went on without one."""
    out = dict(net)
    for name in [name for name in net if name.endswith(".conv.bias")]:
        bias, norm = out.pop(name), name.replace(".conv.bias", ".norm.")
        out[f"{norm}bias"], out[f"{norm}weight"] = bias, torch.full_like(bias, (1 + EPS) ** 0.5)
        out[f"{norm}running_mean"], out[f"{norm}running_var"] = torch.zeros_like(bias), torch.ones_like(bias)
    return out


@torch.no_grad()
def _normalize(net: Net, images: list[Tensor]) -> None:
    """Give every normalization the statistics of `images`, and a weight and bias that change nothing.

    A training that goes on with the statistics of its batches then starts where this one ended.
    """
    units = [unit for unit in net.modules() if isinstance(unit, Unit)]
    sums = {unit: torch.zeros(3, unit[0].out_channels, dtype=torch.double) for unit in units}

    def seen(unit: Unit, inputs: tuple[Tensor, ...]) -> None:
        conv = unit[0]
        flat = conv._conv_forward(inputs[0], conv.weight, None).transpose(0, 1).flatten(1).double()
        sums[unit] += torch.stack([torch.full_like(flat[:, 0], flat.shape[1]), flat.sum(1), flat.square().sum(1)])

    hooks = [unit.register_forward_pre_hook(seen) for unit in units]
    for image in images:
        net.encode(image)
    for hook in hooks:
        hook.remove()
    for unit, (count, total, squares) in sums.items():
        norm = unit[1]
        mean = (total / count).float()
        variance = (squares / count - (total / count).square()).clamp(min=0).float()
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        norm.bias += (mean - norm.running_mean) * scale
        norm.weight.copy_(scale * (variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)


def _named(name: str) -> str:
    """The name of a weight in the package's network."""
    name = name.replace(".conv.", ".0.").replace(".norm.", ".1.")
    return f"to_z.{name.removeprefix('code.')}" if name.startswith("code.") else name


def _scenes(ndim: int, align: int) -> Tensor:
    """Images (B, 3, *space) of scenes that no training has seen."""
    side = pool.SIDE[ndim] // align * align
    layouts = [draw(np.random.default_rng((ndim, pool.HELD_BACK, 7, i)), side, ndim) for i in range(SETTLING)]
    return render(layouts, Dice((pool.HELD_BACK, 7))).image


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    info = about(args.network)
    model = exported(Encoder.load(args.network), info)
    out = args.out or WEIGHTS / SHIPPED[model.ndim]
    model.save(out)
    told = {name: info[name] for name in ("steps", "minutes", "layouts") if name in info}
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, {told}")


if __name__ == "__main__":
    main()
