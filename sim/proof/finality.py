"""What makes a block final, protocol by protocol: which certificate nobody can take back.

| protocol | final when | source |
|---|---|---|
| ``pbft`` | a quorum of COMMIT in one view | Castro & Liskov, OSDI 1999, section 4.2 |
| ``tendermint`` | a quorum of PRECOMMIT in one round | Buchman, Kwon & Milosevic, arXiv 1807.04938, algorithm 1 |
| ``qbft`` | a quorum of COMMIT in one round | Moniz, arXiv 2002.03613, algorithm 2 |
| ``hotstuff`` | certified, as are child and grandchild, in consecutive views | Yin et al., PODC 2019, section 5 |
| ``jolteon`` | certified, as is its child in the next round | Gelashvili et al., FC 2022, section 3 |
| ``raft`` | never: it survives crashes, not lies; there is the orderers' word only | Ongaro & Ousterhout, ATC 2014 |

So a PBFT prepare certificate or a single HotStuff certificate is refused: the block may still be replaced. Where
descendants are needed they are headers of the same chain, each the parent's child, under the same validator set, since
a set that takes over does so from a final block. The protocol of a chain comes from whoever trusts it, never from
the certificate.

A final block's bytes: the number of links (1 byte, 1..3), and for each its header after its length (2 bytes) and its
certificate (`sim.proof.certificate`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.proof import wire
from sim.proof.certificate import QuorumCertificate, read_certificate
from sim.proof.chain_errors import (
    MalformedCertificate,
    NoFinality,
    NotFinal,
    UnknownProtocol,
    WrongBlock,
    WrongChain,
    WrongValidators,
)
from sim.proof.header import BlockHeader

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite
    from sim.proof.validators import ValidatorSet

MOST_LINKS = 3
_LONGEST_HEADER_BYTES = 1024

_check = wire.Checks(MalformedCertificate)


@dataclass(frozen=True, slots=True)
class FinalityRule:
    """Which votes count, and how many certified blocks in a row, in consecutive views, make the first one final."""

    phase: str
    links: int


FINALITY: dict[str, FinalityRule | None] = {
    "pbft": FinalityRule("commit", 1),
    "tendermint": FinalityRule("precommit", 1),
    "qbft": FinalityRule("commit", 1),
    "hotstuff": FinalityRule("generic", 3),
    "jolteon": FinalityRule("vote", 2),
    "raft": None,
}
"""The rule of each protocol; None where no certificate exists."""


def rule_of(protocol: str) -> FinalityRule:
    """The finality rule of a protocol.

    Raises:
        UnknownProtocol: none is known.
        NoFinality: it has no certificates.
    """
    if protocol not in FINALITY:
        raise UnknownProtocol(protocol)
    rule = FINALITY[protocol]
    if rule is None:
        raise NoFinality(protocol)
    return rule


@dataclass(frozen=True, slots=True)
class CertifiedHeader:
    """A header and a certificate that should be of it."""

    header: BlockHeader
    certificate: QuorumCertificate

    def __post_init__(self) -> None:
        _check.kind("header", self.header, BlockHeader)
        _check.kind("certificate", self.certificate, QuorumCertificate)


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """A block said to be final: its header, its certificate, and the certified descendants that its protocol asks for.

    Attributes:
        links: the block itself, its child, its grandchild; as many as the protocol asks for.

    Raises:
        MalformedCertificate: there are none or too many.
    """

    links: tuple[CertifiedHeader, ...]

    def __post_init__(self) -> None:
        _check.items("links", self.links, CertifiedHeader, 1, MOST_LINKS)

    @property
    def header(self) -> BlockHeader:
        """The header of the block itself."""
        return self.links[0].header

    @property
    def signers(self) -> frozenset[str]:
        """The ids of the validators who signed for the block itself."""
        return self.links[0].certificate.signers

    def check(self, suite: HashSuite, *, chain: str, protocol: str, validators: ValidatorSet) -> None:
        """Accept only if these validators made the block final on this chain under this protocol.

        Whether the validators are the right ones is another question, which a light client answers.

        Args:
            suite: the hash of the chain's headers.
            chain: the id of the chain.
            protocol: the chain's consensus protocol, from a trusted place.
            validators: the set that the header names.

        Raises:
            UnknownProtocol, NoFinality: the protocol has no certificates.
            WrongChain: a header or a vote is of another chain or protocol.
            WrongValidators: a header names another set.
            NotFinal: votes of another phase, views that do not follow each other, or missing descendants.
            WrongBlock: a certificate of another block, or a descendant of another parent.
            UnknownValidator, TooFewVotes, BadVote: as `QuorumCertificate.check`.
        """
        rule = rule_of(protocol)
        if len(self.links) != rule.links:
            reason = f"{rule.links} certified blocks in a row are needed, {len(self.links)} found"
            raise NotFinal(protocol, reason)
        validators_hash = validators.hash(suite)
        digests = [link.header.digest(suite) for link in self.links]
        for link, digest in zip(self.links, digests, strict=True):
            _check_link(link, digest, chain, protocol, rule.phase)
            if link.header.validators_hash != validators_hash:
                raise WrongValidators(link.header.validators_hash, validators_hash)
        for position in range(1, len(self.links)):
            self._check_descent(position, digests[position - 1], protocol)
        # Signatures come last: they cost a thousand times what the rest does.
        for link in self.links:
            link.certificate.check(validators)

    def _check_descent(self, position: int, parent: bytes, protocol: str) -> None:
        older, younger = self.links[position - 1], self.links[position]
        if younger.header.parent != parent:
            raise WrongBlock("parent", younger.header.parent.hex(), parent.hex())
        if younger.header.height != older.header.height + 1:
            raise WrongBlock("height", younger.header.height, older.header.height + 1)
        view, before = younger.certificate.vote.view, older.certificate.vote.view
        if view != before + 1:
            raise NotFinal(protocol, f"view {view} does not follow view {before}")

    def to_bytes(self) -> bytes:
        """The block's only encoding, laid out at the top of this module."""
        parts = [wire.number(len(self.links), 1)]
        for link in self.links:
            parts += [wire.sized(link.header.to_bytes(), 2), link.certificate.to_bytes()]
        return b"".join(parts)


