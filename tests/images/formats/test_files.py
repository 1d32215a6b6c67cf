"""Image files of every kind: their axes, spacing and values, and what is said of damaged ones."""

import json

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Picture

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.images.stack import read

VOLUME = np.random.default_rng(0).integers(0, 60000, (9, 32, 48)).astype("u2")


def whole(image, n=0):
    return image.block(n, tuple(slice(0, size) for size in image.shape[2:]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"compression": "lzw"},
        {"compression": "zlib", "predictor": True},
        {"compression": "zstd"},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "zlib", "byteorder": ">"},
        {"rowsperstrip": 5, "compression": "lzw"},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "compression": "zlib", "metadata": {"axes": "ZYX"}},
        {"metadata": None},
    ],
    ids=str,
)
def test_tiff_files_of_every_make_hold_the_same_volume(tmp_path, options):
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, photometric="minisblack", **options)
    image = read(tmp_path / "a.tif").image
    assert (image.name, image.axes, image.shape) == ("a", "ZYX", (1, 1, 9, 32, 48))
    assert np.array_equal(whole(image)[0], VOLUME)
    assert np.array_equal(image.block(0, (slice(3, 5), slice(7, 20), slice(30, 48)))[0], VOLUME[3:5, 7:20, 30:])
    flat = image.with_ndim(2)
    assert np.array_equal(whole(flat, 4)[0], VOLUME[4])


def test_jpeg_compressed_color_tiff(tmp_path):
    smooth = np.add.outer(np.arange(64), np.arange(48))[..., None] + np.array([0, 40, 90])
    tifffile.imwrite(tmp_path / "a.tif", smooth.astype("u1"), compression="jpeg", tile=(16, 16), photometric="rgb")
    image = read(tmp_path / "a.tif").image
    assert (image.axes, image.shape, image.channel_names) == ("YXS", (1, 3, 64, 48), ("red", "green", "blue"))
    assert np.abs(whole(image) - smooth.transpose(2, 0, 1)).mean() < 4


def test_large_tiled_tiff_is_read_tile_by_tile(tmp_path, monkeypatch):
    from napari_ae_seg.images.formats import tiff

    monkeypatch.setattr(tiff, "PAGE", 100)
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, tile=(16, 16), compression="zlib", photometric="minisblack")
    image = read(tmp_path / "a.tif").image
    assert image.chunks == (1, 16, 16)
    assert np.array_equal(image.block(0, (slice(2, 3), slice(3, 20), slice(0, 9)))[0], VOLUME[2:3, 3:20, :9])


def test_tiff_of_single_bits(tmp_path):
    bits = np.eye(9, 12, dtype=bool)
    tifffile.imwrite(tmp_path / "a.tif", bits)
    Picture.fromarray(bits).save(tmp_path / "b.tif")
    for name in "ab":
        image = read(tmp_path / f"{name}.tif").image
        assert (image.dtype, whole(image)[0].tolist()) == (bool, bits.tolist())


def test_several_threads_may_read_at_once(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    tifffile.imwrite(tmp_path / "a.tif", VOLUME, compression="zlib", photometric="minisblack")
    flat = read(tmp_path / "a.tif", ndim=2).image
    with ThreadPoolExecutor(4) as pool:
        planes = list(pool.map(lambda n: whole(flat, n)[0], [*range(9)] * 5))
    assert np.array_equal(planes, [*VOLUME] * 5)


def test_transparency_of_a_tiff_is_left_out(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((32, 48, 4), "u1"), photometric="rgb", extrasamples=["unassalpha"])
    image = read(tmp_path / "a.tif").image
    assert (image.shape[1], "transparency" in image.assumed) == (3, True)


def test_imagej_tiff_keeps_axes_spacing_and_unit(tmp_path):
    series = np.arange(2 * 3 * 2 * 8 * 9, dtype="u2").reshape(2, 3, 2, 8, 9)
    about = {"axes": "TZCYX", "spacing": 2.5, "unit": "um", "finterval": 4.0}
    tifffile.imwrite(tmp_path / "a.tif", series, imagej=True, resolution=(4, 2), metadata=about)
    image = read(tmp_path / "a.tif", ndim=3).image
    assert (image.axes, image.shape, image.assumed) == ("TZCYX", (2, 2, 3, 8, 9), "")
    assert (image.spacing, image.units) == ((2.5, 0.5, 0.25), ("micrometer",) * 3)
    assert image.transform["scale"] == (4.0, 2.5, 0.5, 0.25)
    assert np.array_equal(whole(image, 1), series[1].transpose(1, 0, 2, 3))


def test_an_unknown_unit_is_no_unit(tmp_path):
    about = {"axes": "ZYX", "spacing": 2.0, "unit": "furlong per pint"}
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, imagej=True, resolution=(4, 2), metadata=about)
    image = read(tmp_path / "a.tif").image
    assert (image.spacing, image.units, "units" in image.transform) == ((2.0, 0.5, 0.25), ("pixel",) * 3, False)


