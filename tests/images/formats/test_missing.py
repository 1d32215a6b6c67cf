"""Files that lack something, or claim what cannot be: one sentence with the file's name, never a black image."""

import json
import logging
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Picture

from napari_ae_seg.core.errors import AssumptionWarning, ImageReadError
from napari_ae_seg.images.formats.table import write_csv
from napari_ae_seg.images.formats.write import write_labels
from napari_ae_seg.images.sample import sample_blocks
from napari_ae_seg.images.stack import read

VOLUME = np.random.default_rng(0).integers(0, 60000, (9, 16, 24)).astype("u2")


def whole(image, n=0):
    return image.block(n, tuple(slice(0, size) for size in image.shape[2:]))


def refused(path, why=""):
    with pytest.raises(ImageReadError, match=rf"{path.name.split('.')[0]}.*{why}") as error:
        whole(read(path).image)
    assert "\n" not in str(error.value)


def ome(path, planes, **sizes):
    tifffile.imwrite(path, planes, ome=True, photometric="minisblack", metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path) as file:
        text = file.ome_metadata
    for name, size in sizes.items():
        before = text.split(f'{name}="')[1].split('"')[0]
        text = text.replace(f'{name}="{before}"', f'{name}="{size}"')
    tifffile.tiffcomment(path, text.encode())


def test_a_stack_whose_pages_go_in_a_circle_is_refused_at_once(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME, photometric="minisblack", compression="lzw", metadata=None)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        pages = [page.offset for page in file.pages]
    tags = int.from_bytes(content[pages[-1] : pages[-1] + 2], "little")
    after = pages[-1] + 2 + 12 * tags
    content[after : after + 4] = pages[1].to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ImageReadError, match=f"only {len(VOLUME)} of its pages are there"):
        read(path)


@pytest.mark.parametrize("disabled", [False, True], ids=["logging", "no logging"])
@pytest.mark.parametrize("make", ["plain", "imagej", "lzw", "shaped", "pages"])
def test_a_stack_cut_off_anywhere_is_refused(tmp_path, make, disabled):
    path = tmp_path / "a.tif"
    options = {
        "plain": {"metadata": None},
        "imagej": {"imagej": True},
        "lzw": {"compression": "lzw"},
        "shaped": {},
        "pages": {"metadata": None, "compression": "zlib"},
    }[make]
    tifffile.imwrite(path, VOLUME, photometric="minisblack", **options)
    content = path.read_bytes()
    assert np.array_equal(np.squeeze(whole(read(path).image)), VOLUME)
    logging.disable(logging.CRITICAL if disabled else logging.NOTSET)
    try:
        for length in np.linspace(8, len(content) - 1, 60).astype(int):
            path.write_bytes(content[:length])
            try:
                values = whole(read(path).image)
            except ImageReadError:
                pass
            else:  # what is missing are the last bytes of the last directory, which nobody needs
                assert np.array_equal(np.squeeze(values), VOLUME)
                assert length > len(content) - 20
    finally:
        logging.disable(logging.NOTSET)


def test_an_ome_tiff_that_lacks_planes_is_refused(tmp_path):
    ome(tmp_path / "a.ome.tif", VOLUME[:1].repeat(2, 0), SizeZ=20)
    refused(tmp_path / "a.ome.tif", "claims 20 planes, but holds 2")


@pytest.mark.parametrize("count", [10**7, 10**18])
def test_an_ome_tiff_that_claims_absurdly_many_planes_is_refused_at_once(tmp_path, count):
    ome(tmp_path / "a.ome.tif", VOLUME[:2], SizeZ=count)
    refused(tmp_path / "a.ome.tif", f"claims {count} planes, which")


def test_an_ome_tiff_whose_companion_was_moved_away_is_refused(tmp_path):
    ome(tmp_path / "a.ome.tif", VOLUME[:2])
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        text = file.ome_metadata
    data = text[text.index("<TiffData") : text.index("</Pixels>")]
    listed = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{z}</UUID></TiffData>'
        for z, name in enumerate(["a.ome.tif", "b.ome.tif"])
    )
    tifffile.tiffcomment(tmp_path / "a.ome.tif", text.replace(data, listed).encode())
    refused(tmp_path / "a.ome.tif", r"1 of the 2 files it consists of are missing \(b\.ome\.tif\); put them beside it")


