"""Many roots at once: of many short lists, or of one log at many sizes, as `root` and `Log.root` give one by one.

A chain makes two roots a block. Trees side by side are folded level by level, so that the lanes of `sim.proof.lanes`
are full where each tree alone would fill a few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.proof import lanes
from sim.proof.errors import MalformedArray
from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.proof.lanes import Rows
    from sim.proof.log import Log
    from sim.proof.suites import HashSuite


_MANY_CHILDREN = 32
"""From so many on hashing in lanes is the faster way."""


def roots_of_lists(suite: HashSuite, leaf_hashes: Rows, sizes: Sequence[int] | NDArray[np.int64]) -> list[bytes]:
    """The root of each of several lists of leaf hashes: MTH of RFC 9162 section 2.1.1.

    Args:
        suite: the hash of nodes.
        leaf_hashes: (n, 32) uint8, the lists one after the other.
        sizes: of each list; together n.

    Raises:
        MalformedArray: ``leaf_hashes`` is no such array, or the sizes do not add up to its rows.
    """
    nodes = lanes.checked_rows("leaf_hashes", leaf_hashes, DIGEST_SIZE)
    counts = np.array(sizes, dtype=np.int64)
    if (counts < 0).any() or int(counts.sum()) != len(nodes):
        raise MalformedArray("leaf_hashes", f"({int(counts.sum())}, 32) uint8, as the sizes add up", str(nodes.shape))
    empty = counts == 0
    while (counts > 1).any():
        fewer = (counts + 1) // 2
        begin = np.repeat(np.cumsum(counts) - counts, fewer)
        place = np.arange(int(fewer.sum())) - np.repeat(np.cumsum(fewer) - fewer, fewer)
        left = begin + 2 * place
        # An odd last node goes up as it is.
        paired = 2 * place + 1 < np.repeat(counts, fewer)
        level = nodes[left]
        children = np.stack([nodes[left[paired]], nodes[left[paired] + 1]], axis=1).reshape(-1, DIGEST_SIZE)
        level[paired] = lanes.parents(suite, children)
        nodes, counts = level, fewer
    found = iter(row.tobytes() for row in nodes)
    return [suite.empty if none else next(found) for none in empty]


def roots_at(log: Log, sizes: Sequence[int] | NDArray[np.int64]) -> list[bytes]:
    """The root of a log at each of several sizes, as `Log.root` gives them.

    Raises:
        SizeOutOfRange: a size is negative or beyond the log's.
    """
    wanted = np.array(sizes, dtype=np.int64)
    if len(wanted) == 0:
        return []
    for extreme in (int(wanted.min()), int(wanted.max())):
        log.root(extreme)  # refuses what it has not
    digests = np.zeros((len(wanted), DIGEST_SIZE), dtype=np.uint8)
    begun = np.zeros(len(wanted), dtype=np.bool_)
    for height in range(int(wanted.max()).bit_length()):
        here = np.flatnonzero(wanted >> height & 1)
        if not len(here):
            continue
        # A size is a sum of perfect subtrees; the smallest stands rightmost and is folded in first.
        perfect = _perfect(log, height, (wanted[here] >> height) - 1)
        both = begun[here]
        folded = perfect.copy()
        children = np.stack([perfect[both], digests[here[both]]], axis=1).reshape(-1, DIGEST_SIZE)
        folded[both] = lanes.parents(log.suite, children)
        digests[here] = folded
        begun[here] = True
    return [row.tobytes() if size else log.suite.empty for row, size in zip(digests, wanted, strict=True)]


def extend(log: Log, leaf_hashes: Rows) -> None:
    """`Log.extend` for thousands of leaves, (n, 32) uint8.

    Raises:
        MalformedArray: ``leaf_hashes`` is no such array.
    """

    def parents(children: bytes) -> bytes:
        if len(children) < _MANY_CHILDREN * DIGEST_SIZE:
            return log.suite.parents(children)
        return lanes.parents(log.suite, np.frombuffer(children, np.uint8).reshape(-1, DIGEST_SIZE)).tobytes()

    log.grow(lanes.checked_rows("leaf_hashes", leaf_hashes, DIGEST_SIZE).tobytes(), parents)


def _perfect(log: Log, height: int, positions: NDArray[np.int64]) -> Rows:
    """The hashes of the perfect subtrees of 2^height leaves at these positions of their level."""
    return np.frombuffer(log.level(height), np.uint8).reshape(-1, DIGEST_SIZE)[positions]
