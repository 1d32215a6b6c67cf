"""Where work runs: devices, threads, precision, random numbers of one's own, and what to do when memory runs out."""

from __future__ import annotations

import functools
import gc
import os
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from .errors import AssumptionWarning, OutOfMemoryError

# Idle OpenMP threads that spin make torch several times slower on a busy machine; it reads this when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

T = TypeVar("T")

FASTER = 1.2
"""Mixed precision is used where it is at least this many times as fast."""


@dataclass(frozen=True)
class Resolved:
    """The device chosen, and one sentence that says why."""

    device: torch.device
    reason: str


@dataclass(frozen=True)
class Listed:
    """One line of `napari-ae-seg devices`: what the device is, whether torch can use it, and if not, why."""

    name: str
    description: str
    usable: bool


def resolve(device: str = "auto") -> Resolved:
    """The torch device that `device` means; `auto` is the first of cuda, mps and cpu that there is.

    >>> resolve("cpu").reason
    'the CPU was asked for'
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return Resolved(torch.device("cuda"), f"torch finds a CUDA GPU, {torch.cuda.get_device_name()}")
        if torch.backends.mps.is_available():
            return Resolved(torch.device("mps"), "torch finds an Apple GPU and no CUDA GPU")
        return Resolved(torch.device("cpu"), f"torch {torch.__version__} finds neither a CUDA nor an Apple GPU")
    chosen = torch.device(device)
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        there = f"{torch.cuda.device_count()} CUDA GPUs" if torch.cuda.is_available() else "no CUDA GPU"
        raise ValueError(f"device={device!r} is not there: torch {torch.__version__} finds {there}; try device='auto'")
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device='mps' is not there: torch finds no Apple GPU; try device='auto'")
    name = "the CPU" if chosen.type == "cpu" else f"device {device}"
    return Resolved(chosen, f"{name} was asked for")


def listing() -> list[Listed]:
    """Every device that torch knows of, the CPU last."""
    import torch

    gpus = [
        Listed(f"cuda:{i}", f"{p.name}, {p.total_memory / 2**30:.0f} GiB", True)
        for i, p in ((i, torch.cuda.get_device_properties(i)) for i in range(torch.cuda.device_count()))
    ]
    built = "no CUDA GPU found" if torch.version.cuda else "this torch is built without CUDA"
    mps = torch.backends.mps.is_available()
    return [
        *(gpus or [Listed("cuda", built, False)]),
        Listed("mps", "Apple GPU" if mps else "no Apple GPU found", mps),
        Listed("cpu", f"{cores()} cores, of which {default_threads()} are used by default", True),
    ]


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """One thread fewer than there are cores, and no more than OMP_NUM_THREADS allows."""
    allowed = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    free = max(1, cores() - 1)
    return min(free, int(allowed)) if allowed.isdecimal() and int(allowed) else free


def use_threads(threads: int = 0) -> int:
    """Lets torch use `threads` CPU threads, 0 meaning `default_threads()`; gives the number."""
    import torch

    threads = threads or default_threads()
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return threads


def precision(wanted: str, device: torch.device) -> str:
    """'fp32' or 'mixed': what `wanted`, which may be 'auto', means on `device`."""
    if wanted != "auto":
        return wanted
    return "mixed" if mixed_gain(device.type) >= FASTER else "fp32"


@functools.cache
def mixed_gain(kind: str) -> float:
    """How many times as fast a training step is in 16 bits as in 32 on a device of `kind`; measured once a process."""
    import torch

    device = torch.device(kind)
    if kind == "mps" or (kind == "cuda" and not torch.cuda.is_bf16_supported()):
        return 0.0  # bfloat16 is emulated there, and float16 would need its losses scaled
    with seeded(0, device):
        net = torch.nn.Sequential(*(torch.nn.Conv2d(64, 64, 3, padding=1) for _ in range(2)))
        net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        x = torch.randn((4, 64, 32, 32), device=device).contiguous(memory_format=torch.channels_last)

    # On a CPU one thread, and its own time: the hardware decides, not what else the machine is doing. The same seed
    # would otherwise give other weights from run to run.
    clock = time.thread_time if kind == "cpu" else time.perf_counter

    def seconds(mixed: bool) -> float:
        start = clock()
        with torch.autocast(kind, torch.bfloat16, enabled=mixed):
            loss = net(x).square().mean()
        loss.backward()
        if kind == "cuda":
            torch.cuda.synchronize()
        return clock() - start

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times = [(seconds(mixed=False), seconds(mixed=True)) for _ in range(8)]
    finally:
        torch.set_num_threads(threads)
    return min(t for t, _ in times) / min(t for _, t in times)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, torch's random numbers follow from `seed`; afterwards they go on as if nothing had happened."""
    import torch

    cuda = [device.index or 0] if device.type == "cuda" else []
    mps = torch.mps.get_rng_state() if device.type == "mps" else None
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        for index in cuda:
            torch.cuda.default_generators[index].manual_seed(seed)
        if mps is not None:
            torch.mps.manual_seed(seed)
        try:
            yield
        finally:
            if mps is not None:
                torch.mps.set_rng_state(mps)


def shrinking(
    compute: Callable[[int, torch.device], T], size: int, device: torch.device, smallest: int = 1, what: str = "tile"
) -> T:
    """`compute(size, device)`, with half the size whenever memory runs out, at last on the CPU; says so in a warning.

    >>> def compute(size, device):
    ...     if size > 16:
    ...         raise MemoryError
    ...     return size
    >>> with warnings.catch_warnings(action="ignore"):
    ...     shrinking(compute, 64, resolve("cpu").device)
    16
    """
    import torch

    while True:
        try:
            return compute(size, device)
        except (RuntimeError, MemoryError, OutOfMemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Only here, outside of `except`, is the traceback gone that keeps the tensors of the failure alive.
        release(device)
        if size > smallest:
            size = max(smallest, size // 2)
            notice = f"memory ran out on {device.type}: going on with a {what} of {size}"
        elif device.type != "cpu":
            notice = f"memory ran out on {device.type} at the smallest {what}: going on with the CPU"
            device = torch.device("cpu")
        else:
            raise OutOfMemoryError(f"memory ran out on the CPU even with a {what} of {size}; close other programs")
        warnings.warn(notice, AssumptionWarning, stacklevel=2)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory ran out, on whatever device.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"))
    True
    """
    if isinstance(error, (MemoryError, OutOfMemoryError)):
        return True
    onednn = ("could not create a primitive", "could not create a memory")  # when its scratchpad does not fit
    signs = ("out of memory", "can't allocate memory", "not enough memory", "STATUS_ALLOC_FAILED", *onednn)
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def release(device: torch.device) -> None:
    """Gives memory that nothing uses any more back to the device."""
    import torch

    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
