"""Every parameter of the package, declared once: widgets, command line, API and model files all read it here."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]
FeatureName = Literal["auto", "intensity", "corrected", "mixed", "texture", "latent", "multiscale", "decoder"]
MethodName = Literal["auto", "kmeans", "gmm", "bayes", "ward", "hdbscan", "spherical", "regions", "joint"]


class Config(BaseModel):
    """A set of parameters: immutable, checked when made, documented by the line below each field."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.__doc__ = _manual(cls)

    def but(self, **changes: Any) -> Any:
        """The same parameters with `changes`, checked again.

        Parameters
        ----------
        **changes
            New values of fields, by their names.

        Returns
        -------
        Config
            A new configuration of the same kind; this one stays as it is.

        Raises
        ------
        pydantic.ValidationError
            If a field does not exist or its value is out of range; it is a ValueError.

        Examples
        --------
        >>> TrainingConfig().but(steps=60).steps
        60
        """
        return type(self)(**{**self.model_dump(exclude_unset=True), **changes})

    @classmethod
    def of(cls, given: Any) -> Self:
        """`given` if it is such a configuration, the defaults for None; TypeError says where another thing belongs.

        >>> TrainingConfig.of(None).steps == TrainingConfig().steps
        True
        """
        if given is None:
            return cls()
        if isinstance(given, cls):
            return given
        got = type(given).__name__
        if isinstance(given, Config):
            name = _KEYWORDS.get(got, "config")
            raise TypeError(f"a {cls.__name__} is expected here, got a {got}: pass it by name, as {name}=...")
        raise TypeError(f"a {cls.__name__} is expected here, got a {got}: pass ae.{cls.__name__}(...) or None")


_KEYWORDS = {"NetworkConfig": "network", "TrainingConfig": "training"}
"""Kind of configuration -> the parameter that takes it; the others are called config."""


def admitted(field: FieldInfo) -> str:
    """The type of a field and what it admits, in words.

    >>> admitted(TrainingConfig.model_fields["batch"]), admitted(TrainingConfig.model_fields["corruption"])
    ('int from 1 to 4096', "'masked', 'noise' or 'none'")
    """
    kind = field.annotation
    if get_origin(kind) is Literal:
        *first, last = (repr(value) for value in get_args(kind))
        return f"{', '.join(first)} or {last}"
    name = "tuple of int" if get_origin(kind) is tuple else getattr(kind, "__name__", str(kind))
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "and below"}
    limits = [
        f"{word} {getattr(rule, name):g}" if isinstance(getattr(rule, name), float) else f"{word} {getattr(rule, name)}"
        for name, word in words.items()
        for rule in field.metadata
        if getattr(rule, name, None) is not None
    ]
    return " ".join([name, *limits])


def _manual(config: type[Config]) -> str:
    """The documentation of a configuration: its own text, with a list of its fields before the examples."""
    text, mark, examples = inspect.cleandoc(config.__dict__.get("__doc__") or "").partition("Examples\n--------\n")
    lines = [text.rstrip(), "", "Parameters", "----------"]
    own = {name: field for name, field in config.model_fields.items() if name in config.__annotations__}
    for name, field in (own | config.model_fields).items():
        lines += [f"{name} : {admitted(field)}, default {field.default!r}", f"    {field.description}"]
    return "\n".join([*lines, "", mark + examples])


class NetworkConfig(Config):
    """The shape of the autoencoder.

    Examples
    --------
    >>> NetworkConfig(kind="dense").latents
    256
    """

    kind: Literal["conv", "dense", "unet"] = "conv"
    """conv and unet look at the image at several scales, unet with shortcuts between the ways down and up; dense passes
    small patches through fully connected layers."""

    ndim: Literal[0, 2, 3] = 0
    """2 takes a volume slice by slice, 3 as a volume; 0 decides: a z axis longer than 7 is a volume."""

    latents: Annotated[int, Field(ge=0, le=1024)] = 16
    """Numbers that describe a place; more keep finer differences. 0 chooses from the data; a dense network has 256."""

    width: Annotated[int, Field(ge=1, le=512)] = 8
    """Channels of the first level of a conv network; each level below has twice as many."""

    levels: Annotated[int, Field(ge=1, le=6)] = 4
    """Scales of a conv network; each halves the resolution of the one above."""

    widths: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = ()
    """Channels of each scale of a unet; none is 24, 32, 48, 64, 96 in 2D and 16, 24, 40 in 3D."""

    down: Literal["average", "max", "strided"] = "average"
    """How a conv network halves the resolution."""

    up: Literal["nearest", "unpool"] = "nearest"
    """How its decoder doubles it again; unpool puts each value back where the maximum was (needs down = max)."""

    window: Annotated[int, Field(ge=0, le=64)] = 0
    """Side of the patch a dense network sees; 0 is 28 in 2D and 9 in 3D."""

    hidden: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = ()
    """Sizes of further fully connected layers between a dense network's patch and its latents."""

    sparsity: Literal["none", "l1", "topk", "l0"] = "none"
    """Keep few latents active: l1 shrinks them, topk keeps the largest, l0 learns a gate for each."""

    active: Annotated[int, Field(ge=0, le=1024)] = 0
    """Latents that topk leaves active at each place; 0 is a quarter of them."""

    variational: bool = False
    """Learn a distribution of latents, from which new images can be drawn."""

    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of latents silenced at random while training."""

    @model_validator(mode="before")
    @classmethod
    def _dense_latents(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("kind") == "dense" and "latents" not in values:
            return {**values, "latents": 256}
        return values

    @model_validator(mode="after")
    def _agree(self) -> NetworkConfig:
        if self.up == "unpool" and self.down != "max":
            raise ValueError("up='unpool' puts values back where the maximum was: it needs down='max'")
        if self.sparsity == "topk" and self.latents and self.active > self.latents:
            raise ValueError(f"active={self.active} is more than the {self.latents} latents there are")
        return self


class RunConfig(Config):
    """Where and how reproducibly something runs.

    Examples
    --------
    >>> RunConfig(seed=7, device="cpu").seed
    7
    """

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of everything random; the same seed and thread count give the same result."""

    device: Device = "auto"
    """auto takes the GPU if there is one; or cpu, cuda, cuda:1, mps."""

    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """CPU threads; 0 leaves one core free."""


