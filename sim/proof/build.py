"""Building the tree of many records: hashed in lanes, in threads, kept as a compact range.

The records come in chunks. Each is cut at aligned places into trees that fit a processor's cache and are folded there
to their roots; ranges of neighbouring chunks are then joined in order. Memory holds the chunks under work, whatever
the size of the tree.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.proof import lanes
from sim.proof.compact import CompactRange, subtree_heights
from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sim.proof.lanes import Rows
    from sim.proof.suites import HashSuite

_TASK_ROWS = 1 << 16
"""What a thread takes at a time: milliseconds of work, so that handing it over costs nothing."""


@dataclass(frozen=True, slots=True)
class Built:
    """A tree that was built.

    Attributes:
        root: its root hash, 32 bytes.
        range: its leaves as a compact range, to which more can be appended.
    """

    root: bytes
    range: CompactRange


def build(suite: HashSuite, digests: Rows | Iterable[Rows], threads: int | None = None) -> Built:
    """The Merkle tree of many records of one length (RFC 9162 section 2.1), without keeping it.

    Args:
        suite: the hash of the tree.
        digests: the leaf *data*, each row the content of one leaf: (n, 32) uint8, or chunks of such rows in order,
            of any number each, which must not change once they are handed over. Any other row length will do;
            with 32 bytes leaf and tree are hashed in one go.
        threads: how many work at it, by default one for each processor that this process may use.

    Returns:
        The root and the compact range of all leaves.

    Raises:
        MalformedArray: a chunk is not a uint8 array of two dimensions.
        SizeOutOfRange: more than 2^63 - 1 leaves.
    """
    threads = lanes.usable_threads() if threads is None else threads
    whole = CompactRange(suite)
    # The whole array is one chunk; a list of arrays is several.
    chunks: Iterable[Rows] = [digests] if isinstance(digests, np.ndarray) else digests
    if threads == 1:
        for start, rows in _tasks(chunks):
            whole.extend(range_of(suite, start, rows))
        return Built(whole.root(), whole)
    waiting: deque[Future[CompactRange]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for start, rows in _tasks(chunks):
            waiting.append(pool.submit(range_of, suite, start, rows))
            # Some tasks in stock keep the threads busy; more would only fill the memory.
            if len(waiting) > 2 * threads:
                whole.extend(waiting.popleft().result())
        while waiting:
            whole.extend(waiting.popleft().result())
    return Built(whole.root(), whole)


def range_of(suite: HashSuite, start: int, rows: Rows) -> CompactRange:
    """The compact range of leaves from ``start`` on, whose contents are these rows, hashed in lanes.

    Raises:
        MalformedArray: ``rows`` is not a uint8 array of two dimensions.
        SizeOutOfRange: the range would end beyond 2^63 - 1.
    """
    rows = lanes.checked_rows("rows", rows)
    built = CompactRange(suite, start)
    first = 0
    for height in subtree_heights(start, start + len(rows)):
        stop = first + (1 << height)
        built.append_subtree(_root_of(suite, rows[first:stop], height), height)
        first = stop
    return built


def _tasks(chunks: Iterable[Rows]) -> Iterator[tuple[int, Rows]]:
    """The chunks cut at multiples of `_TASK_ROWS` leaves, each piece with the number of its first leaf."""
    position = 0
    for chunk in chunks:
        rows = lanes.checked_rows("digests", chunk)
        first = 0
        while first < len(rows):
            stop = min(len(rows), first + _TASK_ROWS - position % _TASK_ROWS)
            yield position, rows[first:stop]
            position += stop - first
            first = stop


def _root_of(suite: HashSuite, rows: Rows, height: int) -> bytes:
    """The root of the perfect tree over these contents."""
    if rows.shape[1] == DIGEST_SIZE:
        return lanes.roots(suite, rows, height, leaf=True).tobytes()
    return lanes.roots(suite, lanes.leaves(suite, rows), height, leaf=False).tobytes()
