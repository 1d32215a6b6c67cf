"""`info`: what a model file holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from .console import Talk
from .options import ModelFile, switch, takes

if TYPE_CHECKING:
    from pathlib import Path

    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.autoencoder.training.checkpoint import Saved
    from napari_ae_seg.classifier import Classifier
    from napari_ae_seg.config import NetworkConfig
    from napari_ae_seg.segmenter.segmenter import Segmenter


@takes()
def info(
    file: ModelFile,
    as_json: Annotated[bool, switch("Everything, as JSON.", "--json")] = False,
    **fields: Any,
) -> None:
    """Say what a model file holds."""
    with Talk("info", fields) as talk:
        talk.check([file], {})
        from napari_ae_seg.core import modelfile

        if as_json:
            header, arrays = modelfile.read(file)
            sizes = {name: list(array.shape) for name, array in arrays.items()}
            print(json.dumps({"header": header, "tensors": sizes}, indent=2))
        else:
            talk.say(describe(file))


def describe(path: Path) -> str:
    """A few lines a person can read about the content of a model file."""
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.autoencoder.training.checkpoint import Saved
    from napari_ae_seg.classifier import Classifier
    from napari_ae_seg.core import modelfile
    from napari_ae_seg.segmenter.segmenter import Segmenter

    kinds: dict[str, tuple[Any, Callable[[Any], list[str]]]] = {
        "segmenter": (Segmenter, lambda found: [*_model(found.model), *_segmenter(found)]),
        "classifier": (Classifier, lambda found: [*_model(found.model), *_classifier(found)]),
        "checkpoint": (Saved, _checkpoint),
    }
    kind, told = kinds.get(str(modelfile.find(modelfile.peek(path), "is")), (Autoencoder, _alone))
    return "\n".join(told(modelfile.load(path, kind)))


def _alone(model: Autoencoder) -> list[str]:
    return [*_model(model), "clusters:    none yet; segment with this model to fit them"]


def _model(model: Autoencoder) -> list[str]:
    weights = sum(tensor.numel() for tensor in model.net.state_dict().values())
    last = model.history[-1] if model.history else None
    return [
        f"autoencoder: {_network(model.network, model.ndim)}, {weights:,} weights",
        f"images:      {_count(model.channels, 'channel')}, axes {model.axes or 'unknown'}, pixel size {_size(model)}",
        f"trained on:  {', '.join(model.info.get('trained_on', [])) or 'unknown'}",
        f"trained:     {model.info.get('date', 'at an unknown time')}"
        + (f", {last['step']:.0f} steps, loss {last['loss']:.4g}" if last else ""),
    ]


def _checkpoint(saved: Saved) -> list[str]:
    return [
        f"training:    interrupted after {saved.number} of {saved.training.steps} steps, {saved.seconds:.0f} s",
        f"autoencoder: {_network(saved.network, saved.network.ndim)}",
        f"trained on:  {', '.join(saved.trained_on) or 'unknown'}",
    ]


def _segmenter(found: Segmenter) -> list[str]:
    edits = found.edits
    names = ", ".join(f"{label} {name}" for label, name in edits.names.items())
    merged = ", ".join(f"{label} into {into}" for label, into in edits.merged.items())
    return [
        f"clusters:    {found.clusters.k} by {found.method} on {found.space.name} features",
        f"             {found.sentence}",
        *([f"names:       {names}"] if names else []),
        *([f"merged:      {merged}"] if merged else []),
        *([f"background:  {', '.join(map(str, sorted(edits.cleared)))}"] if edits.cleared else []),
    ]


def _classifier(found: Classifier) -> list[str]:
    accuracy = found.quality.accuracy if found.quality else None
    known = f", {accuracy:.0%} recognised when held back" if accuracy else ""
    return [
        f"classes:     {', '.join(found.classes)}, of {found.kind}",
        f"learnt from: {len(found.examples)} examples by {found.config.learner}{known}",
    ]


def _network(network: NetworkConfig, ndim: int) -> str:
    extras: list[str] = [network.sparsity] if network.sparsity != "none" else []
    extras += ["variational"] if network.variational else []
    return f"{ndim}D {network.kind} network{f' ({chr(44).join(extras)})' if extras else ''}, {network.latents} latents"


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _size(model: Autoencoder) -> str:
    if not model.spacing:
        return "unknown"
    return " x ".join(f"{size:g}" for size in model.spacing) + (f" {model.units[-1]}" if model.units else "")
