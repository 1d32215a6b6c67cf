"""What a model file holds, in sentences."""

from __future__ import annotations

from typing import Any

import numpy as np


def describe(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    """A few lines a person can read about the content of a model file."""
    model = header["autoencoder"]
    network, info, history = model["network"], model["info"], model["history"]
    weights = sum(a.size for name, a in arrays.items() if name.startswith("autoencoder/net/"))
    kind = f"{model['ndim']}D {network['kind']} network"
    extras = [network["sparsity"]] if network["sparsity"] != "none" else []
    extras += ["variational"] if network["variational"] else []
    channels = len(arrays["autoencoder/normalizer/low"])
    lines = [
        f"autoencoder: {kind}{f' ({chr(44).join(extras)})' if extras else ''}, {network['latents']} latents, "
        f"{weights:,} weights",
        f"images:      {channels} channel{'s' * (channels != 1)}, axes {model['axes'] or 'unknown'}, "
        f"pixel size {_size(model)}",
        f"trained on:  {', '.join(info.get('trained_on', [])) or 'unknown'}",
        f"trained:     {info.get('date', 'at an unknown time')}"
        + (f", {history[-1]['step']} steps, loss {history[-1]['loss']:.4g}" if history else ""),
    ]
    if "segmenter" in header:
        lines += _segmenter(header)
    elif "classifier" in header:
        lines += _classifier(header, len(arrays["examples/target"]))
    else:
        lines.append("clusters:    none yet; segment with this model to fit them")
    return "\n".join(lines)


def _segmenter(header: dict[str, Any]) -> list[str]:
    about, edits = header["segmenter"], header["edits"]
    names = ", ".join(f"{label} {name}" for label, name in edits["names"])
    merged = ", ".join(f"{label} into {into}" for label, into in edits["merged"])
    return [
        f"clusters:    {len(header['clusters']['colors'])} by {about['method']} on {header['space']['name']} features",
        f"             {about['sentence']}",
        *([f"names:       {names}"] if names else []),
        *([f"merged:      {merged}"] if merged else []),
        *([f"background:  {', '.join(map(str, edits['cleared']))}"] if edits["cleared"] else []),
    ]


def _classifier(header: dict[str, Any], examples: int) -> list[str]:
    about = header["classifier"]
    quality = about["quality"]
    known = f", {quality['accuracy']:.0%} recognised when held back" if quality and quality["accuracy"] else ""
    return [
        f"classes:     {', '.join(about['classes'])}, of {about['kind']}",
        f"learnt from: {examples} examples by {about['config']['learner']}{known}",
    ]


def _size(model: dict[str, Any]) -> str:
    spacing, units = model["spacing"], model["units"]
    if not spacing:
        return "unknown"
    return " x ".join(f"{size:g}" for size in spacing) + (f" {units[-1]}" if units else "")
