"""Workers: whoever labels a block, and whoever dies meanwhile, the result is the same."""

import csv
import os
import signal
import sys

import numpy as np
import pytest
import tifffile
from tests.segmenter.test_job import content

import napari_ae_seg as ae
from napari_ae_seg.autoencoder import encode
from napari_ae_seg.images.formats import ngff as files

pytest.importorskip("distributed")


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setitem(encode.BLOCK, 2, 64)
    monkeypatch.setitem(encode.BLOCK, 3, 32)
    monkeypatch.setitem(files.SIDES, 2, 32)
    monkeypatch.setitem(files.SIDES, 3, 16)


@pytest.fixture(scope="module")
def image():
    y, x = np.mgrid[:150, :190]
    blobs = (np.sin(y / 9) + np.sin(x / 11) > 0.3) + np.random.default_rng(0).normal(0, 0.2, y.shape)
    return blobs.astype(np.float32)


@pytest.fixture(scope="module")
def segmenter(image):
    return ae.Segmenter.fit(None, image, ae.SegmentationConfig(n_clusters=3, threads=1))


@pytest.fixture(scope="module")
def workers():
    with ae.Workers(2) as two:
        yield two


def test_a_job_of_workers_one_of_which_is_killed_gives_the_bytes_of_one_process(workers, segmenter, image, tmp_path):
    ae.Job(segmenter, ae.read(image).image, tmp_path / "alone.zarr").run()
    job = ae.Job(segmenter, ae.read(image).image, tmp_path / "shared.zarr", workers=workers)
    stages = []
    for done in job:
        if not stages:
            victim = next(iter(workers._client.run(os.getpid).values()))
            os.kill(victim, getattr(signal, "SIGKILL", signal.SIGTERM))
        stages.append(done.stage)
    assert stages.count("label") == 9
    assert content(tmp_path / "shared.zarr") == content(tmp_path / "alone.zarr")


def test_no_more_than_two_tasks_a_worker_are_on_their_way(workers):
    asked = []

    def tasks():
        for number in range(20):
            asked.append(number)
            yield number

    ahead = max(len(asked) - done for done, _ in enumerate(workers.map(abs, tasks()), start=1))
    assert ahead <= 2 * 2
    assert len(asked) == 20


def test_an_error_of_a_task_is_raised_here(workers, tmp_path):
    with pytest.raises(FileNotFoundError):
        list(workers.map(os.stat, [str(tmp_path / "missing")]))


def test_images_of_a_folder_are_shared_and_failures_listed(workers, segmenter, image, tmp_path):
    for name in "abc":
        tifffile.imwrite(tmp_path / f"{name}.tif", image[:64, :64] + (name == "b"))
    stack = ae.read([tmp_path / f"{name}.tif" for name in "abc"])
    (tmp_path / "b.tif").write_bytes(b"no image any more")
    outs = [tmp_path / f"out/{name}_labels.tif" for name in "abc"]
    outcomes = list(ae.Folder(segmenter, stack, outs, workers=workers, objects=ae.ObjectsConfig()))
    assert {outcome.name: bool(outcome.failure) for outcome in outcomes} == {"a": False, "b": True, "c": False}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_labels.tif", "c_labels.tif"]
    ae.write_summary(tmp_path / "s.csv", outcomes)
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert int(rows["a"]["objects"]) == tifffile.imread(outs[0]).max()
    assert sum(float(rows["a"][f"share {n}"]) for n in (1, 2, 3)) == pytest.approx(1, abs=1e-5)
    assert rows["b"]["failure"]


def test_a_folder_that_was_stopped_goes_on_with_the_images_that_are_not_done(segmenter, image, tmp_path):
    stack, outs = ae.read([image[:64, :64], image[64:128, :64]]), [tmp_path / "a.tif", tmp_path / "b.tif"]
    first = next(iter(ae.Folder(segmenter, stack, outs)))
    made = outs[0].stat().st_mtime_ns
    outcomes = list(ae.Folder(segmenter, stack, outs))
    assert outcomes[0] == first
    assert outs[0].stat().st_mtime_ns == made
    assert [outcome.number for outcome in outcomes] == [0, 1]


def test_a_scheduler_that_does_not_answer_is_named():
    with pytest.raises(ae.JobError, match="no dask scheduler answers at nowhere"):
        ae.Workers(address="nowhere")


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ae.MissingExtraError, match=r"napari-ae-seg\[distributed\]"):
        ae.Workers(1)