class TrainingConfig(RunConfig):
    """How the autoencoder learns.

    Examples
    --------
    >>> TrainingConfig(steps=60, batch=4).steps
    60
    """

    steps: Annotated[int, Field(ge=0, le=10_000_000)] = 200
    """Training steps; each learns from one batch of patches."""

    batch: Annotated[int, Field(ge=1, le=4096)] = 8
    """Patches in a batch; halved by itself when memory runs out."""

    patch: Annotated[int, Field(ge=0, le=1024)] = 0
    """Side of the square patches a conv network learns from; 0 is 64 in 2D and 32 in 3D."""

    loss: Literal["mse", "bce", "l1", "huber"] = "mse"
    """How a reconstruction is compared with the image; bce compares both within 0 to 1."""

    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    """The rule that turns errors into weights."""

    learning_rate: Annotated[float, Field(gt=0, le=10)] = 4e-3
    """Highest learning rate; it warms up to it and falls along a cosine."""

    warmup: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Share of the steps in which the learning rate rises."""

    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-2
    """Pull of the weights towards zero."""

    clip: Annotated[float, Field(ge=0)] = 1.0
    """Longest gradient allowed; 0 allows any."""

    corruption: Literal["masked", "noise", "none"] = "masked"
    """What the network must repair while it learns: hidden blocks, added noise, or nothing."""

    masked_share: Annotated[float, Field(ge=0, lt=1)] = 0.4
    """Share of each patch that masked blocks hide."""

    masked_block: Annotated[int, Field(ge=1, le=128)] = 8
    """Side of a masked block in pixels."""

    noise: Annotated[float, Field(ge=0, le=10)] = 0.3
    """Strength of the added noise, in standard deviations of the image."""

    alpha: Annotated[float, Field(ge=0, le=1e6)] = 1.0
    """Weight of the reconstruction."""

    beta: Annotated[float, Field(ge=0, le=1e6)] = 1e-2
    """Weight of the sparsity of the latents, when the network has one."""

    kl: Annotated[float, Field(ge=0, le=1e6)] = 1e-3
    """Weight of the prior of a variational network."""

    contrastive_weight: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    """Weight of a term that pulls the latents of neighbouring patches together."""

    validation: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """Share of the image held back to check what was learnt."""

    patience: Annotated[int, Field(ge=0)] = 0
    """Stop after this many checks without an improvement; 0 never stops early."""

    target_loss: Annotated[float, Field(ge=0)] = 0.0
    """Stop once the loss on held-back patches falls to this; 0 never."""

    max_minutes: Annotated[float, Field(ge=0)] = 0.0
    """Stop after this many minutes; 0 never."""

    flips: bool = True
    """Show patches flipped and turned by quarters, too."""

    brightness_jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Random change of brightness and contrast of the patches."""

    focus: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the patches drawn where there is something to see."""

    precision: Literal["auto", "fp32", "mixed"] = "auto"
    """mixed computes in 16 bits; auto does so where a probe shows that it is faster."""


class SegmentationConfig(RunConfig):
    """How features become labels.

    Examples
    --------
    >>> SegmentationConfig(n_clusters=3).method
    'auto'
    """

    n_clusters: Annotated[int, Field(ge=0, le=256)] = 0
    """Number of clusters; 0 chooses it from the data."""

    max_clusters: Annotated[int, Field(ge=2, le=64)] = 10
    """Largest number of clusters that the automatic choice considers."""

    features: FeatureName = "auto"
    """What is clustered: intensity (corrected: less its broad background), texture, both, or latents; auto chooses."""

    method: MethodName = "auto"
    """How places are grouped; auto is k-means, spherical on texture, a Gaussian mixture where neither forms groups."""

    covariance_type: Literal["full", "diag", "tied"] = "full"
    """Shape of the clusters of a Gaussian mixture."""

    stride: Literal[0, 1, 2, 4] = 0
    """Clusters every pixel, every second or every fourth, then sharpens; 0 is 1 for small images and 2 for others."""

    smoothing: Annotated[float, Field(ge=0, le=100)] = 8.0
    """How strongly neighbouring places share a label."""

    sharpen: bool = True
    """Let the borders follow the edges of the image."""

    min_size: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """Regions of fewer pixels take the label around them."""

    fill_holes: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """Holes of up to this many pixels inside a region take its label."""

    majority: Annotated[int, Field(ge=0, le=50)] = 0
    """Radius in pixels within which the most frequent label wins."""

    surround: bool = True
    """Leave a uniform dark surround of a colour image (fundus, endoscopy) out of the clustering."""

    normalize: Literal["model", "image"] = "model"
    """model keeps the brightness range learnt in training; image fits it anew to each image."""

    granularity: Annotated[int, Field(ge=0, le=64)] = 0
    """How many segments the clusters are merged or split into, along one tree; 0 keeps the clusters."""

    superpixels: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Tiny regions that the regions method starts from; 0 is one per 24 pixels, at most 8000."""

    refine_steps: Annotated[int, Field(ge=1, le=100_000)] = 60
    """Steps of fine-tuning of the joint method."""

    max_samples: Annotated[int, Field(ge=100, le=1_000_000)] = 8000
    """Places that the clusters are fitted on."""

    n_init: Annotated[int, Field(ge=1, le=100)] = 8
    """Fits from different seeds, of which the best is kept."""

    def fields_to_fit(self, other: SegmentationConfig) -> list[str]:
        """Names of the fields in which `other` differs and that change what is clustered, not only how.

        >>> SegmentationConfig().fields_to_fit(SegmentationConfig(method="joint", smoothing=1))
        ['method']
        """
        names = ["features", "stride"]
        if {self.method, other.method} & {"joint", "regions"}:
            names.append("method")  # these two choose their features for themselves
        if other.method == "regions" and other.features == "auto" and not self.n_clusters * other.n_clusters:
            names.append("n_clusters")
        if other.method == "joint":
            names.append("refine_steps")
        return [name for name in names if getattr(self, name) != getattr(other, name)]


