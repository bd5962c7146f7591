"""Compact ranges: what must be kept of a stretch of leaves so that it can grow, merge with its neighbours and end.

The range of leaves [start, end) is kept as the hashes of its largest aligned perfect subtrees, from left to right:
at most two of each height, and for a range from leaf 0 one for each bit of its size. That is enough to append, to
join what others have hashed to the right of it, and to compute the root of RFC 9162 section 2.1 at any time, so one
thing serves building in parallel, going on after a stop, and checking. The leaves themselves are not needed again.

As bytes, integers big endian and unsigned: ``JACR``, the version 1, the length of the suite's name, the name, start
and end of 8 bytes each, the hashes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from sim.proof.errors import MalformedHash, MalformedNumber, MalformedRange, SizeOutOfRange
from sim.proof.suites import suite_by_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.proof.suites import HashSuite

_MAGIC = b"JACR"
_VERSION = 1
_HEAD = struct.Struct(">4sBB")
_BOUNDS = struct.Struct(">QQ")
_LARGEST_SIZE = 2**63 - 1
_LARGEST_HEIGHT = 62


class CompactRange:
    """The leaves [start, end) of a log, as the hashes of their largest aligned perfect subtrees.

    Args:
        suite: the hash of the log.
        start: where the range begins, below 2^63; it is empty at first.

    Raises:
        SizeOutOfRange: ``start`` is negative or from 2^63 on.
        MalformedNumber: ``start`` is not an `int`.
    """

    __slots__ = ("_end", "_nodes", "_start", "_suite")

    def __init__(self, suite: HashSuite, start: int = 0) -> None:
        _check_number("start", start, _LARGEST_SIZE)
        self._suite = suite
        self._start = self._end = start
        self._nodes: list[tuple[int, bytes]] = []  # height and hash, from left to right

    def __repr__(self) -> str:
        return f"<compact range of {self._suite.name} leaves {self._start}..{self._end}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CompactRange):
            return NotImplemented
        return self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]  # a range grows, so no hash of it would last

    @property
    def suite(self) -> HashSuite:
        """The hash of the log."""
        return self._suite

    @property
    def start(self) -> int:
        """The first leaf."""
        return self._start

    @property
    def end(self) -> int:
        """One past the last leaf."""
        return self._end

    @property
    def hashes(self) -> list[bytes]:
        """The hash of each subtree, from left to right."""
        return [digest for _, digest in self._nodes]

    def append(self, leaf_hash: bytes) -> None:
        """Add the next leaf.

        Raises:
            MalformedHash: not 32 bytes of `bytes`.
            SizeOutOfRange: the range would end beyond 2^63 - 1.
        """
        self.append_subtree(leaf_hash, 0)

    def append_subtree(self, digest: bytes, height: int) -> None:
        """Add the next 2^height leaves by the root of their perfect subtree.

        Raises:
            MalformedHash: not 32 bytes of `bytes`.
            MalformedRange: such a subtree cannot begin where the range ends.
            SizeOutOfRange: ``height`` is not from 0 to 62, or the range would end beyond 2^63 - 1.
            MalformedNumber: ``height`` is not an `int`.
        """
        _check_number("height", height, _LARGEST_HEIGHT)
        if type(digest) is not bytes or len(digest) != self._suite.digest_size:
            raise MalformedHash("digest", len(digest) if type(digest) is bytes else type(digest).__name__)
        end = self._end + (1 << height)
        if end > _LARGEST_SIZE:
            raise SizeOutOfRange("end", end, 0, _LARGEST_SIZE)
        if self._end & (1 << height) - 1:
            raise MalformedRange(f"no subtree of 2^{height} leaves begins at leaf {self._end}")
        self._end = end
        # A right child whose left sibling is the last of the range becomes their parent, as often as that happens.
        position = (end >> height) - 1
        while position & 1 and self._nodes and self._nodes[-1][0] == height:
            digest = self._suite.node(self._nodes.pop()[1], digest)
            position >>= 1
            height += 1
        self._nodes.append((height, digest))

    def extend(self, other: CompactRange) -> None:
        """Add the leaves of the range that begins where this one ends.

        Raises:
            MalformedRange: it begins elsewhere, or is of another suite.
        """
        if other.suite is not self._suite:
            raise MalformedRange(f"a {other.suite.name} range cannot follow a {self._suite.name} range")
        if other.start != self._end:
            raise MalformedRange(f"the range that follows leaf {self._end} cannot begin at leaf {other.start}")
        # A copy, for a range may follow itself only where both are empty.
        for height, digest in tuple(other._nodes):
            self.append_subtree(digest, height)

    def copy(self) -> CompactRange:
        """A range of its own with the same leaves."""
        other = CompactRange(self._suite, self._start)
        other._end, other._nodes = self._end, self._nodes.copy()
        return other

    def root(self) -> bytes:
        """The root hash of the tree of all leaves before ``end``.

        Raises:
            MalformedRange: the range does not begin at leaf 0, so that no root follows from it.
        """
        if self._start:
            raise MalformedRange(f"a root takes the leaves from 0 on, this range begins at leaf {self._start}")
        if not self._nodes:
            return self._suite.empty
        *rest, (_, digest) = self._nodes
        for _, left in reversed(rest):
            digest = self._suite.node(left, digest)
        return digest

    def to_bytes(self) -> bytes:
        """The range as bytes; equal ranges have equal bytes."""
        name = self._suite.name.encode()
        head = _HEAD.pack(_MAGIC, _VERSION, len(name)) + name + _BOUNDS.pack(self._start, self._end)
        return head + b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, data: bytes) -> CompactRange:
        """The range that `to_bytes` made these bytes from.

        Raises:
            MalformedRange: no range has these bytes.
            UnknownSuite: it is of a hash function that is not known here.
        """
        if type(data) is not bytes:
            raise MalformedRange(f"it is {type(data).__name__}, not bytes")
        if len(data) < _HEAD.size:
            raise MalformedRange(f"{len(data)} bytes are too few")
        magic, version, name_size = _HEAD.unpack_from(data)
        if (magic, version) != (_MAGIC, _VERSION):
            raise MalformedRange(f"it begins with {magic!r} version {version}, not {_MAGIC!r} version {_VERSION}")
        bounds_at = _HEAD.size + name_size
        hashes_at = bounds_at + _BOUNDS.size
        if len(data) < hashes_at:
            raise MalformedRange(f"{len(data)} bytes are too few")
        suite = suite_by_name(data[_HEAD.size : bounds_at].decode("ascii", errors="replace"))
        start, end = _BOUNDS.unpack_from(data, bounds_at)
        if not start <= end <= _LARGEST_SIZE:
            raise MalformedRange(f"no range goes from leaf {start} to leaf {end}")
        loaded = cls(suite, start)
        size = suite.digest_size
        heights = list(subtree_heights(start, end))
        if len(data) != hashes_at + size * len(heights):
            raise MalformedRange(f"leaves {start}..{end} take {len(heights)} hashes of {size} bytes")
        loaded._end = end
        loaded._nodes = [
            (height, data[hashes_at + size * number : hashes_at + size * (number + 1)])
            for number, height in enumerate(heights)
        ]
        return loaded


def subtree_heights(start: int, end: int) -> Iterator[int]:
    """The heights of the largest aligned perfect subtrees that leaves [start, end) consist of, from left to right."""
    while start < end:
        height = (end - start).bit_length() - 1
        if start:
            height = min(height, (start & -start).bit_length() - 1)
        yield height
        start += 1 << height


def _check_number(name: str, value: int, largest: int) -> None:
    if type(value) is not int:
        raise MalformedNumber(name, type(value).__name__)
    if not 0 <= value <= largest:
        raise SizeOutOfRange(name, value, 0, largest)
