"""Headers of another chain that a chain has accepted, and what is proved against them.

A call of its own brings a header (``updateClient`` of ICS-02, ``SyncBlockHeader`` of ChainMaker's TCIP, an endorsed
consensus state of AntChain's PTC); why it is accepted, each kind of client says: `sim.crosschain.contracts.spv`,
`sim.crosschain.contracts.committee`, `sim.crosschain.contracts.light_client`. What a packet needs of the other chain is
then shown by a proof of its state, against the root in any accepted header (``verifyMembership`` and
``verifyNonMembership`` of ICS-02).

Of each accepted header the state keeps what ICS-02 calls a consensus state, below the client's own key, which has the
latest height; the oldest are forgotten, as ICS-07 forgets expired ones. A header that is there already changes nothing.
With ``light_client`` a header's call and a packet's proof are the two halves of a bundle (`sim.proof.bundle`): what
makes a header final is sent once, and not with each packet.

A proof's bytes: the magic ``JACM``, the version 1, the height (8 bytes), and the fact as in a bundle
(`sim.proof.bundle`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from sim.crosschain.contracts.refusal import Refused, malformed
from sim.crosschain.contracts.trust import Belief
from sim.proof import wire
from sim.proof.bundle import StateFact, read_fact
from sim.proof.state_verify import verify_state
from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Call
    from sim.crosschain.contracts.store import Block, Store
    from sim.crosschain.sample import Sample
    from sim.proof import BlockHeader
    from sim.proof.suites import HashSuite
    from sim.proof.validators import ValidatorSet

REMEMBERED: Final = 256
"""Accepted headers that are kept, the latest ones; as many as `sim.proof.lightclient` keeps."""

_PROOF, _VERSION = b"JACM", 1
_NUMBER = 8
_LEAF_HASHES = 3
"""Hashes of a state proof besides its way up: key, value and leaf."""


def client_key(link: str, role: str) -> bytes:
    """Where a chain keeps the latest height of the chain of this role that it has accepted."""
    return f"clients/{link}/{role}".encode()


def header_key(link: str, role: str, height: int) -> bytes:
    """Where it keeps what it has accepted at a height."""
    return f"clients/{link}/{role}/consensusStates/{height}".encode()


def frozen_key(link: str, role: str) -> bytes:
    """Where a chain writes down a fork of the chain of this role."""
    return f"clients/{link}/{role}/frozen".encode()


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is kept of an accepted header: its time, its state root and its digest."""

    time_ns: int
    state_root: bytes
    digest: bytes

    def to_bytes(self) -> bytes:
        """Time in 8 bytes, root and digest in 32 each."""
        return wire.number(self.time_ns, _NUMBER) + self.state_root + self.digest

    @classmethod
    def from_bytes(cls, data: bytes) -> Accepted:
        """What these bytes say; raises `Refused` if they are none of these."""
        reader = wire.Reader(data, malformed)
        found = cls(
            reader.number("time", _NUMBER), reader.take("state root", DIGEST_SIZE), reader.take("digest", DIGEST_SIZE)
        )
        reader.end()
        return found

    @classmethod
    def of(cls, header: BlockHeader, suite: HashSuite) -> Accepted:
        """What is kept of a header."""
        return cls(header.time_ns, header.state_root, header.digest(suite))


@dataclass(frozen=True, slots=True)
class Membership:
    """At the header of a height, the chain's state has this entry, or has none at this key."""

    height: int
    fact: StateFact

    def to_bytes(self) -> bytes:
        """The only encoding, laid out at the top of this module."""
        head = (_PROOF, wire.number(_VERSION, 1), wire.number(self.height, _NUMBER))
        return b"".join((*head, self.fact.to_bytes()))

    @classmethod
    def from_bytes(cls, data: bytes) -> Membership:
        """What these bytes, and no others, encode.

        Raises:
            ProofError: they encode none.
        """
        reader = wire.Reader(data, malformed)
        reader.start(_PROOF, _VERSION)
        height = reader.number("height", _NUMBER)
        fact = read_fact(reader)
        reader.end()
        if type(fact) is not StateFact:
            raise malformed("a record, where an entry of the state is to be shown")
        return cls(height, fact)


@dataclass(slots=True)
class Work:
    """What a client has done.

    Attributes:
        updates: headers that it has accepted.
        real, charged: headers and proofs that were checked for real, and charged only.
        signatures: that it has checked, or was charged for.
    """

    updates: int = 0
    real: int = 0
    charged: int = 0
    signatures: int = 0


