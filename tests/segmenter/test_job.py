"""Jobs: images of any size, block by block, whatever stops them; the result is that of one undisturbed run."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr

import napari_ae_seg as ae
from napari_ae_seg.autoencoder import encode
from napari_ae_seg.core.journal import Journal, entries
from napari_ae_seg.images.formats import ngff as files
from napari_ae_seg.segmenter import segmenter as whole_segmenter

SMALL = 32


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Blocks of 64 pixels and chunks of 32, so that small images have many."""
    monkeypatch.setitem(encode.BLOCK, 2, 64)
    monkeypatch.setitem(encode.BLOCK, 3, 32)
    monkeypatch.setitem(files.SIDES, 2, SMALL)
    monkeypatch.setitem(files.SIDES, 3, 16)
    monkeypatch.setattr(files, "_SMALL", 64)


@pytest.fixture(scope="module")
def image():
    y, x = np.mgrid[:150, :190]
    blobs = (np.sin(y / 9) + np.sin(x / 11) > 0.3) + np.random.default_rng(0).normal(0, 0.2, y.shape)
    blobs[5:9, 5:9] = np.nan
    return blobs.astype(np.float32)


@pytest.fixture(scope="module")
def segmenter(image):
    return ae.Segmenter.fit(None, image, ae.SegmentationConfig(n_clusters=3, threads=1))


def content(folder):
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_a_job_gives_the_labels_and_the_table_of_one_piece(segmenter, image, tmp_path):
    found, whole = segmenter.apply(image, out=tmp_path / "l.zarr"), segmenter.apply(image)
    assert np.array_equal(found.labels[:], whole.labels)
    assert found.table == whole.table
    assert [path.name for path in tmp_path.iterdir()] == ["l.zarr"]


@pytest.mark.filterwarnings("ignore:image. its pixels measure")
def test_the_result_is_an_ome_zarr_with_coarser_levels_that_is_read_again(segmenter, image, tmp_path):
    stack = ae.read(image, spacing=(0.5, 0.25))
    found = segmenter.apply(stack, out=tmp_path / "l.zarr")
    group = zarr.open_group(tmp_path / "l.zarr", mode="r")
    levels = group.attrs["ome"]["multiscales"][0]["datasets"]
    assert [level["path"] for level in levels] == ["0", "1", "2"]
    assert levels[2]["coordinateTransformations"][0]["scale"] == pytest.approx([0.5 * 150 / 38, 0.25 * 190 / 48])
    assert (group["1"].shape, group["2"].shape) == ((75, 95), (38, 48))
    assert np.array_equal(group["1"][:], found.labels[1::2, 1::2])
    assert group.attrs["ome"]["image-label"]["properties"][0]["name"] == "cluster 1"
    assert ae.read(str(tmp_path / "l.zarr")).spacing == (0.5, 0.25)


def test_a_changed_byte_of_labels_is_noticed(segmenter, image, tmp_path):
    segmenter.apply(image, out=tmp_path / "l.zarr")
    file = tmp_path / "l.zarr/0/c/0/0"
    held = bytearray(file.read_bytes())
    held[len(held) // 4] ^= 1
    file.write_bytes(held)
    with pytest.raises(ae.ImageReadError, match="damaged"):
        ae.read(str(tmp_path / "l.zarr")).image.block(0, (slice(0, 150), slice(0, 190)))


@pytest.mark.parametrize("method", ["components", "distance"])
def test_objects_have_one_number_across_the_borders_of_blocks(segmenter, image, tmp_path, method):
    config = ae.ObjectsConfig(method=method, min_size=3)
    job = ae.Job(segmenter, ae.read(image).image, tmp_path / "l.zarr", objects=config, labels=[3]).run()
    whole = segmenter.apply(image).objects(image, [3], config)
    assert np.array_equal(job.found.labels[:], whole.labels)
    assert job.found.table == whole.table


def test_regions_have_one_number_across_the_borders_of_blocks(image, tmp_path, monkeypatch):
    quarters = np.kron([[0.0, 5.0], [9.0, 2.0]], np.ones((75, 95))).astype(np.float32)
    segmenter = ae.Segmenter.fit(None, quarters, ae.SegmentationConfig(method="regions", threads=1))
    whole = segmenter.apply(quarters)
    monkeypatch.setattr(whole_segmenter, "IN_MEMORY", 0)
    found = segmenter.apply(quarters, out=tmp_path / "l.zarr")
    inside = (slice(40, 110), slice(50, 140))  # what lies on the borders of blocks
    assert sorted(found.table["size"]) == sorted(whole.table["size"])
    assert {*np.unique(found.labels[inside])} == {1, 2, 3, 4}


def test_regions_that_were_asked_for_are_those_of_the_clusters(image, tmp_path, monkeypatch):
    segmenter = ae.Segmenter.fit(None, image, ae.SegmentationConfig(method="regions", n_clusters=2, threads=1))
    whole = segmenter.apply(image).labels
    monkeypatch.setattr(whole_segmenter, "IN_MEMORY", 0)
    found = segmenter.apply(image, out=tmp_path / "l.zarr").labels[:]
    assert (found == whole).mean() > 0.9


def test_strokes_are_followed_in_every_block(segmenter, image, tmp_path):
    strokes = np.zeros(image.shape, int)
    strokes[20:24, 20:40], strokes[60:64, 100:120] = 1, 2
    guided = segmenter.guided(segmenter.prepare(image), strokes)
    assert np.array_equal(guided.apply(image, out=tmp_path / "l.zarr").labels[:], guided.apply(image).labels)


def test_volumes_and_series_are_written_as_they_lie(tmp_path):
    series = np.random.default_rng(0).random((2, 70, 3, 66), np.float32)  # T Y Z X
    stack = ae.read(series, axes="TYZX")
    segmenter = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=2, threads=1))
    found = segmenter.apply(stack, out=tmp_path / "l.zarr")
    assert found.labels.shape == (2, 70, 3, 66)
    assert np.array_equal(found.labels[:], segmenter.apply(stack).labels)


