"""Where work is done: in this process, in processes of this machine, or on the workers of a Dask scheduler.

An executor takes tasks and yields pairs of a task's number and its result, in any order. Whoever asks may stop early,
by closing what it was given; what is under way is stopped then, and what waits is dropped. A function that is handed
over should not raise: what breaks down in it is a result (`sim.study.sweeps.task`); what it raises all the same ends
the work. What can still go wrong is that a worker dies, killed from outside or for want of memory. Then its task is
tried once more, with nothing beside it, and given up as `Lost` if that worker dies as well; the others go on.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")
Name = Literal["processes", "serial", "dask"]
NAMES: Final[tuple[Name, ...]] = ("processes", "serial", "dask")
IN_STOCK: Final = 2
"""Tasks handed over for every thread: one that it works at, and one that waits."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing came back: whoever worked at it was killed, the second time with nothing beside it."""

    reason: str


class Executor(Protocol):
    """Does tasks somewhere."""

    @property
    def workers(self) -> int:
        """How many tasks it works at, at a time."""
        ...

    def results(self, function: Callable[[T], R], tasks: Iterable[T]) -> Generator[tuple[int, R | Lost], None, None]:
        """Yield each task's number and what the function made of it, in the order in which they end.

        Args:
            function: of a module, so that it has a name that workers can import.
            tasks: asked for the next one only when a worker is free for it, so that they may depend on results.

        Raises:
            OSError: there are no workers to be had, or what connects them has gone.
        """
        ...


class Stock(Generic[T]):
    """The tasks of one piece of work that nobody has taken yet, and those whose worker died.

    Args:
        tasks: numbered from 0 in their order.
    """

    def __init__(self, tasks: Iterable[T]) -> None:
        self._waiting = enumerate(tasks)
        self._back: deque[tuple[int, T]] = deque()
        self._suspects: deque[tuple[int, T]] = deque()
        self._suspected: set[int] = set()
        self._alone = False

    def next(self, under_way: int) -> tuple[int, T] | None:
        """The next task and its number, where so many are under way; None if none may be handed over now.

        What may have killed its worker waits until nothing is under way, and nothing is handed over beside it: if
        memory was short, it is not any more, and if a worker dies again there is no doubt of what.
        """
        if not under_way:
            self._alone = False
        if self._alone or (self._suspects and under_way):
            return None
        if self._suspects:
            self._alone = True
            return self._suspects.popleft()
        return self._back.popleft() if self._back else next(self._waiting, None)

    def put_back(self, number: int, task: T) -> None:
        """Take back a task that nobody has begun."""
        (self._suspects if number in self._suspected else self._back).append((number, task))

    def died(self, number: int, task: T) -> bool:
        """Note that a worker died that had this task; returns whether it is lost, otherwise it is tried again."""
        if number in self._suspected:
            return True
        self._suspected.add(number)
        self._suspects.append((number, task))
        return False


class Serial:
    """One after the other, in this process."""

    workers: Final = 1

    def results(self, function: Callable[[T], R], tasks: Iterable[T]) -> Generator[tuple[int, R | Lost], None, None]:
        """As `Executor.results`, in the order of the tasks; nothing is ever lost."""
        for number, task in enumerate(tasks):
            yield number, function(task)


class Threads:
    """In threads of this process, for functions that leave the interpreter to others; `opened` has it not.

    Args:
        workers: how many at a time.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def results(self, function: Callable[[T], R], tasks: Iterable[T]) -> Generator[tuple[int, R | Lost], None, None]:
        """As `Executor.results`, in the order of the tasks; nothing is ever lost."""
        from concurrent.futures import Future, ThreadPoolExecutor

        waiting, numbered = deque[tuple[int, Future[R]]](), enumerate(tasks)
        with ThreadPoolExecutor(self.workers) as pool:
            while True:
                while len(waiting) < self.workers * IN_STOCK and (item := next(numbered, None)) is not None:
                    waiting.append((item[0], pool.submit(function, item[1])))
                if not waiting:
                    return
                number, future = waiting.popleft()
                yield number, future.result()


def usable_workers() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def opened(name: str, workers: int | None = None, scheduler: str | None = None) -> Iterator[Executor]:
    """An executor, and whatever it needs for as long as it is used; no worker that it started outlives it.

    Args:
        name: one of `NAMES`.
        workers: processes; by default one for each processor that this process may use. Not with ``scheduler``.
        scheduler: address of a Dask scheduler, ``tcp://host:8786``; without one, ``dask`` starts a cluster here.

    Raises:
        ValueError: they do not go together.
        OSError: nobody answers at that address, no worker is there, or one has other code.
    """
    count = check(name, workers, scheduler)
    if name == "dask":
        from sim.study.cluster import connected

        with connected(count, scheduler) as dask:
            yield dask
    elif name == "serial" or count == 1:
        yield Serial()
    else:
        from sim.study.processes import Processes

        with closing(Processes(count)) as processes:
            yield processes


def check(name: str, workers: int | None, scheduler: str | None) -> int:
    """How many workers of its own an executor of `opened` would have.

    Raises:
        ValueError: they do not go together.
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
    return count
