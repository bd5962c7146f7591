"""Messages by which blocks reach nodes outside the vote: pushed to observers, fetched by whoever fell behind.

A block travels with its quorum certificate, and a run of blocks with that of the last, which commits to all before it:
a receiver checks a quorum of signatures and need not trust who sent it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.consensus.interface import Value

_REQUEST_BYTES = 128
"""A request is a type, a chain id, two heights and a signature of 64 bytes, rounded up to a power of two."""
_HEADER_BYTES = 160
"""The canonical header: 126 bytes and a chain id of up to 32, rounded up."""
_SIGNATURE_BYTES = 68
"""One signature of a certificate with its signer's number."""


@dataclass(frozen=True, slots=True)
class BlockPush:
    """A validator hands a block that it has executed to an observer.

    ``proposed``: signatures of its transactions that the observer checks, as if each were a transaction.
    """

    sender: int
    sequence: int
    value: Value
    signatures: int
    proposed: int = 0
    view: int = 0
    kind: str = "block-push"

    @property
    def size_bytes(self) -> int:
        """Header, certificate and transactions."""
        return _HEADER_BYTES + self.signatures * _SIGNATURE_BYTES + self.value.size_bytes


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """A node asks a peer for everything from the height `sequence` on."""

    sender: int
    sequence: int
    attempt: int
    signatures: int = 1
    size_bytes: int = _REQUEST_BYTES
    proposed: int = 0
    kind: str = "block-request"

    @property
    def view(self) -> int:
        """Tells repeated requests apart for the network's draws."""
        return self.attempt


@dataclass(frozen=True, slots=True)
class BlockRange:
    """A peer's answer: its blocks from the height `sequence` on, and the view that it is in."""

    sender: int
    sequence: int
    values: tuple[Value, ...]
    quorum: int
    peer_view: int
    attempt: int
    signatures_each: int = 0
    kind: str = "block-range"

    @property
    def view(self) -> int:
        """As in `BlockRequest`."""
        return self.attempt

    @property
    def proposed(self) -> int:
        """As in `BlockPush`."""
        return self.signatures_each * sum(value.count for value in self.values)

    @property
    def signatures(self) -> int:
        """The sender's own, and a quorum's on the last block: each header names the one before it by its digest."""
        return 1 + self.quorum * bool(self.values)

    @property
    def size_bytes(self) -> int:
        """Headers and transactions of all blocks, and the certificate of the last."""
        blocks = sum(_HEADER_BYTES + value.size_bytes for value in self.values)
        return _REQUEST_BYTES + blocks + self.quorum * _SIGNATURE_BYTES * bool(self.values)
