"""A batch of changes to a state tree, done a level at a time over arrays.

The changes stand in a list, sorted by key hash. Since a subtree is a prefix of key hashes, those below one node are a
range of that list. The batch goes down once, from the root's range to ranges that need no further split, and up once,
each level making all its new nodes in one call of the hash. The old nodes are left as they are: the new version
shares every subtree that no change touches.

A change that changes nothing (a value set to itself, an absent key deleted) drops out first, so whatever subtree a
range reaches is a new one. A leaf of the old version that stands where a new key wants to go joins the list, to be
placed again beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.proof.state_hashing import LEAF_PREFIX, NODE_PREFIX, digests, hash_pairs
from sim.proof.state_nodes import EMPTY, KEY_WORDS
from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from sim.proof.state_nodes import NodeStore
    from sim.proof.suites import HashSuite

    Rows = npt.NDArray[np.int64]
    Words = npt.NDArray[np.uint64]
    Digests = npt.NDArray[np.uint8]
    Mask = npt.NDArray[np.bool_]

_WORD_BITS = 64


@dataclass(frozen=True, slots=True)
class _Changes:
    """Changes in the order of their keys' hashes.

    Attributes:
        key_words: n × 4, the hash of each key.
        leaf_hashes: n × 32, the hash of the leaf that is to stand there; of a deletion nothing meant.
        values: what is to stand there; `None` to delete.
        deletes: whether it is `None`.
    """

    key_words: Words
    leaf_hashes: Digests
    values: list[bytes | None]
    deletes: Mask

    def only(self, kept: npt.NDArray[np.bool_] | Rows) -> _Changes:
        """Some of them, by mask or in the order of the numbers."""
        numbers = np.flatnonzero(kept) if kept.dtype == np.bool_ else kept
        values = [self.values[number] for number in numbers.tolist()]
        return _Changes(self.key_words[numbers], self.leaf_hashes[numbers], values, self.deletes[numbers])


@dataclass(frozen=True, slots=True)
class _Level:
    """The nodes of one depth that a batch reaches, in order.

    Attributes:
        rows: the new node in place of each; known at once where no split is needed, else filled on the way up.
        splits: whether it is split.
        children: m × 2, of those that are, the old children.
        reached: m × 2, which of the children the batch reaches in turn.
    """

    rows: Rows
    splits: Mask
    children: Rows
    reached: Mask


def apply_changes(
    store: NodeStore, suite: HashSuite, root: int, changes: Mapping[bytes, bytes | None]
) -> tuple[int, Rows]:
    """Make the version of the tree that has these changes.

    Args:
        store: where the nodes are; the new ones are added, none is taken away.
        suite: the hash of the tree.
        root: the row of the old version's root.
        changes: the new value of each key; `None` to delete it.

    Returns:
        The row of the new version's root, and the rows of the nodes that only the old version has.
    """
    wanted = _hashed(suite, changes)
    ends = _ends(store, root, wanted.key_words)
    present = (ends != EMPTY) & (store.key_words[store.entries_of(ends)] == wanted.key_words).all(axis=1)
    same = (store.hashes[ends] == wanted.leaf_hashes).all(axis=1)
    real = np.where(wanted.deletes, present, ~(present & same))
    if not real.any():
        return root, np.empty(0, np.int64)
    wanted, ends, present = wanted.only(real), ends[real], present[real]
    replaced = ends[present]
    displaced = np.setdiff1d(ends[~present], np.append(replaced, EMPTY))

    leaves = np.full(len(ends), EMPTY)
    live = wanted.only(~wanted.deletes)
    values = [value for value in live.values if value is not None]
    leaves[~wanted.deletes] = store.add_leaves(live.key_words, values, live.leaf_hashes)
    key_words = wanted.key_words
    if len(displaced):
        key_words = np.concatenate((key_words, store.key_words[store.entries_of(displaced)]))
        leaves = np.concatenate((leaves, displaced))
        order = _order(key_words)
        key_words, leaves = key_words[order], leaves[order]
    levels, old_inner = _down(store, root, key_words, leaves)
    return _up(store, suite, levels), np.concatenate((replaced, old_inner))


def _hashed(suite: HashSuite, changes: Mapping[bytes, bytes | None]) -> _Changes:
    """The changes with their hashes, in order."""
    values = list(changes.values())
    key_hashes = digests(suite, list(changes))
    value_hashes = digests(suite, [b"" if value is None else value for value in values])
    leaf_hashes = hash_pairs(suite, LEAF_PREFIX, np.concatenate((key_hashes, value_hashes), axis=1))
    key_words = key_hashes.view(">u8").astype(np.uint64).reshape(-1, KEY_WORDS)
    deletes = np.fromiter((value is None for value in values), np.bool_, len(values))
    return _Changes(key_words, leaf_hashes, values, deletes).only(_order(key_words))


def _order(key_words: Words) -> Rows:
    """The numbers of the keys by ascending hash."""
    return np.lexsort(key_words.T[::-1])


def _bits(key_words: Words, depth: int) -> Rows:
    """The bit of each key's hash that says where to go from this depth: 0 left, 1 right."""
    word, bit = divmod(depth, _WORD_BITS)
    return (key_words[:, word] >> np.uint64(_WORD_BITS - 1 - bit) & np.uint64(1)).astype(np.int64)