def test_three_hundred_files_are_read_where_only_64_may_be_open(tmp_path):
    for number in range(300):
        options = [{}, {"compression": "zlib"}, {"tile": (16, 16)}][number % 3]
        tifffile.imwrite(tmp_path / f"{number}.tif", np.full((16, 16), number, "u2"), **options)
    code = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from napari_ae_seg.images.stack import read
stack = read({str(tmp_path)!r})
print(sum(float(one.image.block(0, (slice(0, 1), slice(0, 1))).item()) for one in stack))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.stderr) == (str(float(sum(range(300)))), "")


def test_a_file_that_changed_since_it_was_opened_is_not_taken_for_the_old_one(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME, compression="zlib", photometric="minisblack")
    first = read(path).image
    tifffile.imwrite(path, VOLUME[:4, :8], compression="zlib", photometric="minisblack")
    assert np.array_equal(np.squeeze(whole(read(path).image)), np.squeeze(VOLUME[:4, :8][0]))
    for number in range(20):  # so many that the first one is closed
        tifffile.imwrite(tmp_path / f"{number}.tif", VOLUME[0], compression="zlib", photometric="minisblack")
        whole(read(tmp_path / f"{number}.tif").image)
    with pytest.raises(ImageReadError, match=r"a\.tif: the file has changed since it was opened; read it anew"):
        whole(first)


def header(shape):
    return (
        b"\x93NUMPY\x01\x00v\x00"
        + f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117)
        + b"\n"
    )


@pytest.mark.parametrize("shape", [(2**40, 2**20), (2**62, 2**62), (3, 4)])
def test_a_npy_file_that_claims_more_than_it_holds_is_refused(tmp_path, shape):
    (tmp_path / "a.npy").write_bytes(header(shape) + bytes(64))
    refused(tmp_path / "a.npy", "cut off")


def test_a_zip_named_npy_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=VOLUME)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    refused(tmp_path / "a.npy", r"not a readable \.npy file")


def test_a_zarr_of_an_absurd_shape_is_refused(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", shape=(2**30, 2**40), chunks=(2**10, 2**10), dtype="u1")
    refused(tmp_path / "a.zarr", "no image has as many values")


GOOD = {
    "axes": [{"name": name, "type": "space"} for name in "zyx"],
    "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1]}]}],
}
STEP = "coordinateTransformations"
MALFORMED = {
    "multiscales is a number": 5,
    "multiscales is a word": "yes",
    "multiscales holds words": ["yes"],
    "no datasets": [{"axes": GOOD["axes"]}],
    "datasets is None": [{**GOOD, "datasets": None}],
    "dataset is a word": [{**GOOD, "datasets": ["0"]}],
    "path is a number": [{**GOOD, "datasets": [{"path": 0}]}],
    "path leads nowhere": [{**GOOD, "datasets": [{"path": "9"}]}],
    "axes are numbers": [{**GOOD, "axes": 3}],
    "axis without a name": [{**GOOD, "axes": [{}, {}, {}]}],
    "steps are words": [{**GOOD, "datasets": [{"path": "0", STEP: ["scale"]}]}],
    "scale of words": [{**GOOD, "datasets": [{"path": "0", STEP: [{"type": "scale", "scale": ["a", "b", "c"]}]}]}],
    "scale of None": [{**GOOD, "datasets": [{"path": "0", STEP: [{"type": "scale", "scale": None}]}]}],
    "scale of NaN": [{**GOOD, "datasets": [{"path": "0", STEP: [{"type": "scale", "scale": [1, 1, float("nan")]}]}]}],
}


@pytest.mark.parametrize("scales", MALFORMED.values(), ids=MALFORMED)
def test_malformed_ome_zarr_metadata_are_one_sentence(tmp_path, scales):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("0", shape=(9, 8, 7), dtype="u1")
    about = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())
    about["attributes"] = {"ome": {"version": "0.5", "multiscales": scales}}
    (tmp_path / "a.zarr" / "zarr.json").write_text(json.dumps(about))
    refused(tmp_path / "a.zarr")


