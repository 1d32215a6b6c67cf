"""Files of microscopes by bioio, the last reader; and the images and arrays that Python people have."""

import builtins
import struct

import numpy as np
import pytest

from napari_ae_seg.core.errors import ImageReadError, MissingExtraError
from napari_ae_seg.images.batch import read_batch
from napari_ae_seg.images.stack import read

PIXELS = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
"""Channels, planes, rows, columns."""


def scene(name, pixels, block):
    """What a LIF file says of one image: two channels, three planes of 2 µm, pixels of 0.5 µm."""
    channels, *shape = pixels.shape
    tags = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="8" NameOfMeasuredQuantity="" Min="0" Max="255" '
        f'Unit="" LUTName="{color}" IsLUTInverted="0" BytesInc="{number * pixels[0].nbytes}" BitInc="0"/>'
        for number, color in zip(range(channels), ("Green", "Red"), strict=False)
    )
    sides = zip((1, 2, 3), reversed(shape), (0.5e-6, 0.5e-6, 2e-6), reversed(pixels.strides[1:]), strict=True)
    axes = "".join(
        f'<DimensionDescription DimID="{axis}" NumberOfElements="{count}" Origin="0" Length="{(count - 1) * step}" '
        f'Unit="m" BitInc="0" BytesInc="{stride}"/>'
        for axis, count, step, stride in sides
    )
    about = f"<Channels>{tags}</Channels><Dimensions>{axes}</Dimensions>"
    image = f"<Data><Image><ImageDescription>{about}</ImageDescription></Image></Data>"
    return f'<Element Name="{name}">{image}<Memory Size="{pixels.nbytes}" MemoryBlockID="{block}"/></Element>'


@pytest.fixture
def leica(tmp_path):
    """A LIF file of two images, written as its format is described."""
    pytest.importorskip("bioio_lif")
    images = {"first": PIXELS, "second": 100 + PIXELS}
    elements = "".join(scene(name, pixels, f"MemBlock_{name}") for name, pixels in images.items())
    top = f'<Element Name="two"><Data/><Memory Size="0" MemoryBlockID="M0"/><Children>{elements}</Children></Element>'
    xml = f'<LMSDataContainerHeader Version="2">{top}</LMSDataContainerHeader>'.encode("utf-16-le")
    content = struct.pack("<IIBI", 0x70, len(xml) + 5, 0x2A, len(xml) // 2) + xml
    for name, pixels in images.items():
        block = f"MemBlock_{name}".encode("utf-16-le")
        head = struct.pack("<BQBI", 0x2A, pixels.nbytes, 0x2A, len(block) // 2) + block
        content += struct.pack("<II", 0x70, len(head)) + head + pixels.tobytes()
    (tmp_path / "two.lif").write_bytes(content)
    return tmp_path / "two.lif"


def test_scenes_of_a_file_are_images_read_lazily_with_channels_and_sizes(leica):
    stack = read(leica)
    assert [image.name.split()[-1] for image in stack.images] == ["first", "second"]
    image = stack.images[1]
    assert (image.axes, image.shape) == ("CZYX", (3, 2, 4, 5))
    assert image.transform == {"scale": pytest.approx((2.0, 0.5, 0.5)), "units": ("micrometer",) * 3}
    assert np.array_equal(image.block(1, (slice(0, 4), slice(1, 5))), 100 + PIXELS[:, 1, :, 1:])


def test_one_scene_is_named_by_its_number(leica):
    assert read(f"{leica}#1").image.name.endswith("second")
    with pytest.raises(ImageReadError, match=r"two\.lif: it has scenes 0 to 1, got 3"):
        read(f"{leica}#3")
    with pytest.raises(ImageReadError, match=r"two\.lif holds 2 scenes .*name one, such as two\.lif#0"):
        read_batch([leica])


def test_a_damaged_file_is_one_sentence(tmp_path, leica):
    (tmp_path / "b.lif").write_bytes(leica.read_bytes()[:300])
    with pytest.raises((ImageReadError, MissingExtraError), match=r"b\.lif"):
        read(tmp_path / "b.lif")


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.czi").write_bytes(b"ZISRAWFILE")
    (tmp_path / "a.sldy").write_bytes(b"nothing")
    if pytest.importorskip("bioio"):
        with pytest.raises((MissingExtraError, ImageReadError), match=r"a\.sldy: .*pip install bioio bioio-sldy"):
            read(tmp_path / "a.sldy")
    real = builtins.__import__

    def without(name, *rest, **named):
        if name.startswith("bioio"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"reading a\.czi needs bioio: pip install bioio bioio-czi"):
        read(tmp_path / "a.czi")


def test_an_image_of_bioio_keeps_names_sizes_and_units():
    bioio = pytest.importorskip("bioio")
    sizes = bioio.PhysicalPixelSizes(2.0, 0.5, 0.25)
    opened = bioio.BioImage(
        PIXELS[None], dim_order="TCZYX", channel_names=["DAPI", "actin"], physical_pixel_sizes=sizes
    )
    image = read(opened).image
    assert (image.axes, image.channel_names) == ("TCZYX", ("DAPI", "actin"))
    assert image.transform == {"scale": (1.0, 2.0, 0.5, 0.25), "units": ("pixel", *["micrometer"] * 3)}
    assert np.array_equal(image.block(0, (slice(0, 4), slice(0, 5))), PIXELS[:, 0])


def test_an_xarray_keeps_its_coordinates_units_and_times():
    xarray = pytest.importorskip("xarray")
    times = np.array(["2026-01-01T00:00:00", "2026-01-01T00:00:30"], "datetime64[ns]")
    y = xarray.Variable("y", np.arange(4) * 0.5 + 10, {"units": "um"})
    array = xarray.DataArray(PIXELS[:, 0], dims=("time", "y", "x"), coords={"time": times, "y": y}, name="movie")
    image = read(array).image
    assert (image.name, image.axes) == ("movie", "TYX")
    assert image.transform == {
        "scale": (30.0, 0.5, 1.0),
        "translate": (0.0, 10.0, 0.0),
        "units": ("second", "micrometer", "pixel"),
    }
