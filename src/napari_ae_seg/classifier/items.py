"""Items: the things that have a class (objects of labels, whole images, or slices), a row of features each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_ae_seg.autoencoder.encode import check_channels, encode_array, scaled, sides
from napari_ae_seg.core import devices
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.images.tiles import tiles

from . import measure

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.config import ClassificationConfig
    from napari_ae_seg.images.stack import Image, Stack

Kind = Literal["objects", "images", "slices"]
Named = Mapping[int, str] | Sequence[str] | Sequence[Mapping[int, str]]
"""Classes: label or slice -> name of one image, a list of such of several, or a name per image ("" is unknown)."""


@dataclass(frozen=True)
class Items:
    """A row of features per item, and which item it is."""

    kind: Kind
    values: np.ndarray
    """(n, F) float32"""
    features: tuple[str, ...]
    """Names of the columns: "latents: ...", "shape: ..." or "brightness: ..."."""
    source: np.ndarray
    """(n,) number of the image in the stack"""
    index: np.ndarray
    """(n,) label of an object, number of a slice, or 0 for a whole image"""
    size: np.ndarray
    """(n,) pixels"""
    images: tuple[str, ...]
    """Paths of the images of the stack, or names of those that come from no file."""

    def __len__(self) -> int:
        return len(self.index)

    def of(self, source: int) -> Items:
        """The items of one image of the stack."""
        mine = self.source == source
        rows = {name: getattr(self, name)[mine] for name in ("values", "source", "index", "size")}
        rows["source"] = np.zeros_like(rows["source"])
        return replace(self, **rows, images=(self.images[source],))

    def named(self, classes: Named) -> list[str]:
        """The class of each item, "" where `classes` does not say; ValueError names an item that is not there."""
        given: list[Mapping[int, str]]
        if isinstance(classes, Mapping):
            if len(self.images) > 1:
                raise ValueError(f"the stack has {len(self.images)} images: give a list of classes, one entry for each")
            given = [classes]
        else:
            given = [{0: entry} if isinstance(entry, str) else entry for entry in classes]
            if self.kind != "images" and any(isinstance(entry, str) for entry in classes):
                raise ValueError(f"the class of {self.kind} is told by number, such as {{3: 'round', 7: 'long'}}")
        if len(given) != len(self.images):
            raise ValueError(f"{len(given)} entries with classes do not match {len(self.images)} images")
        names = [""] * len(self)
        for source, entry in enumerate(given):
            rows = {int(self.index[row]): int(row) for row in np.flatnonzero(self.source == source)}
            for number, name in entry.items():
                if int(number) not in rows:
                    what = {"objects": "object", "slices": "slice"}.get(self.kind, "item")
                    raise ValueError(f"{self.images[source]} has no {what} {number}, which is said to be {name!r}")
                names[rows[int(number)]] = str(name)
        return names


def measured(
    model: Autoencoder,
    stack: Stack,
    labels: Any = None,
    config: ClassificationConfig | None = None,
    report: Report = silent,
) -> Items:
    """The items of `stack` with all their features, whatever `config` will choose among them.

    With `labels` (an array per image, of its shape without channels) the items are their objects; an object may reach
    over several slices. Without, they are the images, or their slices with `config.slices`; a region of interest of
    the stack limits what is looked at.
    """
    from napari_ae_seg.config import ClassificationConfig

    config = config or ClassificationConfig()
    devices.use_threads(config.threads)
    check_channels(model, stack)
    model = model.on(config.device)
    given = label_arrays(stack, labels)
    kind: Kind = "objects" if labels is not None else "slices" if config.slices else "images"
    parts = []
    for number, (image, array) in enumerate(zip(stack.images, given, strict=True)):
        one = _of_image(model, image, array, stack.roi[number], kind, config.latents != "none", report)
        parts.append(replace(one, source=np.full(len(one), number)))
    parts = [part for part in parts if len(part)]
    if not parts:
        what = "the labels hold no object" if kind == "objects" else "the images hold no value"
        raise ValueError(f"there is nothing to classify: {what}")

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return Items(
        kind=kind,
        values=joined("values"),
        features=parts[0].features,
        source=joined("source"),
        index=joined("index"),
        size=joined("size"),
        images=tuple(image.path or image.name for image in stack.images),
    )


def label_arrays(stack: Stack, labels: Any) -> list[Any]:
    """The array of labels of each image of `stack`, each of the image's `label_shape`; None where there are none."""
    if labels is None:
        return [None] * len(stack)
    given = list(labels) if isinstance(labels, (list, tuple)) else [labels]
    if len(given) != len(stack):
        raise ValueError(f"{len(stack)} images need as many arrays of labels, got {len(given)}")
    return [_fitted(array, image) for array, image in zip(given, stack.images, strict=True)]


def _fitted(labels: Any, image: Image) -> Any:
    array = labels if hasattr(labels, "dtype") else np.asarray(getattr(labels, "data", labels))
    if np.dtype(array.dtype).kind not in "iub":
        raise TypeError(f"labels are whole numbers, got {array.dtype}")
    shape = tuple(array.shape)
    if shape == image.label_shape:
        return array
    if [side for side in shape if side > 1] == [side for side in image.label_shape if side > 1]:
        return np.asarray(array[...]).reshape(image.label_shape)
    raise ValueError(f"the labels have the shape {shape}, {image.name} without its channels {image.label_shape}")


