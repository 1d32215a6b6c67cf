"""Every setting of the package, declared once; docks, command line, API, docs and model files all read it here.

A field's annotation holds its range, its words (`Shown`) and the stage at which a change of it takes effect; its
default follows, and the line below it is its help.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

Stage = Literal["train", "encode", "fit", "apply", "finish"]
"""What a change calls for: training, other features, other clusters, another look at the image with the clusters there
are, or another finish of its labels."""


When = Mapping[str, tuple[Any, ...]]
"""Fields, each with some of its values."""


@dataclasses.dataclass(frozen=True)
class Shown:
    """The words by which a person meets a field."""

    label: str
    unit: str = ""
    zero: str = ""
    """What 0 is called, if it is more than a number."""
    choices: Mapping[Any, str] = dataclasses.field(default_factory=dict)
    """What choices are called; the others are called as they are."""
    slider: int = 0
    """A number with a slider up to this; larger ones can be typed."""
    when: When | tuple[When, ...] = dataclasses.field(default_factory=dict)
    """Other fields, with the values of theirs for which this one matters; or several such cases."""
    common: bool = False
    """Whether it is among the few that are shown first."""

    def __repr__(self) -> str:
        return f"Shown({self.label!r})"

    @property
    def cases(self) -> tuple[When, ...]:
        """The cases in which the field matters."""
        return self.when if isinstance(self.when, tuple) else (self.when,)


@dataclasses.dataclass(frozen=True)
class Takes:
    """The stage at which a change of a field takes effect."""

    effect: Stage


ENCODE, FIT, APPLY, FINISH = Takes("encode"), Takes("fit"), Takes("apply"), Takes("finish")

CONV, DENSE, NEW = {"kind": ("conv",)}, {"kind": ("dense",)}, {"kind": ("conv", "dense", "unet")}
SHIPPED_2D, SHIPPED_3D = {"kind": ("shipped",), "ndim": (0, 2)}, {"kind": ("shipped",), "ndim": (3,)}
HIDES = (
    {"corruption": ("masked",)},
    {"corruption": ("auto",), **NEW},
    {"corruption": ("auto",), **SHIPPED_3D},
)
NOISY = ({"corruption": ("noise",)}, {"corruption": ("auto",), **SHIPPED_2D})
OFF, AUTO, NO_LIMIT = "off", "auto", "no limit"


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise ValueError(f"should be auto, cpu, mps, cuda or a numbered one such as cuda:1, got {name!r}")
    return name


FeatureName = Literal["auto", "intensity", "corrected", "mixed", "texture", "latent", "multiscale", "decoder"]
MethodName = Literal["auto", "kmeans", "tied", "gmm", "bayes", "ward", "hdbscan", "spherical", "regions", "joint"]
PartingName = Literal["components", "distance", "intensity"]

USUAL_NAMES = {
    "lr": "learning_rate",
    "iterations": "steps",
    "batch_size": "batch",
    "patch_size": "patch",
    "k": "n_clusters",
}
"""What fields are called elsewhere."""


class SettingError(ValueError):
    """Values that a configuration cannot have; `faults` are pairs of a field, or "", and what is wrong with it."""

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        self.faults = list(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        return self.naming(str)

    def naming(self, called: Any) -> str:
        """One sentence on all faults, each field named as `called` has it."""
        return "; ".join(f"{called(name)} {text}" if name else text for name, text in self.faults)


class Config(BaseModel):
    """A set of parameters: immutable, checked when made, documented by the line below each field."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)
    usual_stage: ClassVar[Stage] = "train"
    """The stage of fields that name none."""

    if not TYPE_CHECKING:  # type checkers read the fields

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise SettingError(_fault(detail, type(self)) for detail in error.errors()) from None

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
        ValueError
            If a field does not exist or its value is out of range.

        Examples
        --------
        >>> TrainingConfig().but(steps=60).steps
        60
        """
        return type(self)(**{**self.model_dump(exclude_unset=True), **changes})

    @classmethod
    def of(cls, given: Any) -> Self:
        """A configuration of this kind, from one or from None.

        Parameters
        ----------
        given : Config or None
            Such a configuration; None is the defaults.

        Returns
        -------
        Config
            `given`, or the defaults.

        Raises
        ------
        TypeError
            If it is something else; the sentence says where it belongs.

        Examples
        --------
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
    ('int from 0 to 4096', "'auto', 'masked', 'noise' or 'none'")
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

    kind: Annotated[
        Literal["shipped", "conv", "dense", "unet"],
        Shown(
            "Network",
            choices={"shipped": "the shipped encoder", "conv": "new, convolutional", "dense": "new, dense"}
            | {"unet": "new, U-Net"},
            common=True,
        ),
    ] = "shipped"
    """shipped trains the encoder that comes along further; the others start from nothing: conv and unet look at the
    image at several scales, unet with shortcuts between the ways down and up; dense passes small patches through fully
    connected layers. A setting that only a new network has means conv."""

    ndim: Annotated[
        Literal[0, 2, 3], Shown("Volumes", choices={0: "auto", 2: "slice by slice", 3: "as a volume"}, common=True)
    ] = 0
    """2 takes a volume slice by slice, 3 as a volume; 0 decides: a z axis longer than 7 is a volume."""

    latents: Annotated[int, Field(ge=0, le=1024), Shown("Latents", zero=AUTO, common=True)] = 16
    """Length of the latent vector of each place, the fewer the coarser; 0 chooses it from the data. Of the shipped
    encoder at most 16: the first tell the coarsest differences. A dense network has 256."""

    width: Annotated[int, Field(ge=1, le=512), Shown("Width", when=CONV)] = 8
    """Channels of the first level of a conv network; each level below has twice as many."""

    levels: Annotated[int, Field(ge=1, le=6), Shown("Levels", when=CONV)] = 4
    """Scales of a conv network; each halves the resolution of the one above."""

    widths: Annotated[tuple[Annotated[int, Field(ge=1, le=1024)], ...], Shown("Widths", when={"kind": ("unet",)})] = ()
    """Channels of each scale of a unet; none is 24, 32, 48, 64, 96 in 2D and 20, 40 in 3D."""

    down: Annotated[Literal["average", "max", "strided"], Shown("Downsampling", when=CONV)] = "average"
    """How a conv network halves the resolution: average or max pooling, or a strided convolution."""

    up: Annotated[
        Literal["nearest", "unpool"],
        Shown("Upsampling", choices={"unpool": "put back maxima"}, when={**CONV, "down": ("max",)}),
    ] = "nearest"
    """How its decoder doubles it again; unpool puts each value back where the maximum was (needs down = max)."""

    window: Annotated[int, Field(ge=0, le=64), Shown("Window", unit="px", zero=AUTO, when=DENSE)] = 0
    """Side of the patch a dense network sees; 0 is 28 in 2D and 9 in 3D."""

    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Shown("Hidden layers", when=DENSE)] = ()
    """Sizes of further fully connected layers between a dense network's patch and its latents."""

    activation: Annotated[
        Literal["leaky", "relu", "none"],
        Shown("Latents are", choices={"leaky": "leaky", "relu": "rectified", "none": "as they are"}, when=DENSE),
    ] = "leaky"
    """What a dense network keeps of negative latents: a tenth, none (relu: some may fall silent for good), or all."""

    sparsity: Annotated[
        Literal["none", "l1", "topk", "l0"],
        Shown("Sparsity", choices={"l1": "L1", "topk": "top k", "l0": "L0"}, when=NEW, common=True),
    ] = "none"
    """Keep few latents active: l1 shrinks them, topk keeps the largest, l0 learns a gate for each."""

    active: Annotated[
        int, Field(ge=0, le=1024), Shown("Active latents", zero=AUTO, when={**NEW, "sparsity": ("topk",)})
    ] = 0
    """Latents that topk leaves active at each place; 0 is a quarter of them."""

    variational: Annotated[bool, Shown("Variational", when=NEW)] = False
    """Learn a distribution of latents, from which new images can be drawn."""

    dropout: Annotated[float, Field(ge=0, lt=1), Shown("Dropout", zero=OFF, when=NEW)] = 0.0
    """Share of latents set to 0 at random while training."""

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if "kind" not in values and _asks_for_new(values):
            values = {**values, "kind": "conv"}
        usual = LATENTS.get(str(values.get("kind")))
        return {"latents": usual, **values} if usual else values

    @model_validator(mode="after")
    def _agree(self) -> NetworkConfig:
        if self.up == "unpool" and self.down != "max":
            raise ValueError("up='unpool' puts values back where the maximum was: it needs down='max'")
        if self.sparsity == "topk" and self.latents and self.active > self.latents:
            raise ValueError(f"{self.active} active latents are more than the {self.latents} there are")
        if self.kind == "shipped" and self.latents > MOST_LATENTS:
            raise ValueError(
                f"the shipped encoder has {MOST_LATENTS} latents, {self.latents} need a new network: kind='conv'"
            )
        return self


