"""What a relayer brings so that another chain believes it, for each thing that a chain can require."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sim.crosschain.contracts.messages import Claim
from sim.proof.bundle import Bundle, StateFact

if TYPE_CHECKING:
    from sim.crosschain.actors.endpoint import Endpoint


class Prover(Protocol):
    """Makes the last part of a call."""

    def prove(self, shown: Endpoint, key: bytes, height: int) -> bytes:
        """What makes another chain believe what this node's chain has at a key, by the header of a height."""


class Claims:
    """For `sim.crosschain.contracts.trust.Registered`: a relayer's word."""

    def prove(self, shown: Endpoint, key: bytes, height: int) -> bytes:
        """As `Prover.prove`."""
        header = shown.header(height)
        return Claim(height, header.time_ns, shown.get(key, header.state_height)).to_bytes()


class Bundles:
    """For `sim.crosschain.contracts.trust.Followed`: a final block, and the proof of what its state root says."""

    def prove(self, shown: Endpoint, key: bytes, height: int) -> bytes:
        """As `Prover.prove`."""
        value, proof = shown.entry(key, shown.header(height).state_height)
        fact = StateFact(key, value, proof)
        return Bundle(shown.chain.ledger.suite.name, (shown.update(height),), fact).to_bytes()