def test_a_job_that_was_stopped_goes_on_where_it_was(segmenter, image, tmp_path):
    ae.Job(segmenter, ae.read(image).image, tmp_path / "whole.zarr").run()
    for done in ae.Job(segmenter, ae.read(image).image, tmp_path / "l.zarr"):
        if done.done == 4:
            break
    assert not (tmp_path / "l.zarr").exists()
    job = ae.Job(segmenter, ae.read(image).image, tmp_path / "l.zarr")
    assert np.array_equal(job.labels[:64, :64], zarr.open(tmp_path / "whole.zarr")["0"][:64, :64])
    again = [done.done for done in job if done.stage == "label"]
    assert again == [5, 6, 7, 8, 9]
    assert content(tmp_path / "l.zarr") == content(tmp_path / "whole.zarr")


def test_what_another_job_has_done_is_not_touched(segmenter, image, tmp_path):
    next(iter(ae.Job(segmenter, ae.read(image).image, tmp_path / "l.zarr")))
    with pytest.raises(ae.JobError, match=r"another job: the segmenter.* differed"):
        segmenter.cut(2).apply(image, out=tmp_path / "l.zarr")
    with pytest.raises(ae.JobError, match="another job: the image"):
        segmenter.apply(image + 1, out=tmp_path / "l.zarr")
    assert np.array_equal(segmenter.apply(image, out=tmp_path / "l.zarr").labels[:], segmenter.apply(image).labels)


def test_two_processes_do_not_write_at_once(segmenter, image, tmp_path):
    job = iter(ae.Job(segmenter, ae.read(image).image, tmp_path / "l.zarr"))
    next(job)
    with pytest.raises(ae.JobError, match=r"another process is at work on l.zarr.partial"):
        segmenter.apply(image, out=tmp_path / "l.zarr")
    job.close()


def test_parts_of_a_job_together_are_the_whole(segmenter, image, tmp_path):
    stack = ae.read(image)
    ae.Job(segmenter, stack.image, tmp_path / "whole.zarr").run()
    for number in (2, 0, 1):
        ae.Job(segmenter, stack.image, tmp_path / "l.zarr", share=(number, 3)).run()
        assert not (tmp_path / "l.zarr").exists()
    assert all(done.stage != "label" for done in ae.Job(segmenter, stack.image, tmp_path / "l.zarr"))
    assert content(tmp_path / "l.zarr") == content(tmp_path / "whole.zarr")


def test_another_result_is_replaced_only_when_the_new_one_is_complete(segmenter, image, tmp_path):
    segmenter.apply(image, out=tmp_path / "l.zarr")
    before = content(tmp_path / "l.zarr")
    job = ae.Job(segmenter.cut(2), ae.read(image).image, tmp_path / "l.zarr")
    next(iter(job))
    assert content(tmp_path / "l.zarr") == before
    assert len(np.unique(job.run().segments.labels[:])) == 3  # two segments, and no data


def test_a_zarr_of_someone_else_is_not_replaced(segmenter, image, tmp_path):
    zarr.create_array(tmp_path / "l.zarr", shape=(4,), dtype="u1")
    with pytest.raises(FileExistsError, match="is not replaced"):
        segmenter.apply(image, out=tmp_path / "l.zarr")


def test_labels_of_a_job_that_is_not_done_are_no_segments(segmenter, image, tmp_path):
    with pytest.raises(ae.JobError, match="not complete"):
        _ = ae.Job(segmenter, ae.read(image).image, tmp_path / "l.zarr").segments