LATENTS = {"dense": 256}
"""The length of the latent vector in kinds of networks that have another than the field's default."""

MOST_LATENTS = 16
"""Latents of the shipped encoder."""


def _asks_for_new(values: dict[str, Any]) -> bool:
    """Whether settings of a network name what only a new one has, or more latents than the shipped encoder has."""
    words = {name: shown(NetworkConfig, name) for name in NetworkConfig.model_fields}
    new = [name for name, word in words.items() if all("conv" in case.get("kind", ()) for case in word.cases)]
    latents = values.get("latents")
    return any(name in values for name in new) or (isinstance(latents, int) and latents > MOST_LATENTS)


class RunConfig(Config):
    """Where and how reproducibly something runs.

    Examples
    --------
    >>> RunConfig(seed=7, device="cpu").seed
    7
    """

    seed: Annotated[int, Field(ge=0, lt=2**31), Shown("Seed", common=True)] = 0
    """Seed of everything random; the same seed and thread count give the same result."""

    device: Annotated[
        str,
        AfterValidator(_device),
        Shown("Device", choices={"cpu": "CPU", "cuda": "GPU", "mps": "Apple GPU"}, common=True),
        APPLY,
    ] = "auto"
    """auto takes the GPU if there is one; or cpu, cuda, cuda:1, mps."""

    threads: Annotated[int, Field(ge=0, le=1024), Shown("Threads", zero=AUTO), APPLY] = 0
    """CPU threads; 0 leaves one core free."""


