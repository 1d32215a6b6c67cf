"""Classifier: a few items with a class teach it to recognise the others, in these images and in new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from napari_ae_seg.autoencoder.encode import fitting
from napari_ae_seg.autoencoder.model import Autoencoder
from napari_ae_seg.config import ClassificationConfig, SegmentationConfig
from napari_ae_seg.core import devices, modelfile
from napari_ae_seg.core.progress import Report, silent
from napari_ae_seg.core.state import stored
from napari_ae_seg.images import notebook
from napari_ae_seg.images.stack import Images, as_stack
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
@dataclass(frozen=True, repr=False)
class Classifier:
    """Classes learnt from examples; `apply` recognises them in any image, `save` keeps them in an .aeseg file.

    The file holds the examples, never code: opened again, the same is learnt from the same examples.

    Parameters
    ----------
    model : Autoencoder
        The network whose latents are looked at.
    config : ClassificationConfig
        How it learns.
    kind : {"objects", "images", "slices"}
        What has a class.
    classes : tuple of str
        Their names.
    features : tuple of str
        Names of the features.
    examples : Examples
        What it learnt from.
    quality : Quality, optional
        How well held-back examples are recognised; None until `checked`.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
    >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
    >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
    >>> classified.classifier
    Classifier: objects as bright, dark by logistic
      ...
    """

    model: Autoencoder
    config: ClassificationConfig
    kind: Kind
    classes: tuple[str, ...]
    features: tuple[str, ...]
    examples: Examples
    quality: learners.Quality | None = None

    def __repr__(self) -> str:
        title = f"Classifier: {self.kind} as {', '.join(self.classes)} by {self.config.learner}"
        counts = [f"{count} example{'s' * (count != 1)} of {name}" for name, count in self.counts.items()]
        return notebook.listed(title, counts, self.sentence)

    @classmethod
    def fit(
        cls,
        model: Autoencoder | None,
        images: Images,
        classes: Named,
        labels: Any = None,
        config: ClassificationConfig | None = None,
        report: Report = silent,
    ) -> Classifier:
        """Teach a classifier by the items that have a class.

        Parameters
        ----------
        model : Autoencoder or None
            The network; None takes the encoder that comes with the package.
        images : Stack, array, path, layer, or list of them
            Where the items are.
        classes : dict, list of dict, or list of str
            Number of an object or slice -> name, a list of such for several images; or a name per image, "" if unknown.
        labels : array, or list of one per image, optional
            Objects, by number, of the image's shape without channels; without them whole images (or slices) have a
            class.
        config : ClassificationConfig, optional
            How it learns.
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        Classifier
            With its quality checked.

        Raises
        ------
        ValueError
            If fewer than two classes have examples, or one names what is not there.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> ae.Classifier.fit(None, image, {1: "bright", 2: "dark"}, labels, config).counts
        {'bright': 1, 'dark': 1}
        """
        config, stack = ClassificationConfig.of(config), as_stack(images)
        model, _ = fitting(default_model(stack, _run(config), report) if model is None else model, stack)
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
        """Teach a classifier by items that are measured already.

        Parameters
        ----------
        model : Autoencoder
            The network they were measured with.
        items : Items
            Items with their features.
        named : sequence of str
            The class of each, "" if unknown.
        config : ClassificationConfig, optional
            How it learns.
        before : Classifier, optional
            Whose examples are learnt from, too.
        classes : sequence of str, optional
            The order of the classes.

        Returns
        -------
        Classifier
            Not checked yet.

        Raises
        ------
        ValueError
            If fewer than two classes have examples.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> known = classified.classifier
        >>> ae.Classifier.taught(known.model, classified.items, ["a", "b", "", ""], config).classes
        ('a', 'b')
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
        """Check how well held-back examples are recognised.

        Parameters
        ----------
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        Classifier
            With its `quality`.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> classified.classifier.checked().quality is not None
        True
        """
        y, names = self.examples.target, list(self.classes)
        found = learners.quality(self.config, self._x, y, self.examples.group, names, self._weight, report)
        return replace(self, quality=found)

    def importance(self, report: Report = silent) -> dict[str, float]:
        """What the classes are told apart by.

        Parameters
        ----------
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        dict
            Name -> weight of every feature, the weightiest first; they add up to 1.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> round(sum(classified.classifier.importance().values()), 3)
        1.0
        """
        found = learners.importance(self.config, self.learner, self._x, self.examples.target, self._weight, report)
        names = np.array(self.features)[self._columns]
        return {str(names[i]): float(found[i]) for i in np.argsort(-found, kind="stable")}

    def apply(self, images: Images, labels: Any = None, report: Report = silent) -> Classified:
        """Recognise the classes in images.

        Parameters
        ----------
        images : Stack, array, path, layer, or list of them
            New ones, or the same.
        labels : array, or list of one per image, optional
            Objects, by number, of the image's shape without channels; without them whole images (or slices) have a
            class.
        report : callable, optional
            Is told of progress; `progress_bar` shows it.

        Returns
        -------
        Classified
            The class of every item.

        Raises
        ------
        ValueError
            If the items are of another kind than those learnt from.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> classified.classifier.apply(image, labels).names
        ['bright', 'dark', 'bright', 'dark']
        """
        stack = as_stack(images)
        config = _measuring(self, self.config)
        return self.recognise(measured(self.model, stack, labels, config, report), stack, labels)

    def recognise(self, items: Items, stack: Stack, labels: Any = None, named: Sequence[str] = ()) -> Classified:
        """Recognise the classes of items that are measured already.

        Parameters
        ----------
        items : Items
            Items with their features.
        stack : Stack
            The images they are in.
        labels : array, or list of one per image, optional
            Their labels.
        named : sequence of str, optional
            The classes that a person has given, "" where none.

        Returns
        -------
        Classified
            The class of every item.

        Raises
        ------
        ValueError
            If the items are of another kind, or measured with another model.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> classified.classifier.recognise(classified.items, ae.read(image), labels).names
        ['bright', 'dark', 'bright', 'dark']
        """
        _same(self, items)
        found = learners.probabilities(self.learner, items.values[:, self._columns], len(self.classes))
        return classified(self, items, found, list(named) or [""] * len(items), stack, labels)

    def on(self, device: str) -> Classifier:
        """The same classifier that looks at images on another device.

        Parameters
        ----------
        device : str
            "auto", "cpu", "cuda", "mps".

        Returns
        -------
        Classifier
            For that device.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> classified.classifier.on("cpu").config.device
        'cpu'
        """
        return replace(self, config=self.config.but(device=device))

    def save(self, path: str | Path) -> None:
        """Write everything to one file: the autoencoder, the examples and the settings.

        Parameters
        ----------
        path : path
            The file; one that is there is replaced.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     classified.classifier.save(f"{folder}/cells.aeseg")
        ...     ae.Classifier.load(f"{folder}/cells.aeseg").classes
        ('bright', 'dark')
        """
        modelfile.save(path, self)

    @classmethod
    def load(cls, path: str | Path) -> Classifier:
        """The classifier in a file that `save` wrote.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        Classifier
            With the network on the CPU.

        Raises
        ------
        ModelFileError
            If the file is damaged, foreign, or holds no classifier.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     classified.classifier.save(f"{folder}/cells.aeseg")
        ...     ae.Classifier.load(f"{folder}/cells.aeseg").classes
        ('bright', 'dark')
        """
        return modelfile.load(path, cls, "train one with napari-ae-seg classify train").on("auto")

    def check(self) -> None:
        """Raise unless its examples fit its features and classes; reading a file calls it.

        Raises
        ------
        ValueError
            If they do not.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> classified.classifier.check()
        """
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
    images: Images,
    classes: Named,
    labels: Any = None,
    *,
    model: Autoencoder | None = None,
    config: ClassificationConfig | None = None,
    before: Classifier | None = None,
    report: Report = silent,
) -> Classified:
    """Recognise the class of every object, image or slice from a few that have one.

    Parameters
    ----------
    images : Stack, array, path, layer, or list of them
        Where the items are.
    classes : dict, list of dict, or list of str
        Number of an object or slice -> name, a list of such for several images; or a name per image, "" if unknown.
    labels : array, or list of one per image, optional
        Objects, by number, of the image's shape without channels; without them whole images (or slices) are classified.
    model : Autoencoder, optional
        Whose latents are looked at; by default the encoder that comes with the package.
    config : ClassificationConfig, optional
        How it learns.
    before : Classifier, optional
        Whose examples, seen with its own model, are learnt from, too.
    report : callable, optional
        Is told of progress; `progress_bar` shows it.

    Returns
    -------
    Classified
        The class of every item; `classifier` recognises them in other images.

    Raises
    ------
    ValueError
        If fewer than two classes have examples, or one names what is not there.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
    >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
    >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
    >>> classified.names
    ['bright', 'dark', 'bright', 'dark']
    """
    config, stack = ClassificationConfig.of(config or (before.config if before else None)), as_stack(images)
    model = before.model if before else model
    model, _ = fitting(default_model(stack, _run(config), report) if model is None else model, stack)
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
