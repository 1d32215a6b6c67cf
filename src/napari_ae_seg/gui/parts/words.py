"""The words of the docks: what a field and its choices are called, and when a field matters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LABELS = {
    "n_clusters": "Clusters",
    "kind": "Network",
    "ndim": "Volumes",
    "latents": "Latents",
    "active": "Active latents",
    "down": "Halving",
    "up": "Doubling",
    "hidden": "Hidden layers",
    "variational": "Variational",
    "masked_share": "Hidden share",
    "masked_block": "Hidden block",
    "alpha": "Image weight",
    "beta": "Sparsity weight",
    "kl": "Prior weight",
    "contrastive_weight": "Alike nearby",
    "clip": "Gradient limit",
    "validation": "Held back",
    "patience": "Patience",
    "target_loss": "Target loss",
    "max_minutes": "Minutes",
    "brightness_jitter": "Vary brightness",
    "flips": "Flip and turn",
    "max_clusters": "Most clusters",
    "min_size": "Smallest region",
    "max_size": "Largest",
    "depth": "Depth of necks",
    "fill_holes": "Fill holes up to",
    "majority": "Majority radius",
    "surround": "Skip surround",
    "normalize": "Brightness",
    "granularity": "Granularity",
    "stride": "Resolution",
    "sharpen": "Follow edges",
    "refine_steps": "Fine-tuning steps",
    "n_init": "Starts",
    "strength": "Follow examples",
    "balance": "Classes count alike",
    "min_probability": "Unsure below",
    "learning_rate": "Learning rate",
    "weight_decay": "Weight decay",
}
"""What a field is called; the others are their own name with spaces."""

CHOICES = {
    "conv": "convolutional",
    "topk": "top k",
    "l1": "L1",
    "l0": "L0",
    "unpool": "put back maxima",
    "mse": "squared error",
    "bce": "cross-entropy",
    "adamw": "AdamW",
    "adam": "Adam",
    "sgd": "SGD",
    "masked": "hide blocks",
    "noise": "add noise",
    "fp32": "32 bits",
    "mixed": "mixed",
    "kmeans": "k-means",
    "gmm": "Gaussian mixture",
    "bayes": "Bayesian mixture",
    "ward": "Ward",
    "hdbscan": "HDBSCAN",
    "spherical": "spherical k-means",
    "regions": "merging of regions",
    "joint": "joint fine-tuning",
    "logistic": "logistic regression",
    "forest": "random forest",
    "boosting": "gradient boosting",
    "bottleneck": "of the narrowest level",
    "model": "as in training",
    "image": "fit to each image",
    "cpu": "CPU",
    "cuda": "GPU",
    "mps": "Apple GPU",
    "3d": "3D",
}
"""What a choice is called; the others are called as they are."""

FIELD_CHOICES: dict[tuple[str, Any], str] = {
    ("method", "components"): "what touches",
    ("method", "distance"): "part where narrow",
    ("method", "intensity"): "part where dark",
    ("ndim", 0): "auto",
    ("ndim", 2): "slice by slice",
    ("ndim", 3): "as a volume",
    ("stride", 0): "auto",
    ("stride", 1): "every pixel",
    ("stride", 2): "every second pixel",
    ("stride", 4): "every fourth pixel",
    ("precision", "mixed"): "16 bits",
    ("loss", "l1"): "absolute error",
    ("loss", "huber"): "Huber",
    ("latents", "none"): "not used",
    ("latents", "multiscale"): "of all levels",
    ("features", "corrected"): "background-corrected intensity",
    ("features", "mixed"): "intensity and texture",
    ("features", "latent"): "latents",
    ("features", "multiscale"): "all scales",
}
"""What a choice is called in one field alone."""

SUFFIXES = {
    "max_minutes": " min",
    "min_size": " px",
    "max_size": " px",
    "blur": " px",
    "fill_holes": " px",
    "majority": " px",
    "masked_block": " px",
    "window": " px",
    "patch": " px",
    "steps": " steps",
}
"""The unit behind a number."""

ZEROS = {
    "max_minutes": "no limit",
    "max_size": "no limit",
    "clip": "no limit",
    **dict.fromkeys(("patience", "target_loss", "granularity", "min_size", "fill_holes", "majority"), "off"),
    **dict.fromkeys(("contrastive_weight", "brightness_jitter", "dropout", "weight_decay"), "off"),
}
"""What 0 is called where it switches something off."""

SLIDERS = {"n_clusters": 16, "smoothing": 20, "granularity": 16}
"""Numbers that have a slider, up to this; larger ones can be typed."""

RELEVANT: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "width": lambda v: v["kind"] == "conv",
    "levels": lambda v: v["kind"] == "conv",
    "down": lambda v: v["kind"] == "conv",
    "up": lambda v: v["kind"] == "conv" and v["down"] == "max",
    "widths": lambda v: v["kind"] == "unet",
    "patch": lambda v: v["kind"] != "dense",
    "window": lambda v: v["kind"] == "dense",
    "hidden": lambda v: v["kind"] == "dense",
    "active": lambda v: v["sparsity"] == "topk",
    "beta": lambda v: v["sparsity"] in ("l1", "l0"),
    "kl": lambda v: v["variational"],
    "masked_share": lambda v: v["corruption"] == "masked",
    "masked_block": lambda v: v["corruption"] == "masked",
    "noise": lambda v: v["corruption"] == "noise",
    "max_clusters": lambda v: v["n_clusters"] == 0,
    "covariance_type": lambda v: v["method"] in ("gmm", "bayes"),
    "depth": lambda v: v["method"] in ("distance", "intensity"),
    "blur": lambda v: v["method"] == "intensity",
    "superpixels": lambda v: v["method"] == "regions",
    "refine_steps": lambda v: v["method"] == "joint",
    "strength": lambda v: v["learner"] == "logistic",
    "trees": lambda v: v["learner"] != "logistic",
    "n_init": lambda v: v["method"] in ("auto", "joint", "kmeans", "gmm", "spherical"),
}
"""Fields that matter only for some values of others; they are hidden while they do not."""


def label(name: str) -> str:
    """What field `name` is called.

    >>> label("n_clusters"), label("masked_block"), label("smoothing")
    ('Clusters', 'Hidden block', 'Smoothing')
    """
    return LABELS.get(name, name.replace("_", " ").capitalize())


def choice(name: str, value: Any) -> str:
    """What `value` of field `name` is called.

    >>> choice("method", "kmeans"), choice("features", "mixed"), choice("device", "cuda:1")
    ('k-means', 'intensity and texture', 'GPU 1')
    """
    if isinstance(value, str) and value.startswith("cuda:"):
        return f"{CHOICES['cuda']} {value[5:]}"
    return FIELD_CHOICES.get((name, value), CHOICES.get(value, str(value)))


def zero(name: str, description: str) -> str:
    """What a field's 0 means, in a word or two, read from its description; empty if 0 is just zero.

    >>> zero("n_clusters", "Number of clusters; 0 chooses it from the data.")
    'auto'
    >>> zero("alpha", "Weight of the reconstruction.")
    ''
    """
    if name in ZEROS:
        return ZEROS[name]
    return "auto" if re.search(r"\b0 (is|chooses|decides|leaves)\b", description) else ""