def test_ome_tiff_keeps_axes_spacing_units_and_channel_names(tmp_path):
    about = {
        "axes": "CZYX",
        "Channel": {"Name": ["DAPI", "actin"]},
        **{f"PhysicalSize{axis}": size for axis, size in zip("ZYX", (900, 200, 100), strict=True)},
        **{f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"},
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", np.stack([VOLUME, VOLUME + 1]), ome=True, metadata=about)
    image = read(tmp_path / "a.ome.tif").image
    assert (image.axes, image.channel_names) == ("CZYX", ("DAPI", "actin"))
    assert (image.spacing, image.units) == ((900, 200, 100), ("nanometer",) * 3)


def test_of_a_tiff_pyramid_the_finest_level_is_read(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        file.write(VOLUME[0], tile=(16, 16), subifds=1)
        file.write(VOLUME[0, ::2, ::2], tile=(16, 16), subfiletype=1)
    assert np.array_equal(whole(read(tmp_path / "a.ome.tif").image)[0], VOLUME[0])


def test_axes_of_length_1_that_tiff_leaves_out_may_be_named(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VOLUME[None, :, None], imagej=True, metadata={"axes": "TZCYX"})
    assert read(tmp_path / "a.tif").image.label_shape == (9, 32, 48)
    image = read(tmp_path / "a.tif", axes="tzcyx").image
    assert (image.shape, image.label_shape) == ((1, 1, 9, 32, 48), (1, 9, 32, 48))
    assert np.array_equal(whole(image)[0], VOLUME)


def test_given_axes_overrule_a_files(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VOLUME)
    assert read(tmp_path / "a.tif", axes="TYX").shape == (9, 1, 32, 48)
    with pytest.raises(ValueError, match="axes 'YX' name 2 axes, the array has 3"):
        read(tmp_path / "a.tif", axes="YX")


def test_print_resolution_is_no_spacing(tmp_path):
    for metadata in (None, {"axes": "ZYX"}):
        tifffile.imwrite(tmp_path / "a.tif", VOLUME, resolution=(72, 72), resolutionunit="inch", metadata=metadata)
        assert read(tmp_path / "a.tif").image.transform == {}
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, resolution=(20000, 40000), resolutionunit="centimeter")
    assert read(tmp_path / "a.tif", axes="TYX").image.spacing == (0.25, 0.5)


@pytest.mark.parametrize(
    ("mode", "dtype", "channels"),
    [
        ("L", "u1", 1),
        ("RGB", "u1", 3),
        ("RGBA", "u1", 3),
        ("LA", "u1", 1),
        ("P", "u1", 3),
        ("1", "?", 1),
        ("I;16", "u2", 1),
    ],
)
def test_png_files_of_every_mode(tmp_path, mode, dtype, channels):
    values = np.arange(48).reshape(6, 8).astype("u2") * (1000 if mode == "I;16" else 5)
    picture = Picture.fromarray(values if mode == "I;16" else values.astype("u1"))
    (picture if mode == "I;16" else picture.convert(mode)).save(tmp_path / "a.png")
    image = read(tmp_path / "a.png").image
    assert (image.shape, image.dtype) == ((1, channels, 6, 8), np.dtype(dtype))
    if mode != "1":
        assert np.array_equal(whole(image)[0], values)


def test_deep_colors_of_a_png_are_not_cut_to_8_bits(tmp_path):
    import imagecodecs

    deep = np.arange(6 * 8 * 3, dtype="u2").reshape(6, 8, 3) * 400
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
    assert np.array_equal(whole(read(tmp_path / "a.png").image), deep.transpose(2, 0, 1))


def test_jpeg_file(tmp_path):
    Picture.fromarray(np.full((6, 8, 3), 200, "u1")).save(tmp_path / "a.JPG")
    image = read(tmp_path / "a.JPG").image
    assert (image.axes, image.shape) == ("YXS", (1, 3, 6, 8))
    assert np.abs(whole(image) - 200).max() < 3


def test_npy_file_is_mapped_not_loaded(tmp_path):
    huge = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, (2000, 20000, 20000))  # a hole of 800 GB
    huge[1999, 3, :4] = 7
    del huge
    image = read(str(tmp_path / "a.npy"), axes="TYX").image
    assert (image.name, image.path) == ("a", str(tmp_path / "a.npy"))
    assert image.block(1999, (slice(3, 4), slice(2, 6))).tolist() == [[[7, 7, 0, 0]]]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_level_0_keeps_axes_spacing_units_and_names(tmp_path, version):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2 if version == "0.4" else 3)
    for level, step in enumerate((1, 2)):
        values = np.stack([VOLUME, VOLUME + 1])[:, :, ::step, ::step]
        group.create_array(str(level), shape=values.shape, chunks=(1, 4, 16, 16), dtype="u2")[...] = values
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    levels = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": [1, 1.0, 0.25 * step, 0.25 * step]},
                {"type": "translation", "translation": [0, 3.0, 0, 0]},
            ],
        }
        for level, step in enumerate((1, 2))
    ]
    whole_scale = [{"type": "scale", "scale": [1, 2.0, 1, 1]}]
    about = {
        "multiscales": [{"axes": axes, "datasets": levels, "coordinateTransformations": whole_scale}],
        "omero": {"channels": [{"label": "DAPI"}, {"label": "actin"}]},
    }
    group.attrs.update(about if version == "0.4" else {"ome": {"version": "0.5", **about}})
    for image in (read(tmp_path / "a.zarr").image, read(zarr.open_group(tmp_path / "a.zarr", mode="r")).image):
        assert (image.axes, image.shape, image.chunks) == ("CZYX", (1, 2, 9, 32, 48), (4, 16, 16))
        assert (image.spacing, image.units) == ((2.0, 0.25, 0.25), ("micrometer",) * 3)
        assert image.channel_names == ("DAPI", "actin")
        assert image.transform["translate"] == (6.0, 0, 0)
        assert np.array_equal(whole(image)[1], VOLUME + 1)


