"""What was just done, as Python and as a command line."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ae_seg.config import Config, flag_of

from .models import own_config
from .preferences import kept

if TYPE_CHECKING:
    from .models import Model
    from .results import Plan, Result, Strokes
    from .sources import Images

END = ("if alone:", "    napari.run()")
BY_HAND = {
    "guided": "strokes",
    "merge": "merges",
    "split": "splits",
    "separate": "clusters of a lasso",
    "background": "what is background",
    "foreground": "what is background",
    "rename": "names",
    "recolor": "colours",
}
"""Changes of a segmenter that a command line does not know, in words; the others change no label."""
UNTAUGHT = "# without the pixels that were painted by hand\n"


def differences(config: Config) -> dict[str, Any]:
    """The fields that must be given to get `config`.

    >>> from napari_ae_seg.config import NetworkConfig
    >>> differences(NetworkConfig(kind="dense", latents=256, window=9))
    {'kind': 'dense', 'window': 9}
    """
    given = {name: value for name, value in config if value != type(config).model_fields[name].default}
    for name in list(given):
        fewer = {key: value for key, value in given.items() if key != name}
        if type(config)(**fewer) == config:
            given = fewer
    if type(config)(**given) != config:  # a default that follows from another field
        given = {name: value for name, value in config if getattr(type(config)(**given), name) != value} | given
    return given


def call(config: Config) -> str:
    """The constructor call of `config`.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> call(SegmentationConfig(n_clusters=4, method="gmm"))
    "ae.SegmentationConfig(n_clusters=4, method='gmm')"
    """
    return f"ae.{type(config).__name__}({_arguments(differences(config))})"


def flags(*configs: Config) -> list[str]:
    """The options of a command line that give `configs`.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> flags(SegmentationConfig(n_clusters=4, sharpen=False, smoothing=3.0))
    ['--clusters', '4', '--smoothing', '3', '--no-sharpen']
    """
    words: dict[str, list[str]] = {}
    for config in configs:
        for name, value in differences(config).items():
            flag = flag_of(name)
            if isinstance(value, bool):
                words[flag] = [flag if value else flag.replace("--", "--no-", 1)]
            else:
                words[flag] = [flag, _word(value)]
    return [word for pair in words.values() for word in pair]


def segmenting_in_python(result: Result) -> str:
    """The lines that give `result`, in napari's console and as a script."""
    request = result.request
    lines = [*_beginning(request.images), f"stack = {request.images.python()}"]
    if own_config(request.model) is not None and not request.refit:
        lines.append(f"segmenter = ae.Segmenter.load({str(request.model.path)!r})")
    else:
        lines += _model_lines(request.model)
        lines.append(f"segmenter = ae.Segmenter.fit(model, stack, {call(request.config)})")
    if any(name == "guided" for name, _ in result.changes):
        lines.insert(0, "import numpy as np")
    lines += [_change(name, values, len(result.segments) > 1) for name, values in result.changes]
    if len(result.segments) == 1:
        lines.append("segments = segmenter.apply(stack)")
        lines.append("viewer.add_labels(segments.labels, **segments.layer)")
    else:
        lines.append("for segments in segmenter.apply(stack):")
        lines.append("    viewer.add_labels(segments.labels, **segments.layer)")
    return "\n".join([*lines, *END]) + "\n"


def segmenting_in_shell(result: Result) -> str:
    """The command line that gives `result`, with a comment on what it needs first."""
    request = result.request
    model, config = request.model, result.segmenter.config
    name = request.images.layers[0].name
    out = f"{name}_labels.tif" if len(result.segments) == 1 else "labels"
    words = ["napari-ae-seg", "segment", *request.images.shell(), "--out", out]
    if model.path is not None:
        words += ["--model", str(model.path), *(["--refit"] if request.refit else [])]
    elif model.held is not None and model.training is not None and model.network is not None:
        words += ["--train", *flags(model.network, model.training)]
    words += [word for word in flags(config) if word]
    return _needed(request.images, result) + shlex.join(words) + "\n"


def training_in_python(plan: Plan, path: Path | None) -> str:
    """The lines that train the same model."""
    lines = [*_beginning(plan.images), f"stack = {plan.images.python()}"]
    if plan.start is None:
        lines.append(f"model = ae.train(stack, {call(plan.training)}, {call(plan.network)})")
    else:
        lines += _model_lines(plan.start)
        lines.append(f"model = ae.train(stack, {call(plan.training)}, model=model)")
    if path is not None:
        lines.append(f"model.save({str(path)!r})")
    return "\n".join(lines) + "\n"


def training_in_shell(plan: Plan, path: Path | None) -> str:
    """The command line that trains the same model."""
    words = ["napari-ae-seg", "train", *plan.images.shell(), "--model", str(path or "model.aeseg")]
    note = "" if plan.start is None else "# this one starts anew; Python can go on from a model\n"
    return note + _needed(plan.images) + shlex.join([*words, *flags(plan.network, plan.training)]) + "\n"


def _beginning(images: Images) -> list[str]:
    """The lines that find napari's viewer, or make one of their own that holds `images`."""
    return [
        "import napari",
        "import napari_ae_seg as ae",
        "",
        'viewer = globals().get("viewer") or napari.current_viewer()',
        "alone = viewer is None  # not in napari's console, but a script",
        "if alone:",
        "    viewer = napari.Viewer()",
        *(f"    {line}" for line in images.opening()),
        "",
    ]


def _model_lines(model: Model) -> list[str]:
    if model.path is not None:
        return [f"model = ae.Autoencoder.load({str(model.path)!r})"]
    if model.held is None:
        return ["model = None  # the encoder that comes with the package"]
    if model.training is None or model.network is None:
        return ["model = ae.current().model"]
    return [f"model = ae.train(stack, {call(model.training)}, {call(model.network)})"]


def _needed(images: Images, result: Result | None = None) -> str:
    """Comments on what a command line cannot see in napari."""
    notes = [f"# save the layer {name!r} as {name}.tif first" for name in images.unsaved()]
    if images.shown:
        notes.append("# only one slice was taken: save it as a file of its own")
    if images.region is not None and len(images.layers) > 1:
        notes.append("# the region is that of the first image; Python has those of all")
    edits = [BY_HAND[name] for name, _ in (result.changes if result is not None else ()) if name in BY_HAND]
    if edits:
        notes.append(f"# without what was changed by hand ({', '.join(dict.fromkeys(edits))}); Python has it")
    return "".join(f"{note}\n" for note in notes)


def _change(name: str, values: Any, several: bool) -> str:
    if name != "guided":
        return f"segmenter = segmenter.{name}({_given(values)})"
    if not several:
        return f"segmenter = segmenter.guided(segmenter.prepare(stack), {_strokes(values[0])})"
    sources = ", ".join(f"segmenter.prepare(stack[{strokes.number}])" for strokes in values)
    return f"segmenter = segmenter.guided([{sources}], [{', '.join(map(_strokes, values))}])"


def _strokes(strokes: Strokes) -> str:
    return f"np.load({str(kept(strokes.array, 'strokes'))!r})"


def _given(values: Any) -> str:
    return _arguments(values) if isinstance(values, dict) else ", ".join(repr(value) for value in values)


def _arguments(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _word(value: Any) -> str:
    """A value as a command line takes it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
