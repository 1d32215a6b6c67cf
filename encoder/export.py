"""The trained network as an encoder of the package: `python -m encoder.export encoder/runs/2d/checkpoint.pt`."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.model import SHIPPED, provenance
from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.images.normalize import Normalizer

from . import pool
from .scenes.layouts import draw
from .scenes.scene import Dice, render

WEIGHTS = Path("src/napari_ae_seg/weights")
SETTLING = 24
"""Scenes on which it is found what the latents alone tell of an image."""


def exported(state: dict[str, Any], beside: Tensor | None = None) -> ae.Autoencoder:
    """The model of a training's checkpoint; `beside` are weights chosen later for what stands beside the latents."""
    plan = state["plan"]
    ndim, latents = plan["ndim"], plan["latents"]
    network = ae.NetworkConfig(kind="unet", ndim=ndim, latents=latents, widths=_widths(state["net"]))
    net = build(network, 3, ndim)
    named = {_named(name): tensor for name, tensor in state["net"].items() if name != "weights"}
    beside = state["net"]["weights"] if beside is None else beside
    net.load_state_dict({**named, "beside": beside, "read": net.read})
    net.eval().settle(list(_scenes(ndim, net.own_align).split(1)))
    info = {
        **provenance(),
        "trained_on": ["napari-ae-seg's generated scenes"],
        "steps": state["step"],
        "minutes": round(state["seconds"] / 60, 1),
        "layouts": state["loaded"] * pool.EACH,
        "plan": plan,
    }
    normalizer = Normalizer(np.zeros(3), np.ones(3), np.full(3, 0.5), 0.25, np.eye(3))
    return ae.Autoencoder(net, normalizer, network, ae.TrainingConfig(), ndim, info=info)


def _weighed(path: Path | None) -> Tensor | None:
    """Weights of the brightness, the latents at half size and the image redrawn, from the header of a network."""
    if path is None:
        return None
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
    return torch.tensor([about[name] for name in ("tone_weight", "half_weight", "redrawn_weight")])


def _named(name: str) -> str:
    """The name of a weight in the package's network."""
    name = name.replace(".conv.", ".0.").replace(".norm.", ".1.")
    return f"to_z.{name.removeprefix('code.')}" if name.startswith("code.") else name


def _widths(net: dict[str, Tensor]) -> tuple[int, ...]:
    scales = sum(name.startswith("down.") and name.endswith(".0.conv.weight") for name in net)
    return tuple(len(net[f"down.{i}.0.conv.weight"]) for i in range(scales))


def _scenes(ndim: int, align: int) -> Tensor:
    """Images (B, 3, *space) of scenes that no training has seen."""
    side = pool.SIDE[ndim] // align * align
    layouts = [draw(np.random.default_rng((ndim, pool.HELD_BACK, 7, i)), side, ndim) for i in range(SETTLING)]
    return render(layouts, Dice((pool.HELD_BACK, 7))).image


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--weighed", type=Path, help="a network that `encoder.weigh` wrote, to take its weights from")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    model = exported(torch.load(args.checkpoint, weights_only=False), _weighed(args.weighed))
    out = args.out or WEIGHTS / SHIPPED[model.ndim]
    model.save(out)
    about = {name: model.info[name] for name in ("steps", "minutes", "layouts")}
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, {about}")


if __name__ == "__main__":
    main()
