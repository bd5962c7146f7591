"""What tests of executors hand over to workers, and a Dask scheduler with workers of its own for them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[1]
DASK = str(Path(sys.executable).with_name("dask"))
ALLIANCE = str(Path(sys.executable).with_name("alliance"))


def square(number: int) -> int:
    """A task."""
    return number * number


def slow(seconds: float) -> float:
    """A task that takes its time."""
    time.sleep(seconds)
    return seconds


def deadly(number: int) -> int:
    """A task whose worker dies of every multiple of 7."""
    if number % 7 == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def deadly_once(folder: str) -> str:
    """A task whose worker dies of it the first time."""
    seen = Path(folder) / "seen"
    if not seen.exists():
        seen.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return folder


def broken(number: int) -> int:
    """A task that breaks down, as none should."""
    raise ArithmeticError(f"no {number}")


def group_of(leader: int) -> set[int]:
    """The processes of a group that are alive."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = status.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[2]) == leader and words[0] != "Z":
            found.add(int(status.parent.name))
    return found


def gone(leader: int, within_s: float = 20) -> bool:
    """Whether a group has no process any more, after some time at most."""
    deadline_s = time.monotonic() + within_s
    while group_of(leader):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


class Cluster:
    """A Dask scheduler on this machine, for as long as `running` is entered.

    Attributes:
        address: of the scheduler.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        deadline_s = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                assert time.monotonic() < deadline_s
                time.sleep(0.05)
            else:
                return

    def add_worker(self, code: Path = REPOSITORY) -> subprocess.Popen[bytes]:
        """Start a worker that imports ``sim`` from there."""
        return self._start("worker", self.address, "--nthreads", "1", "--no-dashboard", code=code)

    def _start(self, *words: str, code: Path = REPOSITORY) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(code), str(REPOSITORY / "tests")]),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
        }
        self._started.append(
            subprocess.Popen(
                [DASK, *words],
                env=environment,
                cwd=self._folder,
                stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        return self._started[-1]

    def end(self) -> None:
        """Kill what was started."""
        for process in self._started:
            for member in group_of(process.pid):
                os.kill(member, signal.SIGKILL)
            process.wait()


@contextmanager
def running(folder: Path, workers: int) -> Iterator[Cluster]:
    """A scheduler and so many worker processes, which are there."""
    cluster = Cluster(folder)
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.end()
