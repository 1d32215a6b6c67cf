"""The page: what each section of a report says, filled into `page.html.j2`."""

from __future__ import annotations

import datetime
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np

from napari_ae_seg import __version__
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.core.versions import versions
from napari_ae_seg.core.wholefile import write_text
from napari_ae_seg.explore.plane import VIRIDIS

from . import charts, pictures

if TYPE_CHECKING:
    from napari_ae_seg.config import Config
    from napari_ae_seg.explore.exploration import Exploration

MOST = 12
"""Images that are shown; of further ones only the figures."""
STRIPS = 3
"""Images whose prototypes and patches are shown."""
NBSP = chr(0xA0)
WORDS = {
    "kmeans": "k-means",
    "tied": "Gaussians of one shape",
    "gmm": "Gaussian mixture",
    "bayes": "Bayesian mixture",
    "corrected": "background-corrected intensity",
    "mixed": "intensity and latents",
}
"""What a method, or a kind of features, is called; the others are called as they are."""


@dataclass(frozen=True)
class Table:
    """Rows of text under their headings."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def numbers(self) -> list[bool]:
        """Which columns hold numbers alone; they are set flush right."""
        number = re.compile(r"-?[\d,]+(\.\d+)?(e[+-]\d+)?%?").fullmatch
        return [all(number(row[i]) for row in self.rows) for i in range(len(self.heads))]


def write_report(path: str | Path, explored: Sequence[Exploration], report: Report = silent) -> None:
    """Write one page on images explored with one segmenter; it needs no other file, no network and no script.

    Parameters
    ----------
    path : path
        The HTML file; one that is there is replaced.
    explored : sequence of Exploration
        The images.
    report : callable, optional
        Is told of progress; `progress_bar` shows it.

    Raises
    ------
    ValueError
        If there is no image.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> bands = np.ones((32, 1)) * (np.arange(32) // 11)
    >>> segmenter = ae.Segmenter.fit(None, bands, ae.SegmentationConfig(n_clusters=3))
    >>> explored = ae.Exploration.of(segmenter, bands)
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ae.write_report(f"{folder}/page.html", [explored])
    ...     pathlib.Path(f"{folder}/page.html").read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    write_text(path, page(explored, report))


def page(explored: Sequence[Exploration], report: Report = silent) -> str:
    """The text of the page."""
    if not explored:
        raise ValueError("a report needs at least one explored image")
    known = list(dict.fromkeys(one.image.name for one in explored))
    found: dict[str, Any] = {}
    for number, (name, section) in enumerate(SECTIONS.items()):
        report(Progress("report", number, len(SECTIONS), name))
        found[name] = section(explored)
    return _template().render(
        names=", ".join(known[:3]) + (" …" if len(known) > 3 else ""),
        version=__version__,
        now=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        summary=_summary(explored[0]),
        left=len(explored) - MOST,
        stops=VIRIDIS,
        **found,
    )


def css(rgb: tuple[float, float, float]) -> str:
    """A colour of 0 to 1 as CSS writes it.

    >>> css((1.0, 0.0, 0.5))
    '#ff0080'
    """
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["css"] = css
    return environment.get_template("page.html.j2")


def _summary(one: Exploration) -> str:
    k, method, space = len(one.labels), one.segmenter.method, one.segmenter.space.name
    by = f"{WORDS.get(method, method)} on {WORDS.get(space, space)} features"
    return f"{k} cluster{'s' * (k != 1)} by {by}. {one.segmenter.sentence}"


def _images(explored: Sequence[Exploration]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.image.name,
            "about": _about(one),
            "image": pictures.inline(pictures.shown(one)),
            "overlay": pictures.inline(pictures.overlay(one)),
            "confidence": pictures.inline(pictures.confidence(one)),
            "segmented": pictures.inline(pictures.segmented(one)),
            "legend": [(rgb, one.segments.names[label]) for label, rgb in one.segments.colors.items()],
        }
        for one in explored[:MOST]
    ]


def _about(one: Exploration) -> str:
    """Shape, type and pixel size of an image, and which part of it is shown."""
    image = one.image
    size = " x ".join(map(str, image.source_shape))
    pixel = f"{' x '.join(f'{step:g}' for step in image.spacing)} {image.units[-1]}"
    about = f"{size} ({image.axes}), {image.dtype}, pixel {'size unknown' if set(image.units) == {'pixel'} else pixel}"
    about += "; the middle slice is shown" if image.ndim == 3 else ""
    return about + (f"; the first of {image.shape[0]} is shown" if image.shape[0] > 1 else "")


def _clusters(explored: Sequence[Exploration]) -> list[dict[str, Any]]:
    found = []
    for number, one in enumerate(explored):
        columns = {"cluster": one.table["name"], **one.table}
        heads = [head for head in columns if head not in ("index", "name")]
        rows = zip(*([_cell(head, value) for value in columns[head]] for head in heads), strict=True)
        colors = [one.segments.colors[label] for label in one.labels]
        strips = _strips(one) if number < STRIPS else []
        found.append({"name": one.image.name, "table": Table(heads, list(rows)), "colors": colors, "strips": strips})
    return found