def _check_link(link: CertifiedHeader, digest: bytes, chain: str, protocol: str, phase: str) -> None:
    """Does the certificate belong to the header, and both to this chain?"""
    vote = link.certificate.vote
    for name, found in (("header", link.header.chain), ("vote", vote.chain)):
        if found != chain:
            raise WrongChain(name, found, chain)
    if vote.protocol != protocol:
        raise WrongChain("protocol", vote.protocol, protocol)
    if vote.phase != phase:
        raise NotFinal(protocol, f"votes of phase {vote.phase!r:.64} do not count, those of {phase!r} do")
    if vote.height != link.header.height:
        raise WrongBlock("height", vote.height, link.header.height)
    if vote.digest != digest:
        raise WrongBlock("digest", vote.digest.hex(), digest.hex())


def read_final_block(reader: wire.Reader) -> FinalBlock:
    """The final block at the front of what is left to read.

    Raises:
        ProofError: there is none.
    """
    count = reader.number("number of links", 1, 1, MOST_LINKS)
    return FinalBlock(tuple(_read_link(reader) for _ in range(count)))


def read_header(reader: wire.Reader) -> BlockHeader:
    """The header of the final block at the front of what is left to read; the rest is left.

    Raises:
        ProofError: there is none.
    """
    reader.number("number of links", 1, 1, MOST_LINKS)
    return _read_header(reader)


def _read_header(reader: wire.Reader) -> BlockHeader:
    return BlockHeader.from_bytes(reader.sized("header", 2, _LONGEST_HEADER_BYTES))


def _read_link(reader: wire.Reader) -> CertifiedHeader:
    header = _read_header(reader)
    return CertifiedHeader(header, read_certificate(reader))
