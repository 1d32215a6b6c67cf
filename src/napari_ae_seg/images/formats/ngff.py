"""Labels as OME-Zarr: an image of their own, or inside the image that they belong to, at `image.zarr/labels/NAME`.

Of an image only its `labels` folder is ever written to; its pixels and metadata stay as they are, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import DestinationError
from napari_ae_seg.core.wholefile import whole_folder, write_text
from napari_ae_seg.images.image import Image
from napari_ae_seg.images.legend import KEY, Legend
from napari_ae_seg.images.tiles import tiles

from .labels import OWN, smallest

JOB = ".job"
"""The folder in which a job that writes labels keeps what is not part of them."""
PARTIAL = ".partial"
"""What the name of labels ends in that a job has not completed."""
SIDES = {2: 256, 3: 64}
"""Side of the chunks of labels that are written block by block, by the number of spatial axes."""
_SIDES = {"z": 64, "y": 256, "x": 256}  # of a chunk
_SMALL = 512  # a plane whose sides are at most this long needs no coarser level
_ABOUT = {3: ("zarr.json",), 2: (".zgroup", ".zattrs")}  # what describes a group in each format of zarr

Pieces = tuple[tuple[int, ...], tuple[int, ...]]
"""Shape of a chunk and of a file."""


@dataclass(frozen=True)
class Home:
    """An OME-Zarr image that labels can be put into, and how its pixels lie."""

    path: Path
    zarr_format: int
    version: str
    axes: list[dict[str, Any]]
    """Of the image without its channels."""
    levels: list[tuple[tuple[int, ...], list[dict[str, Any]]]]
    """Shape and transformations of every level, without channels."""
    steps: list[dict[str, Any]]
    """Transformations of all levels together."""


def home_of(path: str | Path) -> Path | None:
    """The OME-Zarr image that labels at `path` are put into; None if `path` is no `IMAGE.zarr/labels/NAME`."""
    path = Path(path)
    image = path.parent.parent
    return image if path.parent.name == "labels" and path.name and _attributes(image) is not None else None


def home(path: str | Path) -> Home | None:
    """What is known of `home_of(path)`; DestinationError if that is no single image."""
    where = home_of(path)
    if where is None:
        return None
    import zarr

    attributes = _attributes(where) or {}
    about = attributes.get("ome", attributes)
    try:
        scales = about["multiscales"][0]
        group = zarr.open_group(str(where), mode="r", use_consolidated=False)
        shapes = [tuple(map(int, group[level["path"]].shape)) for level in scales["datasets"]]
        default = [{"name": axis} for axis in "tczyx"[-len(shapes[0]) :]]
        axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in scales.get("axes") or default]
        kept = [n for n, axis in enumerate(axes) if axis.get("type") != "channel" and axis["name"] != "c"]
        levels = [
            ([shape[n] for n in kept], _without(level.get("coordinateTransformations"), kept, len(axes)))
            for shape, level in zip(shapes, scales["datasets"], strict=True)
        ]
        unit = [{"type": "scale", "scale": [1.0] * len(kept)}]
        newer = (where / "zarr.json").is_file()
        return Home(
            where,
            3 if newer else 2,
            str(about.get("version", "0.5")) if newer else "0.4",  # before that axes had no types
            [_typed(axes[n]) for n in kept],
            [(tuple(shape), steps or unit) for shape, steps in levels],
            _without(scales.get("coordinateTransformations"), kept, len(axes)),
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OSError):
        inside = sorted(one.name for one in where.iterdir() if one.is_dir() and one.name != "labels")
        hint = (
            f"; it holds {', '.join(inside[:5])}: give {where / inside[0]}/labels/{Path(path).name}" if inside else ""
        )
        raise DestinationError(f"{where} is no single OME-Zarr image{hint}") from None


def check_fits(path: str | Path, image: Image | None) -> None:
    """DestinationError unless labels of `image` have the shape of the OME-Zarr image that they would be put into."""
    into = home(path)
    if into and image is not None and into.levels[0][0] != image.label_shape:
        theirs = f"the image there has shape {into.levels[0][0]} without channels"
        raise DestinationError(f"{path}: {theirs}, the labels of {image.name} have {image.label_shape}")


def write(path: Path, labels: np.ndarray, image: Image | None, legend: Legend | None = None) -> None:
    """Write labels as an OME-Zarr image with a pyramid, or into the OME-Zarr image that `path` lies in."""
    with open_zarr_labels(path, image, smallest(labels).dtype, labels.shape, legend) as out:
        out[...] = labels


def legend(path: Path) -> Legend | None:
    """The legend of labels in a zarr folder."""
    attributes = _attributes(path) or {}
    about = attributes.get("ome", attributes)
    return Legend.of(about[KEY]) if isinstance(about, dict) and KEY in about else None


@contextmanager
def open_zarr_labels(
    path: str | Path,
    image: Image | None,
    dtype: Any = np.uint16,
    shape: Sequence[int] = (),
    legend: Legend | None = None,
) -> Iterator[LabelArray]:
    """An array of `image.label_shape` (or `shape`) to fill; the folder appears at the end, or not at all.

    Its `legend` may be given or set until then. Regions written at the same time must not share a chunk (`.chunks`).
    """
    path = Path(path)
    check_fits(path, image)
    into = home(path)
    made = into is not None and not path.parent.exists()
    try:
        with whole_folder(path, replaces=is_own_labels) as folder:
            out = create_labels(folder, image, dtype, shape, into)
            out.legend = legend
            yield out
            finish_labels(folder, out.legend)
        if into is not None:
            _list(into, path.name)
    finally:
        if made and path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()


class LabelArray:
    """The finest level of labels that are being written, and the legend that they get."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.legend: Legend | None = None

    @property
    def chunks(self) -> tuple[int, ...]:
        """Size of the pieces that may be written side by side."""
        return tuple(self.array.chunks)

    def __setitem__(self, index: Any, values: Any) -> None:
        self.array[index] = values