class TrainingConfig(RunConfig):
    """How the autoencoder learns.

    Examples
    --------
    >>> TrainingConfig(steps=60, batch=4).steps
    60
    """

    steps: Annotated[int, Field(ge=0, le=10_000_000), Shown("Steps", unit="steps", common=True)] = 200
    """Training steps; each learns from one batch of patches."""

    epochs: Annotated[float, Field(ge=0, le=1e6), Shown("Epochs", zero=OFF)] = 0.0
    """Length of the training in epochs: in each as many pixels are seen as the images have; 0 goes by steps."""

    batch: Annotated[int, Field(ge=0, le=4096), Shown("Batch", zero=AUTO)] = 0
    """Patches in a batch; 0 is 8, of the shipped encoder 2, of the small patches of a dense network as many as cover
    the same area. Halved by itself when memory runs out."""

    patch: Annotated[
        int, Field(ge=0, le=1024), Shown("Patch", unit="px", zero=AUTO, when={"kind": ("shipped", "conv", "unet")})
    ] = 0
    """Side of the patches that are learnt from; 0 is 64 in 2D and 32 in 3D, of the shipped encoder and a unet 128 and
    48."""

    loss: Annotated[
        Literal["mse", "bce", "l1", "huber"],
        Shown(
            "Loss", choices={"mse": "squared error", "bce": "cross-entropy", "l1": "absolute error", "huber": "Huber"}
        ),
    ] = "mse"
    """Reconstruction error: squared, cross-entropy of values scaled to 0 to 1, absolute, or Huber's."""

    optimizer: Annotated[
        Literal["adamw", "adam", "sgd"],
        Shown("Optimizer", choices={"adamw": "AdamW", "adam": "Adam", "sgd": "SGD"}),
    ] = "adamw"
    """The optimizer of the weights."""

    learning_rate: Annotated[float, Field(ge=0, le=10), Shown("Learning rate", zero=AUTO)] = 0.0
    """Highest learning rate; it warms up to it and falls along a cosine. 0 is .004, for the shipped encoder .0003."""

    warmup: Annotated[float, Field(ge=0, le=1), Shown("Warmup")] = 0.2
    """Share of the steps in which the learning rate rises."""

    weight_decay: Annotated[float, Field(ge=0, le=1), Shown("Weight decay", zero=OFF)] = 1e-2
    """Pull of the weights towards zero."""

    clip: Annotated[float, Field(ge=0), Shown("Gradient limit", zero=NO_LIMIT)] = 1.0
    """Largest norm of the gradient, larger ones are scaled down to it; 0 sets no limit."""

    corruption: Annotated[
        Literal["auto", "masked", "noise", "none"],
        Shown("Corruption", choices={"masked": "hide blocks", "noise": "add noise"}),
    ] = "auto"
    """What the network must repair while it learns: hidden blocks, added noise, or nothing; auto hides blocks from a
    new network and in volumes, and adds noise for the shipped encoder."""

    masked_share: Annotated[float, Field(ge=0, lt=1), Shown("Hidden share", when=HIDES)] = 0.4
    """Share of each patch that masked blocks hide."""

    masked_block: Annotated[int, Field(ge=1, le=128), Shown("Hidden block", unit="px", when=HIDES)] = 8
    """Side of a masked block in pixels."""

    noise: Annotated[float, Field(ge=0, le=10), Shown("Noise", when=NOISY)] = 0.3
    """Strength of the added noise, in standard deviations of the image."""

    alpha: Annotated[float, Field(ge=0, le=1e6), Shown("Image weight")] = 1.0
    """Weight of the reconstruction error in the loss."""

    beta: Annotated[float, Field(ge=0, le=1e6), Shown("Sparsity weight", when={"sparsity": ("l1", "l0")})] = 1e-2
    """Weight of the sparsity penalty in the loss, if the network has one."""

    kl: Annotated[float, Field(ge=0, le=1e6), Shown("Prior weight", when={"variational": (True,)})] = 1e-3
    """Weight of the Kullback-Leibler divergence in the loss of a variational network."""

    stay: Annotated[float, Field(ge=0, le=1e6), Shown("Stay close", zero=OFF, when=SHIPPED_2D)] = 3.0
    """Weight of the distance that the latents move from those of the shipped encoder, where training starts from it."""

    contrastive_weight: Annotated[float, Field(ge=0, le=1e6), Shown("Contrastive weight", zero=OFF)] = 0.0
    """Weight of a contrastive term, which pulls the latents of neighbouring patches together."""

    validation: Annotated[float, Field(ge=0, le=0.5), Shown("Held back")] = 0.1
    """Share of the image held back for validation."""

    patience: Annotated[int, Field(ge=0), Shown("Patience", zero=OFF)] = 0
    """Stop after this many checks without an improvement; 0 never stops early."""

    target_loss: Annotated[float, Field(ge=0), Shown("Target loss", zero=OFF)] = 0.0
    """Stop once the loss on held-back patches falls to this; 0 never."""

    max_minutes: Annotated[float, Field(ge=0), Shown("Minutes", unit="min", zero=NO_LIMIT, common=True)] = 0.0
    """Stop after this many minutes; 0 never."""

    flips: Annotated[bool, Shown("Flip and turn")] = True
    """Show patches flipped and turned by quarters, too."""

    brightness_jitter: Annotated[float, Field(ge=0, le=1), Shown("Vary brightness", zero=OFF)] = 0.0
    """Random change of brightness and contrast of the patches."""

    focus: Annotated[float, Field(ge=0, le=1), Shown("Focus")] = 0.5
    """Share of the patches drawn from places of high contrast, the others from anywhere."""

    gpus: Annotated[int, Field(ge=1, le=64), Shown("GPUs")] = 1
    """GPUs of this machine that share each batch; on the CPU as many processes."""

    precision: Annotated[
        Literal["auto", "fp32", "mixed"], Shown("Precision", choices={"fp32": "32 bits", "mixed": "16 bits"})
    ] = "auto"
    """mixed computes in 16 bits; auto does so where a probe shows that it is faster."""


