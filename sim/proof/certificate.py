"""Quorum certificates: enough validators signed the same statement about one block.

A vote says: on this chain, under this protocol, in this phase and view, at this height, I stand for the block with this
digest. Its bytes, which validators sign, integers big endian and unsigned:

| bytes | field |
|---|---|
| 4 | the magic ``JAVT`` (judicial alliance vote) |
| 1 | the version, 1 |
| 1 + c | length and UTF-8 of `chain` |
| 1 + p | length and UTF-8 of `protocol` |
| 1 + h | length and UTF-8 of `phase` |
| 8 | `view`, below 2^63 |
| 8 | `height`, below 2^63 |
| 32 | `digest` of the header |

Every field is in the signed bytes, so a signature cannot be moved to another chain, phase, view or block.

A certificate is the vote's bytes, a count of 2 bytes (1..1024), and for each signature the length and UTF-8 of the
validator's id (1 + i) and its 64 bytes (Ed25519, or r and s of SM2). Signatures ascend by the bytes of their ids.

A certificate alone is not finality: `sim.proof.finality` says which certificates are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.proof import wire
from sim.proof.chain_errors import BadVote, MalformedCertificate, RepeatedValidator, TooFewVotes
from sim.proof.errors import ProofError
from sim.proof.suites import DIGEST_SIZE
from sim.proof.validators import MOST_VALIDATORS

if TYPE_CHECKING:
    from sim.proof.validators import ValidatorSet

_MAGIC = b"JAVT"
_VERSION = 1
_SIGNATURE_BYTES = 64

_check = wire.Checks(MalformedCertificate)


@dataclass(frozen=True, slots=True)
class Vote:
    """What validators sign about a block.

    Attributes:
        chain: the chain's id.
        protocol: the consensus protocol, as `sim.proof.finality` names it.
        phase: the step of the protocol in which the vote is cast.
        view: the view or round, below 2^63.
        height: the block's height, below 2^63.
        digest: the digest of the block's header, 32 bytes.

    Raises:
        MalformedCertificate: a field has the wrong type, length or range.
    """

    chain: str
    protocol: str
    phase: str
    view: int
    height: int
    digest: bytes

    def __post_init__(self) -> None:
        for name in ("chain", "protocol", "phase"):
            _check.words(name, getattr(self, name))
        for name in ("view", "height"):
            _check.integer(name, getattr(self, name))
        _check.octets("digest", self.digest, DIGEST_SIZE, DIGEST_SIZE)

    def to_bytes(self) -> bytes:
        """The signed bytes, laid out at the top of this module."""
        return b"".join(
            (
                _MAGIC,
                wire.number(_VERSION, 1),
                wire.text(self.chain),
                wire.text(self.protocol),
                wire.text(self.phase),
                wire.number(self.view, 8),
                wire.number(self.height, 8),
                self.digest,
            )
        )


@dataclass(frozen=True, slots=True)
class VoteSignature:
    """One validator's signature under a vote.

    Raises:
        MalformedCertificate: a field has the wrong type or length.
    """

    validator: str
    signature: bytes

    def __post_init__(self) -> None:
        _check.words("validator id", self.validator)
        _check.octets("signature", self.signature, _SIGNATURE_BYTES, _SIGNATURE_BYTES)


@dataclass(frozen=True, slots=True)
class QuorumCertificate:
    """A vote and the signatures under it.

    Attributes:
        vote: what was signed.
        signatures: in ascending order of the bytes of the validators' ids.

    Raises:
        RepeatedValidator: a validator signed twice.
        MalformedCertificate: there are no signatures, too many, or they are out of order.
    """

    vote: Vote
    signatures: tuple[VoteSignature, ...]

    def __post_init__(self) -> None:
        _check.kind("vote", self.vote, Vote)
        _check.items("signatures", self.signatures, VoteSignature, 1, MOST_VALIDATORS)
        seen: set[str] = set()
        for signed in self.signatures:
            if signed.validator in seen:
                raise RepeatedValidator(signed.validator)
            seen.add(signed.validator)
        ids = [signed.validator.encode() for signed in self.signatures]
        if ids != sorted(ids):
            raise MalformedCertificate("signatures must stand in ascending order of the bytes of the ids")

    @property
    def signers(self) -> frozenset[str]:
        """The ids of those who signed."""
        return frozenset(signed.validator for signed in self.signatures)

    def check(self, validators: ValidatorSet) -> None:
        """Accept only if a quorum of these validators signed the vote, and nobody else did.

        One bad signature refuses the whole certificate, even beyond a quorum: an honest relayer leaves it out.

        Raises:
            UnknownValidator: a signature comes from outside the set.
            TooFewVotes: there are fewer than a quorum.
            BadVote: a signature is not good, or its key is none.
        """
        members = [validators.member(signed.validator) for signed in self.signatures]
        if len(members) < validators.quorum:
            raise TooFewVotes(len(members), validators.quorum, len(validators))
        message = self.vote.to_bytes()
        for member, signed in zip(members, self.signatures, strict=True):
            try:
                member.verify(message, signed.signature)
            except ProofError as refusal:
                raise BadVote(member.id, str(refusal)) from refusal

    def to_bytes(self) -> bytes:
        """The certificate's only encoding, laid out at the top of this module."""
        parts = [self.vote.to_bytes(), wire.number(len(self.signatures), 2)]
        for signed in self.signatures:
            parts += [wire.text(signed.validator), signed.signature]
        return b"".join(parts)


def read_certificate(reader: wire.Reader) -> QuorumCertificate:
    """The certificate at the front of what is left to read.

    Raises:
        ProofError: there is none.
    """
    reader.start(_MAGIC, _VERSION)
    chain, protocol, phase = reader.text("chain"), reader.text("protocol"), reader.text("phase")
    view, height = reader.number("view", 8), reader.number("height", 8)
    vote = Vote(chain, protocol, phase, view, height, reader.take("digest", DIGEST_SIZE))
    count = reader.number("number of signatures", 2, 1, MOST_VALIDATORS)
    return QuorumCertificate(vote, tuple(_read_signature(reader) for _ in range(count)))


def _read_signature(reader: wire.Reader) -> VoteSignature:
    validator = reader.text("validator id")
    return VoteSignature(validator, reader.take("signature", _SIGNATURE_BYTES))
