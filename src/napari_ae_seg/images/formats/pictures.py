"""PNG, JPEG and other everyday pictures, decoded whole when first looked at."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.core.wholefile import whole_file
from napari_ae_seg.images.axes import parse_axes
from napari_ae_seg.images.image import Image
from napari_ae_seg.images.legend import KEY, Legend
from napari_ae_seg.images.source import Source

from .labels import OWN, palette, smallest
from .lazy import UNREADABLE, Decoded, why

_MODES = {"L": "u1", "P": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4", "F": "f4", "1": "?"}
_COLORS = {"RGB": 3, "RGBA": 4, "LA": 2}
_LABELS = (OWN, "labels")  # the text by which a PNG says that its colors are numbers of labels


def read(path: Path, axes: str | None) -> Source:
    """A grey (YX) or colour (YXS) picture; its header is read now, its pixels later."""
    with _opened(path) as picture:
        mode = _mode(picture)
        width, height = picture.size
        depth = _png_depth(path) if picture.format == "PNG" else 8
    samples = _COLORS.get(mode, 0)
    dtype = ("u2" if depth == 16 else "u1") if samples else _MODES[mode]
    shape = (height, width, *([samples] if samples else []))
    _check_whole(path)
    array = Decoded(shape, dtype, lambda: _decode(path, mode, deep=depth == 16 and bool(samples)))
    named = parse_axes(axes, shape) if axes is not None else "YXS"[: len(shape)]
    return Source(array, named, path.stem, str(path), alpha=mode in ("RGBA", "LA") and axes is None)


def _opened(path: Path) -> Any:
    import PIL.Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            return PIL.Image.open(path)
    except PIL.Image.DecompressionBombError:
        raise ImageReadError(f"{path.name}: too large for this format; save it as a tiled TIFF or OME-Zarr") from None
    except UNREADABLE as error:
        raise ImageReadError(f"{path.name}: not a readable picture ({why(error)})") from None


def _mode(picture: Any) -> str:
    """The mode that a picture is read in: its own, or what a palette or a print colour space is converted to."""
    name, text = _LABELS
    if picture.mode in _COLORS or (picture.mode in _MODES and picture.mode != "P"):
        return str(picture.mode)
    if picture.mode == "P" and picture.info.get(name) == text:
        return "P"
    return "RGBA" if "transparency" in picture.info or picture.mode.endswith(("A", "a")) else "RGB"


def _png_depth(path: Path) -> int:
    with path.open("rb") as file:
        header = file.read(25)
    return header[24] if len(header) == 25 else 8


def _check_whole(path: Path) -> None:
    """Say at once that a file ends before its picture does."""
    end = {".png": b"IEND", ".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9"}.get(path.suffix.lower())
    if end is None:
        return
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1024))
        if end not in file.read() and end not in path.read_bytes():  # some cameras write more behind the picture
            raise ImageReadError(f"{path.name}: the file is cut off, the end of the picture is missing")


def _decode(path: Path, mode: str, deep: bool) -> np.ndarray:
    try:
        if deep:  # pillow has no 16-bit colours
            import imagecodecs

            return np.asarray(imagecodecs.png_decode(path.read_bytes()))
        with _opened(path) as picture:
            return np.asarray(picture if picture.mode == mode else picture.convert(mode))
    except UNREADABLE as error:
        raise ImageReadError(f"{path.name}: damaged, its pixels cannot be read ({why(error)})") from None


def write_picture(path: Path, rgb: np.ndarray) -> None:
    """Write a picture (Y, X) or (Y, X, 3) of uint8, or numbers (Y, X) of uint16."""
    from PIL import Image as Picture

    with whole_file(path) as temporary:
        Picture.fromarray(np.ascontiguousarray(rgb)).save(temporary)


def write(path: Path, labels: np.ndarray, _: Image | None, legend: Legend | None = None) -> None:
    """Write one plane of labels: up to 255 in colors that stand for their numbers, more as plain 16-bit numbers."""
    from PIL import Image as Picture
    from PIL.PngImagePlugin import PngInfo

    flat = smallest(labels.reshape([size for size in labels.shape if size > 1] or [1]))
    if labels.ndim >= 2 and flat.ndim < 2:
        flat = smallest(labels.reshape(labels.shape[-2:]))
    if flat.ndim != 2:
        raise ValueError(f"a .png holds one plane, the labels have shape {labels.shape}; write them to .tif")
    if flat.dtype.itemsize > 2:
        raise ValueError(f"a .png holds labels up to 65535, the largest is {int(labels.max())}; write them to .tif")
    picture, about = Picture.fromarray(np.ascontiguousarray(flat)), PngInfo()
    options: dict[str, Any] = {}
    if flat.dtype.itemsize == 1:
        picture.putpalette(palette(legend or Legend(), int(flat.max()) + 1).ravel().tolist())
        about.add_text(*_LABELS)
        options = {"bits": 8}
    if legend is not None:
        about.add_text(KEY, legend.text)
    with whole_file(path) as temporary:
        picture.save(temporary, pnginfo=about, **options)


def legend(path: Path) -> Legend | None:
    """The legend in a PNG file of labels."""
    with _opened(path) as picture:
        return Legend.parse(picture.info.get(KEY))
