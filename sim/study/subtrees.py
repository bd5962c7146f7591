"""Subtrees of billions of records on workers: each makes its own records, hashes them, and answers with a range.

A worker is told which subtree, 2^height records from a multiple of that on, and nothing else: records are functions of
their index (`sim.study.evidence`). What comes back is a compact range of one hash (`sim.proof.compact`), as bytes,
which says itself where it belongs; ranges are merged in order by whoever asked.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.proof import lanes, merkle, suite_by_name
from sim.study.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.proof.lanes import Rows
    from sim.proof.suites import HashSuite

CHUNK_HEIGHT: Final = lanes.CHUNK_HEIGHT
_MESSAGE_ROWS: Final = 1 << 11  # records hashed in one go: half a MiB
_LIMIT_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Work:
    """What is hashed.

    Attributes:
        suite: name of the hash.
        mode: of the records, as `Evidence` takes it.
    """

    suite: str
    mode: str


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is told: the subtree over records [position · 2^height, (position + 1) · 2^height)."""

    work: Work
    height: int
    position: int


class Committer:
    """Makes and hashes records of one mode, each thread in buffers of its own."""

    def __init__(self, suite: HashSuite, evidence: Evidence) -> None:
        self.suite = suite
        self.evidence = evidence
        self._local = threading.local()

    def subtree_root(self, height: int, position: int) -> bytes:
        """The root of records [position · 2^height, (position + 1) · 2^height), made anew; 32 bytes."""
        chunk_height = min(height, CHUNK_HEIGHT)
        first, chunk = position << height, 1 << chunk_height
        roots = np.empty((1 << height - chunk_height, 32), np.uint8)
        for number in range(len(roots)):
            roots[number] = self._chunk_root(first + number * chunk, chunk_height)
        return lanes.roots(self.suite, roots, height - chunk_height, leaf=False).tobytes()

    def _chunk_root(self, first: int, height: int) -> Rows:
        count = 1 << height
        if self.evidence.mode == "digests":
            contents = self._rows(count)
            self.evidence.fill(contents, first)
        else:
            contents = np.empty((count, 32), np.uint8)
            for start in range(0, count, _MESSAGE_ROWS):
                rows = self._rows(min(_MESSAGE_ROWS, count - start))
                self.evidence.fill(rows, first + start)
                contents[start : start + len(rows)] = lanes.leaves(self.suite, rows)
        root: Rows = lanes.roots(self.suite, contents, height, leaf=self.evidence.mode == "digests")[0]
        return root

    def _rows(self, count: int) -> Rows:
        if not hasattr(self._local, "rows"):
            largest = 1 << CHUNK_HEIGHT if self.evidence.mode == "digests" else _MESSAGE_ROWS
            self._local.rows = np.empty((largest, self.evidence.size_bytes), np.uint8)
        rows: Rows = self._local.rows[:count]
        return rows

    def limit(self) -> float:
        """Records per second of the bare kernels in one thread, on data that stays in the cache."""
        chunk = np.zeros((1 << CHUNK_HEIGHT, 32), np.uint8)
        if self.evidence.mode == "digests":
            return 1 / _seconds_each(lambda: lanes.roots(self.suite, chunk, CHUNK_HEIGHT, leaf=True), len(chunk))
        rows = np.zeros((_MESSAGE_ROWS, self.evidence.size_bytes), np.uint8)
        nodes = _seconds_each(lambda: lanes.roots(self.suite, chunk, CHUNK_HEIGHT, leaf=False), len(chunk))
        return 1 / (nodes + _seconds_each(lambda: lanes.leaves(self.suite, rows), len(rows)))


def _seconds_each(work: Callable[[], object], items: int) -> float:
    """The time per item, over `_LIMIT_S`."""
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < _LIMIT_S:
        work()
        calls += 1
    return elapsed / (calls * items)


@lru_cache(maxsize=4)
def committer(work: Work) -> Committer:
    """This process's committer of such work."""
    return Committer(suite_by_name(work.suite), Evidence(work.mode))


def subtree(task: Task) -> bytes:
    """A subtree as the bytes of a compact range."""
    by = committer(task.work)
    made = merkle.CompactRange(by.suite, task.position << task.height)
    made.append_subtree(by.subtree_root(task.height, task.position), task.height)
    return made.to_bytes()


def kernel_limit(work: Work) -> float:
    """`Committer.limit` of a worker, in records per second."""
    by = committer(work)
    by.subtree_root(CHUNK_HEIGHT, 0)  # compiles, or loads what was compiled
    return by.limit()
