"""A keyed state: what is true now, as the alliance's chains agree on it, under one root that proves single facts.

A log proves that something was once recorded. A state proves what holds: that a licence is valid, that an asset is
frozen and by which court's order; and, since it maps keys to values, that there is no such licence or order.

The tree, over a hash suite with the hash function H, is a compact sparse Merkle tree as in Gao, Hu and Wu, "Jellyfish
Merkle Tree" (Diem, 2021):

    a key stands at H(key), read as 256 bits, most significant first: 0 goes left, 1 right;
    a subtree without keys        32 zero bytes
    a subtree with one key        H(0x02 ‖ H(key) ‖ H(value)), whatever its depth
    a subtree with more           H(0x03 ‖ left ‖ right)

So the root depends on the keys and values alone, not on the order or batches in which they came. The prefixes keep
leaves, inner nodes and the log's 0x00 and 0x01 apart. H(key) and H(value) have no prefix: they stand inside a leaf
only, never where a node's hash does. A value is any bytes, and the empty one is not the same as none.

Roots under two suites differ because their H do; the root of no keys, zero bytes, is common to all. A proof names its
suite, and a header's chain fixes it.

`StateTree` makes roots and proofs; `verify_state` (`sim.proof.state_verify`) checks proofs and shares no code with it;
`StateProof` (`sim.proof.state_proof`) is what goes between them. This module needs numpy, the other two nothing.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sim.proof.errors import MalformedEntry, MalformedNumber, SizeOutOfRange, VersionOutOfRange
from sim.proof.state_batch import apply_changes
from sim.proof.state_few import apply_few
from sim.proof.state_nodes import EMPTY, NodeStore
from sim.proof.state_proof import DEEPEST, EMPTY_ROOT, StateLeaf, StateProof
from sim.proof.state_verify import verify_state
from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.proof.state_nodes import Rows
    from sim.proof.suites import HashSuite

__all__ = ["EMPTY_ROOT", "StateProof", "StateTree", "verify_state"]

DEFAULT_RETAINED = 64
FEW = 96
"""Up to so many changes are made one by one: from about there on arrays are faster (`bench/test_state_speed.py`)."""
_MOST_RETAINED = 2**63 - 1


class StateTree:
    """A map from keys to values with a Merkle root, in memory, that keeps its latest versions.

    Version 0 has no keys; each `apply` makes the next. Versions share the subtrees in which they do not differ. Of
    the latest ones values and proofs can be had, of older ones the root alone.

    A version takes about 160 bytes per key, the value's own object, and up to half as much again as spare room; a
    change adds some 50 bytes for each level of the tree that its batch does not share, until its version is past
    retention.

    Args:
        suite: the hash of the tree.
        retained_versions: how many versions can be read, the current one among them.

    Raises:
        SizeOutOfRange: ``retained_versions`` is below 1.
        MalformedNumber: it is not an `int`.
    """

    __slots__ = ("_nodes", "_outdated", "_retained", "_root_history", "_root_rows", "_suite")

    def __init__(self, suite: HashSuite, *, retained_versions: int = DEFAULT_RETAINED) -> None:
        _check_int("retained_versions", retained_versions)
        if retained_versions < 1:
            raise SizeOutOfRange("retained_versions", retained_versions, 1, _MOST_RETAINED)
        self._suite = suite
        self._retained = retained_versions
        self._nodes = NodeStore()
        self._root_rows = deque([EMPTY])
        # Of each version but the first readable one, the nodes that it did without and that its predecessor had:
        # nobody reads them once that predecessor is gone.
        self._outdated: deque[Rows] = deque()
        self._root_history = bytearray(EMPTY_ROOT)

    @property
    def suite(self) -> HashSuite:
        """The hash of the tree."""
        return self._suite

    @property
    def version(self) -> int:
        """The current version: how often `apply` was called."""
        return len(self._root_history) // DIGEST_SIZE - 1

    @property
    def oldest_version(self) -> int:
        """The oldest version that values and proofs can be had of."""
        return self.version - len(self._root_rows) + 1

    @property
    def node_count(self) -> int:
        """The nodes that are kept, leaves and inner ones, for all the versions that can be read."""
        return self._nodes.row_count

    def apply(self, changes: Mapping[bytes, bytes | None]) -> bytes:
        """Make the next version: all of the changes, or, if one is malformed, none and no version.

        Args:
            changes: the new value of each key; `None` to delete it, which an absent key takes in silence.

        Returns:
            The root of the new version. Without changes it is the old one's again, under the next number.

        Raises:
            MalformedEntry: a key is not `bytes`, or a value neither `bytes` nor `None`.
        """
        _check_changes(changes)
        mark = self._nodes.mark()
        try:
            few = len(changes) <= FEW
            root, outdated = (apply_few if few else apply_changes)(
                self._nodes, self._suite, self._root_rows[-1], changes
            )
        except BaseException:
            # Out of memory or interrupted: the old version is whole, and what was added is taken back.
            self._nodes.rewind(mark)
            raise
        root_hash: bytes = self._nodes.hashes[root].tobytes()
        self._root_rows.append(root)
        self._outdated.append(outdated)
        self._root_history += root_hash
        if len(self._root_rows) > self._retained:
            self._root_rows.popleft()
            self._nodes.free(self._outdated.popleft())
        return root_hash

    def root(self, version: int | None = None) -> bytes:
        """The root of a version, by default the current one: of every version that there ever was.

        Raises:
            VersionOutOfRange: there is no such version.
            MalformedNumber: ``version`` is not an `int`.
        """
        version = self._checked_version(version, oldest=0)
        return bytes(self._root_history[version * DIGEST_SIZE : (version + 1) * DIGEST_SIZE])

    def get(self, key: bytes, version: int | None = None) -> bytes | None:
        """The value of a key in a version, by default the current one; `None` if it is absent.

        Raises:
            MalformedEntry: ``key`` is not `bytes`.
            VersionOutOfRange: there is no such version, or it is past retention.
            MalformedNumber: ``version`` is not an `int`.
        """
        key_hash, end, _ = self._way(key, version)
        return self._value(end) if end != EMPTY and self._nodes.key_hash(end) == key_hash else None

    def prove(self, key: bytes, version: int | None = None) -> StateProof:
        """The proof of what a version, by default the current one, has at a key: its value, or that it is absent.

        Raises:
            MalformedEntry: ``key`` is not `bytes`.
            VersionOutOfRange: there is no such version, or it is past retention.
            MalformedNumber: ``version`` is not an `int`.
        """
        _, end, beside = self._way(key, version)
        leaf = None if end == EMPTY else StateLeaf(self._nodes.key_hash(end), self._suite.digest(self._value(end)))
        joined = self._nodes.hashes[beside].tobytes()
        siblings = tuple(joined[start : start + DIGEST_SIZE] for start in range(0, len(joined), DIGEST_SIZE))
        return StateProof(self._suite.name, leaf, siblings)

    def _way(self, key: bytes, version: int | None) -> tuple[bytes, int, list[int]]:
        """The hash of a key, the row at which its way ends, and the rows beside the way, from the root downwards."""
        if type(key) is not bytes:
            raise MalformedEntry("key", type(key).__name__)
        row = self._root_rows[self._checked_version(version, oldest=self.oldest_version) - self.oldest_version]
        key_hash = self._suite.digest(key)
        path, shift = int.from_bytes(key_hash, "big"), DEEPEST
        child = self._nodes.children.item
        beside = []
        while (left := child(row, 0)) >= 0:
            shift -= 1
            right = child(row, 1)
            if path >> shift & 1:
                row, sibling = right, left
            else:
                row, sibling = left, right
            beside.append(sibling)
        return key_hash, row, beside

    def _value(self, leaf: int) -> bytes:
        return self._nodes.values[~self._nodes.children.item(leaf, 0)]

    def _checked_version(self, version: int | None, oldest: int) -> int:
        if version is None:
            return self.version
        _check_int("version", version)
        if not oldest <= version <= self.version:
            raise VersionOutOfRange(version, oldest, self.version)
        return version


def _check_int(name: str, value: object) -> None:
    if type(value) is not int:
        raise MalformedNumber(name, type(value).__name__)


def _check_changes(changes: Mapping[bytes, bytes | None]) -> None:
    # Two passes of C loops over the good case; the position of a bad one is looked for only when there is one.
    if set(map(type, changes)) <= {bytes} and set(map(type, changes.values())) <= {bytes, type(None)}:
        return
    for position, (key, value) in enumerate(changes.items()):
        if type(key) is not bytes:
            raise MalformedEntry(f"key {position}", type(key).__name__)
        if value is not None and type(value) is not bytes:
            raise MalformedEntry(f"value {position}", type(value).__name__)
