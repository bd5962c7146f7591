"""Neighbours: processes that keep cores, caches and memory busy while half of the measurements are recorded."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np

from bench.gate.worker import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

CELLS = 1 << 23
"""Two arrays of 64 MiB: no cache holds them."""
SPELL_S = 0.5


@contextmanager
def neighbours() -> Iterator[list[subprocess.Popen[bytes]]]:
    """One for each core, as long as the block lasts."""
    command = [sys.executable, "-m", "bench.gate.load"]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(os.cpu_count() or 1)]  # noqa: S603 - this package's own
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def _burn() -> None:
    """Memory, hashing and plain Python in turns, until whoever started this is gone."""
    first, second, block, parent = np.zeros(CELLS), np.ones(CELLS), bytes(1 << 20), os.getppid()

    def memory() -> None:
        np.add(first, second, out=first)

    def hashing() -> None:
        hashlib.sha256(block).digest()

    def python() -> None:
        sum(number * number for number in range(10_000))

    while True:
        for work in (memory, hashing, python):
            end_s = time.monotonic() + SPELL_S
            while time.monotonic() < end_s:
                work()
            if os.getppid() != parent:
                return


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        _burn()
