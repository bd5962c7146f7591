"""Blocks, certificates and messages of the protocols in which blocks certify their parents.

Sizes follow from one fixed-width layout: a kind byte, a replica's number (4 bytes), views and heights (8 bytes each),
digests of 32 bytes and signatures of 64. A certificate names its signers and carries one signature of each; whether
these hold is for the host to say, whether they are enough is checked in `chained`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from sim.consensus.interface import Value

HEADER_BYTES: Final = 1 + 4 + 8 + 8
"""A kind, a sender, a view, a height."""
DIGEST_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
SIGNER_BYTES: Final = 4 + SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum, as bits, voted for ``block`` in ``view``."""

    view: int
    block: bytes
    signers: int

    @property
    def size_bytes(self) -> int:
        """A view, a digest and the signatures."""
        return 8 + DIGEST_BYTES + self.signers.bit_count() * SIGNER_BYTES


@dataclass(frozen=True, slots=True)
class Block:
    """``value`` proposed in ``view`` on top of the block that ``justify`` certifies, at ``height`` from the genesis."""

    view: int
    height: int
    value: Value
    justify: Certificate
    id: bytes

    @classmethod
    def on(cls, parent_height: int, view: int, value: Value, justify: Certificate) -> Block:
        """A new block; its identity covers all of it."""
        fields = (view, parent_height + 1, value.digest, justify.view, justify.block)
        return cls(view, parent_height + 1, value, justify, hashlib.sha256(repr(fields).encode()).digest())

    @property
    def size_bytes(self) -> int:
        """Header, certificate and the value."""
        return HEADER_BYTES + self.justify.size_bytes + DIGEST_BYTES + self.value.size_bytes


GENESIS: Final = Certificate(view=0, block=bytes(DIGEST_BYTES), signers=0)


@dataclass(frozen=True, slots=True)
class TimeoutCertificate:
    """A quorum, as bits, gave up on ``view``; the newest certificate that any of them knew is of ``high_view``."""

    view: int
    high_view: int
    signers: int

    @property
    def size_bytes(self) -> int:
        """A view, and of each signer the view of its newest certificate and a signature."""
        return 8 + self.signers.bit_count() * (8 + SIGNER_BYTES)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The leader of a view proposes a block; ``timeouts`` says why a view without a certificate came before it."""

    kind: ClassVar[str] = "proposal"
    sender: int
    block: Block
    timeouts: TimeoutCertificate | None = None

    @property
    def view(self) -> int:
        """The block's."""
        return self.block.view

    @property
    def sequence(self) -> int:
        """The block's height."""
        return self.block.height

    @property
    def size_bytes(self) -> int:
        """The block, the reason and a signature."""
        reason = 0 if self.timeouts is None else self.timeouts.size_bytes
        return self.block.size_bytes + reason + SIGNATURE_BYTES

    @property
    def signatures(self) -> int:
        """Its own and those of its certificates."""
        reason = 0 if self.timeouts is None else self.timeouts.signers.bit_count()
        return 1 + self.block.justify.signers.bit_count() + reason

    @property
    def proposed(self) -> int:
        """The transactions of the value."""
        return self.block.value.count


@dataclass(frozen=True, slots=True)
class Vote:
    """Its sender votes for ``block`` of ``view``; sent to the next leader only."""

    kind: ClassVar[str] = "vote"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + DIGEST_BYTES + SIGNATURE_BYTES
    sender: int
    view: int
    sequence: int
    block: bytes


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """Its sender lacks ``block`` and has executed ``sequence`` values."""

    kind: ClassVar[str] = "block-fetch"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + DIGEST_BYTES + SIGNATURE_BYTES
    sender: int
    view: int
    sequence: int
    block: bytes


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks in ascending order, with what else somebody behind may lack.

    ``high`` is the newest certificate that the sender knows, ``final`` the one that last decided something there, and
    ``timeouts`` why it is in its view.
    """

    kind: ClassVar[str] = "blocks"
    proposed: ClassVar[int] = 0
    """A quorum has checked the transactions of a certified block."""
    sender: int
    view: int
    sequence: int
    blocks: tuple[Block, ...]
    high: Certificate
    final: Certificate
    timeouts: TimeoutCertificate | None = None

    @property
    def size_bytes(self) -> int:
        """Everything in it and a signature."""
        reason = 0 if self.timeouts is None else self.timeouts.size_bytes
        blocks = sum(block.size_bytes for block in self.blocks)
        return HEADER_BYTES + blocks + self.high.size_bytes + self.final.size_bytes + reason + SIGNATURE_BYTES

    @property
    def signatures(self) -> int:
        """Its own and those of the newest certificates; the blocks below are linked to these by their digests."""
        reason = 0 if self.timeouts is None else self.timeouts.signers.bit_count()
        return 1 + self.high.signers.bit_count() + self.final.signers.bit_count() + reason


@dataclass(frozen=True, slots=True)
class Timeout:
    """Its sender gave up on ``view``; it executed ``sequence`` values, and voted ``vote`` last, if that is told."""

    kind: ClassVar[str] = "timeout"
    proposed: ClassVar[int] = 0
    sender: int
    view: int
    sequence: int
    high: Certificate
    vote: Vote | None = None

    @property
    def size_bytes(self) -> int:
        """Header, certificate, vote, and two signatures: on the message, and on what a timeout certificate repeats."""
        vote = 0 if self.vote is None else 8 + DIGEST_BYTES + SIGNATURE_BYTES
        return HEADER_BYTES + self.high.size_bytes + vote + 2 * SIGNATURE_BYTES

    @property
    def signatures(self) -> int:
        """Its own two, the certificate's and the vote's."""
        return 2 + self.high.signers.bit_count() + (self.vote is not None)
