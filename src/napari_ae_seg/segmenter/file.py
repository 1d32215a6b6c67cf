"""A segmenter as a model file keeps it: a header that JSON knows, and named arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_ae_seg.autoencoder.model import Autoencoder
from napari_ae_seg.clustering.clusters import Clusters
from napari_ae_seg.clustering.tree import Tree
from napari_ae_seg.config import SegmentationConfig
from napari_ae_seg.core.errors import ModelFileError
from napari_ae_seg.features.space import FeatureSpace

from .edits import Edits
from .fit import FittingSample
from .guidance import Guide
from .small_clusters import WeightedClusters

Arrays = dict[str, np.ndarray]

PARTS: dict[str, tuple[str, Any]] = {
    "autoencoder": ("model", Autoencoder),
    "space": ("space", FeatureSpace),
    "clusters": ("clusters", Clusters),
    "tree": ("tree", Tree),
    "edits": ("edits", Edits),
}
"""Name in the file -> field of the segmenter and its type, which has `state` and `from_state`."""
PLAIN = ("method", "sentence", "anisotropy", "grid", "usual_error")
"""Fields that JSON knows."""
OPTIONAL: dict[str, Any] = {"guide": Guide, "guide_space": FeatureSpace}
"""Fields that may be None."""
SAMPLE = ("x", "latents", "intensity")


def pack(fields: Mapping[str, Any], kept: WeightedClusters) -> tuple[dict[str, Any], Arrays]:
    """Header and arrays for the `fields` of a segmenter, with what keeps its clusters in the picture."""
    header: dict[str, Any] = {}
    arrays: Arrays = {f"sample/{name}": getattr(fields["sample"], name) for name in SAMPLE}
    for name, (field, _) in PARTS.items():
        header[name], own = fields[field].state()
        arrays |= {f"{name}/{key}": array for key, array in own.items()}
    for name in OPTIONAL:
        if fields[name] is not None:
            header[name], own = fields[name].state()
            arrays |= {f"{name}/{key}": array for key, array in own.items()}
    plain = {name: list(fields[name]) if isinstance(fields[name], tuple) else fields[name] for name in PLAIN}
    config = fields["config"].model_dump(mode="json")
    return {**header, "segmenter": {**plain, "config": config, "small_clusters": kept.state()}}, arrays


def unpack(header: Mapping[str, Any], arrays: Arrays, path: str) -> tuple[dict[str, Any], WeightedClusters]:
    """What `pack` was given; ModelFileError if the file at `path` holds something else."""
    if "segmenter" not in header:
        raise ModelFileError(f"{path} holds an autoencoder without clusters: fit a Segmenter on it first")
    try:
        about = header["segmenter"]
        fields = {field: kind.from_state(header[name], _under(name, arrays)) for name, (field, kind) in PARTS.items()}
        fields |= {name: tuple(about[name]) if isinstance(about[name], list) else about[name] for name in PLAIN}
        fields |= {"config": SegmentationConfig(**about["config"]), "sample": FittingSample(**_under("sample", arrays))}
        fields |= {n: kind.from_state(header[n], _under(n, arrays)) for n, kind in OPTIONAL.items() if n in header}
        kept = {name: tuple(value) for name, value in about["small_clusters"].items()}
        return fields, WeightedClusters(fields["clusters"], **kept)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} lacks a part of a segmenter ({error}): another version wrote it") from error


def _under(name: str, arrays: Arrays) -> Arrays:
    return {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}
