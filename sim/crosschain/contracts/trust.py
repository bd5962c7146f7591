"""What one end of a link believes of the other chain, and why.

``none``: what a registered relayer says. Broken by any bytes of such a relayer.

``light_client``: what a bundle (`sim.proof.bundle`) proves against a final block that the light client follows. Broken
by more than f Byzantine validators of the other chain, or by a quorum's stolen keys.

The light client of an end is ICS-07 in the shape of `sim.proof.lightclient`. The digests of the headers that it has
accepted stand in the state (``clients/…``, the consensus states of ICS-02), so a proof against an older accepted header
needs no signature to be checked again. A fork freezes it; the fork is written down even though nothing is received.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim.crosschain.contracts.messages import Claim
from sim.crosschain.contracts.refusal import Refused
from sim.proof.bundle import Bundle, StateFact
from sim.proof.chain_errors import ForkFound, Frozen
from sim.proof.lightclient import LightClient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sim.crosschain.contracts.store import Block, Store
    from sim.proof import BlockHeader
    from sim.proof.evidence import Update
    from sim.proof.lightclient import TrustPolicy
    from sim.proof.suites import HashSuite
    from sim.proof.validators import ValidatorSet

_LEAF_HASHES = 3
"""Hashes of a state proof besides its way up: key, value and leaf."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What an end believes: at a header of the other chain, a key has a value, or none."""

    height: int
    time_ns: int
    value: bytes | None


class Trust(Protocol):
    """What an end requires of a proof."""

    def believe(self, store: Store, block: Block, sender: str, key: bytes, proof: bytes) -> Belief:
        """What a proof says of a key of the other chain.

        Raises:
            ProofError: it is not believed.
        """

    def latest(self) -> tuple[int, int] | None:
        """Height and time of the latest header of the other chain that it knows of; None if it follows none."""


class Registered:
    """``none``: whatever a registered relayer says."""

    def __init__(self, relayers: Iterable[str]) -> None:
        self._relayers = frozenset(relayers)

    def believe(self, store: Store, block: Block, sender: str, key: bytes, proof: bytes) -> Belief:  # noqa: ARG002
        """As `Trust.believe`."""
        if sender not in self._relayers:
            raise Refused("not-registered", f"{sender} is no relayer of this link")
        claim = Claim.from_bytes(proof)
        return Belief(claim.height, claim.time_ns, claim.value)

    def latest(self) -> tuple[int, int] | None:
        """As `Trust.latest`."""
        return None


class Followed:
    """``light_client``: what is proved against a header that the light client has accepted.

    Args:
        link: whose end it is.
        policy: what is taken for granted of the other chain.

    Attributes:
        verified: bundles that were checked, for real.
    """

    def __init__(self, link: str, policy: TrustPolicy) -> None:
        self.verified = 0
        self._link = link
        self._policy = policy
        self._client: LightClient | None = None

    def start(self, header: BlockHeader, validators: ValidatorSet) -> None:
        """The header of the other chain to start from, which members have agreed on."""
        self._client = LightClient(self._policy, header, validators)

    @property
    def client(self) -> LightClient:
        """The light client.

        Raises:
            ValueError: it was not started.
        """
        if self._client is None:
            raise ValueError(f"the light client of {self._link} has no header to start from")
        return self._client

    def latest(self) -> tuple[int, int] | None:
        """As `Trust.latest`."""
        header = self.client.header
        return header.height, header.time_ns

    def believe(self, store: Store, block: Block, sender: str, key: bytes, proof: bytes) -> Belief:  # noqa: ARG002
        """As `Trust.believe`; anybody may bring a proof."""
        bundle = Bundle.from_bytes(proof)
        self.verified += 1
        suite = self._policy.suite
        fact = bundle.fact
        if not isinstance(fact, StateFact) or fact.key != key or bundle.suite != suite.name:
            raise Refused("another-fact", "the bundle is not about the entry that the call needs")
        for update in bundle.updates:
            self._follow(store, block, update, suite)
        # Blocks are final by themselves: what the client has accepted stays, even if the fact is refused.
        store.keep()
        store.meter.hashes += len(fact.proof.siblings) + _LEAF_HASHES
        store.meter.hashed_bytes += len(proof)
        fact.check(suite, bundle.header)
        return Belief(bundle.header.height, bundle.header.time_ns, fact.value)

    def _follow(self, store: Store, block: Block, update: Update, suite: HashSuite) -> None:
        header = update.header
        digest = header.digest(suite)
        accepted = f"clients/{self._link}/{header.height}".encode()
        store.meter.hashes += 1
        if self.client.evidence is not None:
            raise Frozen(self.client.evidence.height)
        if store.get(accepted) == digest:
            age_ns = block.time_ns - header.time_ns
            if age_ns < self._policy.trusting_period_ns:
                return
        store.meter.signatures += sum(len(link.certificate.signatures) for link in update.block.links)
        try:
            self.client.update(update, block.time_ns)
        except ForkFound as fork:
            store.put(f"clients/{self._link}/frozen".encode(), str(fork).encode())
            store.keep()
            raise
        store.put(accepted, digest)
