"""Cross-chain proof bundles: everything that a court elsewhere needs to check one fact of a foreign chain, offline.

A bundle holds one fact, a record in the chain's log or an entry of its state, and the final blocks that lead from a
header which the reader trusts to the header that the fact is proved against. Its bytes, integers big endian:

| bytes | field |
|---|---|
| 4 | the magic ``JACB`` (judicial alliance cross-chain bundle) |
| 1 | the version, 1 |
| 1 + s | length and name of the hash suite, ``sha256`` or ``sm3`` |
| 1 | the number of updates, 1..32, in the order in which a light client takes them |
| … | the updates (`sim.proof.evidence`) |
| 1 | the kind of fact: 1 a record, 2 an entry of the state, 3 the absence of an entry |

A record: its index in the log (8 bytes, below 2^63), its content after its length (4 bytes, at most 1 MiB), the number
of hashes (1 byte, at most 63) and the inclusion proof, 32 bytes each, from the leaf upwards.

An entry: its key after its length (2 bytes, at most 1024), its value after its length (4 bytes, at most 1 MiB; both
left out in kind 3), and the state proof (`sim.proof.state_proof`) after its length (4 bytes, at most 16 KiB).

Nothing follows the fact. A bundle has 8 MiB at most.

A record is checked against the log root of the last header, an entry against its state root, which belongs to the end
of the block before (`sim.proof.header.BlockHeader.state_height`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sim.proof import wire
from sim.proof.chain_errors import MalformedBundle, WrongChain
from sim.proof.evidence import Update, read_update
from sim.proof.state_proof import StateProof
from sim.proof.state_verify import verify_state
from sim.proof.suites import DIGEST_SIZE, suite_by_name
from sim.proof.verify import verify_inclusion

if TYPE_CHECKING:
    from sim.proof.header import BlockHeader
    from sim.proof.lightclient import LightClient
    from sim.proof.suites import HashSuite

LONGEST_BUNDLE_BYTES = 8 * 1024 * 1024
LONGEST_RECORD_BYTES = 1024 * 1024
LONGEST_KEY_BYTES = 1024
LONGEST_VALUE_BYTES = 1024 * 1024
LONGEST_STATE_PROOF_BYTES = 16 * 1024
MOST_UPDATES = 32
MOST_HASHES = 63
_MAGIC = b"JACB"
_VERSION = 1
_RECORD, _ENTRY, _ABSENCE = 1, 2, 3

_check = wire.Checks(MalformedBundle)


@dataclass(frozen=True, slots=True)
class RecordFact:
    """A record stands in the log at an index.

    Attributes:
        index: its position in the log, from 0.
        content: the record's bytes, whose leaf hash is in the log.
        proof: the inclusion proof, hashes of 32 bytes.

    Raises:
        MalformedBundle: a field has the wrong type, length or range.
    """

    index: int
    content: bytes
    proof: tuple[bytes, ...]

    def __post_init__(self) -> None:
        _check.integer("index", self.index)
        _check.octets("content", self.content, 0, LONGEST_RECORD_BYTES)
        _check.items("proof", self.proof, bytes, 0, MOST_HASHES)
        for position, digest in enumerate(self.proof):
            _check.octets(f"proof[{position}]", digest, DIGEST_SIZE, DIGEST_SIZE)

    def check(self, suite: HashSuite, header: BlockHeader) -> None:
        """Accept only if the header's log holds the record there; raises as `verify_inclusion`."""
        verify_inclusion(
            suite,
            leaf_hash=suite.leaf(self.content),
            index=self.index,
            size=header.log_size,
            proof=self.proof,
            root=header.log_root,
        )

    def to_bytes(self) -> bytes:
        """The fact as it stands in a bundle."""
        parts = [wire.number(_RECORD, 1), wire.number(self.index, 8), wire.sized(self.content, 4)]
        return b"".join((*parts, wire.number(len(self.proof), 1), *self.proof))


