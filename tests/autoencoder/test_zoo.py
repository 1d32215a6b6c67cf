"""An encoder as a package of the BioImage Model Zoo."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import numpy as np
import pydantic
import pytest
import tifffile
import torch

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.zoo import Latents

CHECK = """
import sys, warnings
warnings.simplefilter("ignore")
from bioimageio.core import test_model
done = test_model(sys.argv[1])
print(done.status)
if done.status != "passed":
    print(done.format())
"""


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(140, 200)) * 200 + 1000 * (np.arange(200) > 90)).astype(np.float32)


def test_its_module_gives_the_latents_of_the_package_for_images_of_any_size(image):
    model = ae.Autoencoder.shipped(2).suited_to(image)
    part = image[:128, :192]
    found = Latents(model)(torch.from_numpy(part)[None, None])
    assert np.allclose(found.detach().numpy(), ae.encode(model, part).array, atol=1e-4)


def test_what_is_no_number_counts_as_the_mean(image):
    holed = image[:128, :128].copy()
    holed[10:20, 10:20] = np.nan
    model = ae.Autoencoder.shipped(2).suited_to(image)
    found = Latents(model)(torch.from_numpy(holed)[None, None])
    assert np.allclose(found.detach().numpy(), ae.encode(model, holed).array, atol=1e-4)


def test_the_zoo_accepts_the_package_and_runs_it_to_the_same_latents(tmp_path, image):
    if tuple(map(int, pydantic.VERSION.split(".")[:2])) > (2, 13):
        pytest.skip("the checker cannot read any model beside this pydantic; it can beside pydantic 2.13 and older")
    pytest.importorskip("bioimageio.core", reason="bioimageio.core is not there")
    ae.write_bioimageio(ae.Autoencoder.shipped(2), image, tmp_path / "model.zip")
    done = subprocess.run([sys.executable, "-c", CHECK, "model.zip"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[:1] == ["passed"], done.stdout + done.stderr[-2000:]


def test_what_cannot_be_packaged_is_said(tmp_path, image):
    with pytest.raises(ValueError, match="at least 64 pixels"):
        ae.write_bioimageio(ae.Autoencoder.shipped(2), image[:4, :4], tmp_path / "model.zip")
    with pytest.raises(ValueError, match="made elsewhere"):
        ae.write_bioimageio(ae.Autoencoder.of(torch.nn.Conv2d(3, 4, 8, 8)), image, tmp_path / "model.zip")
    assert not list(tmp_path.iterdir())


def test_the_command_line_writes_it_of_a_segmenter(tmp_path, image):
    tifffile.imwrite(tmp_path / "image.tif", image)
    ae.Segmenter.fit(None, image, ae.SegmentationConfig(n_clusters=2)).save(tmp_path / "model.aeseg")
    command = [sys.executable, "-m", "napari_ae_seg", "export", "model.aeseg", "image.tif", "--bioimageio", "--out"]
    subprocess.run([*command, "encoder.zip"], cwd=tmp_path, check=True)
    assert "rdf.yaml" in zipfile.ZipFile(tmp_path / "encoder.zip").namelist()
    done = subprocess.run([*command, "encoder.tif"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "PACKAGE.zip" in done.stderr.replace("\n", " ")
