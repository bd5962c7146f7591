"""The workers of a Dask scheduler, on this machine or on others.

All must run the same code with the same versions of the packages that results depend on: workers are asked at the
beginning, and those that join later with each task that they take.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sim.study.executors import IN_STOCK, Lost, Stock
from sim.study.manifest import PACKAGES, code_digest
from sim.study.processes import interruptions_blocked

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from distributed import Client
    from distributed.client import Future

T = TypeVar("T")
R = TypeVar("R")
PATIENCE_S: Final = 10
"""How long a scheduler has to answer, and how long it may be without any worker at the beginning."""
_COUNT_EVERY_S: Final = 2


class Dask:
    """On the workers of a Dask scheduler; those that join are given work.

    Args:
        client: connected to it.
        address: of the scheduler, for messages.

    A task whose worker dies goes to another one by itself, as often as the scheduler's setting
    ``distributed.scheduler.allowed-failures`` says. Whatever else waited at a dead worker is blamed as well, so a task
    that the scheduler gives up is tried once more, with nothing beside it, before it is `Lost`.

    Raises:
        OSError: there are no workers, or one has other code.
    """

    def __init__(self, client: Client, address: str) -> None:
        self.client, self.address = client, address
        self._identity = identity()
        self._check_workers()
        self._workers, self._counted_s = 0, 0.0

    def _check_workers(self) -> None:
        try:
            self.client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError:
            raise OSError(
                f"the scheduler at {self.address} has no workers; start some with: dask worker {self.address} "
                "--nthreads 1"
            ) from None
        for worker, theirs in self.client.run(identity, on_error="return").items():
            # One that has just died can't answer; the one in its place is asked with its first task.
            if theirs != self._identity and not isinstance(theirs, OSError):
                raise other_code(worker, self._identity, theirs)

    @property
    def workers(self) -> int:
        """How many tasks are worked at, at a time, as of late: threads of all workers."""
        if time.monotonic() - self._counted_s > _COUNT_EVERY_S or not self._workers:
            self._workers, self._counted_s = max(1, sum(self.client.nthreads().values())), time.monotonic()
        return self._workers

    def results(self, function: Callable[[T], R], tasks: Iterable[T]) -> Generator[tuple[int, R | Lost], None, None]:
        """As `Executor.results`.

        Raises:
            ConnectionError: the scheduler has gone.
            OSError: a worker has other code.
        """
        from concurrent.futures import CancelledError

        from distributed import KilledWorker, as_completed

        stock, under_way = Stock(tasks), dict["Future[Any]", tuple[int, T]]()
        completed = as_completed(loop=self.client.loop)
        try:
            while True:
                while len(under_way) < self.workers * IN_STOCK and (item := stock.next(len(under_way))) is not None:
                    future = self.client.submit(_checked, self._identity, function, item[1], pure=False)
                    under_way[future] = item
                    completed.add(future)
                if not under_way:
                    return
                future = next(completed)
                number, task = under_way.pop(future)
                try:
                    theirs, result = future.result()
                except KilledWorker:
                    if stock.died(number, task):
                        yield number, Lost("its workers were killed, from outside or for want of memory")
                    continue
                if theirs is not None:
                    raise other_code("a worker that has joined", self._identity, theirs)
                yield number, result
        except (CancelledError, OSError) as error:
            if self.client.status == "running" and not isinstance(error, CancelledError):
                raise
            raise ConnectionError(f"the scheduler at {self.address} has gone; what is done is kept") from None
        finally:
            with suppress(Exception):  # there may be nobody left to be told
                self.client.cancel(list(under_way))


@cache
def identity() -> str:
    """What results depend on besides scenario and seed: the code, and the versions of some packages."""
    versions = ", ".join(f"{package} {metadata.version(package)}" for package in PACKAGES)
    return f"code {code_digest()[:16]}, {versions}"


def other_code(worker: object, ours: str, theirs: object) -> OSError:
    """What to say of a worker that is not like this process; ``theirs`` is an exception where it could not tell."""
    if not isinstance(theirs, str):
        return OSError(
            f"{worker} has not this project's code ({type(theirs).__name__}); install the same version there"
        )
    differ = [(a, b) for a, b in zip(ours.split(", "), theirs.split(", "), strict=True) if a != b]
    told = "; ".join(f"{b} there, {a} here" for a, b in differ)
    return OSError(f"{worker} runs another version ({told}); give all of them the same and start them anew")


def _checked(ours: str, function: Callable[[T], R], task: T) -> tuple[str | None, Any]:
    """What this worker is if it is not like those who asked, and else what came out of a task."""
    if ours != identity():
        return identity(), None
    return None, function(task)


@contextmanager
def connected(workers: int, scheduler: str | None) -> Iterator[Dask]:
    """The executor of this scheduler, or of one that is started here with so many worker processes.

    Raises:
        OSError: as for `sim.study.executors.opened`.
    """
    import dask
    from distributed import Client, LocalCluster

    _silence()
    if scheduler is not None:
        _check_address(scheduler)
        with Client(scheduler, timeout=f"{PATIENCE_S}s", set_as_default=False) as client:
            yield Dask(client, scheduler)
        return
    # With a failure allowed, a task would have another go beside others before it has one alone.
    settings = {"distributed.scheduler.allowed-failures": 0, "distributed.worker.daemon": True}
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        with interruptions_blocked():  # for the thread that starts workers, now and later
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
            stack.enter_context(cluster)
        client = stack.enter_context(Client(cluster, set_as_default=False))
        yield Dask(client, cluster.scheduler_address)


def _silence() -> None:
    """Have Dask keep what goes wrong to itself: it is told by us, in one line."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _check_address(scheduler: str) -> None:
    """Make sure that a Dask scheduler is there: a `Client` waits long where there is none, and for ever for a web page.

    Raises:
        OSError: there is none.
    """
    import socket

    from distributed.comm.addressing import get_address_host_port, parse_address

    try:
        # Whoever connects is greeted: the length of the greeting comes first.
        with socket.create_connection(get_address_host_port(scheduler, strict=True), PATIENCE_S) as connection:
            greeted = parse_address(scheduler)[0] != "tcp" or 0 < int.from_bytes(connection.recv(8), "little") < 1 << 20
    except (OSError, ValueError, OverflowError):
        greeted = False
    if not greeted:
        raise OSError(f"no Dask scheduler answers at {scheduler}; needs an address such as tcp://host:8786")
