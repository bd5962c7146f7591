"""Where the nodes of a state tree live: flat arrays, a row per node, written once and freed with the last version.

A node is known by its row number. Row 0 is the empty subtree. An inner node holds the rows of its two children; a leaf
holds, where a left child would be, the complement of its entry number, which is negative, so that one comparison
tells them apart (the empty subtree counts as a leaf there: neither has children). Entries hold what only leaves
have: the key's hash, as four words to take bits from, and the value.

Per row 32 + 16 bytes, per entry 32 + 8 and the value's own object. A tree of n random keys has n leaves and about
1.44 n inner nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Rows = npt.NDArray[np.int64]
    Words = npt.NDArray[np.uint64]
    Digests = npt.NDArray[np.uint8]

EMPTY = 0
"""The row of the empty subtree."""

KEY_WORDS = 4
"""64-bit words of a key hash, most significant first."""

_LEAST_ROWS = 64
_T = TypeVar("_T", np.int64, np.uint64, np.uint8)


class _Pool:
    """Numbers from 1 on that are handed out and taken back, the last one first; 0 is never handed out.

    Attributes:
        end: the first number that was never handed out.
        free_count: how many below it nobody has. They begin the stack; those above, taken since, are still there,
            so that going back to an earlier pair of these two undoes every `take` since, if there was no `give`.
    """

    __slots__ = ("_stack", "end", "free_count")

    def __init__(self) -> None:
        self._stack: Rows = np.empty(_LEAST_ROWS, np.int64)
        self.free_count = 0
        self.end = 1

    @property
    def taken_count(self) -> int:
        return self.end - 1 - self.free_count

    def take(self, count: int) -> Rows:
        reused = min(count, self.free_count)
        taken = np.arange(self.end - reused, self.end + count - reused)
        taken[:reused] = self._stack[self.free_count - reused : self.free_count]
        self.free_count -= reused
        self.end += count - reused
        return taken

    def take_one(self) -> int:
        if not self.free_count:
            self.end += 1
            return self.end - 1
        self.free_count -= 1
        return int(self._stack[self.free_count])

    def give(self, numbers: Rows) -> None:
        start = self.free_count
        self.free_count += len(numbers)
        self._stack = _with_room(self._stack, self.free_count)
        self._stack[start : self.free_count] = numbers


class NodeStore:
    """Nodes by row and entries by number.

    Attributes:
        hashes: rows × 32 bytes, the hash of each node.
        children: rows × 2, the left and right child's row; of a leaf ~entry and 0, of the empty subtree -1 and 0.
        key_words: entries × 4, the key's hash.
        values: the value of each entry.
    """

    __slots__ = ("_entries", "_rows", "children", "hashes", "key_words", "values")

    def __init__(self) -> None:
        self.hashes: Digests = np.zeros((_LEAST_ROWS, DIGEST_SIZE), np.uint8)
        self.children: Rows = np.zeros((_LEAST_ROWS, 2), np.int64)
        self.children[EMPTY, 0] = ~0
        self.key_words: Words = np.zeros((_LEAST_ROWS, KEY_WORDS), np.uint64)
        self.values: list[bytes] = [b""]
        self._rows = _Pool()
        self._entries = _Pool()

    @property
    def row_count(self) -> int:
        """Rows in use, the empty subtree not counted."""
        return self._rows.taken_count

    @property
    def entry_count(self) -> int:
        """Entries in use."""
        return self._entries.taken_count

    def is_inner(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Which of the rows have children."""
        inner: npt.NDArray[np.bool_] = self.children[rows, 0] >= 0
        return inner

    def entries_of(self, leaves: Rows) -> Rows:
        """The entry of each leaf; 0 of the empty subtree."""
        entries: Rows = ~self.children[leaves, 0]
        return entries

    def add_leaves(self, key_words: Words, values: Sequence[bytes], hashes: Digests) -> Rows:
        """New leaves, in order; their rows."""
        entries = self._entries.take(len(values))
        self.key_words = _with_room(self.key_words, self._entries.end)
        self.key_words[entries] = key_words
        self.values.extend([b""] * (self._entries.end - len(self.values)))
        for entry, value in zip(entries.tolist(), values, strict=True):
            self.values[entry] = value
        return self._add(hashes, ~entries, 0)

    def add_inner(self, pairs: Rows, hashes: Digests) -> Rows:
        """New inner nodes over pairs of rows, in order; their own rows."""
        return self._add(hashes, pairs[:, 0], pairs[:, 1])

    def _add(self, hashes: Digests, left: Rows, right: Rows | int) -> Rows:
        rows = self._rows.take(len(hashes))
        self.hashes = _with_room(self.hashes, self._rows.end)
        self.children = _with_room(self.children, self._rows.end)
        self.hashes[rows] = hashes
        self.children[rows, 0] = left
        self.children[rows, 1] = right
        return rows

    def hash_of(self, row: int) -> bytes:
        """The hash of one node."""
        found: bytes = self.hashes[row].tobytes()
        return found

    def key_hash(self, leaf: int) -> bytes:
        """The hash of a leaf's key."""
        found: bytes = self.key_words[~self.children.item(leaf, 0)].astype(">u8").tobytes()
        return found

    def add_leaf(self, key_hash: bytes, value: bytes, leaf_hash: bytes) -> int:
        """One new leaf; its row."""
        entry = self._entries.take_one()
        self.key_words = _with_room(self.key_words, self._entries.end)
        self.key_words[entry] = np.frombuffer(key_hash, ">u8")
        self.values.extend([b""] * (self._entries.end - len(self.values)))
        self.values[entry] = value
        return self.add_node(~entry, 0, leaf_hash)

    def add_node(self, left: int, right: int, node_hash: bytes) -> int:
        """One new node, with what stands in its two columns; its row."""
        row = self._rows.take_one()
        self.hashes = _with_room(self.hashes, self._rows.end)
        self.children = _with_room(self.children, self._rows.end)
        self.hashes[row] = np.frombuffer(node_hash, np.uint8)
        self.children[row] = left, right
        return row

    def free(self, rows: Rows) -> None:
        """Take back nodes that no version reads any more, with the values of the leaves among them."""
        entries = self.entries_of(rows[~self.is_inner(rows)])
        for entry in entries.tolist():
            self.values[entry] = b""
        self._entries.give(entries)
        self._rows.give(rows)

    def mark(self) -> tuple[int, int, int, int]:
        """What is in use now, for `rewind`."""
        return self._rows.free_count, self._rows.end, self._entries.free_count, self._entries.end

    def rewind(self, mark: tuple[int, int, int, int]) -> None:
        """Forget the nodes added since the mark, between which and now nothing was freed."""
        self._rows.free_count, self._rows.end, self._entries.free_count, self._entries.end = mark


def _with_room(array: npt.NDArray[_T], rows: int) -> npt.NDArray[_T]:
    """The array, or a longer copy if it has fewer rows; what the copy adds takes no memory before it is written."""
    if rows <= len(array):
        return array
    longer = np.empty((max(rows, len(array) * 3 // 2), *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
