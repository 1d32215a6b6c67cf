"""What has been learnt, made ready for use."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from napari_ae_seg.autoencoder.model import SETTLED, Autoencoder, provenance
from napari_ae_seg.autoencoder.nets.sparse import sparsity_report
from napari_ae_seg.autoencoder.nets.statistics import gather_statistics
from napari_ae_seg.core import devices

from .material import GATHERED

if TYPE_CHECKING:
    import numpy as np

    from napari_ae_seg.autoencoder.nets import Net

    from .fit import Fit

JUDGED = 32
"""Patches that the errors of a finished model are measured on."""


def finish(fit: Fit) -> Autoencoder:
    """The autoencoder as learnt so far; the training itself is left as it is and can go on."""
    net = copy.deepcopy(fit.learner.net)
    if fit.best and not fit.watch.keeps_last:
        net.load_state_dict(fit.best)
    about, home = fit.material.about, fit.learner.device
    device = torch.device("cpu") if home.type == "mps" else home  # statistics are summed in 64 bits
    pixels = GATHERED[fit.material.ndim]
    model = Autoencoder(
        devices.shrinking(lambda size, device: _gathered(fit, net, size, device), pixels, device),
        fit.material.normalizer,
        net.config,
        fit.training,
        ndim=fit.material.ndim,
        spacing=tuple(about["spacing"]),
        units=tuple(about["units"]),
        axes=about["axes"],
        history=[*fit.origin["history"], *fit.history],
        info={**provenance(), **{name: about[name] for name in ("trained_on", "shapes", "channels")}},
    )
    model.info |= {"latents": fit.origin["latents"], "runs": [*fit.origin["runs"], _run(fit, model.info["date"])]}
    patches = fit.sampler.validation(JUDGED)
    errors = model.errors(patches)
    model.info["errors"] = {"mean": float(errors.mean()), "deviation": float(errors.std()), "most": float(errors.max())}
    if net.config.sparsity != "none" or (net.config.kind == "dense" and net.config.activation == "relu"):
        model.info["sparsity"] = _sparsity(model, patches)
    return model.on(home)


def collapsed(model: Autoencoder) -> str:
    """What to say of a network some of whose latents are never active, and what to do; nothing of any other.

    >>> from napari_ae_seg.config import NetworkConfig
    >>> class Model:
    ...     network, info = NetworkConfig(sparsity="l0"), {"sparsity": {"usage": [0.0] * 64, "dead": list(range(64))}}
    >>> collapsed(Model)
    'All 64 latents are silent: lower the sparsity weight.'
    """
    found = model.info.get("sparsity", {"usage": [], "dead": []})
    dead, count = len(found["dead"]), len(found["usage"])
    if not dead:
        return ""
    remedy = REMEDIES[model.network.sparsity]
    if dead == count:
        return f"All {count} latents are silent: {remedy}."
    if 2 * dead > count:
        return f"{dead} of {count} latents are silent; to use more of them, {remedy}."
    return f"{dead} of {count} latents are silent: {count - dead} would do; to use them, {remedy}."


REMEDIES = {
    "none": "lower the learning rate, or let negative latents be leaky",
    "l1": "lower the sparsity weight",
    "l0": "lower the sparsity weight",
    "topk": "allow more active latents",
}
"""What wakes silent latents, by the kind of sparsity."""


def _gathered(fit: Fit, net: Net, pixels: int, device: torch.device) -> Net:
    """The network with the statistics of what it learnt from; one that stayed close to another kept that one's."""
    tiles = fit.material.tiles(net.align, fit.training.seed, pixels)
    images = [torch.from_numpy(tile).to(device) for tile in tiles]
    if fit.learner.teacher is None:
        return gather_statistics(net.to(device), images)
    net.to(device).eval().settle(images[:SETTLED])
    return net


@torch.inference_mode()
def _sparsity(model: Autoencoder, patches: np.ndarray) -> dict[str, Any]:
    """Share of zeros among the latents of `patches`, the share of places that use each, and those that none uses."""
    codes = [model.net(part.to(model.device)).z for part in torch.from_numpy(patches).split(8)]
    found = sparsity_report(torch.cat(codes))
    return {"zeros": found.zeros, "usage": list(found.usage), "dead": list(found.dead)}


def _run(fit: Fit, date: str) -> dict[str, Any]:
    """How this training went: with the threads and the precision that its exact result depends on."""
    return {
        "date": date,
        "steps": fit.number,
        "seconds": round(fit.seconds, 3),
        "stopped": fit.stopped,
        "seed": fit.training.seed,
        "batch": fit.batch,
        "device": fit.learner.device.type,
        "precision": fit.learner.precision,
        "threads": fit.threads,
    }
