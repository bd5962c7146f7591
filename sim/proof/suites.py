"""Hash suites: a hash function under the leaf and node prefixes of RFC 9162 section 2.1.1.

A leaf is H(0x00 ‖ data) and a node H(0x01 ‖ left ‖ right), so that neither can be passed off as the other. RFC 9162
names SHA-256; SM3 (GB/T 32905-2016) takes its place unchanged, both have 64-byte blocks and 32-byte digests.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from sim.proof.errors import UnknownSuite
from sim.proof.sm3 import Sm3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

DIGEST_SIZE = 32
"""Bytes of a digest, the same in every suite."""


class HashState(Protocol):
    """A running hash, as hashlib makes them."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Add bytes to the end of the message."""

    def digest(self) -> bytes:
        """The hash of the message so far."""

    def copy(self) -> Self:
        """An independent hash that continues from the same message."""


class HashSuite:
    """One hash function with its tree prefixes.

    The suites in use are `SHA256` and `SM3`. They pickle by name, so a copy in another process is that process's own.

    Args:
        name: what scenarios and summaries call it.
        start: the hash of the empty message so far; the suite only ever copies it.
    """

    __slots__ = ("_leaf", "_node", "_plain", "digest_size", "empty", "name")

    def __init__(self, name: str, start: HashState) -> None:
        self.name = name
        self.digest_size = DIGEST_SIZE
        # Copying a state that has taken its prefix is the fastest way to a short hash: OpenSSL looks up an algorithm
        # by name at each new hash, and a copy needs neither that nor a joined message.
        self._plain = start.copy()
        self._leaf = start.copy()
        self._leaf.update(b"\x00")
        self._node = start.copy()
        self._node.update(b"\x01")
        self.empty = start.digest()
        """The root of the tree without leaves: H of the empty string."""

    def __repr__(self) -> str:
        return f"<hash suite {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], HashSuite], tuple[str]]:
        return suite_by_name, (self.name,)

    def digest(self, data: bytes) -> bytes:
        """The 32-byte hash of the data, without a prefix."""
        state = self._plain.copy()
        state.update(data)
        return state.digest()

    def leaf(self, data: bytes) -> bytes:
        """The 32-byte leaf hash of a record's content."""
        state = self._leaf.copy()
        state.update(data)
        return state.digest()

    def node(self, left: bytes, right: bytes) -> bytes:
        """The 32-byte hash of a node from those of its children, whose 32 bytes each the caller has checked."""
        state = self._node.copy()
        state.update(left)
        state.update(right)
        return state.digest()

    def leaves(self, contents: Iterable[bytes]) -> list[bytes]:
        """The leaf hash of each content, in order; faster than one call each."""
        fresh = self._leaf.copy
        hashes = []
        for content in contents:
            state = fresh()
            state.update(content)
            hashes.append(state.digest())
        return hashes

    def parents(self, children: bytes) -> bytes:
        """The next level of a tree: the hash of each pair of neighbours.

        Args:
            children: an even number of digests, end to end.

        Returns:
            Half as many digests, end to end.
        """
        fresh = self._node.copy
        pair_size = 2 * self.digest_size
        view = memoryview(children)
        hashes = []
        for start in range(0, len(view), pair_size):
            state = fresh()
            state.update(view[start : start + pair_size])
            hashes.append(state.digest())
        return b"".join(hashes)


def _start_of_sm3() -> HashState:
    """SM3 of OpenSSL, or our own where OpenSSL was built or configured without it."""
    try:
        return hashlib.new("sm3")
    except ValueError:
        return Sm3()


SHA256 = HashSuite("sha256", hashlib.sha256())
"""SHA-256 (FIPS 180-4), the hash of RFC 9162."""

SM3 = HashSuite("sm3", _start_of_sm3())
"""SM3 (GB/T 32905-2016), the commercial-cryptography hash that Chinese court chains use."""

_SUITES = {suite.name: suite for suite in (SHA256, SM3)}


def suite_by_name(name: str) -> HashSuite:
    """The suite called ``sha256`` or ``sm3``.

    Raises:
        UnknownSuite: there is no other.
    """
    try:
        return _SUITES[name]
    except KeyError:
        raise UnknownSuite(name) from None