def _strips(one: Exploration) -> list[dict[str, Any]]:
    """The prototype of each cluster beside typical patches."""
    return [
        {
            "color": one.segments.colors[label],
            "name": one.segments.names[label],
            "prototype": pictures.inline(one.thumbnail(prototype)),
            "patches": [pictures.inline(one.thumbnail(patch)) for patch in patches],
        }
        for label, prototype, patches in zip(one.labels, one.prototypes, one.typical(), strict=True)
    ]


def _number(explored: Sequence[Exploration]) -> dict[str, Any]:
    """How many clusters, how stable they are, and where their latents lie."""
    from napari_ae_seg.clustering.stability import resampled, stability
    from napari_ae_seg.clustering.stability import unstable as disagreeing

    one = explored[0]
    segmenter, curve, plane = one.segmenter, one.curve, one.plane()
    words, k = [], segmenter.clusters.k
    found: dict[str, Any] = {"curve": None, "unstable": None}
    if curve:
        best, asked = max(curve, key=lambda number: curve[number]), segmenter.config.n_clusters
        words.append(f"{k} clusters were {'asked for' if asked else 'chosen'}; the likeliest number is {best}.")
        mark = (k, curve[k]) if k in curve else None
        series = {"probability": sorted(curve.items())}
        found["curve"] = charts.lines(series, "number of clusters", "probability", mark, whole=True)
    if not segmenter.by_region:
        fits = resampled(segmenter.clusters, segmenter.config)
        words.append(
            f"Clustered again from random halves of the sample, {len(fits)} times, the clusters agree with a mean "
            f"adjusted Rand index of {stability(fits):.2f} (1 is always the same)."
        )
        share = disagreeing(one.prepared.features[0], segmenter.clusters, fits).cpu().numpy()
        found["unstable"] = pictures.inline(pictures.unstable(share), crisp=True)
    return found | {
        "words": " ".join(words),
        "plane": pictures.inline(plane.picture(one.colors("cluster"))),
        "sentence": f"{plane.sentence} Colours are clusters.",
        "quality": ", ".join(f"{name} {value:.4g}" for name, value in segmenter.clusters.quality.items()),
    }


def _drift(explored: Sequence[Exploration]) -> Table:
    """The reconstruction error of each image, beside that of the images that the clusters were fitted on."""
    from napari_ae_seg.autoencoder import drift

    rows = []
    for one in explored:
        usual = one.segmenter.usual_error
        found = drift.error(one.segmenter.model, one.image, one.segmenter.model.normalizer)
        unlike = drift.sentence(found, usual, one.image.name)
        mean = float(np.mean(np.asarray(one.segments.confidence)))
        ratio = f"{found / usual:.2f}" if usual else ""
        verdict = unlike or "as those the clusters were fitted on"
        rows.append([one.image.name, f"{found:.4g}", ratio, f"{mean:.3f}", verdict])
    return Table(["image", "reconstruction error", "relative to usual", "mean confidence", ""], rows)


def _training(explored: Sequence[Exploration]) -> dict[str, Any]:
    model = explored[0].segmenter.model
    trained = ", ".join(map(str, model.info.get("trained_on", []))) or "unknown images"
    words = f"Trained on {trained}, {model.info.get('date', 'at an unknown time')}."
    if model.history:
        last = model.history[-1]
        words += f" After {last['step']} steps the loss was {last['loss']:.4g}."
    if len(model.history) < 2:
        return {"words": words, "loss": None}
    series = {"training": [(h["step"], h["loss"]) for h in model.history]}
    checks = [(h["step"], h["validation"]) for h in model.history if h.get("validation") is not None]
    series |= {"held back": checks} if checks else {}
    positive = min(value for part in series.values() for _, value in part) > 0
    caption = f"Loss over the steps of training{', on a logarithmic scale' * positive}."
    return {"words": words, "caption": caption, "loss": charts.lines(series, "step", "loss", whole=True, log=positive)}


def _settings(explored: Sequence[Exploration]) -> dict[str, list[tuple[str, str, bool]]]:
    one = explored[0].segmenter
    return {
        "Network": fields(one.model.network),
        "Training": fields(one.model.training),
        "Segmentation": fields(one.config),
    }


def fields(config: Config) -> list[tuple[str, str, bool]]:
    """Name and value of each field of `config`, and whether it differs from its default."""
    known = type(config).model_fields
    return [(name, str(value), value != known[name].default) for name, value in config]


def _software(explored: Sequence[Exploration]) -> Table:
    model = explored[0].segmenter.model
    rows = [("python", platform.python_version()), *versions().items(), ("platform", platform.platform())]
    made = ", ".join(f"{name} {text}" for name, text in model.info.get("versions", {}).items())
    rows += [("the model was made with", made)] if made else []
    rows.append(("weights", f"{sum(p.numel() for p in model.net.parameters()):,}"))
    return Table(["", "version"], rows)


SECTIONS: dict[str, Callable[[Sequence[Exploration]], Any]] = {
    "images": _images,
    "clusters": _clusters,
    "number": _number,
    "drift": _drift,
    "training": _training,
    "settings": _settings,
    "software": _software,
}
"""What each section of the template is filled with."""


def _cell(key: str, value: Any) -> str:
    """A value of column `key`, as a person writes it."""
    if key == "share":
        return f"{value:.1%}"
    if isinstance(value, str) and key != "cluster":  # lists break between their items only
        return value.replace(" ", NBSP).replace(f",{NBSP}", ", ")
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
