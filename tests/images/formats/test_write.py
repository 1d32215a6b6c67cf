"""Writing labels: every format keeps the shape and the spacing it has room for; a file is whole or not there."""

import resource
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Picture

from napari_ae_seg.images.formats.ngff import open_zarr_labels
from napari_ae_seg.images.formats.write import write_images, write_labels, write_picture
from napari_ae_seg.images.stack import read

SPACING = (2.5, 0.5, 0.25)


def volume(tmp_path, axes="ZYX", shape=(9, 6, 5)):
    about = {"axes": axes, "spacing": SPACING[0], "unit": "um"}
    tifffile.imwrite(tmp_path / "in.tif", np.zeros(shape, "u1"), imagej=True, resolution=(4, 2), metadata=about)
    return read(tmp_path / "in.tif", ndim=3).image


def labels_like(image, top=4):
    return (np.arange(np.prod(image.label_shape)) % top + 1).reshape(image.label_shape).astype(np.int32)


def picture(path):
    with Picture.open(path) as opened:
        return np.asarray(opened)


def fill_half(path):
    with open_zarr_labels(path, None, shape=(4, 4)) as out:
        out[:2] = 1
        raise KeyboardInterrupt


def whole(image):
    return image.block(0, tuple(slice(0, size) for size in image.shape[2:]))[0]


@pytest.mark.parametrize("name", ["l.tif", "l.ome.tif", "l.zarr", "l.nii.gz", "l.nii"])
@pytest.mark.parametrize("top", [4, 300, 70000])
def test_labels_of_a_volume_keep_values_spacing_and_unit(tmp_path, name, top):
    if ".nii" in name:
        pytest.importorskip("nibabel")
    image = volume(tmp_path)
    labels = labels_like(image, top)
    labels[0, 0, 0] = top
    write_labels(tmp_path / name, labels, image)
    again = read(tmp_path / name).image
    assert np.array_equal(whole(again), labels)
    assert again.spacing == pytest.approx(SPACING)
    assert again.units == ("micrometer",) * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.tif", name])


def test_fiji_finds_the_spacing_of_a_written_tiff(tmp_path):
    image = volume(tmp_path)
    write_labels(tmp_path / "l.tif", labels_like(image), image)
    with tifffile.TiffFile(tmp_path / "l.tif") as file:
        assert (file.is_imagej, file.imagej_metadata["spacing"], file.imagej_metadata["unit"]) == (True, 2.5, "um")
        assert file.pages[0].resolution == (4, 2)
        assert file.series[0].axes == "ZYX"


@pytest.mark.parametrize("name", ["l.tif", "l.npy", "l.zarr"])
@pytest.mark.parametrize(
    ("shape", "axes"), [((1, 1, 6, 5), "TZYX"), ((2, 1, 6, 5), "TCYX"), ((5, 6, 9), "XYZ"), ((6, 5), "YX")]
)
def test_labels_keep_the_shape_of_the_source(tmp_path, name, shape, axes):
    image = read(np.zeros(shape), axes=axes, spacing=0.5).image
    labels = labels_like(image)
    write_labels(tmp_path / name, labels, image)
    again = read(tmp_path / name, axes=image.label_axes).image
    assert again.label_shape == labels.shape
    assert np.array_equal(np.asarray(again.sources[0].array[...]), labels)
    if not name.endswith("npy"):
        assert again.spacing == (0.5,) * again.ndim


def test_medical_labels_lie_where_the_image_lies(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    affine = np.array([[0, 2.0, 0, 5], [1, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 9), "u1"), affine), tmp_path / "in.nii.gz")
    image = read(tmp_path / "in.nii.gz").image
    labels = labels_like(image)
    write_labels(tmp_path / "l.nii.gz", labels, image)
    written = nibabel.load(tmp_path / "l.nii.gz")
    assert np.array_equal(written.affine, affine)
    assert np.array_equal(np.asarray(written.dataobj), labels)


def test_png_holds_one_plane_of_up_to_65535_labels(tmp_path):
    write_labels(tmp_path / "a.png", np.array([[1, 2], [3, 300]]))
    assert picture(tmp_path / "a.png").tolist() == [[1, 2], [3, 300]]
    write_labels(tmp_path / "b.png", np.ones((1, 2, 3), int))
    assert picture(tmp_path / "b.png").shape == (2, 3)
    write_labels(tmp_path / "c.png", np.ones((1, 1), int))
    assert picture(tmp_path / "c.png").shape == (1, 1)
    with pytest.raises(ValueError, match=r"one plane, the labels have shape \(2, 2, 3\); write them to \.tif"):
        write_labels(tmp_path / "d.png", np.ones((2, 2, 3), int))
    with pytest.raises(ValueError, match="up to 65535, the largest is 70000"):
        write_labels(tmp_path / "d.png", np.full((2, 2), 70000))
    assert not (tmp_path / "d.png").exists()