def is_own_labels(path: Path) -> bool:
    """Whether `path` is a folder of labels that this package wrote, with nothing else in it.

    Only such a folder is replaced by new labels.
    """
    try:
        known = {name for names in _ABOUT.values() for name in names}
        held = {item.name for item in path.iterdir()}
        return OWN in (_attributes(path) or {}) and all(name in known or name.isdigit() or name == JOB for name in held)
    except OSError:
        return False


def create_labels(
    folder: Path,
    image: Image | None,
    dtype: Any = np.uint16,
    shape: Sequence[int] = (),
    into: Home | None = None,
    pieces: Pieces | None = None,
) -> LabelArray:
    """The empty finest level of labels in `folder`, with axes, spacing and units of `image`, or of the image they join.

    `finish_labels` adds the coarser levels and the legend.
    """
    import zarr

    plan = into or _alone(image, tuple(shape) if image is None else image.label_shape)
    group = zarr.open_group(str(folder), mode="w", zarr_format=plan.zarr_format)
    datasets = [{"path": str(n), "coordinateTransformations": steps} for n, (_, steps) in enumerate(plan.levels)]
    name = "labels" if image is None else f"{image.name} labels"
    scales: dict[str, Any] = {"name": name, "axes": plan.axes, "datasets": datasets}
    if plan.steps:
        scales["coordinateTransformations"] = plan.steps
    label: dict[str, Any] = {"source": {"image": "../../"}} if into else {}
    own = {OWN: {"kind": "labels", "shapes": [list(shape) for shape, _ in plan.levels]}}
    if plan.zarr_format == 3:
        group.attrs.update({"ome": {"version": plan.version, "multiscales": [scales], KEY: label}, **own})
    else:
        scales, label = {"version": plan.version, **scales}, {"version": plan.version, **label}
        group.attrs.update({"multiscales": [scales], KEY: label, **own})
    return LabelArray(_level(group, 0, plan.levels[0][0], dtype, pieces))


def create_levels(folder: Path, image: Image, dtype: Any, sizes: Sequence[int], into: Home | None) -> list[Any]:
    """All levels of labels in `folder`, empty; each block of `sizes` along the spatial axes is one file of them.

    `set_legend` adds the legend.
    """
    import zarr

    space, chunk = "ZYX"[-image.ndim :], SIDES[image.ndim]
    files = tuple(sizes[space.index(axis)] if axis in space else 1 for axis in image.label_axes)
    pieces = tuple(chunk if axis in space else 1 for axis in image.label_axes), files
    first = create_labels(folder, image, dtype, into=into, pieces=pieces).array
    group = zarr.open_group(str(folder), mode="r+")
    shapes = enumerate(dict(group.attrs)[OWN]["shapes"][1:], 1)
    return [first, *(_level(group, number, shape, dtype, pieces) for number, shape in shapes)]