@dataclasses.dataclass(frozen=True)
class Change:
    """What it takes to go from one configuration to another."""

    stages: Mapping[str, Stage]
    """The stage that each of the fields calls for."""

    def at(self, *stages: Stage) -> list[str]:
        """The fields that call for one of `stages`."""
        return [name for name, stage in self.stages.items() if stage in stages]

    @property
    def anew(self) -> bool:
        """Whether clusters are found anew."""
        return bool(self.at("encode", "fit"))


class SegmentationConfig(RunConfig):
    """How features become labels.

    Examples
    --------
    >>> SegmentationConfig(n_clusters=3).method
    'auto'
    """

    usual_stage: ClassVar[Stage] = "fit"

    n_clusters: Annotated[int, Field(ge=0, le=256), Shown("Clusters", zero=AUTO, slider=16, common=True), FIT] = 0
    """Number of clusters; 0 chooses it from the data."""

    max_clusters: Annotated[int, Field(ge=2, le=64), Shown("Most clusters", when={"n_clusters": (0,)}), FIT] = 10
    """Largest number of clusters that the automatic choice considers."""

    features: Annotated[
        FeatureName,
        Shown(
            "Features",
            choices={
                "corrected": "background-corrected intensity",
                "mixed": "intensity and latents",
                "latent": "latents",
                "multiscale": "all scales",
            },
            common=True,
        ),
        ENCODE,
    ] = "auto"
    """What is clustered: intensity (corrected: less its broad background), texture, both, or latents; auto chooses."""

    method: Annotated[
        MethodName,
        Shown(
            "Method",
            choices={
                "kmeans": "k-means",
                "tied": "Gaussians of one shape",
                "gmm": "Gaussian mixture",
                "bayes": "Bayesian mixture",
                "ward": "Ward",
                "hdbscan": "HDBSCAN",
                "spherical": "spherical k-means",
                "regions": "merging of regions",
                "joint": "joint fine-tuning",
            },
            common=True,
        ),
        FIT,
    ] = "auto"
    """How places are grouped; auto is Gaussians of one shape on latents, spherical on texture, else k-means."""

    covariance_type: Annotated[
        Literal["full", "diag", "tied"],
        Shown("Covariance", when={"method": ("gmm", "bayes")}),
        FIT,
    ] = "full"
    """Shape of the clusters of a Gaussian mixture."""

    stride: Annotated[
        Literal[0, 1, 2, 4],
        Shown("Resolution", choices={0: "auto", 1: "every pixel", 2: "every second pixel", 4: "every fourth pixel"}),
        ENCODE,
    ] = 0
    """Clusters every pixel, every second or every fourth, then sharpens; 0 is 1 for small images and 2 for others."""

    smoothing: Annotated[float, Field(ge=0, le=100), Shown("Smoothing", slider=20, common=True), FINISH] = 8.0
    """How strongly neighbouring places share a label."""

    sharpen: Annotated[bool, Shown("Follow edges"), FINISH] = True
    """Let the borders follow the edges of the image."""

    min_size: Annotated[
        int, Field(ge=0, le=10_000_000), Shown("Smallest region", unit="px", zero=OFF, common=True), FINISH
    ] = 0
    """Regions of fewer pixels take the label around them."""

    fill_holes: Annotated[int, Field(ge=0, le=10_000_000), Shown("Fill holes up to", unit="px", zero=OFF), FINISH] = 0
    """Holes of up to this many pixels inside a region take its label."""

    majority: Annotated[int, Field(ge=0, le=50), Shown("Majority radius", unit="px", zero=OFF), FINISH] = 0
    """Radius in pixels within which the most frequent label wins."""

    surround: Annotated[bool, Shown("Skip surround"), ENCODE] = True
    """Leave a uniform dark surround of a colour image (fundus, endoscopy) out of the clustering."""

    normalize: Annotated[
        Literal["model", "image"],
        Shown("Brightness", choices={"model": "as in training", "image": "fit to each image"}),
        APPLY,
    ] = "model"
    """model keeps the brightness range learnt in training; image fits it anew to each image."""

    granularity: Annotated[int, Field(ge=0, le=64), Shown("Granularity", zero=OFF, slider=16, common=True), FINISH] = 0
    """How many segments the clusters are merged or split into, along one tree; 0 keeps the clusters."""

    superpixels: Annotated[
        int, Field(ge=0, le=1_000_000), Shown("Superpixels", zero=AUTO, when={"method": ("regions",)}), FINISH
    ] = 0
    """Tiny regions that the regions method starts from; 0 is one per 24 pixels, at most 8000."""

    refine_steps: Annotated[
        int, Field(ge=1, le=100_000), Shown("Fine-tuning steps", when={"method": ("joint",)}), ENCODE
    ] = 60
    """Training steps of the joint method, which tunes the encoder and the clusters together."""

    max_samples: Annotated[int, Field(ge=100, le=1_000_000), Shown("Most places"), ENCODE] = 8000
    """Most places of the image that clusters are fitted on; of more, so many are drawn at random."""

    n_init: Annotated[
        int,
        Field(ge=1, le=100),
        Shown("Starts", when={"method": ("auto", "joint", "kmeans", "tied", "gmm", "spherical", "regions")}),
        FIT,
    ] = 8
    """Starts from different seeds, of which the best is kept."""

    def change(self, other: SegmentationConfig, asked: Iterable[str] | None = None) -> Change:
        """What it takes to go on with another configuration.

        Parameters
        ----------
        other : SegmentationConfig
            The one to go on with.
        asked : iterable of str, optional
            Fields that were asked for; by default those that differ.

        Returns
        -------
        Change
            The stage that each field calls for: "encode", "fit" or "finish".

        Examples
        --------
        >>> SegmentationConfig().change(SegmentationConfig(method="gmm", smoothing=1)).at("fit")
        ['method']
        >>> SegmentationConfig().change(SegmentationConfig(smoothing=1, refine_steps=5)).anew
        False
        """
        names = [name for name, value in other if value != getattr(self, name)] if asked is None else list(asked)
        return Change({name: self._stage(name, other) for name in names})

    def _stage(self, name: str, other: SegmentationConfig) -> Stage:
        """The stage at which another `name` takes effect; what matters for no method in use changes nothing."""
        own = OWN_FEATURES & {self.method, other.method}
        chosen_by_number = other.method == "regions" and other.features == "auto"
        if (name == "method" and own) or (
            name == "n_clusters" and chosen_by_number and not self.n_clusters * other.n_clusters
        ):
            return "encode"
        return stage_of(type(self), name) if matters(type(self), name, dict(other)) else "finish"


