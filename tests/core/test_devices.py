import os
import subprocess
import sys

import pytest
import torch

from napari_ae_seg import AssumptionWarning, OutOfMemoryError
from napari_ae_seg.core import devices

CPU = torch.device("cpu")


def test_auto_says_what_it_chose_and_why():
    chosen = devices.resolve("auto")
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert chosen.device.type == expected
    assert "GPU" in chosen.reason


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU")
def test_a_gpu_that_is_not_there_is_an_error_that_names_the_way_out():
    with pytest.raises(ValueError, match="no CUDA GPU; try device='auto'"):
        devices.resolve("cuda")
    with pytest.raises(ValueError, match="cuda:3"):
        devices.resolve("cuda:3")


def test_the_list_of_devices_ends_with_a_usable_cpu_and_names_what_is_missing():
    listed = devices.listing()
    assert (listed[-1].name, listed[-1].usable) == ("cpu", True)
    assert {line.name.split(":")[0] for line in listed} == {"cuda", "mps", "cpu"}
    assert all(line.description for line in listed)


def test_by_default_one_core_stays_free(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert devices.default_threads() == max(1, devices.cores() - 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert devices.default_threads() == 1


def test_threads_asked_for_are_the_threads_torch_uses():
    before = torch.get_num_threads()
    try:
        assert devices.use_threads(2) == 2 == torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def test_idle_threads_wait_passively_before_torch_is_there():
    code = "import sys, os, napari_ae_seg.core.devices; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    clean = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["passive", "False"]


def test_random_numbers_follow_the_seed_and_leave_the_others_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with devices.seeded(1, CPU):
        first = torch.rand(3)
    with devices.seeded(1, CPU):
        second = torch.rand(3)
    assert torch.equal(first, second)
    assert torch.equal(torch.rand(3), expected)


def test_precision_asked_for_is_kept_and_auto_follows_the_probe():
    assert devices.precision("fp32", CPU) == "fp32"
    assert devices.precision("mixed", CPU) == "mixed"
    assert devices.precision("auto", CPU) == ("mixed" if devices.mixed_gain("cpu") >= 1.2 else "fp32")
    assert devices.mixed_gain("cpu") == devices.mixed_gain("cpu") > 0


def allocating(size: int, device: torch.device) -> int:
    """Fails as torch really fails above a size of 3."""
    torch.empty(2**60 if size > 3 else size, dtype=torch.uint8, device=device)
    return size


def test_a_size_that_does_not_fit_is_halved_with_a_notice():
    with pytest.warns(AssumptionWarning) as notices:
        assert devices.shrinking(allocating, 16, CPU, what="batch") == 2
    assert [str(notice.message).split(" a ")[1] for notice in notices] == [f"batch of {n}" for n in (8, 4, 2)]


def test_memory_that_runs_out_at_the_smallest_size_is_one_clear_sentence():
    with pytest.warns(AssumptionWarning), pytest.raises(OutOfMemoryError, match="even with a tile of 8"):
        devices.shrinking(allocating, 16, CPU, smallest=8)


def test_other_errors_pass_through():
    def wrong(size: int, device: torch.device) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        devices.shrinking(wrong, 16, CPU)


@pytest.mark.gpu
def test_a_full_gpu_goes_on_with_the_cpu():
    def compute(size: int, device: torch.device) -> str:
        torch.empty(2**60 if device.type == "cuda" else 1, dtype=torch.uint8, device=device)
        return device.type

    with pytest.warns(AssumptionWarning, match="going on with the CPU"):
        assert devices.shrinking(compute, 1, torch.device("cuda")) == "cpu"
