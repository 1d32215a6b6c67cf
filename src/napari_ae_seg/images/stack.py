"""Lazy images, seen as (N, C, *space) whatever their file, axes, channels and time points are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, overload

import numpy as np

from napari_ae_seg.images.axes import CHANNELS, SHORT_Z, Layout, Region, volume_rule
from napari_ae_seg.images.source import Source

Together = Literal["samples", "channels"]


@dataclass(frozen=True)
class Image:
    """One image, read only where it is asked for. Several sources of one size are its channels, in order."""

    sources: tuple[Source, ...]
    ndim: int
    """Spatial axes: 2 or 3."""
    picked: tuple[int, ...]
    """The channels of the sources that are used."""
    note: str = ""

    @property
    def name(self) -> str:
        return self.sources[0].name

    @property
    def path(self) -> str | None:
        return self.sources[0].path

    @property
    def axes(self) -> str:
        """Axes of the source, a letter each."""
        return self.sources[0].axes

    @property
    def source_shape(self) -> tuple[int, ...]:
        return self.sources[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(*(source.array.dtype for source in self.sources))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """(N, C, *space)."""
        n, _, *space = self._layout.shape
        return (n, len(self.picked), *space)

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of the source without its channel axis, singletons kept."""
        return self._layout.label_shape

    @property
    def label_axes(self) -> str:
        return self._layout.label_axes

    @property
    def spacing(self) -> tuple[float, ...]:
        """Size of a pixel along each spatial axis; 1.0 where unknown."""
        return tuple(self.sources[0].spacing.get(axis, 1.0) for axis in self._layout.space)

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(self.sources[0].units.get(axis, "pixel") for axis in self._layout.space)

    @property
    def channel_names(self) -> tuple[str, ...]:
        return tuple(np.array(_channel_names(self.sources), dtype=object)[list(self.picked)])

    @property
    def assumed(self) -> str:
        """One sentence on what was assumed about the source, or ""."""
        return "; ".join(note for note in (self.sources[0].assumed, self.note) if note)

    @property
    def affine(self) -> np.ndarray | None:
        """Of a medical image: voxel numbers in the source's order -> millimetres."""
        return self.sources[0].affine

    @property
    def transform(self) -> dict[str, Any]:
        """What a Labels layer of `label_shape` needs to lie on the source: scale, translate, units ..., where known."""
        source, axes = self.sources[0], self.label_axes
        if source.transform is not None:
            return dict(source.transform)
        known: dict[str, Any] = {}
        if source.spacing:
            known["scale"] = tuple(source.spacing.get(axis, 1.0) for axis in axes)
        if source.units:
            known["units"] = tuple(source.units.get(axis, "pixel") for axis in axes)
        return known

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Spatial size of the pieces the source is stored in, if it is."""
        chunks = self.sources[0].chunks
        return chunks and tuple(chunks[self.axes.index(axis)] for axis in self._layout.space)

    def block(self, n: int, region: Region) -> np.ndarray:
        """The values at (n, region), as float32 (C, *region); NaN and inf stay."""
        out = np.empty((len(self.picked), *(s.stop - s.start for s in _full(region, self.shape[2:]))), np.float32)
        for layout, first, source in self._parts:
            wanted = [(to, c - first) for to, c in enumerate(self.picked) if 0 <= c - first < layout.shape[1]]
            if wanted:
                part = layout.arrange(np.asarray(source.array[layout.index(n, region)]))
                with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, which is masked later
                    for to, channel in wanted:
                        out[to] = part[channel]
        return out

    def to_source(self, labels: np.ndarray) -> np.ndarray:
        """(N, *space) -> an array of `label_shape`."""
        return self._layout.to_source(labels)

    def from_source(self, labels: np.ndarray) -> np.ndarray:
        """An array of `label_shape` -> (N, *space)."""
        return self._layout.from_source(labels)

    def source_region(self, n: int, region: Region) -> tuple[int | slice, ...]:
        """Where (n, region) lies in an array of `label_shape`."""
        return self._layout.label_index(n, region)

    def put(self, out: Any, n: int, region: Region, labels: np.ndarray) -> None:
        """Write the labels (*region) of (n, region) into `out`, an array of `label_shape`: numpy or zarr."""
        out[self.source_region(n, region)] = self._layout.orient(labels)

    def mask(self, roi: Any, n: int, region: Region) -> np.ndarray:
        """Where (n, region) lies inside `roi`, an array of `label_shape`, as bool (*region)."""
        inside = np.asarray(roi[self.source_region(n, region)]) > 0
        shown = [axis for axis in self.label_axes if axis in self._layout.space]
        return inside.transpose([shown.index(axis) for axis in self._layout.space])

    def with_ndim(self, ndim: int) -> Image:
        """The same image taken slice by slice (2), as a volume (3), or as its z axis suggests (0)."""
        if ndim:
            return replace(self, ndim=Layout(self.axes, self.source_shape, ndim).ndim, note="")
        ndim, note = volume_rule(self.axes, self.source_shape), ""
        if ndim == 2 and "Z" in self.axes and self.source_shape[self.axes.index("Z")] > 1:
            note = f"{self.name}: a z axis of at most {SHORT_Z} is taken slice by slice (ndim=3 takes it as a volume)"
        return replace(self, ndim=ndim, note=note)

    @cached_property
    def _layout(self) -> Layout:
        return Layout(self.axes, self.source_shape, self.ndim)

    @cached_property
    def _parts(self) -> list[tuple[Layout, int, Source]]:
        layouts = [Layout(source.axes, source.shape, self.ndim) for source in self.sources]
        firsts = np.cumsum([0, *(layout.shape[1] for layout in layouts)])
        return [(layout, int(first), s) for layout, first, s in zip(layouts, firsts[:-1], self.sources, strict=True)]


@dataclass(frozen=True)
class Stack(Sequence["Stack"]):
    """Images that are learnt from or segmented together; they may differ in size. `stack[i]` is the Stack of one."""

    images: tuple[Image, ...]
    roi: tuple[Any, ...] = ()
    """Per image None, or an array of its `label_shape`: only places above 0 are learnt from."""

    def __post_init__(self) -> None:
        if not self.images:
            raise ValueError("a stack holds at least one image, got none")
        object.__setattr__(self, "roi", tuple(self.roi) or (None,) * len(self.images))

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> Stack: ...
    @overload
    def __getitem__(self, index: slice) -> Stack: ...
    def __getitem__(self, index: int | slice) -> Stack:
        at = index if isinstance(index, slice) else slice(index, index + 1 or None)
        if not self.images[at]:
            raise IndexError(f"the stack has {len(self)} images, got index {index}")
        return Stack(self.images[at], self.roi[at])

    @property
    def image(self) -> Image:
        """The one image."""
        if len(self) > 1:
            raise ValueError(f"the stack has {len(self)} images; take one of them, for instance stack[0].image")
        return self.images[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, *space) of the one image."""
        return self.image.shape

    @property
    def ndim(self) -> int:
        """Spatial axes, common to all images."""
        return self._common("ndim", "spatial axes; read them with ndim=2, or one kind at a time")

    @property
    def channels(self) -> int:
        return self._common("channels", "channels; pick the same ones with channels=, or read one kind at a time")

    @property
    def spacing(self) -> tuple[float, ...]:
        """Of the first image."""
        return self.images[0].spacing

    @property
    def voxels(self) -> int:
        """Pixels or voxels of all images together, channels not counted."""
        return sum(image.shape[0] * math.prod(image.shape[2:]) for image in self.images)

    @property
    def assumed(self) -> str:
        """What was assumed about the images, each sentence once."""
        return "; ".join(dict.fromkeys(image.assumed for image in self.images if image.assumed))

    def with_roi(self, roi: Any) -> Stack:
        """The same images, learnt from only where `roi` (one array per image, or one array for one image) is above 0."""
        masks = list(roi) if isinstance(roi, (list, tuple)) else [roi]
        if len(masks) != len(self):
            raise ValueError(f"a stack of {len(self)} images needs as many regions of interest, got {len(masks)}")
        return Stack(self.images, tuple(_fit_roi(mask, image) for mask, image in zip(masks, self.images, strict=True)))

    def with_ndim(self, ndim: int) -> Stack:
        """The same images taken slice by slice (2), as volumes (3), or as their z axes suggest (0)."""
        images = tuple(image.with_ndim(ndim) for image in self.images)
        if len({image.ndim for image in images}) > 1:  # under rule 0 only
            note = "some images are volumes and some are not: all are taken slice by slice"
            images = tuple(replace(image, ndim=2, note=note) for image in images)
        return Stack(images, self.roi)

    def _common(self, what: str, advice: str) -> int:
        values = [image.ndim if what == "ndim" else image.shape[1] for image in self.images]
        if len(set(values)) > 1:
            raise ValueError(f"the images differ: {', '.join(map(str, sorted(set(values))))} {advice}")
        return values[0]