OWN_FEATURES = {"joint", "regions"}
"""Methods that choose their features for themselves: regions by whether their number is given, too."""


class ObjectsConfig(Config):
    """How clusters become objects, each with a number of its own.

    Examples
    --------
    >>> ObjectsConfig(method="distance", min_size=20).min_size
    20
    """

    usual_stage: ClassVar[Stage] = "finish"

    method: Annotated[
        PartingName,
        Shown(
            "Method",
            choices={"components": "what touches", "distance": "part where narrow", "intensity": "part where dark"},
        ),
    ] = "components"
    """What touches is one object; or it is parted where it is narrow, or where the image is dark."""

    min_size: Annotated[int, Field(ge=0, le=10_000_000), Shown("Smallest object", unit="px", zero=OFF)] = 0
    """Objects of fewer pixels are left out."""

    max_size: Annotated[int, Field(ge=0, le=2**31 - 1), Shown("Largest", unit="px", zero=NO_LIMIT)] = 0
    """Objects of more pixels are left out; 0 allows any."""

    depth: Annotated[float, Field(gt=0, lt=1), Shown("Depth of necks", when={"method": ("distance", "intensity")})] = (
        0.15
    )
    """How much narrower or darker a neck must be than what it joins, as a share, to part it."""

    blur: Annotated[float, Field(ge=0, le=100), Shown("Blur", unit="px", when={"method": ("intensity",)})] = 1.0
    """Blur of the image in pixels, before its dark necks are looked for."""


