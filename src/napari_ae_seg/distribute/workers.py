"""Workers: processes on this machine, or on the machines of a dask cluster, that share the blocks of a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from napari_ae_seg.core import devices
from napari_ae_seg.core.errors import JobError, MissingExtraError

if TYPE_CHECKING:
    from types import TracebackType

AHEAD = 2
"""Tasks per worker that are on their way at a time: enough that no worker waits, and no queue fills a memory."""

T = TypeVar("T")


class Workers:
    """Processes that share work: `n` of this machine, or those of the dask scheduler at `address`.

    What a worker that dies was doing is done again by another one. All of them must see the images and the results
    under the same paths. Needs the extra `distributed`.

    Parameters
    ----------
    n : int, optional
        Processes to start on this machine; 0 starts one per core that is free.
    address : str, optional
        Of a dask scheduler that runs already, such as "tcp://10.0.0.1:8786".
    threads : int, optional
        Threads of each process that is started.
    dashboard : bool, optional
        Serve dask's page of what the workers do; `url` says where.

    Raises
    ------
    MissingExtraError
        If dask.distributed is not installed.
    JobError
        If no scheduler answers at the address.

    Examples
    --------
    >>> with Workers(1) as workers:  # doctest: +SKIP
    ...     segmenter.apply(ae.read("large.zarr"), out="labels.zarr", workers=workers)
    """

    def __init__(self, n: int = 0, address: str = "", threads: int = 1, dashboard: bool = False) -> None:
        try:
            import dask
            from distributed import Client, LocalCluster
        except ImportError:
            what = 'workers need dask.distributed: pip install "napari-ae-seg[distributed]"'
            raise MissingExtraError(what) from None
        self._cluster: Any = None
        self._threads = 0 if address else threads
        if not address:
            quiet = {"distributed.nanny.pre-spawn-environ": {name: str(threads) for name in _THREADS}}
            with dask.config.set(quiet):
                self._cluster = LocalCluster(
                    n_workers=n or max(1, devices.cores() - 1),
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=":8787" if dashboard else ":0",
                    silence_logs=50,
                )
        try:
            self._client: Any = Client(address or self._cluster, set_as_default=False)
        except (OSError, ValueError) as error:
            raise JobError(f"no dask scheduler answers at {address} ({' '.join(str(error).split())})") from None

    @property
    def url(self) -> str:
        """Where dask shows what the workers do; "" if it does not."""
        return str(self._client.dashboard_link or "")

    def __len__(self) -> int:
        return len(self._client.nthreads())

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that were started; those of another scheduler stay.

        Examples
        --------
        >>> Workers(1).close()  # doctest: +SKIP
        """
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def map(self, work: Callable[[T], Any], tasks: Iterable[T]) -> Iterator[tuple[T, Any]]:
        """Do tasks, a few of them at a time.

        Parameters
        ----------
        work : callable
            What is done with a task; it is sent to every worker once.
        tasks : iterable
            What is to be done.

        Yields
        ------
        tuple
            A task and its result, as they are done.

        Raises
        ------
        JobError
            If task after task takes its worker down.

        Examples
        --------
        >>> with Workers(2) as workers:  # doctest: +SKIP
        ...     dict(workers.map(abs, [-1, -2]))
        """
        import cloudpickle
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        # a task of its own, so that a worker that comes later, or in place of a dead one, can make it, too
        made = self._client.submit(_unpacked, cloudpickle.dumps(work), self._threads, pure=False)
        left = iter(tasks)
        running: dict[Any, T] = {}

        def start(count: int) -> list[Any]:
            fresh = {
                self._client.submit(_done, made, task, pure=False, retries=2): task for task in islice(left, count)
            }
            running.update(fresh)
            return list(fresh)

        finished = as_completed(start(AHEAD * max(1, len(self))), loop=self._client.loop)
        try:
            for future in finished:
                task = running.pop(future)
                try:
                    result = future.result()
                except KilledWorker as error:
                    what = f"task {task} ended {AHEAD + 1} or more workers: give them more memory, or take fewer"
                    raise JobError(what) from error
                future.release()
                for new in start(max(0, AHEAD * max(1, len(self)) - len(running))):
                    finished.add(new)
                yield task, result
        finally:
            self._client.cancel([*running, made])


_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def _unpacked(content: bytes, threads: int) -> Any:
    """What workers do tasks with: made once by each."""
    import pickle

    if threads:
        devices.use_threads(threads)
    return pickle.loads(content)  # noqa: S301 - this process's own client sent it


def _done(work: Callable[[T], Any], task: T) -> Any:
    return work(task)