def read(
    x: Any,
    axes: str | None = None,
    *,
    ndim: int = 0,
    spacing: Sequence[float] | float | None = None,
    channels: Sequence[int] | None = None,
    together: Together = "samples",
    roi: Any = None,
) -> Stack:
    """A lazy Stack (N, C, *space) of `x`; no pixel is read until it is needed.

    `x` is a napari layer, a numpy, dask or zarr array, a path, or a list of them, which become samples or channels.
    `axes` names each axis ("TCZYX") where file or layer do not; `spacing` is the size of a pixel along the spatial
    axes; `channels` picks some; `ndim` 2 takes volumes slice by slice, 3 as volumes, 0 decides by the z axis;
    `roi` (array, layer or path, above 0 where to learn; one or one per image) limits what is learnt from.

    >>> read(np.zeros((5, 2, 64, 48)), axes="TCYX").shape
    (5, 2, 64, 48)
    """
    from napari_ae_seg.images.readers import sources_of

    if isinstance(x, (Stack, Image)):
        stack = x if isinstance(x, Stack) else Stack((x,))
    else:
        found = [_with_spacing(source, spacing) for source in sources_of(x, axes)]
        groups = [tuple(found)] if together == "channels" else [(source,) for source in found]
        stack = Stack(tuple(_image(group) for group in groups)).with_ndim(ndim)
        for image in stack.images:
            _check_together(image)
    if channels is not None:
        stack = replace(stack, images=tuple(_pick(image, channels) for image in stack.images))
    if roi is None:
        return stack
    regions = roi if isinstance(roi, (list, tuple)) else [roi]
    return stack.with_roi([None if r is None else sources_of(r, None)[0].array for r in regions])