def _ends(store: NodeStore, root: int, key_words: Words) -> Rows:
    """Where the way of each key ends in the old version: the row of a leaf, or the empty subtree."""
    ends = np.full(len(key_words), root)
    walking = np.arange(len(key_words))
    for depth in range(8 * DIGEST_SIZE + 1):
        walking = walking[store.is_inner(ends[walking])]
        if not len(walking):
            break
        ends[walking] = store.children[ends[walking], _bits(key_words[walking], depth)]
    return ends


def _down(store: NodeStore, root: int, key_words: Words, leaves: Rows) -> tuple[list[_Level], Rows]:
    """Split the range of the root, level by level.

    A node is split while it is an inner one of the old version, or while two keys or more have to part below it.

    Args:
        store: where the nodes are.
        root: the row of the old version's root.
        key_words: n × 4, in order, n ≥ 1.
        leaves: what is to stand at each key: the row of a leaf, or `EMPTY`.

    Returns:
        The levels from the root downwards, and the rows of the old inner nodes that were split.
    """
    levels: list[_Level] = []
    old_inner = []
    ones = np.zeros(len(leaves) + 1, np.int64)
    rows, start, end = np.array([root]), np.array([0]), np.array([len(leaves)])
    while len(rows):
        inner = store.is_inner(rows)
        splits = inner | (end - start > 1)
        old_inner.append(rows[inner])
        new_rows = leaves[start]
        rows, start, end = rows[splits], start[splits], end[splits]
        # A split that is no old inner node stands for one leaf or none, and the leaf is in the list.
        children = np.where(inner[splits, None], store.children[rows], EMPTY)
        if len(rows):
            np.cumsum(_bits(key_words, len(levels)), out=ones[1:])
        bounds = np.stack((start, end - (ones[end] - ones[start]), end), axis=1)
        starts, ends = bounds[:, :-1], bounds[:, 1:]
        reached = starts < ends
        levels.append(_Level(new_rows, splits, children, reached))
        rows, start, end = children[reached], starts[reached], ends[reached]
    return levels, np.concatenate(old_inner)


def _up(store: NodeStore, suite: HashSuite, levels: list[_Level]) -> int:
    """Make the new nodes of each level, from the deepest upwards; the row of the root."""
    below = np.empty(0, np.int64)
    for level in reversed(levels):
        pairs = level.children
        pairs[level.reached] = below
        level.rows[level.splits] = _joined(store, suite, pairs)
        below = level.rows
    return int(below[0])


def _joined(store: NodeStore, suite: HashSuite, pairs: Rows) -> Rows:
    """The node over each pair of children: nothing over nothing, a lone leaf itself, else a new inner node."""
    left, right = pairs.T
    # Where one side is empty, the sum is the other side.
    rows: Rows = left + right
    lone = (left == EMPTY) | (right == EMPTY)
    lone[lone] = ~store.is_inner(rows[lone])
    pairs = pairs[~lone]
    hashes = hash_pairs(suite, NODE_PREFIX, store.hashes[pairs].reshape(-1, 2 * DIGEST_SIZE))
    rows[~lone] = store.add_inner(pairs, hashes)
    return rows
