"""A chain that a light client follows: headers, records, a state, and validators who really sign.

Keys come from names and Ed25519 is deterministic, so the same calls give the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

from sim.proof import SHA256, BlockHeader, merkle
from sim.proof.bundle import Bundle, RecordFact, StateFact
from sim.proof.certificate import QuorumCertificate, Vote, VoteSignature
from sim.proof.evidence import Update
from sim.proof.finality import FINALITY, CertifiedHeader, FinalBlock
from sim.proof.lightclient import LightClient, TrustPolicy
from sim.proof.signatures import scheme_by_name
from sim.proof.state import StateTree
from sim.proof.validators import Validator, ValidatorSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.proof.signatures import Signer
    from sim.proof.suites import HashSuite

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
PERIOD = 14 * DAY
DRIFT = 10 * SECOND


def signer_of(name: str, algorithm: str = "ed25519") -> Signer:
    return scheme_by_name(algorithm).signer(hashlib.sha256(name.encode()).digest())


def validator_set(names: Sequence[str], algorithm: str = "ed25519") -> ValidatorSet:
    """The validators of these names, each with the key of its name."""
    members = [Validator(name, algorithm, signer_of(name, algorithm).public_key) for name in names]
    return ValidatorSet(tuple(sorted(members, key=lambda member: member.id.encode())))


class ForeignChain:
    """A chain of blocks, one record and one state change each, one second apart."""

    def __init__(
        self,
        names: Sequence[str] = ("a", "b", "c", "d"),
        *,
        chain: str = "bank",
        protocol: str = "pbft",
        suite: HashSuite = SHA256,
        algorithm: str = "ed25519",
    ) -> None:
        self.chain = chain
        self.protocol = protocol
        self.suite = suite
        self.algorithm = algorithm
        self.log = merkle.Log(suite)
        self.state = StateTree(suite)
        self.records: list[bytes] = []
        self.headers: list[BlockHeader] = []
        self.sets: list[ValidatorSet] = []
        self.grow(names)

    def grow(self, names: Sequence[str], **changes: object) -> BlockHeader:
        """Add a block certified by these validators; `changes` are put into its header."""
        height = len(self.headers)
        state_root = self.state.root()
        record = f"record {height} of {self.chain}".encode()
        self.records.append(record)
        self.log.extend([self.suite.leaf(record)])
        if height:
            self.state.apply({b"licence": f"valid at {height}".encode(), f"asset {height}".encode(): b"frozen"})
        validators = validator_set(names, self.algorithm)
        header = BlockHeader(
            chain=self.chain,
            height=height,
            parent=self.headers[-1].digest(self.suite) if height else bytes(32),
            payload_root=merkle.root(self.suite, [self.suite.leaf(record)]),
            log_size=self.log.size,
            log_root=self.log.root(),
            state_root=state_root,
            validators_hash=validators.hash(self.suite),
            time_ns=height * SECOND,
        )
        header = dataclasses.replace(header, **changes)
        self.headers.append(header)
        self.sets.append(validators)
        return header

    def certify(
        self, header: BlockHeader, names: Sequence[str] = ("a", "b", "c"), /, **changes: object
    ) -> CertifiedHeader:
        """A header with a certificate by these validators; `changes` are put into the vote before it is signed."""
        rule = FINALITY[self.protocol]
        vote = Vote(
            chain=header.chain,
            protocol=self.protocol,
            phase=rule.phase if rule else "append",
            view=header.height,
            height=header.height,
            digest=header.digest(self.suite),
        )
        return CertifiedHeader(header, self.certificate(dataclasses.replace(vote, **changes), names))

    def certificate(self, vote: Vote, names: Sequence[str]) -> QuorumCertificate:
        """These validators' signatures under a vote."""
        message = vote.to_bytes()
        return QuorumCertificate(
            vote, tuple(VoteSignature(name, signer_of(name, self.algorithm).sign(message)) for name in sorted(names))
        )

    def update(self, height: int, names: Sequence[str] = ("a", "b", "c"), /, **changes: object) -> Update:
        """The block at a height made final by these validators; `changes` are put into the votes."""
        rule = FINALITY[self.protocol]
        headers = self.headers[height : height + (rule.links if rule else 1)]
        links = tuple(self.certify(header, names, **changes) for header in headers)
        return Update(FinalBlock(links), self.sets[height])

    def policy(self, **changes: object) -> TrustPolicy:
        policy = TrustPolicy(self.chain, self.suite, self.protocol, PERIOD, DRIFT)
        return dataclasses.replace(policy, **changes)

    def client(self, height: int = 0, **changes: object) -> LightClient:
        """A light client that trusts the block at a height."""
        return LightClient(self.policy(**changes), self.headers[height], self.sets[height])

    def record_fact(self, index: int, height: int) -> RecordFact:
        size = self.headers[height].log_size
        return RecordFact(index, self.records[index], tuple(self.log.inclusion_proof(index, size)))

    def state_fact(self, key: bytes, height: int) -> StateFact:
        """What the state root of the block at a height says of a key."""
        version = self.headers[height].state_height  # every block after block 0 makes one version
        value = self.state.get(key, version=version)
        return StateFact(key, value, self.state.prove(key, version=version))

    def bundle(self, fact: RecordFact | StateFact, *updates: Update) -> Bundle:
        return Bundle(self.suite.name, updates, fact)


def grown(blocks: int, names: Sequence[str] = ("a", "b", "c", "d"), **how: str) -> ForeignChain:
    """A chain of so many blocks after block 0, all by the same validators."""
    chain = ForeignChain(names, **how)
    for _ in range(blocks):
        chain.grow(names)
    return chain