def _full(region: Region, space: Sequence[int]) -> list[slice]:
    bounds = [part.indices(size)[:2] for part, size in zip(region, space, strict=True)]
    return [slice(start, stop) for start, stop in bounds]


def _channel_count(source: Source) -> int:
    return math.prod(size for axis, size in zip(source.axes, source.shape, strict=True) if axis in CHANNELS)


def _channel_names(sources: Sequence[Source]) -> list[str]:
    names = []
    for source in sources:
        count = _channel_count(source)
        if len(source.channel_names) == count:
            names += source.channel_names
        elif len(sources) > 1:
            names += [source.name] if count == 1 else [f"{source.name} {c}" for c in range(count)]
        else:
            colours = ("red", "green", "blue", "alpha") if count == 3 or source.alpha else ()
            names += [*colours, *(f"channel {c}" for c in range(len(colours), count))][:count]
    return names


def _image(sources: tuple[Source, ...]) -> Image:
    picked, first, alpha = [], 0, False
    for source in sources:
        count = _channel_count(source)
        hidden = source.alpha and count > 1
        picked += range(first, first + count - hidden)
        first, alpha = first + count, alpha or hidden
    if alpha:
        note = f"{sources[0].name}: the transparency channel is left out"
        sources = (replace(sources[0], assumed="; ".join(filter(None, (sources[0].assumed, note)))), *sources[1:])
    return Image(sources, 2, tuple(picked))


def _check_together(image: Image) -> None:
    shapes = [(layout.shape[0], *layout.shape[2:]) for layout, _, _ in image._parts]
    if len(set(shapes)) > 1:
        sizes = ", ".join(str(shape[1:]) for shape in dict.fromkeys(shapes))
        raise ValueError(f"images that are channels of one another have one size, got {sizes}; read them as samples")


def _pick(image: Image, channels: Sequence[int]) -> Image:
    count = len(_channel_names(image.sources))
    wrong = [c for c in channels if not 0 <= c < count]
    if wrong or not channels:
        raise ValueError(f"{image.name} has channels 0 to {count - 1}, got {', '.join(map(str, channels)) or 'none'}")
    return replace(image, picked=tuple(int(c) for c in channels))


def _with_spacing(source: Source, spacing: Sequence[float] | float | None) -> Source:
    if spacing is None:
        return source
    space = [axis for axis in "ZYX" if axis in source.axes]
    sizes = [float(spacing)] * len(space) if isinstance(spacing, (int, float)) else [float(size) for size in spacing]
    if len(sizes) != len(space) or not all(0 < size < math.inf for size in sizes):
        raise ValueError(f"spacing is one size above 0 for each of {', '.join(space)}, got {spacing}")
    known = source.spacing | dict(zip(space, sizes, strict=True))
    transform = source.transform
    if transform is not None and "scale" in transform:
        label_axes = [axis for axis in source.axes if axis not in CHANNELS]
        scale = [known.get(a, old) for a, old in zip(label_axes, transform["scale"], strict=True)]
        transform = {**transform, "scale": tuple(scale)}
    return replace(source, spacing=known, transform=transform)


def _fit_roi(roi: Any, image: Image) -> Any:
    if roi is None:
        return None
    shape = tuple(roi.shape)
    if shape != image.label_shape:
        squeezed = tuple(size for size in image.label_shape if size > 1)
        if shape == image.label_shape[-len(shape) :]:
            return np.broadcast_to(np.asarray(roi), image.label_shape)
        if tuple(size for size in shape if size > 1) != squeezed:
            raise ValueError(
                f"the region of interest has shape {shape}, the image without channels {image.label_shape}"
            )
        return np.asarray(roi).reshape(image.label_shape)
    return roi