def test_plain_zarr_folders(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", shape=(9, 6), dtype="u1")
    assert read(tmp_path / "a.zarr").shape == (1, 1, 9, 6)
    group = zarr.open_group(tmp_path / "b.zarr", mode="w")
    group.create_array("raw", shape=(9, 6), dtype="u1")
    assert read(tmp_path / "b.zarr").shape == (1, 1, 9, 6)
    group.create_array("mask", shape=(9, 6), dtype="u1")
    with pytest.raises(ImageReadError, match="no single image, it holds mask, raw"):
        read(tmp_path / "b.zarr")
    assert read(tmp_path / "b.zarr" / "raw").shape == (1, 1, 9, 6)


def test_a_folder_of_images_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 9, 1):
        Picture.fromarray(np.full((4, number), number, "u1")).save(tmp_path / f"cell{number}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    stack = read(tmp_path)
    assert [one.shape[-1] for one in stack] == [1, 9, 10]


@pytest.mark.parametrize("name", ["a.tif", "b.tif", "c.tif", "a.png", "a.jpg", "a.npy"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_refused_in_one_sentence(tmp_path, name, share, caplog):
    path = tmp_path / name
    {
        "a.tif": lambda: tifffile.imwrite(path, VOLUME),
        "b.tif": lambda: tifffile.imwrite(path, VOLUME, compression="lzw"),
        "c.tif": lambda: tifffile.imwrite(path, VOLUME, imagej=True),
        "a.png": lambda: Picture.fromarray(VOLUME[0]).save(path),
        "a.jpg": lambda: Picture.fromarray((VOLUME[0] // 256).astype("u1")).save(path),
        "a.npy": lambda: np.save(path, VOLUME),
    }[name]()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageReadError, match=path.name) as error:
        whole(read(path).image)
    assert "\n" not in str(error.value)
    assert not caplog.records


def test_damaged_pixels_are_reported_when_they_are_read(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, compression="lzw")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        start, count = file.pages[4].dataoffsets[0], file.pages[4].databytecounts[0]
    content[start : start + count] = bytes(count)
    (tmp_path / "a.tif").write_bytes(content)
    image = read(tmp_path / "a.tif", ndim=2).image
    assert np.array_equal(whole(image, 3)[0], VOLUME[3])
    with pytest.raises(ImageReadError, match=r"a\.tif: damaged, some pixels cannot be read"):
        whole(image, 4)


def test_what_is_not_there_or_not_an_image_is_refused(tmp_path):
    with pytest.raises(ImageReadError, match="there is no file or folder"):
        read(tmp_path / "missing.tif")
    with pytest.raises(ImageReadError, match="holds no image"):
        read(tmp_path)
    (tmp_path / "a.xyz").write_bytes(b"?")
    with pytest.raises(ImageReadError, match=r"ending is none of \.tif"):
        read(tmp_path / "a.xyz")
    (tmp_path / "b.png").write_bytes(b"this is no picture")
    with pytest.raises(ImageReadError, match=r"b\.png"):
        read(tmp_path / "b.png")
    (tmp_path / "c.zarr").mkdir()
    (tmp_path / "c.zarr" / "zarr.json").write_text(json.dumps({"nothing": 1}))
    with pytest.raises(ImageReadError, match=r"c: .* holds nothing"):
        read(tmp_path / "c.zarr")
    np.save(tmp_path / "d.npy", np.array([None, {}]), allow_pickle=True)
    with pytest.raises(ImageReadError, match=r"d"):
        read(tmp_path / "d.npy")


def test_coordinates_and_units_of_xarray_are_kept():
    from types import SimpleNamespace

    class Coordinate(np.ndarray):
        attrs: dict

    def along(values, **attrs):
        found = np.asarray(values).view(Coordinate)
        found.attrs = attrs
        return found

    coords = {"z": along([10.0, 12.0], units="um"), "y": along(np.arange(6) * 0.5, units="um"), "c": ["DAPI", "actin"]}
    labelled = SimpleNamespace(data=np.zeros((2, 2, 6, 5)), dims=("c", "z", "y", "x"), coords=coords, name="cells")
    image = read(labelled).image
    assert (image.name, image.axes, image.channel_names) == ("cells", "CZYX", ("DAPI", "actin"))
    assert image.transform == {
        "scale": (2.0, 0.5, 1.0),
        "translate": (10.0, 0.0, 0.0),
        "units": ("micrometer", "micrometer", "pixel"),
    }


def test_an_image_of_bioio_is_read_with_its_pixel_size():
    from types import SimpleNamespace

    data = SimpleNamespace(data=np.zeros((1, 2, 3, 6, 5)), dims=("T", "C", "Z", "Y", "X"))
    sizes = SimpleNamespace(Z=2.0, Y=0.5, X=0.25)
    image = read(
        SimpleNamespace(xarray_dask_data=data, physical_pixel_sizes=sizes, channel_names=["a", "b"], dims=object())
    ).image
    assert (image.axes, image.channel_names) == ("TCZYX", ("a", "b"))
    assert image.transform["scale"] == (1.0, 2.0, 0.5, 0.25)
