"""The page: sections of a report, each a function from what was explored to HTML."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_ae_seg import __version__
from napari_ae_seg.core.progress import Progress, Report, silent
from napari_ae_seg.core.versions import versions
from napari_ae_seg.core.wholefile import write_text
from napari_ae_seg.explore.plane import VIRIDIS

from . import charts, markup, pictures

if TYPE_CHECKING:
    from napari_ae_seg.explore.exploration import Exploration

MOST = 12
"""Images that are shown; of further ones only the figures."""
STRIPS = 3
"""Images whose prototypes and patches are shown."""


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
    one = explored[0]
    known = list(dict.fromkeys(e.image.name for e in explored))
    names = ", ".join(known[:3]) + (" …" if len(known) > 3 else "")
    sections = [_head(one, names)]
    for name, section in SECTIONS.items():
        report(Progress("report", len(sections) - 1, len(SECTIONS), name))
        body = section(explored)
        sections += [f"<h2>{name}</h2>{body}"] if body else []
    title = escape(f"Segmentation of {names}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{markup.STYLE}</style></head>'
        f"<body>{''.join(sections)}{_foot()}</body></html>\n"
    )


def _head(one: Exploration, names: str) -> str:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    k = len(one.labels)
    return (
        f"<h1>Segmentation of {escape(names)}</h1>"
        f'<p class="faint">napari-ae-seg {__version__}, {now}. For research, not for diagnosis.</p>'
        f"<p>{k} cluster{'s' * (k != 1)} by {markup.word(one.segmenter.method)} on "
        f"{markup.word(one.segmenter.space.name)} features. {escape(one.segmenter.sentence)}</p>"
    )


def _images(explored: Sequence[Exploration]) -> str:
    parts = []
    for one in explored[:MOST]:
        image = one.image
        size = " x ".join(map(str, image.source_shape))
        about = f"{size} ({image.axes}), {image.dtype}, pixel {markup.measure(image.spacing, image.units)}"
        more = "; the middle slice is shown" if image.ndim == 3 else ""
        more += f"; the first of {image.shape[0]} is shown" if image.shape[0] > 1 else ""
        row = [
            markup.figure(pictures.inline(pictures.shown(one)), "image"),
            markup.figure(pictures.inline(pictures.overlay(one)), f"clusters: {_legend(one)}", raw=True),
            markup.figure(
                pictures.inline(pictures.confidence(one)), f"confidence {charts.bar(VIRIDIS, 'low', 'high')}", raw=True
            ),
            markup.figure(
                pictures.inline(pictures.segmented(one)), "drawn by the decoder from the clusters' mean latents"
            ),
        ]
        parts.append(f"<h3>{escape(image.name)}</h3><p class='faint'>{escape(about + more)}</p>{markup.row(row)}")
    left = len(explored) - MOST
    return "".join(parts) + (f"<p>{left} more images were segmented and are in the tables.</p>" if left > 0 else "")


def _clusters(explored: Sequence[Exploration]) -> str:
    parts = []
    for number, one in enumerate(explored):
        table = dict(one.table)
        names = table.pop("name")
        swatches = [
            f'<span class="swatch" style="background:{markup.css(one.segments.colors[i])}"></span>' for i in one.labels
        ]
        first = [f"{swatch}{escape(str(name))}" for swatch, name in zip(swatches, names, strict=True)]
        heads = ["cluster", *(key for key in table if key != "index")]
        rows = zip(first, *([markup.cell(key, v) for v in table[key]] for key in heads[1:]), strict=True)
        heading = f"<h3>{escape(one.image.name)}</h3>" if len(explored) > 1 else ""
        parts.append(heading + markup.table(heads, rows))
        if number < STRIPS:
            parts.append(_strips(one))
    return "".join(parts)


def _strips(one: Exploration) -> str:
    """Prototypes beside typical patches."""
    parts = [
        "<p class='faint'>Large: the prototype, what the decoder draws of the cluster's mean latents. Small: the "
        "patches of the image most typical of it.</p>"
    ]
    for label, prototype, patches in zip(one.labels, one.prototypes, one.typical(), strict=True):
        drawn = [f'<img class="proto" alt="prototype" src="{pictures.inline(one.thumbnail(prototype))}">']
        drawn += [f'<img alt="typical patch" src="{pictures.inline(one.thumbnail(p))}">' for p in patches]
        swatch = f'<span class="swatch" style="background:{markup.css(one.segments.colors[label])}"></span>'
        strip = f"<div class='strip'>{''.join(drawn)}</div>"
        parts.append(f"<div class='cluster'>{swatch}{escape(one.segments.names[label])}{strip}</div>")
    return "".join(parts)


def _choice(explored: Sequence[Exploration]) -> str:
    """How many clusters, how stable they are, and where their latents lie."""
    from napari_ae_seg.clustering.stability import resampled, stability
    from napari_ae_seg.clustering.stability import unstable as disagreeing

    one = explored[0]
    segmenter, row, words = one.segmenter, [], []
    curve, k = one.curve, segmenter.clusters.k
    if curve:
        best, asked = max(curve, key=lambda number: curve[number]), segmenter.config.n_clusters
        words.append(f"{k} clusters were {'asked for' if asked else 'chosen'}; the criterion is highest at {best}.")
        chart = charts.lines(
            {"criterion": sorted(curve.items())}, "number of clusters", "criterion (nats)",
            (k, curve[k]) if k in curve else None, whole=True,
        )  # fmt: skip
        row.append(markup.chart(chart, "How well and how surely so many clusters describe places they have not seen."))
    if not segmenter.by_region:
        fits = resampled(segmenter.clusters, segmenter.config)
        words.append(
            f"Clustered again from random halves of the sample, {len(fits)} times, the clusters agree with a mean "
            f"adjusted Rand index of {stability(fits):.2f} (1 is always the same)."
        )
        share = disagreeing(one.prepared.features[0], segmenter.clusters, fits).cpu().numpy()
        where = f"Where those clusterings disagree {charts.bar(VIRIDIS, 'never', 'always')}"
        row.append(markup.figure(pictures.inline(pictures.unstable(share), crisp=True), where, raw=True))
    plane = one.plane()
    row.append(
        markup.figure(pictures.inline(plane.picture(one.colors("cluster"))), f"{plane.sentence} Colours are clusters.")
    )
    quality = ", ".join(f"{name} {value:.4g}" for name, value in segmenter.clusters.quality.items())
    return f"<p>{escape(' '.join(words))}</p>{markup.row(row)}" + (
        f"<p class='faint'>Figures of merit: {escape(quality)}</p>" if quality else ""
    )


def _drift(explored: Sequence[Exploration]) -> str:
    """How badly the network redraws each image, beside those that the clusters were fitted on."""
    from napari_ae_seg.autoencoder import drift

    rows = []
    for one in explored:
        usual = one.segmenter.usual_error
        found = drift.error(one.segmenter.model, one.image, one.segmenter.model.normalizer)
        unlike = drift.sentence(found, usual, one.image.name)
        mean = float(np.mean(np.asarray(one.segments.confidence)))
        ratio = f"{found / usual:.2f}" if usual else ""
        verdict = unlike or "as those the clusters were fitted on"
        rows.append([escape(one.image.name), f"{found:.4g}", ratio, f"{mean:.3f}", escape(verdict)])
    return markup.table(["image", "reconstruction error", "relative to usual", "mean confidence", ""], rows)


def _training(explored: Sequence[Exploration]) -> str:
    model = explored[0].segmenter.model
    trained = ", ".join(map(str, model.info.get("trained_on", []))) or "unknown images"
    words = f"Trained on {trained}, {model.info.get('date', 'at an unknown time')}."
    if model.history:
        last = model.history[-1]
        words += f" After {last['step']} steps the loss was {last['loss']:.4g}."
    if len(model.history) < 2:
        return f"<p>{escape(words)}</p>"
    series = {"training": [(h["step"], h["loss"]) for h in model.history]}
    checks = [(h["step"], h["validation"]) for h in model.history if h.get("validation") is not None]
    series |= {"held back": checks} if checks else {}
    positive = min(value for part in series.values() for _, value in part) > 0
    chart = charts.lines(series, "step", "loss", whole=True, log=positive)
    return f"<p>{escape(words)}</p>" + markup.row(
        [markup.chart(chart, "Loss over the steps of training, on a logarithmic scale.")]
    )


def _settings(explored: Sequence[Exploration]) -> str:
    one = explored[0].segmenter
    parts = []
    for title, config in (
        ("Network", one.model.network),
        ("Training", one.model.training),
        ("Segmentation", one.config),
    ):
        parts.append(f"<h3>{title}</h3>{markup.fields(config)}")
    return (
        f"<p class='faint'>Those that differ from the default are bold.</p><div class='settings'>{''.join(parts)}</div>"
    )


def _software(explored: Sequence[Exploration]) -> str:
    model = explored[0].segmenter.model
    rows = [(escape(name), escape(text)) for name, text in {"python": platform.python_version(), **versions()}.items()]
    rows.append(("platform", escape(platform.platform())))
    made = ", ".join(f"{name} {text}" for name, text in model.info.get("versions", {}).items())
    rows += [("the model was made with", escape(made))] if made else []
    rows.append(("weights", f"{sum(p.numel() for p in model.net.parameters()):,}"))
    return markup.table(["", "version"], rows)


SECTIONS = {
    "Images": _images,
    "Clusters": _clusters,
    "Number of clusters and stability": _choice,
    "Drift and confidence": _drift,
    "Training": _training,
    "Settings": _settings,
    "Software": _software,
}
"""Heading -> its content; "" leaves it out."""


def _foot() -> str:
    return "<p class='faint'>All pictures are part of this page; nothing is loaded from elsewhere.</p>"


def _legend(one: Exploration) -> str:
    parts = []
    for label, rgb in one.segments.colors.items():
        swatch = f'<span class="swatch" style="background:{markup.css(rgb)}"></span>'
        parts.append(f'<span class="name">{swatch}{escape(one.segments.names[label])}</span>')
    return " ".join(parts)
