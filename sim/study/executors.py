"""Where work is done: in this process, in processes of this machine, or on the workers of a Dask scheduler.

An executor takes tasks and yields pairs of a task's number and its result, in any order. Whoever asks may stop early.
A function that is handed over must not raise: what breaks down in it is a result (`sim.study.sweeps.task`). What can
still go wrong is that a worker dies, killed from outside or for want of memory. Then its task is tried once more, alone
if it can be, and given up as `Lost` if that worker dies as well; the others go on.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from distributed import Client

T = TypeVar("T")
R = TypeVar("R")
Name = Literal["processes", "serial", "dask"]
NAMES: Final[tuple[Name, ...]] = ("processes", "serial", "dask")
_IN_STOCK: Final = 2
"""Tasks handed over for every worker: one that it works at, and one that waits."""
_DEATHS: Final = 1
"""How many workers may die of a task before it is given up: one that dies once more is `Lost`."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing came back: whoever worked at it was killed, twice."""

    reason: str


class Executor(Protocol):
    """Does tasks somewhere."""

    def results(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[int, R | Lost]]:
        """Yield each task's number and what the function made of it, in the order in which they end."""
        ...


class Serial:
    """One after the other, in this process."""

    def results(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[int, R | Lost]]:
        """As `Executor.results`, in the order of the tasks; nothing is ever lost."""
        for number, task in enumerate(tasks):
            yield number, function(task)


class Processes:
    """In processes of this machine, started afresh (``spawn``), so that no thread or lock is inherited.

    Args:
        workers: how many at a time.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def results(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[int, R | Lost]]:
        """As `Executor.results`."""
        waiting = enumerate(tasks)
        suspects: deque[tuple[int, T]] = deque()
        more = True
        while more or suspects:
            if suspects:
                number, task = suspects.popleft()
                yield number, _alone(function, task)
                continue
            more = yield from self._until_broken(function, waiting, suspects)

    def _until_broken(
        self, function: Callable[[T], R], waiting: Iterator[tuple[int, T]], suspects: deque[tuple[int, T]]
    ) -> Generator[tuple[int, R | Lost], None, bool]:
        """Work until all is done (returns False) or a worker dies (True): then what was under way are suspects."""
        pool = ProcessPoolExecutor(self.workers, mp_context=multiprocessing.get_context("spawn"))
        under_way: dict[Future[R], tuple[int, T]] = {}
        try:
            while True:
                while len(under_way) < self.workers * _IN_STOCK:
                    item = next(waiting, None)
                    if item is None:
                        break
                    try:
                        under_way[pool.submit(function, item[1])] = item
                    except BrokenProcessPool:
                        suspects.append(item)
                        raise
                if not under_way:
                    return False
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    result = future.result()
                    number, _ = under_way.pop(future)
                    yield number, result
        except BrokenProcessPool:
            for future, item in under_way.items():
                if future.done() and future.exception() is None:
                    yield item[0], future.result()
                else:
                    suspects.append(item)
            return True
        finally:
            _end(pool)


def _end(pool: ProcessPoolExecutor) -> None:
    """Stop the workers now: nobody waits for what they are at."""
    processes = list((pool._processes or {}).values())  # noqa: SLF001 - the pool has no public way to stop a task
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        if process.is_alive():
            process.terminate()
    for process in processes:
        process.join()


def _alone(function: Callable[[T], R], task: T) -> R | Lost:
    """Try a task that may have killed its worker in a process of its own."""
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    try:
        return pool.submit(function, task).result()
    except BrokenProcessPool:
        return Lost("its process was killed twice, for want of memory or from outside")
    finally:
        _end(pool)


class Dask:
    """On the workers of a Dask scheduler.

    Args:
        client: connected to it.

    A task whose worker dies goes to another one by itself; whose second worker dies too is `Lost`, which needs the
    setting ``distributed.scheduler.allowed-failures`` of 1 at the scheduler (`cluster` sets it for one of its own).
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def results(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[int, R | Lost]]:
        """As `Executor.results`."""
        from distributed import KilledWorker, as_completed

        waiting = enumerate(tasks)
        numbers: dict[object, int] = {}
        completed = as_completed(loop=self.client.loop)

        def hand_over() -> bool:
            item = next(waiting, None)
            if item is not None:
                future = self.client.submit(function, item[1], pure=False)
                numbers[future.key] = item[0]
                completed.add(future)
            return item is not None

        for _ in range(max(1, sum(self.client.ncores().values())) * _IN_STOCK):
            if not hand_over():
                break
        try:
            for future in completed:
                number = numbers.pop(future.key)
                error = future.exception()
                if isinstance(error, KilledWorker):
                    yield number, Lost("its workers were killed, for want of memory or from outside")
                else:
                    yield number, future.result()
                hand_over()
        finally:
            self.client.cancel(list(completed.futures))


def usable_workers() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def opened(name: str, workers: int | None = None, scheduler: str | None = None) -> Iterator[Executor]:
    """An executor, and whatever it needs for as long as it is used.

    Args:
        name: one of `NAMES`.
        workers: processes; by default one for each processor that this process may use. Not with ``scheduler``.
        scheduler: address of a Dask scheduler, ``tcp://host:8786``; without one, ``dask`` starts a cluster here.

    Raises:
        ValueError: they do not go together.
        OSError: nobody answers at that address.
    """
    if name not in NAMES:
        raise ValueError(f"no executor '{name}'; needs one of {', '.join(NAMES)}")
    if scheduler is not None and name != "dask":
        raise ValueError(f"a scheduler is asked by the executor dask, not by {name}")
    if scheduler is not None and workers is not None:
        raise ValueError("a scheduler has workers of its own; needs either it or a number of workers")
    count = usable_workers() if workers is None else workers
    if count < 1:
        raise ValueError(f"{count} workers; needs 1 or more")
    if name == "serial" or (name == "processes" and count == 1):
        yield Serial()
    elif name == "processes":
        yield Processes(count)
    else:
        with _client(count, scheduler) as client:
            yield Dask(client)


@contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Client]:
    """A client of this scheduler, or of one that is started here with so many worker processes."""
    import dask
    from distributed import Client, LocalCluster

    if scheduler is not None:
        with Client(scheduler, timeout="10s", set_as_default=False) as client:
            yield client
        return
    settings = {"distributed.scheduler.allowed-failures": _DEATHS, "distributed.worker.daemon": True}
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client
