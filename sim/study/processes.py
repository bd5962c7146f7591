"""Worker processes of this machine, one task at a time for each.

They are started afresh (``spawn``), so that no thread or lock is inherited, when there is a task for them, and stay for
the next piece of work. A worker that dies takes one task with it and nothing else, and another one takes its place.
They take no notice of an interruption from the keyboard, of which their parent tells them by ending them; when it dies
without a word, they end by themselves.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from sim.study.executors import Lost, Stock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from multiprocessing.connection import Connection

T = TypeVar("T")
R = TypeVar("R")
_MOST_FALSE_STARTS: Final = 3
"""So many workers in a row may die before they have begun; then it is no accident."""


class Processes:
    """In processes of this machine; `close` ends them.

    Args:
        workers: how many at a time.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._idle: list[_Worker[Any]] = []
        self._false_starts = 0

    @property
    def workers(self) -> int:
        """How many tasks are worked at, at a time."""
        return self._workers

    def results(self, function: Callable[[T], R], tasks: Iterable[T]) -> Generator[tuple[int, R | Lost], None, None]:
        """As `Executor.results`.

        Raises:
            ChildProcessError: workers do not start.
        """
        stock, busy, told = Stock(tasks), list[_Worker[T]](), list[tuple[int, R | Lost]]()
        try:
            while True:
                # Workers get their next task before anybody thinks about the last one's result.
                while len(busy) < self._workers and (item := stock.next(len(busy))) is not None:
                    busy.append(self._idle.pop() if self._idle else _Worker())
                    busy[-1].take(function, item)
                yield from told
                if not busy:
                    return
                told = list(self._answers(stock, busy))
        finally:
            for worker in busy:
                worker.end()

    def _answers(self, stock: Stock[T], busy: list[_Worker[T]]) -> Iterator[tuple[int, Any]]:
        """Wait until one of the workers has something to say, and hear all that have; those who are done are idle."""
        heard = wait([worker.connection for worker in busy])
        for worker in [one for one in busy if one.connection in heard]:
            number, task = worker.item
            try:
                worker.hear()
            except (EOFError, OSError):
                busy.remove(worker)
                worker.end()
                if not worker.began:
                    self._count_false_start(worker)
                    stock.put_back(number, task)
                elif stock.died(number, task):
                    yield number, Lost("its process was killed twice, from outside or for want of memory")
                continue
            self._false_starts = 0
            if worker.done:
                busy.remove(worker)
                self._idle.append(worker)
                yield number, worker.result()

    def _count_false_start(self, worker: _Worker[T]) -> None:
        self._false_starts += 1
        if self._false_starts == _MOST_FALSE_STARTS:
            raise ChildProcessError(
                f"worker processes end before they begin (exit code {worker.process.exitcode}); a script that asks for "
                "them needs its own work under: if __name__ == '__main__'"
            )

    def close(self) -> None:
        """End the workers."""
        while self._idle:
            self._idle.pop().end()


class _Worker(Generic[T]):
    """One process and what it is at.

    Attributes:
        process: as it is started.
        connection: through which it gets its tasks and says what came out.
        item: the task that it was given last, and its number.
        began: it has the task.
        done: it has said what came out.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs,), daemon=True)
        self.item: tuple[int, T]
        self.began = self.done = self._ready = False
        self._answer: tuple[bool, Any]
        self._order: tuple[Callable[[T], Any], T]
        with interruptions_blocked():
            self.process.start()
        theirs.close()

    def take(self, function: Callable[[T], R], item: tuple[int, T]) -> None:
        """Give it a task, as soon as it can take one: who is still starting does not read, and would hold us up."""
        self.item, self._order, self.began, self.done = item, (function, item[1]), False, False
        if self._ready:
            self._send()

    def _send(self) -> None:
        try:
            self.connection.send(self._order)
        except BrokenPipeError:
            return  # it died while it was idle, which reading from it shows as well
        self.began = True

    def hear(self) -> None:
        """Receive what it says: that it is ready for a task, or what came out of one.

        Raises:
            EOFError, OSError: it is dead.
        """
        answer = self.connection.recv()
        if self._ready:
            self._answer, self.done = answer, True
        else:
            self._ready = True
            self._send()

    def result(self) -> Any:  # noqa: ANN401 - whatever the function makes
        """What came out; raises what the function raised."""
        came_out, value = self._answer
        if not came_out:
            raise value
        return value

    def end(self) -> None:
        """End it now, whatever it is at."""
        self.connection.close()
        self.process.terminate()
        self.process.join()


@contextmanager
def interruptions_blocked() -> Iterator[None]:
    """A process that is started here gets no SIGINT, ever; one that comes now reaches this process afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which would lift the block as it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(connection: Connection) -> None:
    """What a worker does: one task after the other, until nobody is there to ask for more."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    connection.send(None)
    while True:
        try:
            function, task = connection.recv()
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001 - the function is none that can be had here
            connection.send((False, error))
            continue
        try:
            connection.send((True, function(task)))
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001 - whoever asked must hear of it
            connection.send((False, error))


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
