"""The generator: an append-only Merkle log that answers for its present and every earlier size.

It keeps, level by level, the hash of every perfect subtree: leaves 0, 1, 2 ... at level 0, pairs at level 1, and so
on. Such a hash never changes once its leaves are there, whatever is appended. The ragged right edge of a tree of n
leaves is hashed on demand from at most log2 n of them, which is why old sizes cost no more than the present one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.proof.errors import IndexOutOfRange, MalformedHash, MalformedNumber, SizeOutOfRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim.proof.suites import HashSuite


class Log:
    """A Merkle log by RFC 9162 section 2.1, in memory: 64 bytes per leaf.

    Appending costs one node hash per leaf in the long run; a root or a proof of any size costs at most log2(size)
    node hashes. Record contents are not kept: the log holds what proves them.

    Args:
        suite: the hash of leaves and nodes.
    """

    __slots__ = ("_levels", "_suite")

    def __init__(self, suite: HashSuite) -> None:
        self._suite = suite
        # One flat array of digests per level: a list of bytes objects would take twice the memory.
        self._levels = [bytearray()]

    @property
    def suite(self) -> HashSuite:
        """The hash of leaves and nodes."""
        return self._suite

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0]) // self._suite.digest_size

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Append leaves, in order; none is appended if one is malformed.

        Args:
            leaf_hashes: `HashSuite.leaf` of each record, 32 bytes each.

        Raises:
            MalformedHash: one of them is not 32 bytes of `bytes`.
        """
        self.grow(_joined(leaf_hashes, self._suite.digest_size), self._suite.parents)

    def grow(self, fresh: bytes, parents: Callable[[bytes], bytes]) -> None:
        """As `extend`, for leaf hashes that stand end to end, with another way to do what `HashSuite.parents` does."""
        digest_size = self._suite.digest_size
        height = 0
        while fresh:
            if height == len(self._levels):
                self._levels.append(bytearray())
            level = self._levels[height]
            level += fresh
            # Hash the pairs that have no parent yet; an odd last node waits for its neighbour.
            height += 1
            covered = 2 * len(self._levels[height]) if height < len(self._levels) else 0
            paired = len(level) - len(level) % (2 * digest_size)
            fresh = parents(bytes(level[covered:paired]))

    def level(self, height: int) -> bytearray:
        """The hashes of the perfect subtrees of 2^height leaves, end to end; not to be changed."""
        return self._levels[height]

    def root(self, size: int | None = None) -> bytes:
        """The root hash of the first ``size`` leaves, by default of all.

        Raises:
            SizeOutOfRange: ``size`` is negative or beyond the log's.
            MalformedNumber: ``size`` is not an `int`.
        """
        size = self._checked_size("size", size, smallest=0)
        return self._subtree(0, size) if size else self._suite.empty

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """The proof that leaf ``index`` is among the first ``size`` leaves, by default among all.

        Returns:
            PATH(index, D[size]) of RFC 9162 section 2.1.3.1: sibling hashes from the leaf upwards.

        Raises:
            IndexOutOfRange: there is no such leaf among them.
            SizeOutOfRange: ``size`` is negative or beyond the log's.
            MalformedNumber: one of them is not an `int`.
        """
        size = self._checked_size("size", size, smallest=0)
        _check_int("index", index)
        if not 0 <= index < size:
            raise IndexOutOfRange(index, size)
        proof = []
        for height in range((size - 1).bit_length()):
            sibling = index >> height ^ 1
            if sibling < size >> height:
                proof.append(self._perfect(height, sibling))
            elif sibling << height < size:
                proof.append(self._subtree(sibling << height, size))
            # Else this is the last node of its level and has no sibling: it stands for its parent too.
        return proof

    def consistency_proof(self, old_size: int, new_size: int | None = None) -> list[bytes]:
        """The proof that the first ``old_size`` leaves are a prefix of the first ``new_size``, by default of all.

        Returns:
            PROOF(old_size, D[new_size]) of RFC 9162 section 2.1.4.1, deepest hash first; for equal sizes nothing.

        Raises:
            SizeOutOfRange: not 1 ≤ ``old_size`` ≤ ``new_size`` ≤ the log's size.
            MalformedNumber: one of them is not an `int`.
        """
        new_size = self._checked_size("new_size", new_size, smallest=1)
        _check_int("old_size", old_size)
        if not 1 <= old_size <= new_size:
            raise SizeOutOfRange("old_size", old_size, 1, new_size)
        # Walk down to the node where the old tree ends; [start, end) are the leaves below the node reached.
        start, end = 0, new_size
        downwards = []
        while end != old_size:
            middle = start + _left_size(end - start)
            if old_size <= middle:
                downwards.append(self._subtree(middle, end))
                end = middle
            else:
                downwards.append(self._subtree(start, middle))
                start = middle
        # A walk that only went left has ended at the old root itself, which the verifier holds already.
        if start:
            downwards.append(self._subtree(start, end))
        return downwards[::-1]

    def _checked_size(self, name: str, size: int | None, smallest: int) -> int:
        if size is None:
            size = self.size
        _check_int(name, size)
        if not smallest <= size <= self.size:
            raise SizeOutOfRange(name, size, smallest, self.size)
        return size

    def _perfect(self, height: int, position: int) -> bytes:
        """The hash of the perfect subtree over leaves [position · 2^height, (position + 1) · 2^height)."""
        offset = position * self._suite.digest_size
        return bytes(self._levels[height][offset : offset + self._suite.digest_size])

    def _subtree(self, start: int, end: int) -> bytes:
        """The hash of leaves [start, end), where ``start`` is a multiple of a power of two ≥ end - start."""
        perfect = []
        while start < end:
            height = (end - start).bit_length() - 1
            perfect.append(self._perfect(height, start >> height))
            start += 1 << height
        digest = perfect.pop()
        while perfect:
            digest = self._suite.node(perfect.pop(), digest)
        return digest