class TrackingConfig(Config):
    """How objects are followed through a movie.

    Examples
    --------
    >>> TrackingConfig(reach=0.5).gap
    1
    """

    usual_stage: ClassVar[Stage] = "finish"

    reach: Annotated[float, Field(ge=0, le=100), Shown("Reach")] = 1.0
    """How far an object moves between two frames at most, in its own diameters, where it does not overlap itself."""

    gap: Annotated[int, Field(ge=0, le=100), Shown("Close gaps", unit="frames", zero=OFF)] = 1
    """Frames in a row in which an object may be missing and still keep its number."""

    splits: Annotated[bool, Shown("Note splits")] = True
    """What divides ends, and its parts begin tracks of their own that know where they came from."""

    merges: Annotated[
        Literal["part", "note", "ignore"],
        Shown("What merges", choices={"part": "is parted again", "note": "begins anew", "ignore": "keeps a number"}),
    ] = "part"
    """Objects that run into one are parted again where each is expected (cells only touch); or the whole begins a track
    that knows what merged into it (droplets do merge); or it keeps the number of one of them."""


class PhenotypeConfig(RunConfig):
    """How objects of an image with many channels are grouped.

    Examples
    --------
    >>> PhenotypeConfig(n_phenotypes=6).scaling
    'deviation'
    """

    usual_stage: ClassVar[Stage] = "fit"

    n_phenotypes: Annotated[int, Field(ge=0, le=256), Shown("Phenotypes", zero=AUTO, common=True)] = 0
    """Number of phenotypes; 0 chooses it from the objects."""

    most: Annotated[int, Field(ge=2, le=64), Shown("Most phenotypes", when={"n_phenotypes": (0,)})] = 12
    """Largest number that the automatic choice considers."""

    scaling: Annotated[
        Literal["deviation", "rank"],
        Shown("Scaling", choices={"deviation": "its deviation", "rank": "ranks"}),
    ] = "deviation"
    """How mean intensities of each channel are made comparable: by their deviation over the objects, or by ranks."""

    latents: Annotated[float, Field(ge=0, le=100), Shown("Latents", zero=OFF)] = 0.5
    """How much the latents of the objects count beside all channels together."""