def _of_image(
    model: Autoencoder, image: Image, labels: Any, roi: Any, kind: Kind, encode: bool, report: Report
) -> Items:
    """The items of one image; one that has none gives no row."""
    parts = list(_parts(model, image, labels, roi, encode, report))
    names = _latent_names(model) if encode else []
    columns: dict[str, np.ndarray] = {}
    if not parts:
        empty = np.zeros(0, np.int64)
        return Items(kind, np.zeros((0, 0), np.float32), (), empty, empty, empty, (image.name,))
    pieces = measure.merged(parts)
    sums = pieces if kind == "slices" else measure.merged([pieces], whole=True)
    columns |= {f"latents: {name}": column for name, column in measure.latents(sums, names).items()}
    if kind == "objects":
        _, row = np.unique(pieces.key[:, 1], return_inverse=True)
        for name, column in measure.shape(pieces, image.spacing).items():  # an object of many slices: their mean
            mean = np.bincount(row, weights=column * pieces.count) / np.bincount(row, weights=pieces.count)
            columns[f"shape: {name}"] = mean
    channels = [name or f"channel {c}" for c, name in enumerate(image.channel_names)]
    columns |= {f"brightness: {name}": column for name, column in measure.brightness(sums, channels).items()}
    values = np.nan_to_num(np.stack(list(columns.values()), axis=1)).astype(np.float32)
    index = sums.key[:, 1] if kind == "objects" else sums.key[:, 0]
    return Items(kind, values, tuple(columns), np.zeros(len(index), np.int64), index, sums.count, (image.name,))


def _parts(
    model: Autoencoder, image: Image, labels: Any, roi: Any, encode: bool, report: Report
) -> Iterator[measure.Sums]:
    """The sums of every tile of `image` that holds a pixel of an item."""
    net, space = model.net, image.shape[2:]
    align = net.align
    halo = net.halo + align if encode else 1
    todo = list(tiles(space, sides(space, align=align), halo, align))
    for n in range(image.shape[0]):
        for done, tile in enumerate(todo):
            report(Progress("measure", n * len(todo) + done, image.shape[0] * len(todo)))
            marks = _marks(image, labels, roi, n, tile.core)
            if not marks[(slice(1, -1),) * marks.ndim].any():
                continue
            raw = image.block(n, tile.outer)
            core = raw[(slice(None), *tile.inner)]
            inside = (slice(1, -1),) * marks.ndim
            marks[inside][~model.normalizer.valid(core)] = 0
            levels = []
            if encode:
                maps = encode_array(model, raw)
                for level, stride in zip(maps.levels, maps.strides, strict=True):
                    levels.append((level[scaled(tile.inner, stride)].cpu().numpy(), stride))
            if not marks[inside].any():
                continue
            start = [part.start for part in tile.core]
            yield measure.add_up(marks, model.normalizer.unit(core), levels, n, start, image.spacing)


def _marks(image: Image, labels: Any, roi: Any, n: int, core: tuple[slice, ...]) -> np.ndarray:
    """Labels of a tile and of one pixel around it, 0 beyond the image; 1 everywhere inside if there are no labels."""
    space = image.shape[2:]
    around = tuple(slice(max(part.start - 1, 0), min(part.stop + 1, s)) for part, s in zip(core, space, strict=True))
    if labels is not None:
        found = image.cut(labels, n, around).astype(np.int64)
    elif roi is not None:
        found = image.mask(roi, n, around).astype(np.int64)
    else:
        found = np.ones([part.stop - part.start for part in around], np.int64)
    pads = [(int(part.start == a.start), int(part.stop == a.stop)) for part, a in zip(core, around, strict=True)]
    return np.pad(np.maximum(found, 0), pads)


def _latent_names(model: Autoencoder) -> list[str]:
    *levels, last = model.net.level_channels
    names = [f"level {level + 1} channel {c + 1}" for level, count in enumerate(levels) for c in range(count)]
    return [*names, *(f"latent {c + 1}" for c in range(last))]


def chosen(features: Sequence[str], config: ClassificationConfig) -> np.ndarray:
    """Which of `features` `config` looks at, as bool (F,).

    >>> from napari_ae_seg.config import ClassificationConfig
    >>> names = ["latents: level 1 channel 1, mean", "latents: latent 1, mean", "shape: size", "brightness: red, mean"]
    >>> chosen(names, ClassificationConfig(latents="bottleneck", shape=False)).tolist()
    [False, True, False, True]
    """
    prefixes = {
        "none": (),
        "bottleneck": ("latents: latent",),
        "multiscale": ("latents:",),
    }[config.latents]
    prefixes += (("shape:",) if config.shape else ()) + (("brightness:",) if config.brightness else ())
    found = np.array([name.startswith(prefixes) if prefixes else False for name in features], bool)
    if not found.any():
        raise ValueError("nothing is left to tell classes apart by: allow latents, shape or brightness")
    return found
