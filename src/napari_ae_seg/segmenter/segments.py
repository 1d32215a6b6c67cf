"""Segments: the labels of one source, with everything a person wants to know of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.config import ObjectsConfig
from napari_ae_seg.core.colors import Color, color
from napari_ae_seg.images import notebook
from napari_ae_seg.images.formats.table import write_csv
from napari_ae_seg.images.formats.write import write_labels
from napari_ae_seg.images.legend import Legend
from napari_ae_seg.images.stack import Images, as_stack

from .objects import Objects, find_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_ae_seg.images.stack import Image

    from .edits import Edits


@dataclass(frozen=True, repr=False)
class Segments:
    """Labels of one image in its own shape, without its channel axis, and what is known of each label.

    Parameters
    ----------
    labels : ndarray
        Integers: 1..K are segments, 0 is no data or background.
    confidence : ndarray
        Membership of each pixel in its label, 0 to 1; float32 of the same shape.
    table : dict of list
        Columns of one row per label: index, name, size, share, confidence, ...
    colors : dict
        Label -> red, green and blue of 0 to 1.
    sentence : str
        What was chosen for this result, and why.
    name : str, optional
        Of the image.
    hidden : frozenset of int, optional
        Labels that a layer does not show.
    transform : dict, optional
        Arguments that lay the labels over their source in napari: scale, translate, ...
    metadata : dict, optional
        Settings and figures of merit.
    chances : callable, optional
        Makes the `probabilities` when they are asked for; regions have none.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
    >>> segments = ae.segment(bands, n_clusters=3)
    >>> segments
    Segments of image: 3 labels in (32, 32)
      1 cluster 1: 34.4 %, confidence ...
      2 cluster 2: 34.4 %, confidence ...
      3 cluster 3: 31.2 %, confidence ...
      ...
    """

    labels: np.ndarray
    confidence: np.ndarray
    table: dict[str, list[Any]]
    colors: dict[int, Color]
    sentence: str
    name: str = "image"
    hidden: frozenset[int] = frozenset()
    transform: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    chances: Callable[[], np.ndarray] | None = field(default=None, repr=False, compare=False)
    """Makes the probabilities."""

    def __repr__(self) -> str:
        names, shares, sure = (self.table[column] for column in ("name", "share", "confidence"))
        rows = zip(self.table["index"], names, shares, sure, strict=True)
        lines = [
            f"{n} {name}: {share:.1%}, confidence {trust:.2f}".replace("%", " %") for n, name, share, trust in rows
        ]
        title = f"Segments of {self.name}: {len(lines)} label{'s' * (len(lines) != 1)} in {tuple(self.labels.shape)}"
        return notebook.listed(title, lines, self.sentence)

    def _repr_html_(self) -> str:
        title = f"Segments of {self.name}"
        picture = notebook.inline(notebook.painted(self.labels, self.colors), crisp=True)
        rows = list(zip(*self.table.values(), strict=True))[: notebook.LINES]
        left = len(self.table["index"]) - len(rows)
        more = [(f"and {left} more",)] if left else []
        return notebook.card(title, [picture], list(self.table), [*rows, *more], self.sentence)

    @classmethod
    def of(
        cls,
        image: Image,
        labels: np.ndarray,
        confidence: np.ndarray,
        tally: Tally,
        edits: Edits,
        own: tuple[int, ...],
        sentence: str,
        metadata: dict[str, Any],
        chances: Callable[[], np.ndarray] | None = None,
    ) -> Segments:
        """Segments of an image from what was counted of it; `Segmenter.apply` calls it.

        Parameters
        ----------
        image : Image
            What was labelled.
        labels : ndarray
            Of its `label_shape`.
        confidence : ndarray
            Of the same shape.
        tally : Tally
            Sums over the pixels of each label.
        edits : Edits
            Names, colors and what is hidden.
        own : tuple of int
            The lasting color number of each cluster; further labels get further ones.
        sentence : str
            What was chosen, and why.
        metadata : dict
            Settings and figures of merit.
        chances : callable, optional
            Makes the probabilities.

        Returns
        -------
        Segments
            With a row of the table for each label that is present.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segments = ae.segment(bands, n_clusters=3)
        >>> segments.table["size"]
        [352, 352, 320]
        """
        present = [label for label in range(1, len(tally.size)) if tally.size[label]]
        index = {n: own[n - 1] if n <= len(own) else max(own) + n - len(own) for n in present}
        return cls(
            labels=labels,
            confidence=confidence,
            table=summary(tally, present, edits.names, image),
            colors={n: edits.colors.get(n, color(index[n] + 1)) for n in present},
            sentence=sentence,
            name=image.name,
            hidden=frozenset(edits.hidden),
            transform=image.transform,
            metadata=metadata,
            chances=chances,
        )

    @property
    def probabilities(self) -> np.ndarray:
        """Probability of every label at every pixel: (K, *shape of the labels) float16, row i of label i + 1.

        They are made anew each time, of the clusters before labels are tidied; what a person painted is not in them.

        Raises
        ------
        ValueError
            If whole regions were labelled, not places by themselves.

        Examples
        --------
        >>> import napari_ae_seg as ae
        >>> stack = ae.read(np.repeat([[0.0, 9.0]], 32, axis=0).repeat(16, axis=1))
        >>> segments = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=2)).apply(stack)
        >>> segments.probabilities.shape
        (2, 32, 32)
        """
        if self.chances is None:
            raise ValueError("regions have no probabilities: choose another method, such as kmeans")
        return self.chances()

    @property
    def names(self) -> dict[int, str]:
        """Label -> name."""
        return dict(zip(self.table["index"], self.table["name"], strict=True))

    @property
    def legend(self) -> Legend:
        """Names, colors and table as files of labels keep them."""
        return Legend(self.names, self.colors, self.table, hidden=self.hidden)

    def legend_of(self, objects: Objects) -> Legend:
        """Names and colors of single objects: those of the segments that they are part of.

        Parameters
        ----------
        objects : Objects
            What `objects` gave.

        Returns
        -------
        Legend
            For files of these objects.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segments = ae.segment(bands, n_clusters=3)
        >>> segments.legend_of(segments.objects(bands)).names
        {1: 'cluster 1', 2: 'cluster 2', 3: 'cluster 3'}
        """
        of = dict(zip(objects.table["index"], objects.table["cluster"], strict=True))
        names = {n: self.legend.name(cluster) for n, cluster in of.items()}
        return Legend(names, {n: self.legend.color(cluster) for n, cluster in of.items()}, objects.table, objects=True)

    @property
    def layer(self) -> dict[str, Any]:
        """Keyword arguments for `viewer.add_labels(segments.labels, **segments.layer)`."""
        clear = (0.0, 0.0, 0.0, 0.0)
        opaque = {n: clear if n in self.hidden else (*rgb, 1.0) for n, rgb in self.colors.items()}
        return {
            "name": f"{self.name} segments",
            "colormap": {None: clear, 0: clear, **opaque},
            "features": dict(self.table),
            "metadata": {"napari-ae-seg": {**self.metadata, "sentence": self.sentence}},
            **self.transform,
        }

    def objects(
        self,
        image: Images,
        labels: Sequence[int] | None = None,
        config: ObjectsConfig | None = None,
        together: bool = False,
    ) -> Objects:
        """Single objects, each with a number of its own.

        Parameters
        ----------
        image : Image, Stack, array, path or layer
            What these are the segments of.
        labels : sequence of int, optional
            The labels whose objects are wanted; all by default.
        config : ObjectsConfig, optional
            What parts objects, and which sizes count.
        together : bool, default False
            What touches is one object although its labels differ.

        Returns
        -------
        Objects
            Labels 1..n and a table of one row per object.

        Raises
        ------
        TypeError
            If the configuration is none.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segments = ae.segment(bands, n_clusters=3)
        >>> segments.objects(bands, labels=[2]).count
        1
        """
        config, image = ObjectsConfig.of(config), as_stack(image).image
        parts, first = [], 0
        table: dict[str, list[Any]] = {}
        for n, part in enumerate(image.from_source(self.labels)):
            whole = tuple(slice(0, size) for size in part.shape)
            found = find_objects(
                part,
                labels,
                config,
                together=together,
                intensity=image.block(n, whole).mean(0) if config.method == "intensity" else None,
                spacing=image.spacing,
            )
            parts.append(np.where(found.labels > 0, found.labels + first, 0).astype(np.int32))
            rows = {**found.table, "index": [index + first for index in found.table["index"]]}
            if image.shape[0] > 1:
                rows["sample"] = [n] * found.count
            table = {name: [*table.get(name, []), *values] for name, values in rows.items()}
            first += found.count
        return Objects(image.to_source(np.stack(parts)), table)

    def write(self, path: str | Path, image: Images, legend: bool = True) -> None:
        """Write the labels to a file, with their names and colors, whole or not at all.

        Parameters
        ----------
        path : path
            Ends in .tif, .png, .npy, .nii.gz or .zarr, or is `IMAGE.zarr/labels/NAME` inside an OME-Zarr image.
        image : Image, Stack, array, path or layer
            What these are the segments of: its spacing and units are written, too.
        legend : bool, default True
            Whether the names, colors and table are written.

        Raises
        ------
        ValueError
            If the ending is another one, or the labels do not fit the image.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae, tempfile
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segments = ae.segment(bands, n_clusters=3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     segments.write(f"{folder}/labels.tif", bands)
        ...     ae.read(f"{folder}/labels.tif").shape
        (1, 1, 32, 32)
        """
        write_labels(path, np.asarray(self.labels), as_stack(image).image, self.legend if legend else None)

    def to_csv(self, path: str | Path) -> None:
        """Write the table as comma-separated values.

        Parameters
        ----------
        path : path
            The file; one that is there is replaced.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
        >>> segments = ae.segment(bands, n_clusters=3)
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     segments.to_csv(f"{folder}/table.csv")
        ...     pathlib.Path(f"{folder}/table.csv").read_text()[:10]
        'index,name'
        """
        write_csv(path, self.table, zip(*self.table.values(), strict=True))


@dataclass
class Tally:
    """Sums over the pixels of each label, gathered block by block."""

    size: np.ndarray
    confidence: np.ndarray
    intensity: np.ndarray
    """(K + 1, C) sums of the channels' native values."""

    @classmethod
    def empty(cls, channels: int) -> Tally:
        """A tally of no pixel."""
        return cls(np.zeros(1), np.zeros(1), np.zeros((1, channels)))

    def add(self, labels: np.ndarray, confidence: np.ndarray, raw: np.ndarray) -> None:
        """Counts the pixels of a block; `labels` may be higher than any before."""
        flat = labels.ravel()
        more = max(0, int(flat.max(initial=0)) + 1 - len(self.size))
        if more:
            self.size, self.confidence = (np.pad(sums, (0, more)) for sums in (self.size, self.confidence))
            self.intensity = np.pad(self.intensity, ((0, more), (0, 0)))
        count = len(self.size)
        self.size += np.bincount(flat, minlength=count)
        self.confidence += np.bincount(flat, weights=confidence.ravel(), minlength=count)
        for channel, values in enumerate(raw):
            finite = np.nan_to_num(values.ravel(), nan=0.0, posinf=0.0, neginf=0.0)
            self.intensity[:, channel] += np.bincount(flat, weights=finite, minlength=count)

    def merge(self, other: Tally, numbers: np.ndarray | None = None) -> None:
        """Adds what another tally counted; `numbers` (labels of the other,) are what these are called here."""
        numbers = np.arange(len(other.size)) if numbers is None else numbers
        more = max(0, int(numbers.max(initial=0)) + 1 - len(self.size))
        if more:
            self.size, self.confidence = (np.pad(sums, (0, more)) for sums in (self.size, self.confidence))
            self.intensity = np.pad(self.intensity, ((0, more), (0, 0)))
        for name in ("size", "confidence", "intensity"):
            np.add.at(getattr(self, name), numbers, getattr(other, name))


def summary(tally: Tally, labels: list[int], names: dict[int, str], image: Image) -> dict[str, list[Any]]:
    """The table of `labels`: name, size in pixels and in units, share, confidence and mean of every channel."""
    size = tally.size[labels]
    pixels, cell = float(tally.size.sum()), float(np.prod(image.spacing))
    unit = image.units[-1] if len(set(image.units)) == 1 else "pixel"
    table: dict[str, list[Any]] = {
        "index": list(labels),
        "name": [names.get(label, f"cluster {label}") for label in labels],
        "size": [int(count) for count in size],
        "share": [round(float(count) / pixels, 6) for count in size],
        "confidence": [round(float(value), 4) for value in tally.confidence[labels] / size],
    }
    if unit != "pixel":
        table[f"size ({unit}^{image.ndim})"] = [float(f"{count * cell:.6g}") for count in size]
    for channel, name in enumerate(image.channel_names):
        column = f"mean {name}" if name else f"mean {channel}"
        table[column] = [float(f"{value:.6g}") for value in tally.intensity[labels, channel] / size]
    return table