class ClassificationConfig(RunConfig):
    """How objects or images with a class teach a classifier.

    Examples
    --------
    >>> ClassificationConfig(learner="forest").trees
    100
    """

    usual_stage: ClassVar[Stage] = "fit"

    learner: Annotated[
        Literal["logistic", "forest", "boosting"],
        Shown(
            "Learner",
            choices={
                "logistic": "logistic regression",
                "forest": "random forest",
                "boosting": "gradient boosting",
            },
            common=True,
        ),
    ] = "logistic"
    """What learns: logistic regression does with few examples, a random forest or boosted trees with many."""

    latents: Annotated[
        Literal["none", "bottleneck", "multiscale"],
        Shown(
            "Latents",
            choices={"none": "not used", "bottleneck": "of the narrowest level", "multiscale": "of all levels"},
            common=True,
        ),
    ] = "multiscale"
    """Mean and spread of the latents: of the narrowest level, of all levels of the encoder, or none."""

    shape: Annotated[bool, Shown("Shape", common=True)] = True
    """Size and shape of objects."""

    brightness: Annotated[bool, Shown("Brightness", common=True)] = True
    """Mean, spread and range of the brightness of each channel."""

    slices: Annotated[bool, Shown("Slices", common=True)] = False
    """Without objects, every slice or time point has a class of its own."""

    strength: Annotated[float, Field(gt=0, le=1e6), Shown("Follow examples", when={"learner": ("logistic",)})] = 1.0
    """How closely logistic regression follows its examples: its C, the inverse of the regularization."""

    trees: Annotated[int, Field(ge=1, le=10_000), Shown("Trees", when={"learner": ("forest", "boosting")})] = 100
    """Trees of a random forest, or rounds of boosting."""

    balance: Annotated[bool, Shown("Classes count alike")] = True
    """Rare classes count as much as frequent ones."""

    folds: Annotated[int, Field(ge=2, le=100), Shown("Folds")] = 5
    """Parts of the examples that are held back in turn, to see how well they are recognised."""

    min_probability: Annotated[float, Field(ge=0, lt=1), Shown("Unsure below")] = 0.0
    """What is recognised with a smaller probability gets no class."""