@dataclass(frozen=True, slots=True)
class StateFact:
    """The chain's state gives a key this value, or does not have the key.

    Attributes:
        key: the key's bytes.
        value: the value's bytes; None for absence.
        proof: the state proof.

    Raises:
        MalformedBundle: a field has the wrong type or length.
    """

    key: bytes
    value: bytes | None
    proof: StateProof

    def __post_init__(self) -> None:
        _check.octets("key", self.key, 0, LONGEST_KEY_BYTES)
        if self.value is not None:
            _check.octets("value", self.value, 0, LONGEST_VALUE_BYTES)
        _check.kind("proof", self.proof, StateProof)

    def check(self, suite: HashSuite, header: BlockHeader) -> None:
        """Accept only if the header's state says so; raises as `verify_state`."""
        verify_state(suite, root=header.state_root, key=self.key, value=self.value, proof=self.proof)

    def to_bytes(self) -> bytes:
        """The fact as it stands in a bundle."""
        value = b"" if self.value is None else wire.sized(self.value, 4)
        kind = _ABSENCE if self.value is None else _ENTRY
        return b"".join((wire.number(kind, 1), wire.sized(self.key, 2), value, wire.sized(self.proof.to_bytes(), 4)))


Fact: TypeAlias = RecordFact | StateFact


@dataclass(frozen=True, slots=True)
class Bundle:
    """One fact of a chain with the blocks that make it trustworthy.

    Attributes:
        suite: the hash of the chain.
        updates: final blocks with ascending heights; the fact is proved against the last one's header.
        fact: what is claimed.

    Raises:
        UnknownSuite: no suite has this name.
        MalformedBundle: a field has the wrong type, or there are too many updates.
    """

    suite: str
    updates: tuple[Update, ...]
    fact: Fact

    def __post_init__(self) -> None:
        _check.words("suite", self.suite)
        suite_by_name(self.suite)
        _check.items("updates", self.updates, Update, 1, MOST_UPDATES)
        if type(self.fact) is not RecordFact and type(self.fact) is not StateFact:
            raise MalformedBundle(f"fact must be a RecordFact or a StateFact, not {type(self.fact).__name__}")

    @property
    def header(self) -> BlockHeader:
        """The header that the fact is proved against."""
        return self.updates[-1].header

    def check(self, client: LightClient, now_ns: int) -> None:
        """Accept only if a light client follows the updates and the last header proves the fact.

        The client keeps what it has accepted, even when the fact is refused afterwards: blocks are final by themselves.

        Args:
            client: where trust starts; it moves to the bundle's header.
            now_ns: the time, as `LightClient.update`.

        Raises:
            WrongChain: the bundle is under another hash than the client's chain.
            RootMismatch: the record is not what the log holds at its index.
            ProofError: whatever else is wrong, as `LightClient.update` and the check of the fact.
        """
        suite = client.policy.suite
        if self.suite != suite.name:
            raise WrongChain("hash", self.suite, suite.name)
        for update in self.updates:
            client.update(update, now_ns)
        self.fact.check(suite, self.header)

    def to_bytes(self) -> bytes:
        """The bundle's only encoding, laid out at the top of this module.

        Raises:
            MalformedBundle: it would have more than 8 MiB.
        """
        start = [_MAGIC, wire.number(_VERSION, 1), wire.text(self.suite), wire.number(len(self.updates), 1)]
        data = b"".join((*start, *(update.to_bytes() for update in self.updates), self.fact.to_bytes()))
        _check.octets("the bundle", data, 0, LONGEST_BUNDLE_BYTES)
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        """The bundle that these bytes, and no others, encode.

        Raises:
            ProofError: they are not what `to_bytes` of any bundle gives.
        """
        _check.octets("the bundle", data, 0, LONGEST_BUNDLE_BYTES)
        reader = wire.Reader(data, MalformedBundle)
        reader.start(_MAGIC, _VERSION)
        suite = reader.text("hash suite")
        count = reader.number("number of updates", 1, 1, MOST_UPDATES)
        updates = tuple(read_update(reader) for _ in range(count))
        fact = read_fact(reader)
        reader.end()
        return cls(suite, updates, fact)


def read_fact(reader: wire.Reader) -> Fact:
    """The fact at the front of what is left to read.

    Raises:
        ProofError: there is none.
    """
    kind = reader.number("kind of fact", 1, _RECORD, _ABSENCE)
    if kind == _RECORD:
        index = reader.number("index", 8)
        content = reader.sized("content", 4, LONGEST_RECORD_BYTES)
        count = reader.number("number of hashes", 1, 0, MOST_HASHES)
        return RecordFact(index, content, tuple(reader.take("hash", DIGEST_SIZE) for _ in range(count)))
    key = reader.sized("key", 2, LONGEST_KEY_BYTES)
    value = reader.sized("value", 4, LONGEST_VALUE_BYTES) if kind == _ENTRY else None
    return StateFact(key, value, StateProof.from_bytes(reader.sized("state proof", 4, LONGEST_STATE_PROOF_BYTES)))
