"""`demo`: a sample image, from training to labels."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from napari_ae_seg.config import NetworkConfig, SegmentationConfig, TrainingConfig, preset

from .console import Talk
from .options import configured, option, switch, takes

if TYPE_CHECKING:
    import numpy as np

    from napari_ae_seg.segmenter.segments import Segments


@takes()
def demo(
    out: Annotated[Path, option("Folder for the labels and the picture.", value="FOLDER")] = Path("demo-output"),
    window: Annotated[bool, switch("Open napari if there is a display.", "--window/--no-window")] = True,
    **fields: Any,
) -> None:
    """Train on a sample image, segment it, and show the labels."""
    training = configured(TrainingConfig, fields, **preset("fast", TrainingConfig))
    config = configured(SegmentationConfig, fields, n_clusters=5)
    names = ("textures.tif", "textures_labels.tif", "textures.png", "textures.aeseg")
    image, labels, beside, model_file = (out / name for name in names)
    with Talk("demo", fields) as talk:
        talk.check([], {"--out": [image, labels, beside, model_file]})
        from napari_ae_seg.images.formats.write import write_images, write_labels, write_picture
        from napari_ae_seg.images.stack import read
        from napari_ae_seg.samples import draw
        from napari_ae_seg.segmenter.segmenter import Segmenter

        sample = draw("textures")
        stack = read(sample.image, axes=sample.axes, spacing=sample.spacing)
        talk.say("sample: a mosaic of five textures")
        talk.expect(stack, training, NetworkConfig(), config.n_clusters)
        model = talk.train(stack, training, NetworkConfig())
        with talk.account.stage("fit"):
            segmenter = Segmenter.fit(model, stack, config, talk.report)
        with talk.account.stage("label"):
            segments = segmenter.apply_to(stack.image, report=talk.report)
        talk.finish()
        write_images(image, sample.image[None, None])
        write_labels(labels, segments.labels, stack.image, segments.legend)
        write_picture(beside, picture(sample.image, segments))
        segmenter.save(model_file)
        talk.say(segments.sentence)
        talk.say(f"labels:  {labels}\npicture: {beside}\nmodel:   {model_file}")
        talk.say_cost()
    if window and _has_display():
        subprocess.run([sys.executable, "-m", "napari_ae_seg.gui.segment.show", str(out)], check=True)  # noqa: S603 - ourselves


def picture(image: np.ndarray, segments: Segments) -> np.ndarray:
    """The image (Y, X) beside its coloured labels: (Y, 2 X + gap, 3) uint8."""
    import numpy as np

    low, high = np.percentile(image, (0.5, 99.5))
    gray = np.clip((image - low) / max(high - low, 1e-9), 0, 1)[..., None].repeat(3, -1)
    palette = np.zeros((int(segments.labels.max()) + 1, 3))
    for label, rgb in segments.colors.items():
        palette[label] = rgb
    colored = 0.35 * gray + 0.65 * palette[segments.labels]
    gap = np.ones((len(gray), 8, 3))
    return (255 * np.concatenate([gray, gap, colored], axis=1)).round().astype(np.uint8)


def _has_display() -> bool:
    """Whether napari is installed and a window can be shown."""
    if importlib.util.find_spec("napari") is None:
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