def test_a_torn_line_of_a_journal_is_cut(tmp_path):
    with Journal(tmp_path / "j", {"job": 1}) as journal:
        journal.add({"block": 1})
    (tmp_path / "j").write_bytes((tmp_path / "j").read_bytes() + b'{"block": 2')
    assert entries(tmp_path / "j") == [{"job": 1}, {"block": 1}]
    with Journal(tmp_path / "j", {"job": 1}) as journal:
        journal.add({"block": 3})
    assert entries(tmp_path / "j") == [{"job": 1}, {"block": 1}, {"block": 3}]


def test_a_job_reads_no_more_than_its_block_and_what_is_around(segmenter, image, tmp_path):
    class Watched:
        shape, dtype, largest = (150, 190), np.dtype("f4"), 0

        def __getitem__(self, index):
            part = image[index]
            Watched.largest = max(Watched.largest, part.size)
            return part

    tall = ae.read(Watched(), axes="YX")
    found = segmenter.apply(tall, out=tmp_path / "l.zarr")
    assert np.array_equal(found.labels[:], segmenter.apply(image).labels)


def test_what_kills_left_before_the_first_block_is_swept(segmenter, image, tmp_path):
    (tmp_path / ".l.zarr.partial.4711" / ".job").mkdir(parents=True)
    segmenter.apply(image, out=tmp_path / "l.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["l.zarr"]


def test_what_is_killed_while_it_sweeps_up_is_good_the_next_time(segmenter, image, tmp_path, monkeypatch):
    whole, job = shutil.rmtree, tmp_path / "l.zarr" / files.JOB

    def torn(path, **options):
        whole(*(path.glob("journal") if path == job else [path]), **options)
        (job / "summary.json").unlink(missing_ok=path != job)
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", torn)
    with pytest.raises(KeyboardInterrupt):
        segmenter.apply(image, out=tmp_path / "l.zarr")
    monkeypatch.undo()
    found = segmenter.apply(image, out=tmp_path / "l.zarr")
    assert np.array_equal(found.labels[:], segmenter.apply(image).labels)
    assert not job.exists()


CHILD = """
import os, signal, sys, time, numpy as np, napari_ae_seg as ae
from napari_ae_seg.autoencoder import encode
from napari_ae_seg.images.formats import ngff as files
encode.BLOCK.update({2: 64, 3: 32}); files.SIDES.update({2: 32, 3: 16}); files._SMALL = 64
folder = sys.argv[1]

def work(out, kind):
    objects = ae.ObjectsConfig(min_size=3) if kind == "objects" else None
    segmenter = ae.Segmenter.load(f"{folder}/m.aeseg")
    ae.Job(segmenter, ae.read(f"{folder}/image.npy").image, f"{folder}/{out}", objects=objects).run()

ae.Segmenter, ae.Job  # the children import nothing
for line in sys.stdin:
    out, kind, seconds = line.split()
    end = time.monotonic() + float(seconds)
    child = os.fork()
    if not child:
        work(out, kind)
        os._exit(0)
    status = 0, 0
    while status == (0, 0) and time.monotonic() < end:
        time.sleep(0.002)
        status = os.waitpid(child, os.WNOHANG)
    if status == (0, 0):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    print("killed" if status == (0, 0) else f"ended {status[1]}", flush=True)
"""


def kill_often(segmenter, image, folder, kind, times, seed):
    """Kill the job at random moments until it was killed so often; each time it ends as if it never had been."""
    segmenter.save(folder / "m.aeseg")
    np.save(folder / "image.npy", image)
    rng, kills = np.random.default_rng(seed), 0
    with subprocess.Popen([sys.executable, "-c", CHILD, folder], stdin=-1, stdout=-1, text=True) as children:

        def run(out, seconds=600.0):
            children.stdin.write(f"{out} {kind} {seconds}\n")
            children.stdin.flush()
            return children.stdout.readline().strip()

        assert run("warm.zarr") == "ended 0"
        start = time.perf_counter()
        assert run("whole.zarr") == "ended 0"
        length, expected = time.perf_counter() - start, content(folder / "whole.zarr")
        while kills < times:
            kills += run("l.zarr", rng.uniform(0, length)) == "killed"
            if (folder / "l.zarr").exists():
                assert run("l.zarr") == "ended 0"
                assert content(folder / "l.zarr") == expected
                shutil.rmtree(folder / "l.zarr")
        assert run("l.zarr") == "ended 0"
        children.stdin.close()
    assert content(folder / "l.zarr") == expected
    assert {path.name for path in folder.iterdir()} == {"m.aeseg", "image.npy", "warm.zarr", "whole.zarr", "l.zarr"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_a_job_that_is_killed_a_few_times_ends_as_if_it_never_had_been(segmenter, image, tmp_path):
    kill_often(segmenter, image, tmp_path, "objects", 3, seed=0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
@pytest.mark.parametrize("kind", ["segments", "objects"])
def test_a_job_that_is_killed_fifty_times_ends_as_if_it_never_had_been(segmenter, image, tmp_path, kind):
    kill_often(segmenter, image, tmp_path, kind, 50, seed=1)
