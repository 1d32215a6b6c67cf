"""What the Classify dock does in the background: the calls that a script makes, and nothing heavy until it runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ae_seg.config import ClassificationConfig, SegmentationConfig
from napari_ae_seg.core.progress import Progress
from napari_ae_seg.gui.parts import models
from napari_ae_seg.gui.parts.models import Model

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.classifier import Classified, Classifier, Items
    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.images.stack import Stack

SHOWN = 3
"""Features that are named as those that tell most."""


@dataclass(frozen=True)
class Subject:
    """What has classes: images with the layers whose objects, or which themselves, are told apart."""

    kind: str
    images: tuple[Layer, ...]
    objects: Layer | None
    stack: Stack
    model: Model
    state: int = 0
    """Differs once the objects do."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layer that each entry of classes is kept with."""
        return self.images if self.objects is None else (self.objects,)

    def same_as(self, other: Subject) -> bool:
        """Whether what was measured for the other still stands."""
        names = ("kind", "images", "objects", "model", "state")
        return all(getattr(self, name) == getattr(other, name) for name in names)


@dataclass(frozen=True)
class Measured:
    """The items of a subject with their features, and the labels they were measured with."""

    subject: Subject
    model: Autoencoder
    items: Items
    labels: Any


@dataclass(frozen=True, eq=False)
class Question:
    """Which classes a person has given, by layer and number of the item, and how to learn them."""

    subject: Subject
    classes: tuple[str, ...]
    given: dict[Layer, dict[int, str]]
    config: ClassificationConfig
    before: Classifier | None = None
    origin: str = ""
    """The file of `before`."""
    measured: Measured | None = None
    labels: Any = field(default=None, repr=False)
    """The objects as they were when this was asked, unless they are measured already."""

    def same_as(self, other: Question | None) -> bool:
        """Whether the other has the same answer."""
        names = ("classes", "given", "config", "before")
        return (
            other is not None
            and self.subject.same_as(other.subject)
            and all(getattr(self, name) == getattr(other, name) for name in names)
        )


@dataclass(frozen=True)
class Answer:
    """The classes of all items; its classifier has been checked, and its features weighed, once `final`."""

    measured: Measured
    found: Classified
    weights: dict[str, float] = field(default_factory=dict)
    final: bool = False


def learn(question: Question, report: Reporter) -> Answer:
    """Measure what is not measured yet, learn, recognise everything, send that, then check how well it does."""
    from napari_ae_seg.classifier import Classifier

    measured = question.measured or measure(question, report)
    items, subject, before = measured.items, question.subject, question.before
    there = {layer: set(items.index[items.source == n].tolist()) for n, layer in enumerate(subject.layers)}
    given = [
        {number: name for number, name in question.given.get(layer, {}).items() if number in there[layer]}
        for layer in subject.layers
    ]
    named = items.named(given)
    if before is not None and not any(named):
        classifier = replace(before, config=question.config)
    else:
        classifier = Classifier.taught(measured.model, items, named, question.config, before, question.classes)
    found = classifier.recognise(items, subject.stack, measured.labels, named)
    report.send(Answer(measured, found))
    classifier = classifier.checked(report)
    weights = classifier.importance(report)
    return Answer(measured, replace(found, classifier=classifier), weights, final=True)


def measure(question: Question, report: Reporter) -> Measured:
    """The items of a subject with all their features, whichever of them are used."""
    report(Progress("loading", 0, 0))
    from napari_ae_seg.classifier import measured
    from napari_ae_seg.segmenter.fit import default_model

    subject, config = question.subject, question.config
    if question.before is not None:
        model = question.before.model
    else:
        model, _ = models.load(subject.model)
        run = SegmentationConfig(seed=config.seed, device=config.device, threads=config.threads)
        model = model or default_model(subject.stack, run, report)
    labels = None if question.labels is None else [question.labels]
    wide = config.but(latents="multiscale", slices=subject.kind == "slices")
    items = measured(model, subject.stack, labels, wide, report)
    return Measured(subject, model, items, labels)


def python(question: Question) -> str:
    """The lines that give the same classes in napari's console."""
    subject, config = question.subject, question.config
    names = [f"viewer.layers[{layer.name!r}]" for layer in subject.images]
    source = names[0] if len(names) == 1 and subject.kind != "images" else f"[{', '.join(names)}]"
    order = {name: place for place, name in enumerate(question.classes)}
    given: Any = [
        dict(sorted(mine.items(), key=lambda item: (order[item[1]], item[0]))) for mine in question.given.values()
    ]
    given = [entry.get(0, "") for entry in given] if subject.kind == "images" else given[0]
    words = ["stack", repr(given)]
    if subject.objects is not None:
        words.append(f"viewer.layers[{subject.objects.name!r}].data")
    if question.before is not None:
        words.append(f"before=ae.Classifier.load({question.origin!r})")
    elif subject.model.path is not None:
        words.append(f"model=ae.Autoencoder.load({str(subject.model.path)!r})")
    elif subject.model.held is not None:
        words.append("model=current().classified.classifier.model")
    default = ClassificationConfig()
    changed = {name: value for name, value in config if value != getattr(default, name)}
    if changed:
        options = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        words.append(f"config=ae.ClassificationConfig({options})")
    ndim = ", ndim=2" if subject.kind == "slices" else ""
    lines = ["import napari_ae_seg as ae", "from napari_ae_seg.gui.session import current"]
    lines = lines if any("current()" in word for word in words) else lines[:1]
    lines += [f"stack = ae.read({source}{ndim})", f"found = ae.classify({', '.join(words)})"]
    if len(names) == 1:
        return "\n".join([*lines, "viewer.add_labels(found.labels, **found.layer)"])
    return "\n".join(
        [*lines, "for part in map(found.of, range(len(stack))):", "    viewer.add_labels(part.labels, **part.layer)"]
    )


def load(path: str) -> Classifier:
    """The classifier in a file."""
    from napari_ae_seg.classifier import Classifier

    return Classifier.load(path)


def model_of(classifier: Classifier, path: str) -> Model:
    """The model in a classifier's file, as the list of models shows it."""
    return Model(Path(path).stem, held=classifier.model)


def renamed(classifier: Classifier, before: str, after: str) -> Classifier:
    """The classifier with class `before` called `after`."""
    return replace(classifier, classes=tuple(after if name == before else name for name in classifier.classes))


def what_matters(weights: dict[str, float]) -> str:
    """What tells the classes apart, in words."""
    from napari_ae_seg.classifier import blocks_of, plain

    shares = ", ".join(f"{block} {share:.0%}" for block, share in blocks_of(weights).items())
    first = "; ".join(map(plain, list(weights)[:SHOWN]))
    return f"What tells them apart: {shares}. Most of all {first}."