class Headers(ABC):
    """Believes what is proved against a header that it has accepted.

    Args:
        link: whose contract it belongs to. role: of the chain that it follows.
        chain: the id of that chain. suite: its hash.
        sample: which proofs must be checked for real.

    Attributes:
        method: of the calls that bring headers.
        work: what it has done.
    """

    method: ClassVar[str]

    def __init__(self, link: str, role: str, chain: str, suite: HashSuite, sample: Sample) -> None:
        self.work = Work()
        self._link, self._role = link, role
        self._chain, self._suite = chain, suite
        self._sample = sample
        self._latest: tuple[int, int] | None = None
        self._pinned: tuple[int, Accepted] | None = None
        self._kept: deque[int] = deque()

    def start(self, header: BlockHeader, validators: ValidatorSet) -> None:  # noqa: ARG002 - some clients need them
        """The header of the other chain to start from, which members have agreed on, and who votes there."""
        self._pinned = (header.height, Accepted.of(header, self._suite))
        self._latest = (header.height, header.time_ns)

    def latest(self) -> tuple[int, int] | None:
        """As `Trust.latest`."""
        return self._latest

    def is_active(self, now_ns: int) -> bool:
        """As `Trust.is_active`: it is neither frozen nor expired."""
        return not self.frozen and not self.is_expired(now_ns)

    @property
    def frozen(self) -> bool:
        """Whether it has seen a fork and accepts nothing more."""
        return False

    def is_expired(self, now_ns: int) -> bool:  # noqa: ARG002 - some clients age
        """Whether its latest header is so old that it accepts nothing more."""
        return False

    def accepted(self, store: Store, height: int) -> Accepted | None:
        """What it has accepted at a height, and believes still."""
        if self._pinned is not None and height == self._pinned[0]:
            return self._pinned[1]
        data = store.get(header_key(self._link, self._role, height))
        return None if data is None else Accepted.from_bytes(data)

    # Headers.

    def update(self, store: Store, block: Block, call: Call) -> None:
        """As `Trust.update`: a header is accepted, or was before."""
        if call.method != self.method:
            raise Refused("no-such-method", f"{call.method} on {self._link}")
        header = self.check(store, block, call.sender, call.parts[-1])
        if header is not None:
            self.keep(store, header)
            self.work.updates += 1

    @abstractmethod
    def check(self, store: Store, block: Block, sender: str, data: bytes) -> BlockHeader | None:
        """The header that these bytes bring, if it is to be accepted; None if it is there already.

        Raises:
            ProofError: it is not accepted.
        """

    def is_known(self, store: Store, header: BlockHeader) -> bool:
        """Whether a header was accepted before; hashing it is charged."""
        store.meter.hashes += 1
        store.meter.hashed_bytes += len(header.to_bytes())
        held = self.accepted(store, header.height)
        return held is not None and held.digest == header.digest(self._suite)

    def check_new(self, store: Store, header: BlockHeader) -> None:
        """Accept only a header of the chain at a height where none was accepted; the first one stays.

        Raises:
            Refused: it is another one.
        """
        if header.chain != self._chain:
            raise Refused("another-chain", f"a header of {header.chain}")
        if self.accepted(store, header.height) is not None:
            raise Refused("another-header", f"another one was accepted at height {header.height}")

    def count(self, store: Store, signatures: int, *, real: bool) -> None:
        """Charge and count one check."""
        store.meter.signatures += signatures
        self.work.signatures += signatures
        if real:
            self.work.real += 1
        else:
            self.work.charged += 1

    def keep(self, store: Store, header: BlockHeader) -> None:
        """Accept a header from now on, and forget the oldest."""
        store.put(header_key(self._link, self._role, header.height), Accepted.of(header, self._suite).to_bytes())
        self._kept.append(header.height)
        if len(self._kept) > REMEMBERED:
            store.delete(header_key(self._link, self._role, self._kept.popleft()))
        if self._latest is None or header.height > self._latest[0]:
            self._latest = (header.height, header.time_ns)
            store.put_number(client_key(self._link, self._role), header.height)

    def forget(self, store: Store) -> None:
        """Forget all accepted headers."""
        while self._kept:
            store.delete(header_key(self._link, self._role, self._kept.popleft()))

    # Proofs.

    def believe(self, store: Store, block: Block, sender: str, key: bytes, proof: bytes) -> Belief:  # noqa: ARG002
        """As `Trust.believe`; anybody may bring a proof."""
        shown = Membership.from_bytes(proof)
        fact = shown.fact
        if fact.key != key:
            raise Refused("another-fact", "the proof is not about the entry that the call needs")
        held = self.accepted(store, shown.height)
        if held is None:
            raise Refused("unknown-header", f"no header was accepted at height {shown.height}")
        self.check_fresh(held, block.time_ns)
        store.meter.hashes += len(fact.proof.siblings) + _LEAF_HASHES
        store.meter.hashed_bytes += len(proof)
        charged = self._sample.may_charge(proof, held.state_root)
        self.count(store, 0, real=not charged)
        if not charged:
            verify_state(self._suite, root=held.state_root, key=key, value=fact.value, proof=fact.proof)
        return Belief(shown.height, held.time_ns, fact.value)

    def check_fresh(self, held: Accepted, now_ns: int) -> None:
        """Accept only a header that may be proved against now.

        Raises:
            ProofError: it is too old, or the client has seen a fork.
        """
        del held, now_ns  # headers do not age here
