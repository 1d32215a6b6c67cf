"""`python -m napari_ae_seg.gui.segment.show FOLDER`: what `napari-ae-seg demo` made, in napari with its dock."""

from __future__ import annotations

import sys
from pathlib import Path


def main(folder: Path) -> None:
    """Opens napari on the demo's image and labels, and waits until it is closed."""
    import napari

    from napari_ae_seg.images.stack import read
    from napari_ae_seg.segmenter.segmenter import Segmenter

    stack = read(str(folder / "textures.tif"), axes="YX")
    segments = Segmenter.load(folder / "textures.aeseg").apply_to(stack.image)
    viewer = napari.Viewer(title="napari-ae-seg demo")
    pixels = stack.image.block(0, tuple(slice(0, size) for size in stack.shape[2:]))
    viewer.add_image(stack.image.to_source(pixels), name="textures")
    viewer.add_labels(segments.labels, **segments.layer)
    viewer.window.add_plugin_dock_widget("napari-ae-seg", "Segment")
    napari.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
