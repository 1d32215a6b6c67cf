"""Lazy images that belong together, and the one door they come in by: `read`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, overload

import numpy as np

from .axes import CHANNELS, SPACE
from .image import Image
from .source import Source

__all__ = ["Image", "Stack", "read"]


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
        """Channels, as many in all images."""
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
        """The same images, learnt from only where `roi` is above 0: an array, or a list of one per image."""
        masks = list(roi) if isinstance(roi, (list, tuple)) else [roi]
        if len(masks) != len(self):
            raise ValueError(f"a stack of {len(self)} images needs as many regions of interest, got {len(masks)}")
        return Stack(self.images, tuple(_fit_roi(mask, image) for mask, image in zip(masks, self.images, strict=True)))

    def with_ndim(self, ndim: int) -> Stack:
        """The same images taken slice by slice (2), as volumes (3), or as their z axes suggest (0)."""
        images = tuple(image.with_ndim(ndim) for image in self.images)
        if len({image.ndim for image in images}) > 1:  # under rule 0 only
            note = "some images are volumes and some are not: all are taken slice by slice"
            images = tuple(replace(image, ndim=2, slices=note) for image in images)
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
    together: Literal["samples", "channels"] = "samples",
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
    from .formats.readers import sources_of

    if isinstance(x, (Stack, Image)):
        if axes is not None or spacing is not None or together != "samples":
            raise ValueError("what is read already keeps its axes, spacing and channels; read its arrays or paths anew")
        stack = x if isinstance(x, Stack) else Stack((x,))
        stack = stack.with_ndim(ndim) if ndim else stack
    else:
        found = [_with_spacing(source, spacing) for source in sources_of(x, axes)]
        groups = [tuple(found)] if together == "channels" else [(source,) for source in found]
        stack = Stack(tuple(Image.of(group) for group in groups)).with_ndim(ndim)
    if channels is not None:
        stack = replace(stack, images=tuple(image.with_channels(channels) for image in stack.images))
    if roi is None:
        return stack
    regions = roi if isinstance(roi, (list, tuple)) else [roi]
    return stack.with_roi([None if r is None else sources_of(r, None)[0].array for r in regions])


def _with_spacing(source: Source, spacing: Sequence[float] | float | None) -> Source:
    if spacing is None:
        return source
    space = [axis for axis in SPACE if axis in source.axes]
    sizes = [float(size) for size in np.ravel(spacing)] * (len(space) if np.ndim(spacing) == 0 else 1)
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
            return np.broadcast_to(np.asarray(roi[...]), image.label_shape)
        if tuple(size for size in shape if size > 1) != squeezed:
            raise ValueError(
                f"the region of interest has shape {shape}, the image without channels {image.label_shape}"
            )
        return np.asarray(roi[...]).reshape(image.label_shape)
    return roi