def root(suite: HashSuite, leaf_hashes: Iterable[bytes]) -> bytes:
    """The root hash of a list of leaf hashes: MTH of RFC 9162 section 2.1.1.

    Cheaper than a `Log` where nothing but the root is wanted; it holds one level at a time.

    Raises:
        MalformedHash: one of them is not 32 bytes of `bytes`.
    """
    digest_size = suite.digest_size
    level = _joined(leaf_hashes, digest_size)
    if not level:
        return suite.empty
    while len(level) > digest_size:
        paired = len(level) - len(level) % (2 * digest_size)
        # Splitting at the largest power of two leaves an odd last node as it is; duplicating it instead would give
        # two lists of leaves one root (CVE-2012-2459).
        level = suite.parents(level[:paired]) + level[paired:]
    return level


def _joined(hashes: Iterable[bytes], digest_size: int) -> bytes:
    """Hashes end to end.

    Raises:
        MalformedHash: one of them is not ``digest_size`` bytes of `bytes`.
    """
    hashes = tuple(hashes)
    # Two passes of C loops over the good case; the position of a bad hash is looked for only when there is one.
    if not (set(map(type, hashes)) <= {bytes} and set(map(len, hashes)) <= {digest_size}):
        for position, value in enumerate(hashes):
            if type(value) is not bytes:
                raise MalformedHash(f"leaf_hashes[{position}]", type(value).__name__)
            if len(value) != digest_size:
                raise MalformedHash(f"leaf_hashes[{position}]", len(value))
    return b"".join(hashes)


def _check_int(name: str, value: object) -> None:
    if type(value) is not int:
        raise MalformedNumber(name, type(value).__name__)


def _left_size(size: int) -> int:
    """The largest power of two below ``size`` ≥ 2: how many leaves hang to the left of a root."""
    return 1 << (size - 1).bit_length() - 1