def test_a_pixel_size_that_is_no_number_is_left_out_and_it_is_said(tmp_path):
    about = {"axes": "ZYX", "spacing": float("inf"), "unit": "um"}
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, imagej=True, resolution=(4, 2), metadata=about)
    image = read(tmp_path / "a.tif").image
    assert (image.spacing, "along Z is no number and is left out" in image.assumed) == ((1.0, 0.5, 0.25), True)


def test_labels_in_a_png_are_colors_to_look_at_and_numbers_to_read(tmp_path):
    labels = np.arange(12).reshape(3, 4)
    write_labels(tmp_path / "a.png", labels)
    assert np.array_equal(whole(read(tmp_path / "a.png").image)[0], labels)
    with Picture.open(tmp_path / "a.png") as picture:
        seen = np.asarray(picture.convert("RGB"))
    assert (seen[0, 0].tolist(), len({tuple(color) for color in seen.reshape(-1, 3)})) == ([0, 0, 0], 12)
    assert seen[0, 1:].max(axis=-1).min() > 100


def test_a_palette_of_someone_else_is_colors(tmp_path):
    Picture.fromarray(np.full((3, 4, 3), (200, 10, 10), np.uint8)).convert("P").save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").image.shape[1] == 3


def test_results_in_a_folder_of_images_are_left_out_and_it_is_said(tmp_path):
    for name in ("b.tif", "a.tif", "a_labels.tif", "b_labels.ome.tif"):
        tifffile.imwrite(tmp_path / name, VOLUME[0])
    stack = read(tmp_path)
    assert [image.name for image in stack.images] == ["a", "b"]
    assert "2 files *_labels.* in" in stack.assumed
    (tmp_path / "a.tif").unlink()
    (tmp_path / "b.tif").unlink()
    assert len(read(tmp_path)) == 2


@pytest.mark.parametrize(
    "values",
    [
        10**9 + np.arange(100, dtype="i4"),
        1000 + 1e-6 * np.arange(100),
        np.uint64(2**64 - 200) + np.arange(100, dtype="u8"),
    ],
    ids=["int32", "float64", "uint64"],
)
def test_values_that_32_bits_cannot_tell_apart_are_said_to(values):
    with pytest.warns(AssumptionWarning, match=r"of 100 can be told apart; subtract .* from the image first"):
        sample_blocks(read(values.reshape(10, 10)))


def test_values_that_32_bits_can_tell_apart_raise_no_word():
    rng = np.random.default_rng(0)
    for values in (rng.random((10, 10)), rng.integers(0, 10**6, (10, 10)), np.full((10, 10), 10**9 + 1)):
        sample_blocks(read(values))


def test_a_stack_whose_folder_stepped_aside_for_a_killed_writer_is_read(tmp_path):
    from napari_ae_seg.core import wholefile

    write_labels(tmp_path / "l.zarr", np.full((4, 4), 7))
    (tmp_path / "l.zarr").rename(tmp_path / f".l.zarr.aeseg-{wholefile._host()}-4194305-0123abcd.old")
    assert (whole(read(tmp_path / "l.zarr").image) == 7).all()


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_that_is_cut_off_is_refused_before_a_pixel_is_read(tmp_path, name):
    Picture.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200), "u1")).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-12])
    with pytest.raises(ImageReadError, match=rf"{name}: the file is cut off, the end of the picture is missing"):
        read(tmp_path / name)


def test_a_text_in_a_table_is_no_formula(tmp_path):
    write_csv(tmp_path / "t.csv", ["=name", "share"], [["=1+1", 0.5], ["@x", -0.25], ["nuclei", 3]])
    assert (tmp_path / "t.csv").read_text().split() == ["'=name,share", "'=1+1,0.5", "'@x,-0.25", "nuclei,3"]
