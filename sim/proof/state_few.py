"""A few changes to a state tree, one node at a time: what `sim.proof.state_batch` does for many, without arrays.

The steps and what they yield are the same; only for a handful of changes, such as those of one block, setting up arrays
for every level costs more than the hashes. Which of the two is used never shows in a root or a proof.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.proof.state_hashing import LEAF_PREFIX, NODE_PREFIX
from sim.proof.state_nodes import EMPTY
from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from sim.proof.state_nodes import NodeStore
    from sim.proof.suites import HashSuite

    Rows = npt.NDArray[np.int64]

_BITS = 8 * DIGEST_SIZE


def apply_few(store: NodeStore, suite: HashSuite, root: int, changes: Mapping[bytes, bytes | None]) -> tuple[int, Rows]:
    """As `sim.proof.state_batch.apply_changes`."""
    outdated: list[int] = []
    places: list[tuple[int, int]] = []
    displaced: dict[int, int] = {}
    for key, value in changes.items():
        key_hash = suite.digest(key)
        path = int.from_bytes(key_hash, "big")
        end = _end(store, root, path)
        present = end != EMPTY and store.key_hash(end) == key_hash
        if value is None:
            if present:
                outdated.append(end)
                places.append((path, EMPTY))
            continue
        leaf_hash = suite.digest(LEAF_PREFIX + key_hash + suite.digest(value))
        if present and store.hash_of(end) == leaf_hash:
            continue
        if present:
            outdated.append(end)
        elif end != EMPTY:
            displaced[end] = int.from_bytes(store.key_hash(end), "big")
        places.append((path, store.add_leaf(key_hash, value, leaf_hash)))
    if not places:
        return root, np.empty(0, np.int64)
    places += [(path, row) for row, path in displaced.items() if row not in outdated]
    places.sort()
    new = _Placing(store, suite, [path for path, _ in places], [row for _, row in places], outdated)
    return new.under(root, 0, len(places), 0), np.array(outdated, np.int64)


def _end(store: NodeStore, row: int, path: int) -> int:
    """Where the way of a key ends: the row of a leaf, or the empty subtree."""
    child = store.children.item
    shift = _BITS
    while (left := child(row, 0)) >= 0:
        shift -= 1
        row = child(row, 1) if path >> shift & 1 else left
    return row


@dataclass(frozen=True, slots=True)
class _Placing:
    """Leaves on their way to their places.

    Attributes:
        paths: of their keys, ascending. rows: the leaf of each; `EMPTY` where one is taken away.
        outdated: takes the rows of the inner nodes that others stand in for.
    """

    store: NodeStore
    suite: HashSuite
    paths: list[int]
    rows: list[int]
    outdated: list[int]

    def under(self, row: int, start: int, end: int, depth: int) -> int:
        """The node in place of an old one, with the leaves from ``start`` to ``end`` below it."""
        left, right = self.store.children[row].tolist()
        if left < 0:
            if end - start == 1:
                return self.rows[start]
            # It stands for one leaf or none, and the leaf is among those to be placed.
            left = right = EMPTY
        else:
            self.outdated.append(row)
        shift = _BITS - 1 - depth
        border = (self.paths[start] >> shift | 1) << shift
        middle = bisect_left(self.paths, border, start, end)
        if middle > start:
            left = self.under(left, start, middle, depth + 1)
        if end > middle:
            right = self.under(right, middle, end, depth + 1)
        return self._join(left, right)

    def _join(self, left: int, right: int) -> int:
        """The node over two children: nothing over nothing, a lone leaf itself, else a new inner node."""
        store = self.store
        if EMPTY in {left, right} and store.children.item(left + right, 0) < 0:
            return left + right
        return store.add_node(left, right, self.suite.digest(NODE_PREFIX + store.hash_of(left) + store.hash_of(right)))