def shown(config: type[Config], name: str) -> Shown:
    """The words of field `name`."""
    return next(word for word in config.model_fields[name].metadata if isinstance(word, Shown))


def flag_of(name: str) -> str:
    """The option of the command line that sets a field.

    >>> flag_of("learning_rate"), flag_of("n_clusters")
    ('--learning-rate', '--clusters')
    """
    return "--clusters" if name == "n_clusters" else f"--{name.replace('_', '-')}"


def label_of(config: type[Config], name: str) -> str:
    """What a field is called.

    >>> label_of(SegmentationConfig, "n_clusters"), label_of(TrainingConfig, "masked_block")
    ('Clusters', 'Hidden block')
    """
    return shown(config, name).label


def choice_of(config: type[Config], name: str, value: Any) -> str:
    """What `value` of a field is called.

    >>> choice_of(SegmentationConfig, "method", "kmeans"), choice_of(RunConfig, "device", "cuda:1")
    ('k-means', 'GPU 1')
    """
    kind, _, number = str(value).partition(":")
    words = shown(config, name).choices
    return words.get(value, f"{words.get(kind, kind)} {number}" if number else str(value))


def stage_of(config: type[Config], name: str) -> Stage:
    """The stage at which a change of a field takes effect.

    >>> stage_of(SegmentationConfig, "smoothing"), stage_of(TrainingConfig, "steps")
    ('finish', 'train')
    """
    found = (rule.effect for rule in config.model_fields[name].metadata if isinstance(rule, Takes))
    return next(found, config.usual_stage)


def matters(config: type[Config], name: str, values: Mapping[str, Any]) -> bool:
    """Whether a field means anything beside the `values` of others.

    >>> matters(SegmentationConfig, "max_clusters", {"n_clusters": 5})
    False
    """
    cases = shown(config, name).cases
    return any(all(values[other] in fits for other, fits in case.items() if other in values) for case in cases)


def defaults(config: type[Config]) -> dict[str, Any]:
    """Name -> default of every field of `config`."""
    return {name: field.default for name, field in config.model_fields.items()}


PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "fast": {"steps": 60},
    "texture": {"features": "texture"},
    "fine": {"stride": 1, "smoothing": 2.0},
    "histology": {"features": "mixed", "min_size": 30},
    "3d": {"ndim": 3},
    "sparse": {"kind": "conv", "sparsity": "topk", "latents": 32, "features": "latent"},
    "dense": {"kind": "dense", "features": "latent"},
}
"""Named sets of fields of NetworkConfig, TrainingConfig and SegmentationConfig; the rest stay at their defaults."""


def preset(name: str, config: type[Config]) -> dict[str, Any]:
    """The fields that a preset sets in a configuration.

    Parameters
    ----------
    name : str
        One of `PRESETS`.
    config : type
        NetworkConfig, TrainingConfig or SegmentationConfig.

    Returns
    -------
    dict
        Name -> value: `ae.TrainingConfig(**ae.preset("fast", ae.TrainingConfig))`.

    Raises
    ------
    ValueError
        If there is no such preset.

    Examples
    --------
    >>> preset("fast", TrainingConfig)
    {'steps': 60}
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return {key: value for key, value in PRESETS[name].items() if key in config.model_fields}


def _fault(detail: Mapping[str, Any], config: type[Config]) -> tuple[str, str]:
    """The field, and what is wrong with it."""
    name, got = str(detail["loc"][0]) if detail["loc"] else "", repr(detail["input"])
    text = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        near = meant(name, config.model_fields)
        return "", f"{config.__name__} has no {name}" + (f"; did you mean {near}?" if near else "")
    if text.startswith("Input should "):
        text = f"{text.removeprefix('Input ')}, got {got}"
    return name, text


def meant(name: str, known: Iterable[str]) -> str:
    """The field that a person who wrote `name` most likely meant, or "".

    >>> meant("lr", TrainingConfig.model_fields), meant("stpes", TrainingConfig.model_fields)
    ('learning_rate', 'steps')
    """
    names = list(known)
    usual = USUAL_NAMES.get(name, "")
    return usual if usual in names else next(iter(difflib.get_close_matches(name, names, 1, 0.7)), "")
