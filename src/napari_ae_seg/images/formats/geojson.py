"""GeoJSON as QuPath reads and writes it: a feature for each label in each plane, coordinates in pixels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.core.wholefile import write_text
from napari_ae_seg.images.image import Image
from napari_ae_seg.images.legend import KEY, Legend
from napari_ae_seg.images.outlines import Polygon

from .labels import OWN
from .planes import Outlined, outlined, painted, plane_shape


def write(path: Path, labels: np.ndarray, image: Image | None, legend: Legend | None = None) -> None:
    """Write segments as QuPath's annotations, single objects as its detections with their measurements."""
    known = legend or Legend()
    rows = known.rows
    names = _in_units(image)
    features = [_feature(one, known, rows.get(one.label, {}), names) for one in outlined(labels, image)]
    about = {"shape": list(plane_shape(labels, image)), **({KEY: legend.about} if legend else {})}
    collection = {"type": "FeatureCollection", OWN: about, "features": features}
    write_text(path, json.dumps(collection, separators=(",", ":"), allow_nan=False) + "\n")


def legend(path: Path) -> Legend | None:
    """The names and colors of the features in a GeoJSON file."""
    return _read(path)[1]


def labels(path: Path) -> np.ndarray:
    """Labels (T, Z, Y, X) of the features in a GeoJSON file: their own numbers, or one for each class."""
    return _read(path)[0]


def _feature(one: Outlined, legend: Legend, row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    name, rgb = legend.name(one.label), [round(255 * part) for part in legend.color(one.label)]
    rings = [[[*ring.tolist(), ring[0].tolist()] for ring in polygon] for polygon in one.polygons]
    single = len(rings) == 1
    geometry: dict[str, Any] = {
        "type": "Polygon" if single else "MultiPolygon",
        "coordinates": rings[0] if single else rings,
    }
    if one.z or one.t:
        geometry["plane"] = {"c": -1, "z": one.z, "t": one.t}
    measured = {
        names.get(measure, measure): float(value)
        for measure, value in row.items()
        if isinstance(value, (int, float, np.number)) and np.isfinite(value)
    }
    properties = {
        "objectType": "detection" if legend.objects else "annotation",
        "name": f"{name} {one.label}" if legend.objects else name,
        "classification": {"name": name, "color": rgb},
        "metadata": {"label": str(one.label)},
        **({"measurements": measured} if measured else {}),
    }
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _in_units(image: Image | None) -> dict[str, str]:
    """What the lengths of a table of objects are called, with the image's unit where all its axes have one."""
    units = set(image.units) if image else set()
    unit = units.pop() if len(units) == 1 and units != {"pixel"} else ""
    area = "volume" if image and image.ndim == 3 else "area"
    power = 3 if area == "volume" else 2
    found = {"measure": f"{area} ({unit}^{power})" if unit else area}
    return found | {f"centroid {axis}": f"centroid {axis} ({unit})" for axis in "zyx" if unit}


def _read(path: Path) -> tuple[np.ndarray, Legend | None]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        features = about if isinstance(about, list) else about.get("features", [about])
        own = about.get(OWN, {}) if isinstance(about, dict) else {}
        found, names, colors = [], {}, {}
        classes: dict[str, int] = {}
        for feature in features:
            properties = feature.get("properties") or {}
            kind = properties.get("classification") or {}
            name = str(kind.get("name") or properties.get("name") or "unnamed")
            number = str((properties.get("metadata") or {}).get("label", ""))
            label = int(number) if number.isdecimal() else classes.setdefault(name, len(classes) + 1)
            plane = feature["geometry"].get("plane") or {}
            at = max(int(plane.get("z", 0)), 0), max(int(plane.get("t", 0)), 0)
            found.append(Outlined(label, _polygons(feature["geometry"]), *at))
            names[label] = name
            if isinstance(kind.get("color"), list):
                colors[label] = kind["color"]
        shape = [int(size) for size in own.get("shape", ())]
        values = painted(found, shape if len(shape) == 4 else ())
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, MemoryError) as error:
        raise ImageReadError(f"{path.name}: no GeoJSON of polygons ({' '.join(str(error).split())[:200]})") from None
    if KEY in own:
        return values, Legend.of(own[KEY])
    rgba = [{"label-value": n, "rgba": rgb} for n, rgb in colors.items()]
    return values, Legend.of({"colors": rgba, "properties": [{"label-value": n, "name": v} for n, v in names.items()]})


def _polygons(geometry: dict[str, Any]) -> list[Polygon]:
    many: Sequence[Any] = {"Polygon": lambda c: [c], "MultiPolygon": list}[geometry["type"]](geometry["coordinates"])
    return [[np.array([corner[:2] for corner in ring[:-1]], dtype=float) for ring in rings] for rings in many]
