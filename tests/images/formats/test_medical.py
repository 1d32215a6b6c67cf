"""NIfTI and DICOM, with the extra `medical` and without it."""

import subprocess
import sys

import numpy as np
import pytest

from napari_ae_seg.core.errors import ImageReadError
from napari_ae_seg.images.stack import read

VOLUME = np.random.default_rng(0).integers(0, 3000, (4, 5, 9)).astype("i2")  # X Y Z


def whole(image, n=0):
    return image.block(n, tuple(slice(0, size) for size in image.shape[2:]))


@pytest.fixture
def nifti():
    return pytest.importorskip("nibabel")


@pytest.fixture
def dicom():
    return pytest.importorskip("pydicom")


@pytest.mark.parametrize("name", ["brain.nii", "brain.nii.gz"])
def test_nifti_keeps_spacing_units_order_and_values(tmp_path, nifti, name):
    image = nifti.Nifti1Image(VOLUME, np.diag([0.5, 0.6, 2.0, 1]))
    image.header.set_xyzt_units("mm")
    nifti.save(image, tmp_path / name)
    image = read(tmp_path / name).image
    assert (image.name, image.axes, image.shape, image.dtype) == ("brain", "XYZ", (1, 1, 9, 5, 4), np.int16)
    assert image.spacing == pytest.approx((2.0, 0.6, 0.5))
    assert image.units == ("millimeter",) * 3
    assert image.label_shape == (4, 5, 9)
    assert np.array_equal(whole(image)[0], VOLUME.T)


def test_scaled_and_timed_nifti(tmp_path, nifti):
    series = nifti.Nifti1Image(np.stack([VOLUME, VOLUME + 1], axis=-1), np.eye(4))
    series.header.set_slope_inter(0.5, 10)
    nifti.save(series, tmp_path / "a.nii")
    image = read(tmp_path / "a.nii").image
    assert (image.axes, image.shape, image.dtype) == ("XYZT", (2, 1, 9, 5, 4), np.float32)
    expected = np.asarray(nifti.load(tmp_path / "a.nii").dataobj)[..., 1]
    assert np.allclose(whole(image, 1)[0], expected.T)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_damaged_nifti_is_refused(tmp_path, nifti, name):
    nifti.save(nifti.Nifti1Image(VOLUME, np.eye(4)), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ImageReadError, match=r"a\.nii"):
        whole(read(tmp_path / name).image)


def slice_file(dicom, path, pixels, place, number, **more):
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    meta = dicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = dicom.dataset.Dataset()
    header.file_meta = meta
    header.SOPClassUID, header.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    header.SeriesInstanceUID, header.InstanceNumber = "1.2.3", number
    header.Rows, header.Columns = pixels.shape[:2]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.PixelRepresentation = 15, 1
    header.ImagePositionPatient, header.ImageOrientationPatient = [0, 0, place], [1, 0, 0, 0, 1, 0]
    header.PixelSpacing = [0.5, 0.25]
    header.RescaleSlope, header.RescaleIntercept = 2, -1000
    for name, value in more.items():
        setattr(header, name, value)
    header.PixelData = pixels.astype("<i2").tobytes()
    dicom.dcmwrite(path, header, enforce_file_format=True)


def test_a_dicom_series_is_a_volume_in_the_order_of_space(tmp_path, dicom):
    for name, at in zip("dbca", (0, 2, 1, 3), strict=True):  # neither names nor numbers follow space
        slice_file(dicom, tmp_path / f"{name}.dcm", np.full((6, 5), at), place=3.0 * at, number=9 - at)
    image = read(tmp_path, ndim=3).image
    assert (image.axes, image.shape) == ("ZYX", (1, 1, 4, 6, 5))
    assert (image.spacing, image.units) == ((3.0, 0.5, 0.25), ("millimeter",) * 3)
    assert whole(image)[0, :, 0, 0].tolist() == [-1000, -998, -996, -994]


def test_of_several_series_the_longest_is_read_and_it_is_said(tmp_path, dicom):
    for at in range(3):
        slice_file(dicom, tmp_path / f"{at}.dcm", np.zeros((6, 5)), at, at, RescaleSlope=1, RescaleIntercept=0)
    slice_file(dicom, tmp_path / "scout.dcm", np.zeros((9, 9)), 0, 0, SeriesInstanceUID="1.2.4")
    image = read(tmp_path).image
    assert (image.source_shape, image.dtype, "of 2 series" in image.assumed) == ((3, 6, 5), np.int16, True)


def test_dicom_files_without_an_ending_are_known_by_what_is_in_them(tmp_path, dicom):
    for at in range(8):
        slice_file(dicom, tmp_path / f"IM{at:04}", np.zeros((6, 5)), at, at)
    (tmp_path / "DIRINDEX").write_text("not a slice")
    assert read(tmp_path).shape == (1, 1, 8, 6, 5)
    assert read(tmp_path / "IM0003").shape == (1, 1, 6, 5)


def test_one_dicom_file_with_frames(tmp_path, dicom):
    frames = np.arange(8 * 30).reshape(8, 6, 5)
    slice_file(
        dicom, tmp_path / "a.dcm", frames, 0, 1, Rows=6, Columns=5, NumberOfFrames=8, RescaleSlope=1, RescaleIntercept=0
    )
    assert np.array_equal(whole(read(tmp_path / "a.dcm").image)[0], frames)


def test_what_is_no_dicom_is_refused(tmp_path, dicom):
    (tmp_path / "a.dcm").write_bytes(b"not a scan" * 100)
    with pytest.raises(ImageReadError, match=r"a\.dcm: not a readable DICOM file"):
        read(tmp_path / "a.dcm")


@pytest.mark.parametrize("name", ["a.nii.gz", "a.dcm"])
def test_without_the_extra_its_name_is_told(tmp_path, name):
    (tmp_path / name).write_bytes(b"anything")
    code = f"""
import sys
sys.modules["nibabel"] = sys.modules["pydicom"] = None  # as if not installed
from napari_ae_seg.core.errors import MissingExtraError
from napari_ae_seg.images.stack import read
try:
    read({str(tmp_path / name)!r})
except MissingExtraError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "napari-ae-seg[medical]"' in run.stdout


def test_reading_images_loads_no_torch_and_no_reader_it_does_not_need():
    code = """
import sys
import numpy as np
from napari_ae_seg.images.stack import read
read(np.zeros((4, 4)))
heavy = {"torch", "sklearn", "skimage", "scipy", "dask", "zarr", "tifffile", "PIL", "nibabel", "pydicom", "napari"}
print(sorted(heavy & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
