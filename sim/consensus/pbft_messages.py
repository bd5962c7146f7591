"""The eight messages of PBFT and the certificates inside them: what is said and how large it is.

Sizes follow from one fixed-width layout: a kind byte, the sender's id (4 bytes), view and sequence numbers (8 bytes
each), digests of 32 bytes (SHA-256 and SM3 alike) and signatures of 64 bytes (Ed25519: RFC 8032 section 5.1.6; SM2:
two 256-bit integers). A certificate names its signers and carries one signature of each.

A certificate is a claim here: whether its signatures hold is for the host to say before it delivers the message, as
it answers for the message's own signature. What is in this room's hands, the shape of certificates, is checked in
`pbft_view_change`.

One message object is shared by all its receivers and never changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias

from sim.consensus.interface import Value

KIND_BYTES: Final = 1
ID_BYTES: Final = 4
NUMBER_BYTES: Final = 8
DIGEST_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

HEADER_BYTES: Final = KIND_BYTES + ID_BYTES + SIGNATURE_BYTES
VOTE_BYTES: Final = HEADER_BYTES + 2 * NUMBER_BYTES + DIGEST_BYTES
SIGNER_BYTES: Final = ID_BYTES + SIGNATURE_BYTES

NULL: Final = Value(digest=bytes(DIGEST_BYTES), size_bytes=0, count=0)
"""The value that fills a gap in a new view: it is ordered like any other and executes as nothing (section 4.4)."""


@dataclass(frozen=True, slots=True)
class PrePrepare:
    """The leader assigns ``sequence`` to ``value`` in ``view`` (section 4.2); the value's body rides along."""

    kind: ClassVar[str] = "pre-prepare"
    signatures: ClassVar[int] = 1
    sender: int
    view: int
    sequence: int
    value: Value

    @property
    def size_bytes(self) -> int:
        """Header, assignment and the value itself."""
        return VOTE_BYTES + self.value.size_bytes

    @property
    def proposed(self) -> int:
        """The transactions of the value."""
        return self.value.count


@dataclass(frozen=True, slots=True)
class Prepare:
    """A backup accepted the leader's assignment of ``sequence`` to ``digest`` in ``view`` (section 4.2)."""

    kind: ClassVar[str] = "prepare"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = VOTE_BYTES
    sender: int
    view: int
    sequence: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """The sender holds a prepared certificate for ``digest`` at ``sequence`` in ``view`` (section 4.2)."""

    kind: ClassVar[str] = "commit"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = VOTE_BYTES
    sender: int
    view: int
    sequence: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The sender's state after executing ``sequence`` has the digest ``state_digest`` (section 4.3)."""

    kind: ClassVar[str] = "checkpoint"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + NUMBER_BYTES + DIGEST_BYTES
    view: ClassVar[int] = 0
    sender: int
    sequence: int
    state_digest: bytes


@dataclass(frozen=True, slots=True)
class CheckpointCertificate:
    """Proof that a checkpoint is stable: a quorum of ``signers`` said the same (section 4.3).

    Sequence 0 is the common start and needs no signers.
    """

    sequence: int
    state_digest: bytes
    signers: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """Number, digest and one signature per signer."""
        return NUMBER_BYTES + DIGEST_BYTES + len(self.signers) * SIGNER_BYTES


GENESIS: Final = CheckpointCertificate(sequence=0, state_digest=b"", signers=())


@dataclass(frozen=True, slots=True)
class PreparedCertificate:
    """Proof that the value under ``digest`` prepared at ``sequence`` in ``view``: a pre-prepare and backups' prepares.

    It names the value and does not bring it (section 4.4); who signed it holds it.
    """

    view: int
    sequence: int
    digest: bytes
    signers: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """Numbers, digest and signatures."""
        return 2 * NUMBER_BYTES + DIGEST_BYTES + len(self.signers) * SIGNER_BYTES


@dataclass(frozen=True, slots=True)
class Assignment:
    """A pre-prepare in a NEW-VIEW, without its value: ``sequence`` is assigned to ``digest`` again (section 4.4)."""

    sequence: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class ViewChange:
    """The sender leaves for ``view`` and says what it knows (section 4.4).

    ``stable`` is C, its last stable checkpoint; ``prepared`` is P, the latest prepared certificate of each sequence
    number above, in ascending order.
    """

    kind: ClassVar[str] = "view-change"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    sequence: ClassVar[int] = 0
    sender: int
    view: int
    stable: CheckpointCertificate
    prepared: tuple[PreparedCertificate, ...]
    size_bytes: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Add up sizes once: every receiver asks for them."""
        proof = self.stable.size_bytes + sum(p.size_bytes for p in self.prepared)
        object.__setattr__(self, "size_bytes", HEADER_BYTES + NUMBER_BYTES + proof)

    @property
    def certified(self) -> int:
        """The signatures in its certificates, which are checked by who does not hold this very message yet."""
        return len(self.stable.signers) + sum(len(p.signers) for p in self.prepared)


@dataclass(frozen=True, slots=True)
class NewView:
    """The leader of ``view`` opens it (section 4.4): V, a quorum of view changes, and O, what follows from them.

    V is the messages as their senders signed them. Its own signatures are the leader's and those of O; what is in V is
    checked by who does not hold it yet.
    """

    kind: ClassVar[str] = "new-view"
    proposed: ClassVar[int] = 0
    sequence: ClassVar[int] = 0
    sender: int
    view: int
    view_changes: tuple[ViewChange, ...]
    pre_prepares: tuple[Assignment, ...]
    size_bytes: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Add up sizes once: every receiver asks for them."""
        size = HEADER_BYTES + NUMBER_BYTES + len(self.pre_prepares) * VOTE_BYTES
        object.__setattr__(self, "size_bytes", size + sum(change.size_bytes for change in self.view_changes))

    @property
    def signatures(self) -> int:
        """The leader's own, and one for each member of O."""
        return 1 + len(self.pre_prepares)


@dataclass(frozen=True, slots=True)
class ValueRequest:
    """The sender has no value under ``digest``, which was assigned to ``sequence`` again in ``view`` (section 4.4)."""

    kind: ClassVar[str] = "value-request"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = VOTE_BYTES
    sender: int
    view: int
    sequence: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class ValueReply:
    """The answer to a `ValueRequest`. A quorum has checked its transactions, or it would not have prepared."""

    kind: ClassVar[str] = "value-reply"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    sender: int
    view: int
    sequence: int
    value: Value

    @property
    def size_bytes(self) -> int:
        """Header, numbers, digest and the value itself."""
        return VOTE_BYTES + self.value.size_bytes


OrderingMessage: TypeAlias = PrePrepare | Prepare | Commit
