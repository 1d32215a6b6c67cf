"""Further pictures of a result: confidence, probabilities, the segmented image, the latents as colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ae_seg.core.progress import Progress

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_ae_seg.gui.parts.jobs import Reporter
    from napari_ae_seg.gui.parts.results import Result

    from .view import View

NAMES = {
    "confidence": "Confidence",
    "probabilities": "Probability of each cluster",
    "segmented": "Segmented image",
    "latents": "Latents as colours",
}


def picture(result: Result, which: str, report: Reporter) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """An image, and how it lies, per source of `result`; `which` is a key of NAMES."""
    report(Progress("drawing", 0, 0))
    drawn = []
    for number, segments in enumerate(result.segments):
        report.check()
        array, more = _DRAW[which](result, number)
        where = dict(segments.transform.items())
        drawn.append((array, {"name": f"{segments.name} {NAMES[which].lower()}", **where, **more}))
    return drawn


def show(viewer: Viewer, view: View, which: str, drawn: list[tuple[np.ndarray, dict[str, Any]]]) -> None:
    """The pictures as layers; one that was drawn of the same before is drawn anew in place."""
    for number, (array, about) in enumerate(drawn):
        layer = view.kept((which, number), viewer)
        if layer is not None and layer.data.shape == array.shape:
            layer.data = array
        else:
            active = viewer.layers.selection.active
            view.keep((which, number), viewer.add_image(array, **about))
            viewer.layers.selection.active = active


def _confidence(result: Result, number: int) -> tuple[np.ndarray, dict[str, Any]]:
    if not result.segments[number].confidence.size:
        raise ValueError("the confidence of an image that is larger than memory is in the table alone")
    return result.segments[number].confidence, {"colormap": "viridis", "contrast_limits": (0.0, 1.0)}


def _probabilities(result: Result, number: int) -> tuple[np.ndarray, dict[str, Any]]:
    """One plane a cluster, to go through with the slider; they lie as the image does."""
    segments = result.segments[number]
    chances = segments.probabilities.astype(np.float32)
    where, ndim = dict(segments.transform), segments.labels.ndim
    before = {
        "scale": (1.0,),
        "translate": (0.0,),
        "shear": (0.0,) * ndim,
        "units": ("pixel",),
        "axis_labels": ("cluster",),
    }
    for name in before.keys() & where.keys():
        where[name] = (*before[name], *where[name])
    for name in {"rotate", "affine"} & where.keys():
        flat = np.asarray(where[name])
        where[name] = np.eye(len(flat) + 1)
        where[name][1:, 1:] = flat
    return chances, {**where, "colormap": "viridis", "contrast_limits": (0.0, 1.0)}


def _segmented(result: Result, number: int) -> tuple[np.ndarray, dict[str, Any]]:
    """What the decoder draws when the latents of every pixel are those of its cluster."""
    from napari_ae_seg.explore.exploration import Exploration

    stack, segments, prepared = result.request.stack[number], result.segments[number], result.prepared[number]
    one = Exploration.of(result.segmenter, stack, segments, prepared)
    channels = [one.image.to_source(np.ascontiguousarray(part)) for part in one.segmented().swapaxes(0, 1)]
    if len(channels) == 3:
        return _bytes(np.stack(channels, -1)), {"rgb": True}
    return np.mean(channels, axis=0), {"colormap": "gray"}


def _latents(result: Result, number: int) -> tuple[np.ndarray, dict[str, Any]]:
    """The three directions in which the latents differ most, as red, green and blue."""
    from napari_ae_seg.autoencoder.encode import encode
    from napari_ae_seg.explore.colors import as_colors

    one = result.request.stack[number]
    image = one.image
    latents = encode(result.segmenter.model, one, stride=1).array  # (N, F, *space)
    colors = as_colors(latents)
    return np.stack([image.to_source(np.ascontiguousarray(colors[:, part])) for part in range(3)], -1), {"rgb": True}


def _bytes(values: np.ndarray) -> np.ndarray:
    """Colours as 8 bits, which napari shows as they are."""
    top = 1.0 if values.max() <= 1 else 255.0 if values.max() <= 255 else float(values.max())
    return (values / top * 255).clip(0, 255).astype(np.uint8)


_DRAW = {"confidence": _confidence, "probabilities": _probabilities, "segmented": _segmented, "latents": _latents}
