"""Lazy images that belong together, and the one door they come in by: `read`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, overload

import numpy as np

from napari_ae_seg.config import Config

from . import notebook
from .axes import CHANNELS, SPACE
from .image import Image
from .source import Source

__all__ = ["Image", "Images", "Stack", "as_stack", "read"]

Images = Any
"""A Stack, or whatever `read` takes: an array, a path, a napari layer, or a list of them."""


@dataclass(frozen=True, repr=False)
class Stack(Sequence["Stack"]):
    """Images that are learnt from or segmented together; `read` makes it, and `stack[i]` is the Stack of one image.

    The images may differ in size. Their pixels are read only where they are needed. In a notebook a stack shows its
    first image.

    Parameters
    ----------
    images : tuple of Image
        At least one.
    roi : tuple, optional
        Per image None, or an array of its `label_shape`: only places above 0 are learnt from.

    Raises
    ------
    ValueError
        If there is no image.
    IndexError
        If `stack[i]` asks for an image that is not there.

    Examples
    --------
    >>> stack = read([np.zeros((32, 40)), np.zeros((20, 20))])
    >>> len(stack), stack[1].shape
    (2, (1, 1, 20, 20))
    >>> stack
    Stack of 2 images
      image: YX (32, 40) float64, 1 channel, 2D, pixel size unknown
      image: YX (20, 20) float64, 1 channel, 2D, pixel size unknown
    """

    images: tuple[Image, ...]
    roi: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if not self.images:
            raise ValueError("a stack holds at least one image, got none")
        object.__setattr__(self, "roi", tuple(self.roi) or (None,) * len(self.images))

    def __repr__(self) -> str:
        title = f"Stack of {len(self)} image{'s' * (len(self) != 1)}"
        return notebook.listed(title, [f"{image.name}: {image.about}" for image in self.images])

    def _repr_html_(self) -> str:
        rows = [(image.name, image.about) for image in self.images[: notebook.LINES]]
        left = len(self) - len(rows)
        rows += [("", f"and {left} more")] if left else []
        picture = notebook.inline(notebook.picture_of(self.images[0]))
        return notebook.card(repr(self).partition("\n")[0], [picture], [], rows)

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
        """The one image; ValueError if there are several."""
        if len(self) > 1:
            raise ValueError(f"the stack has {len(self)} images; take one of them, for instance stack[0].image")
        return self.images[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, *space) of the one image."""
        return self.image.shape

    @property
    def ndim(self) -> int:
        """Number of spatial axes, 2 or 3; ValueError if the images differ."""
        return self._common("ndim", "spatial axes; read them with ndim=2, or one kind at a time")

    @property
    def channels(self) -> int:
        """Number of channels; ValueError if the images differ."""
        return self._common("channels", "channels; pick the same ones with channels=, or read one kind at a time")

    @property
    def spacing(self) -> tuple[float, ...]:
        """Size of a pixel of the first image along each spatial axis."""
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
        """The same images, learnt from only inside a region of interest.

        Parameters
        ----------
        roi : array or list of arrays
            Above 0 where to learn; of the image's shape without its channel axis. Of several images a list with one
            for each, None for the whole image.

        Returns
        -------
        Stack
            The images with their region of interest.

        Raises
        ------
        ValueError
            If there are not as many regions as images, or one does not fit its image.

        Examples
        --------
        >>> stack = read(np.zeros((32, 32))).with_roi(np.eye(32))
        >>> int(stack.roi[0].sum())
        32
        """
        masks = list(roi) if isinstance(roi, (list, tuple)) else [roi]
        if len(masks) != len(self):
            raise ValueError(f"a stack of {len(self)} images needs as many regions of interest, got {len(masks)}")
        return Stack(self.images, tuple(_fit_roi(mask, image) for mask, image in zip(masks, self.images, strict=True)))

    def with_ndim(self, ndim: int) -> Stack:
        """The same images taken slice by slice or as volumes.

        Parameters
        ----------
        ndim : int
            2 is slice by slice, 3 as volumes, 0 as their z axes suggest: longer than 7 is a volume.

        Returns
        -------
        Stack
            The images with that many spatial axes.

        Raises
        ------
        ValueError
            If `ndim` is another number, or 3 and there is no z axis.

        Examples
        --------
        >>> read(np.zeros((20, 32, 32)), axes="ZYX").with_ndim(2).shape
        (20, 1, 32, 32)
        """
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
    level: int = 0,
) -> Stack:
    """Images as a lazy Stack, seen as (samples, channels, *space); no pixel is read until it is needed.

    Parameters
    ----------
    x : array, path, layer, Stack, or list of them
        A numpy, dask or zarr array, the path of a file or folder, a napari Image layer; the items of a list become
        samples or channels.
    axes : str, optional
        A letter per axis, for instance "TCZYX", where file or layer do not say: T time, C channels, S colors of a
        pixel, Z, Y, X, P position, or one of V, R, W, A, M, H, E, L for any other repetition.
    ndim : int, optional
        2 takes volumes slice by slice, 3 as volumes, 0 decides: a z axis longer than 7 is a volume.
    spacing : float or sequence of float, optional
        Size of a pixel along the spatial axes.
    channels : sequence of int, optional
        Numbers of the channels to use, counted from 0; all by default.
    together : {"samples", "channels"}, optional
        What the items of a list are to each other.
    roi : array, layer, path, or list of one per image, optional
        Above 0 where to learn from.
    level : int, optional
        Of a pyramid (OME-Zarr, TIFF, multiscale layer): 0 is the finest, each further one coarser.

    Returns
    -------
    Stack
        The images, with the axes, scale, units and transform of their source.

    Raises
    ------
    ImageReadError
        If there is no such file, it is damaged, or `x` is nothing that holds images.
    ValueError
        If axes, spacing, channels, region of interest or level do not fit the image.

    Examples
    --------
    >>> read(np.zeros((5, 2, 64, 48)), axes="TCYX").shape
    (5, 2, 64, 48)
    """
    from .formats.read import sources_of

    if isinstance(x, (Stack, Image)):
        if axes is not None or spacing is not None or together != "samples" or level:
            kept = "axes, spacing, channels and level"
            raise ValueError(f"what is read already keeps its {kept}; read its arrays or paths anew")
        stack = x if isinstance(x, Stack) else Stack((x,))
        stack = stack.with_ndim(ndim) if ndim else stack
    else:
        found = [_with_spacing(source.at(level), spacing) for source in sources_of(x, axes)]
        groups = [tuple(found)] if together == "channels" else [(source,) for source in found]
        stack = Stack(tuple(Image.of(group) for group in groups)).with_ndim(ndim)
    if channels is not None:
        stack = replace(stack, images=tuple(image.with_channels(channels) for image in stack.images))
    if roi is None:
        return stack
    regions = roi if isinstance(roi, (list, tuple)) else [roi]
    return stack.with_roi([None if r is None else sources_of(r, None)[0].array for r in regions])


def as_stack(images: Images) -> Stack:
    """`images` if they are a Stack, else what `read` makes of them: every function that takes a Stack calls it.

    >>> as_stack(np.zeros((32, 32))).shape
    (1, 1, 32, 32)
    """
    if isinstance(images, Stack):
        return images
    if isinstance(images, Config):
        raise TypeError(f"images are expected here, got a {type(images).__name__}: pass an array, path, layer or Stack")
    return read(images)


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
