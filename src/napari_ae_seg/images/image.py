"""One lazy image, seen as (N, C, *space) whatever its file, axes, channels and time points are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .axes import CHANNELS, SHORT_Z, Layout, Region, volume_rule
from .source import Source


@dataclass(frozen=True, repr=False)
class Image:
    """One image, read only where it is asked for, and seen as (samples, channels, *space): `stack.image`.

    Several sources of one size are its channels, in order.

    Parameters
    ----------
    sources : tuple of Source
        Arrays with named axes.
    ndim : int
        Spatial axes: 2 or 3.
    picked : tuple of int
        The channels of the sources that are used.
    notes : tuple of str, optional
        What was assumed about the sources.
    slices : str, optional
        What was assumed about their z axis.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> image = ae.read(np.eye(32), spacing=0.5).image
    >>> image
    Image('image': YX (32, 32) float64, 1 channel, 2D, pixel 0.5 x 0.5 pixel)
    >>> image.shape, image.spacing
    ((1, 1, 32, 32), (0.5, 0.5))
    """

    sources: tuple[Source, ...]
    ndim: int
    picked: tuple[int, ...]
    notes: tuple[str, ...] = ()
    slices: str = ""

    def __repr__(self) -> str:
        return f"Image({self.name!r}: {self.about})"

    @property
    def about(self) -> str:
        """Axes, shape, type, channels and size of a pixel, in words."""
        channels, known = self.shape[1], self.sources[0].spacing
        size = " x ".join(f"{step:g}" for step in self.spacing)
        units = dict.fromkeys(self.units)
        pixel = f"pixel {size} {' '.join(units)}" if known else "pixel size unknown"
        shape = f"{self.axes} {self.source_shape} {self.dtype}"
        return f"{shape}, {channels} channel{'s' * (channels != 1)}, {self.ndim}D, {pixel}"

    @property
    def name(self) -> str:
        """Of the layer, or of the file without its ending."""
        return self.sources[0].name

    @property
    def path(self) -> str | None:
        """Where it is stored, if it came from there."""
        return self.sources[0].path

    @property
    def axes(self) -> str:
        """Axes of the source, a letter each."""
        return self.sources[0].axes

    @property
    def source_shape(self) -> tuple[int, ...]:
        """Sizes along `axes`."""
        return self.sources[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the source; `block` gives float32 whatever it is."""
        return np.result_type(*(np.dtype(source.array.dtype) for source in self.sources))

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
        """`axes` without those of channels."""
        return self._layout.label_axes

    @property
    def others(self) -> str:
        """The axes that samples run over, the last one fastest: neither channels nor space."""
        return self._layout.others

    @property
    def spacing(self) -> tuple[float, ...]:
        """Size of a pixel along each spatial axis; 1.0 where unknown."""
        return tuple(self.sources[0].spacing.get(axis, 1.0) for axis in self._layout.space)

    @property
    def units(self) -> tuple[str, ...]:
        """Of `spacing`; "pixel" where unknown."""
        return tuple(self.sources[0].units.get(axis, "pixel") for axis in self._layout.space)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """From the file or the layers, or by number."""
        names = _channel_names(self.sources)
        return tuple(names[channel] for channel in self.picked)

    @property
    def assumed(self) -> str:
        """One sentence on what was assumed about the image, or ""."""
        return "; ".join(filter(None, (*self.notes, self.slices)))

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
        """Read the values of a region.

        Parameters
        ----------
        n : int
            Number of the sample, counted from 0.
        region : tuple of slice
            One slice for each spatial axis.

        Returns
        -------
        ndarray
            float32 (channels, *region); NaN and inf stay.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> image = ae.read(np.eye(32), spacing=0.5).image
        >>> image.block(0, (slice(0, 8), slice(0, 4))).shape
        (1, 8, 4)
        """
        return self._read(n, region, np.dtype(np.float32))

    def native(self, n: int, region: Region) -> np.ndarray:
        """The values of a region in their own type, which float32 may merge.

        Parameters
        ----------
        n : int
            Number of the sample, counted from 0.
        region : tuple of slice
            One slice for each spatial axis.

        Returns
        -------
        ndarray
            (channels, *region).

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> ae.read(np.eye(32)).image.native(0, (slice(0, 8), slice(0, 4))).shape
        (1, 8, 4)
        """
        return self._read(n, region, self.dtype)

    def to_source(self, labels: np.ndarray) -> np.ndarray:
        """Bring labels into the axes of the source.

        Parameters
        ----------
        labels : ndarray
            (samples, *space).

        Returns
        -------
        ndarray
            Of `label_shape`.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> image = ae.read(np.eye(32), spacing=0.5).image
        >>> image.to_source(np.zeros((1, 32, 32))).shape
        (32, 32)
        """
        return self._layout.to_source(labels)

    def from_source(self, labels: np.ndarray) -> np.ndarray:
        """Bring labels from the axes of the source.

        Parameters
        ----------
        labels : ndarray
            Of `label_shape`.

        Returns
        -------
        ndarray
            (samples, *space).

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> image = ae.read(np.eye(32), spacing=0.5).image
        >>> image.from_source(np.zeros((32, 32))).shape
        (1, 32, 32)
        """
        return self._layout.from_source(labels)

    def source_region(self, n: int, region: Region) -> tuple[int | slice, ...]:
        """Where a region lies in an array of `label_shape`.

        Parameters
        ----------
        n : int
            Number of the sample, counted from 0.
        region : tuple of slice
            One slice for each spatial axis.

        Returns
        -------
        tuple of int and slice
            An index.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> image = ae.read(np.eye(32), spacing=0.5).image
        >>> np.zeros((32, 32))[image.source_region(0, (slice(0, 8), slice(0, 4)))].shape
        (8, 4)
        """
        return self._layout.label_index(n, region)

    def put(self, out: Any, n: int, region: Region, labels: np.ndarray) -> None:
        """Write the labels of a region into an array of `label_shape`.

        Parameters
        ----------
        out : numpy or zarr array
            Where to write.
        n : int
            Number of the sample, counted from 0.
        region : tuple of slice
            One slice for each spatial axis.
        labels : ndarray
            (*region).

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> image = ae.read(np.eye(32), spacing=0.5).image
        >>> out = np.zeros((32, 32), int)
        >>> image.put(out, 0, (slice(0, 8), slice(0, 4)), np.ones((8, 4), int))
        >>> out.sum()
        np.int64(32)
        """
        out[self.source_region(n, region)] = self._layout.orient(labels)

    def mask(self, roi: Any, n: int, region: Region) -> np.ndarray:
        """Where a region lies inside a region of interest.

        Parameters
        ----------
        roi : array
            Of `label_shape`, above 0 inside.
        n : int
            Number of the sample, counted from 0.
        region : tuple of slice
            One slice for each spatial axis.

        Returns
        -------
        ndarray
            bool (*region).

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> image = ae.read(np.eye(32), spacing=0.5).image
        >>> image.mask(np.eye(32), 0, (slice(0, 8), slice(0, 4))).sum()
        np.int64(4)
        """
        return self.cut(roi, n, region) > 0

    def cut(self, labels: Any, n: int, region: Region) -> np.ndarray:
        """What labels of `label_shape` hold in a region.

        Parameters
        ----------
        labels : array
            Of `label_shape`.
        n : int
            Number of the sample, counted from 0.
        region : tuple of slice
            One slice for each spatial axis.

        Returns
        -------
        ndarray
            (*region).

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> image = ae.read(np.eye(32), spacing=0.5).image
        >>> image.cut(np.eye(32), 0, (slice(0, 8), slice(0, 4))).shape
        (8, 4)
        """
        part = np.asarray(labels[self.source_region(n, region)])
        shown = [axis for axis in self.label_axes if axis in self._layout.space]
        return part.transpose([shown.index(axis) for axis in self._layout.space])

    @classmethod
    def of(cls, sources: Sequence[Source]) -> Image:
        """The image whose channels are those of sources, transparency left out.

        Parameters
        ----------
        sources : sequence of Source
            Arrays with named axes, all of one size.

        Returns
        -------
        Image
            With all their channels.

        Raises
        ------
        ValueError
            If they differ in size.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> image = ae.read(np.eye(32), spacing=0.5).image
        >>> ae.Image.of(image.sources).shape
        (1, 1, 32, 32)
        """
        picked: list[int] = []
        first, notes = 0, []
        for source in sources:
            hidden = source.alpha and source.channels > 1
            picked += range(first, first + source.channels - hidden)
            first += source.channels
            if hidden:
                notes.append(f"{source.name}: the transparency channel is left out")
        image = cls(tuple(sources), 2, tuple(picked), tuple(filter(None, [*(s.assumed for s in sources), *notes])))
        shapes = dict.fromkeys((layout.shape[0], *layout.shape[2:]) for layout, _, _ in image._parts)
        if len(shapes) > 1:
            sizes = ", ".join(str(shape[1:]) for shape in shapes)
            raise ValueError(
                f"images that are channels of one another have one size, got {sizes}; read them as samples"
            )
        return image

    def reach(self, roi: Any) -> tuple[np.ndarray, list[np.ndarray]]:
        """Which samples a region of interest has places in, and where along each spatial axis.

        Parameters
        ----------
        roi : array
            Of `label_shape`, above 0 inside.

        Returns
        -------
        tuple
            Numbers of samples, and per spatial axis a bool array.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> image = ae.read(np.eye(32), spacing=0.5).image
        >>> numbers, reached = image.reach(np.eye(32) * (np.arange(32) < 5))
        >>> numbers.tolist(), [int(axis.sum()) for axis in reached]
        ([0], [5, 5])
        """
        inside = np.asarray(roi[...]) > 0
        found = {}
        for place, axis in enumerate(self.label_axes):
            found[axis] = np.asarray(inside.any(axis=tuple(other for other in range(inside.ndim) if other != place)))
        layout = self._layout
        numbers = np.unravel_index(np.arange(layout.shape[0]), [found[axis].size for axis in layout.others] or [1])
        held = [found[axis][at] for axis, at in zip(layout.others, numbers, strict=False)]
        return np.flatnonzero(np.all(held, axis=0)) if held else np.arange(1), [found[axis] for axis in layout.space]

    def with_channels(self, channels: Sequence[int]) -> Image:
        """The same image with only some channels of its source.

        Parameters
        ----------
        channels : sequence of int
            Their numbers, counted from 0.

        Returns
        -------
        Image
            With those.

        Raises
        ------
        ValueError
            If there is no such channel.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> ae.read(np.zeros((3, 32, 32)), axes="CYX").image.with_channels([0, 2]).shape
        (1, 2, 32, 32)
        """
        count = len(_channel_names(self.sources))
        if not channels or not all(0 <= channel < count for channel in channels):
            got = ", ".join(map(str, channels)) or "none"
            raise ValueError(f"{self.name} has channels 0 to {count - 1}, got {got}")
        return replace(self, picked=tuple(int(channel) for channel in channels))

    def with_ndim(self, ndim: int) -> Image:
        """The same image taken slice by slice, as a volume, or as its z axis suggests.

        Parameters
        ----------
        ndim : int
            2 is slice by slice, 3 as a volume, 0 as the z axis suggests.

        Returns
        -------
        Image
            With that many spatial axes.

        Examples
        --------
        >>> import numpy as np, napari_ae_seg as ae
        >>> ae.read(np.zeros((20, 32, 32)), axes="ZYX").image.with_ndim(2).shape
        (20, 1, 32, 32)
        """
        if ndim:
            return replace(self, ndim=Layout(self.axes, self.source_shape, ndim).ndim, slices="")
        ndim, note = volume_rule(self.axes, self.source_shape), ""
        if ndim == 2 and "Z" in self.axes and self.source_shape[self.axes.index("Z")] > 1:
            note = f"{self.name}: a z axis of at most {SHORT_Z} is taken slice by slice (ndim=3 takes it as a volume)"
        return replace(self, ndim=ndim, slices=note)

    def _read(self, n: int, region: Region, dtype: np.dtype[Any]) -> np.ndarray:
        out = np.empty((len(self.picked), *(s.stop - s.start for s in _full(region, self.shape[2:]))), dtype)
        for layout, first, source in self._parts:
            wanted = [(to, c - first) for to, c in enumerate(self.picked) if 0 <= c - first < layout.shape[1]]
            if wanted:
                part = layout.arrange(_values(source.array[layout.index(n, region)]))
                with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, which is masked later
                    for to, channel in wanted:
                        out[to] = part[channel]
        return out

    @cached_property
    def _layout(self) -> Layout:
        return Layout(self.axes, self.source_shape, self.ndim)

    @cached_property
    def _parts(self) -> list[tuple[Layout, int, Source]]:
        layouts = [Layout(source.axes, source.shape, self.ndim) for source in self.sources]
        firsts = np.cumsum([0, *(layout.shape[1] for layout in layouts)])
        return [(layout, int(first), s) for layout, first, s in zip(layouts, firsts[:-1], self.sources, strict=True)]


def _values(part: Any) -> np.ndarray:
    if isinstance(part, np.ma.MaskedArray):  # what is masked is no number
        return np.asarray(np.ma.filled(part.astype(np.float32), np.nan))
    return np.asarray(part)


def _full(region: Region, space: Sequence[int]) -> list[slice]:
    bounds = [part.indices(size)[:2] for part, size in zip(region, space, strict=True)]
    return [slice(start, stop) for start, stop in bounds]


def _channel_names(sources: Sequence[Source]) -> list[str]:
    names: list[str] = []
    for source in sources:
        count = source.channels
        if len(source.channel_names) == count:
            names += source.channel_names
        elif len(sources) > 1:
            names += [source.name] if count == 1 else [f"{source.name} {c}" for c in range(count)]
        else:
            rgb = source.axes[-1] in CHANNELS and count == 3 + source.alpha
            colors = ("red", "green", "blue", "alpha") if rgb else ()
            names += [*colors, *(f"channel {c}" for c in range(len(colors), count))][:count]
    return names