class ObjectsConfig(Config):
    """How clusters become objects, each with a number of its own.

    Examples
    --------
    >>> ObjectsConfig(method="distance", min_size=20).min_size
    20
    """

    method: Literal["components", "distance", "intensity"] = "components"
    """What touches is one object; or it is parted where it is narrow, or where the image is dark."""

    min_size: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """Objects of fewer pixels are left out."""

    max_size: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Objects of more pixels are left out; 0 allows any."""

    depth: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """How much narrower or darker a neck must be than what it joins, as a share, to part it."""

    blur: Annotated[float, Field(ge=0, le=100)] = 1.0
    """Blur of the image in pixels, before its dark necks are looked for."""


class ClassificationConfig(RunConfig):
    """How objects or images with a class teach a classifier.

    Examples
    --------
    >>> ClassificationConfig(learner="forest").trees
    100
    """

    learner: Literal["logistic", "forest", "boosting"] = "logistic"
    """What learns: logistic regression does with few examples, a random forest or boosted trees with many."""

    latents: Literal["none", "bottleneck", "multiscale"] = "multiscale"
    """Mean and spread of the latents: of the narrowest level, of all levels of the encoder, or none."""

    shape: bool = True
    """Size and shape of objects."""

    brightness: bool = True
    """Mean, spread and range of the brightness of each channel."""

    slices: bool = False
    """Without objects, every slice or time point has a class of its own."""

    strength: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """How closely logistic regression follows its examples."""

    trees: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Trees of a random forest, or rounds of boosting."""

    balance: bool = True
    """Rare classes count as much as frequent ones."""

    folds: Annotated[int, Field(ge=2, le=100)] = 5
    """Parts of the examples that are held back in turn, to see how well they are recognised."""

    min_probability: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """What is recognised with a smaller probability gets no class."""


def defaults(config: type[Config]) -> dict[str, Any]:
    """Name -> default of every field of `config`."""
    return {name: field.default for name, field in config.model_fields.items()}


PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "fast": {"steps": 60},
    "texture": {"features": "texture"},
    "fine": {"levels": 3, "stride": 1, "smoothing": 2.0},
    "histology": {"features": "mixed", "min_size": 30},
    "3d": {"ndim": 3},
    "sparse": {"sparsity": "topk", "latents": 32, "features": "latent"},
    "dense": {"kind": "dense", "features": "latent"},
}
"""Named sets of fields of NetworkConfig, TrainingConfig and SegmentationConfig; the rest stay at their defaults."""


def preset(name: str, config: type[Config]) -> dict[str, Any]:
    """The fields that preset `name` sets in `config`.

    >>> preset("fast", TrainingConfig)
    {'steps': 60}
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return {key: value for key, value in PRESETS[name].items() if key in config.model_fields}