def levels_of(folder: Path) -> list[Any]:
    """The arrays of labels in `folder`, finest first."""
    import zarr

    group = zarr.open_group(str(folder), mode="r+", use_consolidated=False)
    return [group[str(number)] for number in range(len(dict(group.attrs)[OWN]["shapes"]))]


def create_like(array: Any, path: Path, dtype: Any) -> None:
    """An empty array at `path` of the shape of `array`, stored in pieces of the same size."""
    import zarr

    codec = zarr.codecs.ZstdCodec(level=3, checksum=True)
    pieces = {"chunks": array.chunks, "shards": array.shards, "compressors": [codec], "fill_value": 0}
    zarr.create_array(str(path), shape=array.shape, dtype=np.dtype(dtype), **pieces)


def regions_of(array: Any) -> list[tuple[slice, ...]]:
    """The regions of an array that are one file each."""
    return [tile.core for tile in tiles(array.shape, array.shards or array.chunks, 0)]


def file_of(array: Any, region: Sequence[int | slice]) -> Path:
    """The file that holds a region of `regions_of`."""
    sides = array.shards or array.chunks
    starts = [at.start if isinstance(at, slice) else at for at in region]
    numbers = [str(start // side) for start, side in zip(starts, sides, strict=True)]
    place = ["c", *numbers] if array.metadata.zarr_format == 3 else numbers
    return Path(str(array.store.root), array.path, *place)


def shrink(fine: Any, coarse: Any, region: Sequence[slice]) -> None:
    """Fill a region of `coarse` from the nearest places of `fine`."""
    taken, places = [], []
    for one, size, full in zip(region, coarse.shape, fine.shape, strict=True):
        at = ((np.arange(one.start, one.stop) + 0.5) * full / size).astype(int)
        taken.append(slice(int(at[0]), int(at[-1]) + 1))
        places.append(at - at[0])
    coarse[tuple(region)] = np.asarray(fine[tuple(taken)])[np.ix_(*places)]


def set_legend(folder: Path, legend: Legend) -> None:
    """Keep the legend with the labels in `folder`, in one step."""
    newer = (folder / "zarr.json").is_file()
    path = folder / ("zarr.json" if newer else ".zattrs")
    whole = json.loads(path.read_text(encoding="utf-8"))
    holder = whole["attributes"]["ome"] if newer else whole
    holder[KEY] = {**holder[KEY], **legend.about}
    write_text(path, json.dumps(whole, indent=2))


def list_labels(path: Path) -> None:
    """Name labels that are complete in the list of the image that they lie in, if they do."""
    into = home(path)
    if into is not None:
        _list(into, path.name)


def finish_labels(folder: Path, legend: Legend | None = None) -> None:
    """Adds the coarser levels, by the nearest pixel of the finer one, and the legend to the labels in `folder`."""
    import zarr

    group = zarr.open_group(str(folder), mode="r+")
    about = dict(group.attrs)
    finer = group["0"]
    for number, shape in enumerate(about[OWN]["shapes"][1:], 1):
        coarser = _level(group, number, shape, finer.dtype)
        for region in regions_of(coarser):
            shrink(finer, coarser, region)
        finer = coarser
    if legend is not None:
        holder = about.get("ome", about)
        holder[KEY] = {**holder[KEY], **legend.about}
        group.attrs.update(about)


def _attributes(folder: Path) -> dict[str, Any] | None:
    """The attributes of a zarr group; None where there is none."""
    try:
        if (folder / "zarr.json").is_file():
            about = json.loads((folder / "zarr.json").read_text(encoding="utf-8"))
            found = about["attributes"] if about["node_type"] == "group" else None
        else:
            found = (
                json.loads((folder / ".zattrs").read_text(encoding="utf-8")) if (folder / ".zgroup").is_file() else None
            )
    except FileNotFoundError:
        return {} if (folder / ".zgroup").is_file() else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _alone(image: Image | None, shape: tuple[int, ...]) -> Home:
    """How labels lie that are an image of their own."""
    letters = image.label_axes if image is not None else "PQRTZYX"[-len(shape) :]
    spacing = {} if image is None else image.sources[0].spacing
    units = {} if image is None else image.sources[0].units
    shift = [float(v) for v in (image.transform.get("translate") if image is not None else None) or [0.0] * len(shape)]
    axes = []
    for letter in letters:
        unit = {"unit": units[letter]} if units.get(letter, "pixel") != "pixel" else {}
        axes.append(_typed({"name": letter.lower(), **unit}))
    step = [float(spacing.get(letter, 1.0)) for letter in letters]
    plane = [n for n, letter in enumerate(letters) if letter in "YX"]
    levels = []
    for sizes in _halved(shape, plane):
        factor = [old / new for old, new in zip(shape, sizes, strict=True)]
        at = [s + one * (f - 1) / 2 for s, one, f in zip(shift, step, factor, strict=True)]
        steps: list[dict[str, Any]] = [{"type": "scale", "scale": [s * f for s, f in zip(step, factor, strict=True)]}]
        steps += [{"type": "translation", "translation": at}] if any(at) else []
        levels.append((sizes, steps))
    return Home(Path(), 3, "0.5", axes, levels, [])


def _halved(shape: tuple[int, ...], plane: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """`shape`, and again with the sides of its `plane` halved until they are small."""
    yield shape
    while max(shape[n] for n in plane) > _SMALL:
        shape = tuple(-(-size // 2) if n in plane else size for n, size in enumerate(shape))
        yield shape


def _typed(axis: dict[str, Any]) -> dict[str, Any]:
    name = axis["name"]
    kind = axis.get("type") or ("time" if name == "t" else "space" if name in ("z", "y", "x") else "other")
    return {"name": name, "type": kind, **({"unit": axis["unit"]} if axis.get("unit") else {})}


def _without(steps: Any, kept: Sequence[int], ndim: int) -> list[dict[str, Any]]:
    """Scales and translations along the axes that are `kept` alone."""
    found = []
    for step in steps or []:
        values = step.get(step.get("type"))
        if isinstance(values, list) and len(values) == ndim:
            found.append({"type": step["type"], step["type"]: [float(values[n]) for n in kept]})
    return found


def _level(group: Any, number: int, shape: Sequence[int], dtype: Any, pieces: Pieces | None = None) -> Any:
    """An empty level: its chunks carry checksums."""
    about = dict(group.attrs)
    axes = [axis["name"] for axis in about.get("ome", about)["multiscales"][0]["axes"]]
    chunks = tuple(min(size, _SIDES.get(axis.lower(), 1)) for axis, size in zip(axes, shape, strict=True))
    if pieces is not None:
        chunks = pieces[0] if "ome" in about else pieces[1]
    common = {"shape": tuple(shape), "dtype": np.dtype(dtype), "chunks": chunks, "fill_value": 0}
    if "ome" in about:
        common["shards"] = pieces and pieces[1]
        from zarr.codecs import ZstdCodec

        return group.create_array(
            str(number), compressors=[ZstdCodec(level=3, checksum=True)], dimension_names=axes, **common
        )
    separator = {"name": "v2", "separator": "/"}
    return group.create_array(
        str(number), compressors=[{"id": "zstd", "level": 3, "checksum": True}], chunk_key_encoding=separator, **common
    )


def _list(into: Home, name: str) -> None:
    """Name the labels in the image's list of them; two programs that do so at once both end up in it."""
    folder = into.path / "labels"
    while True:
        attributes = _attributes(folder) or {}
        holder = dict(attributes.get("ome") or {}) if into.zarr_format == 3 else attributes
        listed = [one for one in holder.get("labels") or [] if isinstance(one, str)]
        own = sorted(
            one.name
            for one in folder.iterdir()
            if not one.name.startswith(".") and one.suffix != PARTIAL and is_own_labels(one)
        )
        wanted = list(dict.fromkeys([*listed, name, *own]))
        if wanted == listed:
            return
        if into.zarr_format == 3:
            attributes["ome"] = {"version": into.version, **holder, "labels": wanted}
            about = {"attributes": attributes, "zarr_format": 3, "node_type": "group"}
            write_text(folder / "zarr.json", json.dumps(about, indent=2))
        else:
            if not (folder / ".zgroup").is_file():
                write_text(folder / ".zgroup", json.dumps({"zarr_format": 2}))
            write_text(folder / ".zattrs", json.dumps({**attributes, "labels": wanted}, indent=2))