def test_what_are_no_labels_is_refused(tmp_path):
    with pytest.raises(TypeError, match="integers, got float64"):
        write_labels(tmp_path / "a.tif", np.ones((2, 2)))
    with pytest.raises(ValueError, match="0 or more, the smallest is -1"):
        write_labels(tmp_path / "a.tif", np.full((2, 2), -1))
    with pytest.raises(ValueError, match=r"have shape \(2, 3\), got \(3, 2\)"):
        write_labels(tmp_path / "a.tif", np.ones((3, 2), int), read(np.zeros((2, 3))).image)
    with pytest.raises(ValueError, match=r"'a\.gif': its ending is none of \.tif"):
        write_labels(tmp_path / "a.gif", np.ones((2, 2), int))


def test_zarr_labels_are_streamed_and_appear_at_the_end(tmp_path):
    image = read(np.zeros((3, 70, 300)), axes="TYX", spacing=0.5).image
    labels = labels_like(image)
    with open_zarr_labels(tmp_path / "l.zarr", image) as out:
        for n in range(3):
            image.put(out, n, (slice(0, 70), slice(0, 256)), labels[n, :, :256])
            image.put(out, n, (slice(0, 70), slice(256, 300)), labels[n, :, 256:])
        assert not (tmp_path / "l.zarr").exists()
    group = zarr.open_group(tmp_path / "l.zarr", mode="r")
    assert np.array_equal(group["0"][...], labels)
    about = group.attrs["ome"]["multiscales"][0]
    assert [axis["name"] for axis in about["axes"]] == ["t", "y", "x"]
    assert about["datasets"][0]["coordinateTransformations"][0]["scale"] == [1, 0.5, 0.5]


def test_what_fails_half_way_leaves_the_old_labels(tmp_path):
    write_labels(tmp_path / "l.zarr", np.full((4, 4), 7))
    with pytest.raises(KeyboardInterrupt):
        fill_half(tmp_path / "l.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["l.zarr"]
    assert (whole(read(tmp_path / "l.zarr").image) == 7).all()
    write_labels(tmp_path / "l.zarr", np.full((4, 4), 8))
    assert [path.name for path in tmp_path.iterdir()] == ["l.zarr"]
    assert (whole(read(tmp_path / "l.zarr").image) == 8).all()


def test_a_folder_that_is_no_zarr_is_never_replaced(tmp_path):
    (tmp_path / "l.zarr").mkdir()
    (tmp_path / "l.zarr" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="is not replaced; give another name"):
        write_labels(tmp_path / "l.zarr", np.ones((4, 4), int))
    assert (tmp_path / "l.zarr" / "thesis.txt").exists()


@contextmanager
def full_disk():
    """No file can grow beyond 100 bytes, as if there were no room left; pytest itself writes nothing meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["l.tif", "l.png", "l.npy", "l.nii.gz", "l.zarr"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, name):
    if name == "l.nii.gz":
        pytest.importorskip("nibabel")
    labels = np.random.default_rng(0).integers(0, 9999, (60, 50))
    with pytest.raises(OSError, match=rf"cannot write '.*{name}'"), full_disk():
        write_labels(tmp_path / name, labels)
    assert not list(tmp_path.iterdir())


def test_folders_on_the_way_are_made(tmp_path):
    write_labels(tmp_path / "a" / "b" / "l.npy", np.ones((2, 2), int))
    assert np.load(tmp_path / "a" / "b" / "l.npy").tolist() == [[1, 1], [1, 1]]


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    threads = [
        threading.Thread(target=write_labels, args=(tmp_path / "l.npy", np.full((300, 300), number)))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(np.unique(np.load(tmp_path / "l.npy"))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["l.npy"]


def test_images_and_pictures(tmp_path):
    drawn = np.random.default_rng(0).random((2, 3, 4, 5)).astype("f4")
    write_images(tmp_path / "a.tif", drawn)
    image = read(tmp_path / "a.tif").image
    assert (image.axes, image.shape) == ("TCYX", (2, 3, 4, 5))
    assert np.array_equal(image.block(1, (slice(0, 4), slice(0, 5))), drawn[1])
    write_images(tmp_path / "b.tif", drawn[:1, :, None])
    assert read(tmp_path / "b.tif").shape == (1, 3, 4, 5)
    write_images(tmp_path / "a.npy", drawn)
    assert np.array_equal(np.load(tmp_path / "a.npy"), drawn)
    write_picture(tmp_path / "a.png", np.full((4, 5, 3), 9, np.uint8))
    write_images(tmp_path / "b.png", np.full((1, 3, 4, 5), 9, np.uint8))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with pytest.raises(ValueError, match="holds one picture of 1 or 3 channels of uint8, got float32"):
        write_images(tmp_path / "c.png", drawn)


def test_a_zarr_of_someone_else_is_never_replaced(tmp_path):
    zarr.create_array(tmp_path / "image.zarr", shape=(4, 4), dtype="u1")[...] = 5
    with pytest.raises(FileExistsError, match="was not written by napari-ae-seg and is not replaced"):
        write_labels(tmp_path / "image.zarr", np.ones((4, 4), int))
    assert (zarr.open_array(tmp_path / "image.zarr", mode="r")[...] == 5).all()
    write_labels(tmp_path / "l.zarr", np.ones((4, 4), int))
    zarr.create_array(tmp_path / "l.zarr" / "notes", shape=(4, 4), dtype="u1")
    with pytest.raises(FileExistsError, match="is not replaced"):
        write_labels(tmp_path / "l.zarr", np.ones((4, 4), int))
