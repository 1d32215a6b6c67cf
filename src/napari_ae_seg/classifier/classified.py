"""Classified: the class of every item, as a table, as layers coloured by class, and as a CSV file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.core.colors import Color, color
from napari_ae_seg.images import notebook
from napari_ae_seg.images.formats.table import write_csv

from .items import label_arrays

if TYPE_CHECKING:
    from napari_ae_seg.images.stack import Stack

    from .classifier import Classifier
    from .items import Items

GIVEN, RECOGNISED = 0.8, 0.5
"""Opacity of an item that a person named, and of one recognised with probability 1; the image shows through."""


@dataclass(frozen=True, repr=False)
class Classified:
    """Items with their classes; `labels` and `layer` show those of one image, colored by class.

    Parameters
    ----------
    items : Items
        What has a class, with its features.
    classes : tuple of str
        Names of the classes.
    probabilities : ndarray
        (n, K) of each class, before what a person said.
    chosen : ndarray
        (n,) number of the class, 1..K; 0 is none.
    given : ndarray
        (n,) bool: whether a person named the class.
    classifier : Classifier
        What recognised them.
    stack : Stack
        The images.
    arrays : tuple, optional
        Labels of the objects of each image.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
    >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
    >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
    >>> classified
    Classified: 4 objects
      2 bright
      2 dark
      ...
    """

    items: Items
    classes: tuple[str, ...]
    probabilities: np.ndarray
    chosen: np.ndarray
    given: np.ndarray
    classifier: Classifier
    stack: Stack
    arrays: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        counts = np.bincount(self.chosen, minlength=len(self.classes) + 1)
        rows = [f"{count} {name}" for name, count in zip(self.classes, counts[1:], strict=True)]
        rows += [f"{counts[0]} without a class"] if counts[0] else []
        return notebook.listed(f"Classified: {len(self)} {self.items.kind}", rows, self.classifier.sentence)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def sentence(self) -> str:
        """How many of each class there are."""
        counts = np.bincount(self.chosen, minlength=len(self.classes) + 1)
        parts = [f"{count} {name}" for name, count in zip(self.classes, counts[1:], strict=True)]
        return ", ".join([*parts, *([f"{counts[0]} without a class"] if counts[0] else [])])

    @property
    def names(self) -> list[str]:
        """The class of each item, "" for none."""
        return [("", *self.classes)[number] for number in self.chosen]

    @property
    def colors(self) -> dict[int, Color]:
        """Number of a class -> its colour."""
        return {number: color(number) for number in range(1, len(self.classes) + 1)}

    @property
    def table(self) -> dict[str, list[Any]]:
        """Columns of one row per item: which one it is, its class, how probable, whether a person said so."""
        kind, several = self.items.kind, len(self.items.images) > 1
        best = self.probabilities[np.arange(len(self)), np.maximum(self.chosen - 1, 0)] * (self.chosen > 0)
        table: dict[str, list[Any]] = {}
        if several or kind == "images":
            table["image"] = [self.items.images[source] for source in self.items.source]
        if kind != "images":
            table["index" if kind == "objects" else "slice"] = self.items.index.tolist()
        table |= {
            "class": self.names,
            "probability": best.round(4).tolist(),
            "given": self.given.tolist(),
            "size": self.items.size.tolist(),
        }
        shares = self.probabilities.round(4).T.tolist()
        return table | {f"p({name})": share for name, share in zip(self.classes, shares, strict=True)}

    @property
    def labels(self) -> np.ndarray:
        """The one image's objects, numbered as they were; images and slices are 1, 2, ... all over."""
        items, image = self.items, self.stack.image
        if items.kind == "objects":
            return np.array(self.arrays[0][...])
        number = self._numbers()
        found = np.zeros((image.shape[0], *image.shape[2:]), np.int32)
        for n in range(image.shape[0]):
            found[n] = number[min(n, len(number) - 1)]
        return image.to_source(found)

    @property
    def class_labels(self) -> np.ndarray:
        """The one image with the number of its class, 1..K, at every pixel of an item; 0 elsewhere."""
        labels, number = self.labels, self._numbers()
        order = np.argsort(number)
        place = np.searchsorted(number[order], labels.ravel()).clip(max=max(len(order) - 1, 0))
        row = order[place]
        found = np.where(number[row] == labels.ravel(), self.chosen[row], 0)
        return found.reshape(labels.shape).astype(np.uint8 if len(self.classes) < 256 else np.uint16)

    @property
    def layer(self) -> dict[str, Any]:
        """Keyword arguments for `viewer.add_labels(classified.labels, **classified.layer)`."""
        clear = (0.0, 0.0, 0.0, 0.0)
        shown: dict[int | None, tuple[float, ...]] = {None: clear, 0: clear}
        best = self.probabilities.max(axis=1, initial=0.0)
        for row, number in enumerate(self._numbers()):
            if self.chosen[row]:
                sure = GIVEN if self.given[row] else RECOGNISED * (0.3 + 0.7 * float(best[row]))
                shown[int(number)] = (*self.colors[int(self.chosen[row])], round(sure, 2))
        return {
            "name": f"{self.stack.image.name} classes",
            "colormap": shown,
            "features": {"index": self._numbers().tolist(), **{k: v for k, v in self.table.items() if k != "index"}},
            "metadata": {"napari-ae-seg": {"sentence": self.sentence, "classes": list(self.classes)}},
            "opacity": 1.0,
            **self.stack.image.transform,
        }

    def of(self, source: int) -> Classified:
        """The items of one image of the stack.

        Parameters
        ----------
        source : int
            Number of the image, counted from 0.

        Returns
        -------
        Classified
            Of that image alone.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> len(classified.of(0))
        4
        """
        mine = self.items.source == source
        return replace(
            self,
            items=self.items.of(source),
            probabilities=self.probabilities[mine],
            chosen=self.chosen[mine],
            given=self.given[mine],
            stack=self.stack[source],
            arrays=self.arrays[source : source + 1],
        )

    def to_csv(self, path: str | Path, features: bool = False) -> None:
        """Write the table as comma-separated values.

        Parameters
        ----------
        path : path
            The file; one that is there is replaced.
        features : bool, optional
            Write everything measured, too.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> labels = np.kron([[1, 2], [3, 4]], np.pad(np.ones((8, 8), int), 4))
        >>> image, config = labels % 2 * 1.0, ae.ClassificationConfig(latents="none")
        >>> classified = ae.classify(image, {1: "bright", 2: "dark"}, labels, config=config)
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     classified.to_csv(f"{folder}/cells.csv")
        ...     pathlib.Path(f"{folder}/cells.csv").read_text()[:11]
        'index,class'
        """
        table = self.table
        if features:
            columns = zip(self.items.features, self.items.values.T, strict=True)
            table |= {name: [float(f"{value:.6g}") for value in column] for name, column in columns}
        write_csv(path, table, zip(*table.values(), strict=True))

    def _numbers(self) -> np.ndarray:
        """The number of each item in `labels`."""
        return self.items.index if self.items.kind == "objects" else self.items.index + 1


def classified(
    classifier: Classifier,
    items: Items,
    probabilities: np.ndarray,
    named: list[str],
    stack: Stack,
    labels: Any,
) -> Classified:
    """The most probable class of each item, or what a person said it is; improbable ones get none."""
    number = {name: k for k, name in enumerate(classifier.classes, 1)}
    sure = probabilities.max(axis=1, initial=0.0) >= classifier.config.min_probability
    chosen = np.where(sure, probabilities.argmax(axis=1) + 1, 0)
    said = np.array([number.get(name, 0) for name in named], np.int64)
    return Classified(
        items=items,
        classes=classifier.classes,
        probabilities=probabilities,
        chosen=np.where(said > 0, said, chosen),
        given=said > 0,
        classifier=classifier,
        stack=stack,
        arrays=tuple(label_arrays(stack, labels)),
    )
