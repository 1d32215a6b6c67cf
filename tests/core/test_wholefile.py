"""Files and folders appear whole or not at all, whoever is killed, fails or writes at the same time."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from napari_ae_seg.core import wholefile
from napari_ae_seg.core.wholefile import restore, restore_all, whole_file, whole_folder, write_bytes, write_text

ENDED = 2**22 + 1  # no process has a number as high


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def hidden(path, what, pid=ENDED, ending=""):
    return path.with_name(f".{path.name}.aeseg-{wholefile._host()}-{pid}-0123abcd.{what}{ending}")


def folder_with(path, text):
    path.mkdir()
    (path / "held").write_text(text)
    return path


def held(path):
    return (path / "held").read_text()


def write_folder(path, text):
    with whole_folder(path, replaces=lambda _: True) as temporary:
        (temporary / "held").write_text(text)


def test_content_is_flushed_before_the_rename_and_its_folder_after_it(tmp_path, monkeypatch):
    done = []
    flush, rename = os.fsync, os.replace

    def fsync(handle):
        done.append(("flush", Path(f"/proc/self/fd/{handle}").readlink().name))
        flush(handle)

    def replace(old, new):
        done.append(("rename", Path(new).name))
        rename(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    write_text(tmp_path / "a.txt", "all")
    (first, temporary), *rest = done
    assert (first, temporary.startswith(".a.txt.")) == ("flush", True)
    assert rest == [("rename", "a.txt"), ("flush", tmp_path.name)]


def test_everything_in_a_folder_is_flushed(tmp_path, monkeypatch):
    done = []
    flush = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (done.append(Path(f"/proc/self/fd/{handle}").readlink().name), flush(handle))
    )
    with whole_folder(tmp_path / "a") as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "x").write_text("1")
        (temporary / "y").write_text("2")
    assert [name for name in done if not name.startswith(".")] == ["x", "inner", "y", tmp_path.name]


def test_a_writer_that_fails_half_way_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "a.txt", "old")

    def fail():
        with whole_file(tmp_path / "a.txt") as temporary:
            temporary.write_text("ne")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (names(tmp_path), (tmp_path / "a.txt").read_text()) == (["a.txt"], "old")


def test_the_old_folder_comes_back_when_the_rename_fails(tmp_path, monkeypatch):
    folder_with(tmp_path / "a", "old")
    rename = Path.rename

    def failing(self, target):
        if self.name.endswith(".new"):
            raise PermissionError(13, "no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(PermissionError, match=r"cannot write '.*a': no"):
        write_folder(tmp_path / "a", "new")
    assert (names(tmp_path), held(tmp_path / "a")) == (["a"], "old")


def test_a_folder_is_replaced_only_if_it_may_be(tmp_path):
    folder_with(tmp_path / "a", "years of work")
    with (
        pytest.raises(FileExistsError, match="is not replaced; give another name"),
        whole_folder(tmp_path / "a") as temporary,
    ):
        (temporary / "held").write_text("new")
    assert (names(tmp_path), held(tmp_path / "a")) == (["a"], "years of work")
    write_folder(tmp_path / "a", "new")
    assert (names(tmp_path), held(tmp_path / "a")) == (["a"], "new")


def test_a_folder_that_stepped_aside_for_a_killed_writer_is_brought_back(tmp_path):
    folder_with(hidden(tmp_path / "a", "old"), "old")
    restore(tmp_path / "a")
    assert (names(tmp_path), held(tmp_path / "a")) == (["a"], "old")
    (tmp_path / "a").rename(hidden(tmp_path / "a", "old"))
    restore_all(tmp_path)
    assert (names(tmp_path), held(tmp_path / "a")) == (["a"], "old")
    (tmp_path / "a").rename(hidden(tmp_path / "a", "old"))
    write_text(tmp_path / "b.txt", "any write beside it")
    assert (names(tmp_path), held(tmp_path / "a")) == (["a", "b.txt"], "old")


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path):
    hidden(tmp_path / "a.txt", "new", ending=".txt").write_text("half")
    folder_with(hidden(tmp_path / "c", "new"), "half")
    folder_with(tmp_path / "d", "new")
    folder_with(hidden(tmp_path / "d", "old"), "old, replaced by d")
    alive = hidden(tmp_path / "a.txt", "new", pid=os.getppid(), ending=".txt")
    alive.write_text("its process is at work")
    foreign = tmp_path / ".a.txt.1234.partial"
    foreign.write_text("of another program")
    write_text(tmp_path / "e.txt", "new")
    assert names(tmp_path) == sorted([alive.name, foreign.name, "d", "e.txt"])


def test_a_number_that_this_process_shares_with_a_killed_one_does_not_protect_strays(tmp_path):
    folder_with(hidden(tmp_path / "a", "old", pid=os.getpid()), "old")
    restore(tmp_path / "a")
    assert held(tmp_path / "a") == "old"


@pytest.mark.parametrize("write", [write_text, write_folder])
def test_writers_at_the_same_time_all_succeed_and_do_not_mix(tmp_path, write):
    failed = []

    def work(text):
        try:
            for _ in range(5):
                write(tmp_path / "a", text)
        except OSError as error:
            failed.append(error)

    texts = [str(number) * 1000 for number in range(6)]
    threads = [threading.Thread(target=work, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = tmp_path / "a"
    assert (failed, names(tmp_path)) == ([], ["a"])
    assert (held(found) if found.is_dir() else found.read_text()) in texts


def test_a_link_keeps_pointing_to_what_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "a.txt").symlink_to(tmp_path / "far" / "b.txt")
    write_text(tmp_path / "a.txt", "new")
    assert ((tmp_path / "a.txt").is_symlink(), (tmp_path / "far" / "b.txt").read_text()) == (True, "new")


def test_a_name_as_long_as_a_name_can_be_is_written(tmp_path):
    write_bytes(tmp_path / ("ä" * 125 + ".txt"), b"x")
    assert len(names(tmp_path)) == 1


def test_where_nothing_can_be_written_one_sentence_says_so(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match=r"cannot write '.*a\.txt': "):
        write_text(tmp_path / "file" / "a.txt", "x")


KILLED = """
import sys
from napari_ae_seg.core.wholefile import whole_folder, write_text
folder = sys.argv[1]
print("ready", flush=True)
for number in range(10**9):
    write_text(f"{folder}/a.txt", str(number) * 20000)
    with whole_folder(f"{folder}/b", replaces=lambda _: True) as temporary:
        for name in "xyz":
            (temporary / name).write_text(str(number))
"""


def test_a_writer_killed_at_any_moment_leaves_the_old_or_the_new(tmp_path):
    rng = np.random.default_rng(0)
    for _ in range(8):
        run = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE)
        assert run.stdout.readline() == b"ready\n"
        time.sleep(float(rng.uniform(0.02, 0.1)))
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
        restore(tmp_path / "b")
        if (tmp_path / "b").exists():
            assert names(tmp_path / "b") == ["x", "y", "z"]
            assert len({path.read_text() for path in (tmp_path / "b").iterdir()}) == 1
        if (tmp_path / "a.txt").exists():
            text = (tmp_path / "a.txt").read_text()
            assert text == text[: len(text) // 20000] * 20000
    write_text(tmp_path / "end.txt", "")
    assert names(tmp_path) == ["a.txt", "b", "end.txt"]
