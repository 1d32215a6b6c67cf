"""Files that napari opens and saves by this plugin: labels with their names and colors, and models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_ae_seg.images.legend import Legend

LayerData = tuple[Any, ...]
NO_LAYER: list[LayerData] = [(None,)]
"""What napari takes for "opened, and there is no layer of it"."""
_CLEAR = (0.0, 0.0, 0.0, 0.0)
_LARGE = 2**28  # pixels: labels with more stay on the disk, where they cannot be painted


def get_reader(path: str | Sequence[str]) -> Callable[..., list[LayerData]] | None:
    """What opens `path` in napari: a model in its dock, labels as a layer, an OME-Zarr image with its labels."""
    first = Path(path if isinstance(path, str) else path[0])
    if first.suffix.lower() == ".aeseg":
        return _each(_offer)
    if not first.is_dir():
        return _each(_labels)
    from napari_ae_seg.images.formats.read import is_zarr

    return _each(_zarr) if is_zarr(first) else None


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a Labels layer with the names and colors of its labels, spacing, units and axes."""
    import numpy as np

    from napari_ae_seg.images.formats.layer import from_layer
    from napari_ae_seg.images.formats.write import write_labels as write
    from napari_ae_seg.images.image import Image

    labels = np.asarray(data[0] if meta.get("multiscale") else data)
    layer = SimpleNamespace(**{"name": "labels", **meta, "multiscale": False, "rgb": False, "data": labels})
    write(path, labels, Image.of((from_layer(layer, None),)), _legend(meta))
    return [path]


def _each(opens: Callable[[Path], list[LayerData]]) -> Callable[..., list[LayerData]]:
    """A reader of one path or several by what opens one."""

    def read(path: str | Sequence[str], stack: bool = False) -> list[LayerData]:  # noqa: ARG001 - npe2 passes it
        paths = [path] if isinstance(path, str) else path
        return [layer for one in paths for layer in opens(Path(one))]

    return read


def _offer(path: Path) -> list[LayerData]:
    """Open the dock that works with a model, the model chosen: one click applies it to the image that is open."""
    import napari

    from napari_ae_seg.core import modelfile

    kind = modelfile.find(modelfile.peek(path), "is")
    viewer = napari.current_viewer()
    if viewer is not None:
        name = "Classify" if kind == "classifier" else "Segment"
        _, widget = viewer.window.add_plugin_dock_widget("napari-ae-seg", name)
        opens = widget.open if kind == "classifier" else widget.models.open
        opens(str(path))
    return NO_LAYER


def _labels(path: Path) -> list[LayerData]:
    from napari_ae_seg.images.destinations import stem_of
    from napari_ae_seg.images.labelfile import read_labels

    labels, image, legend = read_labels(path)
    kind = labels.astype("uint8") if labels.dtype == bool else labels
    return [(kind, {"name": stem_of(path), **image.transform, **_shown(legend)}, "labels")]


def _zarr(path: Path) -> list[LayerData]:
    """The image in a zarr folder, and the labels in it; or labels alone."""
    import zarr

    from napari_ae_seg.images.formats.read import read_legend
    from napari_ae_seg.images.stack import read

    if read_legend(path) is not None:
        return [_zarr_labels(path)]
    source = read(str(path)).images[0].sources[0]
    opened = zarr.open(str(path), mode="r", use_consolidated=False)
    about = dict(opened.attrs)
    scales = about.get("ome", about).get("multiscales") if isinstance(opened, zarr.Group) else None
    levels = [opened[level["path"]] for level in scales[0]["datasets"]] if scales else [source.array]
    options: dict[str, Any] = {"name": path.stem, **(source.transform or {})}
    if "C" in source.axes:
        options["channel_axis"] = source.axes.index("C")
        options["name"] = list(source.channel_names) or path.stem
    data = levels if len(levels) > 1 else levels[0]
    layers: list[LayerData] = [(data, {**options, "multiscale": len(levels) > 1}, "image")]
    inside = path / "labels"
    listed = dict(zarr.open_group(str(inside), mode="r").attrs) if inside.is_dir() else {}
    names = listed.get("ome", listed).get("labels", [])
    return layers + [_zarr_labels(inside / name) for name in names if (inside / name).is_dir()]


def _zarr_labels(path: Path) -> LayerData:
    import math

    import zarr

    from napari_ae_seg.images.formats.read import read_legend
    from napari_ae_seg.images.stack import read

    image = read(str(path)).images[0]
    if math.prod(image.label_shape) <= _LARGE:
        [(data, options, kind)] = _labels(path)
        return data, {**options, "name": path.stem}, kind
    group = zarr.open_group(str(path), mode="r")
    levels = [group[name] for name in sorted(group.array_keys(), key=int)]
    legend = read_legend(path)
    shown = _shown(legend) if legend else {}
    return levels, {"name": path.stem, "multiscale": True, **image.transform, **shown}, "labels"


def _shown(legend: Legend) -> dict[str, Any]:
    """Names, table and colors for a Labels layer."""
    if not legend.table:
        return {}
    table = {name: list(column) for name, column in legend.table.items()}
    table["name"] = [legend.name(n) for n in table["index"]]
    if legend.objects or not legend.colors:
        return {"features": table}
    colors = {n: _CLEAR if n in legend.hidden else (*rgb, 1.0) for n, rgb in legend.colors.items()}
    return {"features": table, "colormap": {None: _CLEAR, 0: _CLEAR, **colors}}


def _legend(meta: dict[str, Any]) -> Legend:
    """The legend of a Labels layer: its features, and the colors it gives single labels."""
    from napari_ae_seg.images.legend import Legend

    features = meta.get("features")
    table = {str(name): list(features[name]) for name in features} if features is not None else {}
    if "index" not in table:
        table = {}
    names = {int(n): str(name) for n, name in zip(table.get("index", ()), table.get("name", ()), strict=False)}
    given = getattr(meta.get("colormap"), "color_dict", None) or {}
    seen = {int(n): rgba for n, rgba in given.items() if n and rgba is not None}
    colors = {n: (float(rgba[0]), float(rgba[1]), float(rgba[2])) for n, rgba in seen.items()}
    hidden = frozenset(n for n, rgba in seen.items() if rgba[3] == 0)
    return Legend(names, colors, table, bool(table) and not colors, hidden)
