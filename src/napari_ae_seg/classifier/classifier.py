"""Classifier: a few items with a class teach it to recognise the others, in these images and in new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from napari_ae_seg.autoencoder.model import Autoencoder
from napari_ae_seg.config import ClassificationConfig, SegmentationConfig
from napari_ae_seg.core import devices, modelfile
from napari_ae_seg.core.progress import Report, silent
from napari_ae_seg.core.state import stored
from napari_ae_seg.segmenter.fit import default_model

from . import learners
from .classified import Classified, classified
from .items import Items, Kind, Named, chosen, measured

if TYPE_CHECKING:
    from pathlib import Path

    from napari_ae_seg.images.stack import Stack

BLOCKS = ("latents", "shape", "brightness")
MOST = 4096
"""Classes that a file may hold."""


@stored("examples")
@dataclass(frozen=True)
class Examples:
    """Items with a known class: what a classifier learns from, and all that its file keeps of them."""

    values: Annotated[np.ndarray, "float32 n F"]
    """(n, F) all features, whatever is learnt from."""
    target: Annotated[np.ndarray, "int64 n"]
    """(n,) number of the class, 0..K-1"""
    group: Annotated[np.ndarray, "int64 n"]
    """(n,) number of the image"""

    def __len__(self) -> int:
        return len(self.target)


@stored("classifier")
@dataclass(frozen=True)
class Classifier:
    """Classes learnt from examples; `apply` recognises them in any image, `save` keeps them in an .aeseg file.

    The file holds the examples, never code: opened again, the same is learnt from the same examples.
    """

    model: Autoencoder
    config: ClassificationConfig
    kind: Kind
    classes: tuple[str, ...]
    features: tuple[str, ...]
    examples: Examples = field(repr=False)
    quality: learners.Quality | None = None
    """How well held-back examples are recognised; None until `checked`."""

    @classmethod
    def fit(
        cls,
        model: Autoencoder | None,
        stack: Stack,
        classes: Named,
        labels: Any = None,
        config: ClassificationConfig | None = None,
        report: Report = silent,
    ) -> Classifier:
        """A classifier taught by the items of `stack` that `classes` names; without a `model`, the shipped encoder."""
        config = config or ClassificationConfig()
        model = model or default_model(stack, _run(config), report)
        items = measured(model, stack, labels, config, report)
        return cls.taught(model, items, items.named(classes), config, classes=_order(classes)).checked(report)

    @classmethod
    def taught(
        cls,
        model: Autoencoder,
        items: Items,
        named: Sequence[str],
        config: ClassificationConfig | None = None,
        before: Classifier | None = None,
        classes: Sequence[str] = (),
    ) -> Classifier:
        """A classifier taught by those `items` whose class `named` tells, and by the examples of `before`.

        `classes` gives the order of the classes, which need not all have examples; others follow by name.
        """
        config = config or ClassificationConfig()
        told = np.array([bool(name) for name in named], bool)
        order = list(dict.fromkeys([*(before.classes if before else ()), *classes]))
        order += sorted({name for name in named if name} - set(order))
        present = {name for name in named if name} | (
            {before.classes[k] for k in before.examples.target} if before else set()
        )
        if len(present) < 2:
            raise ValueError(f"classes to tell apart are two or more, got {', '.join(present) or 'none'}")
        numbers = {name: number for number, name in enumerate(order)}
        target = np.array([numbers[name] for name in named if name], np.int64)
        examples = Examples(items.values[told], target, items.source[told].astype(np.int64))
        if before is not None:
            _same(before, items)
            earlier = np.array([numbers[name] for name in before.classes], np.int64)[before.examples.target]
            shift = int(before.examples.group.max(initial=-1)) + 1
            examples = Examples(
                np.concatenate([before.examples.values, examples.values]),
                np.concatenate([earlier, examples.target]),
                np.concatenate([before.examples.group, examples.group + shift]),
            )
        return cls(model, config, items.kind, tuple(order), items.features, examples)

    @cached_property
    def learner(self) -> Any:
        """The fitted scikit-learn classifier."""
        devices.use_threads(self.config.threads)
        return learners.fitted(self.config, self._x, self.examples.target, self._weight)

    @property
    def counts(self) -> dict[str, int]:
        """Class -> how many examples it has."""
        counts = np.bincount(self.examples.target, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, counts, strict=True)}

    @property
    def sentence(self) -> str:
        """How well it recognises its classes."""
        return self.quality.sentence if self.quality else "How well it recognises its classes has not been checked."

    def checked(self, report: Report = silent) -> Classifier:
        """The same classifier with its `quality`, cross-validated."""
        y, names = self.examples.target, list(self.classes)
        found = learners.quality(self.config, self._x, y, self.examples.group, names, self._weight, report)
        return replace(self, quality=found)

    def importance(self, report: Report = silent) -> dict[str, float]:
        """Name -> weight of every feature it looks at, the weightiest first; they add up to 1."""
        found = learners.importance(self.config, self.learner, self._x, self.examples.target, self._weight, report)
        names = np.array(self.features)[self._columns]
        return {str(names[i]): float(found[i]) for i in np.argsort(-found, kind="stable")}

    def apply(self, stack: Stack, labels: Any = None, report: Report = silent) -> Classified:
        """The classes of the objects in `labels`, or of the images or slices of `stack`."""
        config = _measuring(self, self.config)
        return self.recognise(measured(self.model, stack, labels, config, report), stack, labels)

    def recognise(self, items: Items, stack: Stack, labels: Any = None, named: Sequence[str] = ()) -> Classified:
        """The classes of items measured before; `named` tells those that a person has named."""
        _same(self, items)
        found = learners.probabilities(self.learner, items.values[:, self._columns], len(self.classes))
        return classified(self, items, found, list(named) or [""] * len(items), stack, labels)

    def on(self, device: str) -> Classifier:
        """The same classifier that looks at images on `device`."""
        return replace(self, config=self.config.but(device=device))

    def save(self, path: str | Path) -> None:
        """Writes everything to one file: the autoencoder, the examples and the settings."""
        modelfile.save(path, self)

    @classmethod
    def load(cls, path: str | Path) -> Classifier:
        """The classifier that `save` wrote; ModelFileError says what is wrong with any other file."""
        return modelfile.load(path, cls, "train one with napari-ae-seg classify train").on("auto")

    def check(self) -> None:
        """ValueError unless its examples fit its features and classes."""
        rows, columns = self.examples.values.shape
        target = self.examples.target
        if not rows or columns != len(self.features) or not len(self._columns):
            raise ValueError(f"{rows} examples of {columns} features do not fit {len(self.features)} names of features")
        if not 0 <= target.min() < target.max() < len(self.classes) or len(self.classes) > MOST:
            raise ValueError(f"the examples are of other classes than {self.classes}")
        quality = self.quality
        if quality and [len(row) for row in quality.confusion] != [len(self.classes)] * len(self.classes):
            raise ValueError("the classes that are confused are others")

    @cached_property
    def _columns(self) -> np.ndarray:
        return chosen(self.features, self.config)

    @property
    def _weight(self) -> np.ndarray:
        return learners.weights(np.array(self.features)[self._columns].tolist())

    @property
    def _x(self) -> np.ndarray:
        return np.asarray(self.examples.values[:, self._columns])


def classify(
    stack: Stack,
    classes: Named,
    labels: Any = None,
    *,
    model: Autoencoder | None = None,
    config: ClassificationConfig | None = None,
    before: Classifier | None = None,
    report: Report = silent,
) -> Classified:
    """The class of every object in `labels`, or of every image or slice of `stack`, learnt from the few in `classes`.

    `classes` is {label: "name"} (a list of such for several images), {slice: "name"} with `config.slices`, or a list of
    one name per image, "" where it is not known. Latents are those of `model`, or of the shipped encoder. The examples
    of `before`, looked at with its own model, are learnt from, too.
    """
    config = config or (before.config if before else ClassificationConfig())
    model = before.model if before else model or default_model(stack, _run(config), report)
    items = measured(model, stack, labels, _measuring(before, config), report)
    named = items.named(classes)
    taught = Classifier.taught(model, items, named, config, before, _order(classes)).checked(report)
    return taught.recognise(items, stack, labels, named)


def blocks_of(importance: dict[str, float]) -> dict[str, float]:
    """Weights added up over the latents, the shape and the brightness.

    >>> blocks_of({"shape: size": 0.6, "latents: latent 1, mean": 0.25, "shape: fill": 0.15})
    {'latents': 0.25, 'shape': 0.75}
    """
    found = {block: sum(v for name, v in importance.items() if name.startswith(block)) for block in BLOCKS}
    return {block: share for block, share in found.items() if share > 0}


def plain(feature: str) -> str:
    """The name of a feature in words.

    >>> plain("brightness: red, high"), plain("shape: elongation")
    ('brightness of red, high', 'elongation')
    """
    block, _, name = feature.partition(": ")
    return f"brightness of {name}" if block == "brightness" else name


def _run(config: ClassificationConfig) -> SegmentationConfig:
    return SegmentationConfig(seed=config.seed, device=config.device, threads=config.threads)


def _measuring(classifier: Classifier | None, config: ClassificationConfig) -> ClassificationConfig:
    """`config` with which the features are measured that `classifier` knows."""
    if classifier is None:
        return config
    encode = any(name.startswith("latents:") for name in classifier.features)
    return config.model_copy(update={"latents": "multiscale" if encode else "none"})


def _order(classes: Named) -> list[str]:
    """The names of the classes in the order in which they are first given."""
    entries: Sequence[Any] = [classes] if isinstance(classes, Mapping) else classes
    names = [name for entry in entries for name in ([entry] if isinstance(entry, str) else entry.values())]
    return [name for name in dict.fromkeys(names) if name]


def _same(classifier: Classifier, items: Items) -> None:
    """Raises unless `items` are of the kind and have the features that `classifier` learnt."""
    if items.kind != classifier.kind:
        raise ValueError(f"the classifier tells {classifier.kind} apart, got {items.kind}")
    if len(items.features) != len(classifier.features):
        raise ValueError(
            f"the classifier knows {len(classifier.features)} features, these items have {len(items.features)}: "
            "measure them with the classifier's own model"
        )
