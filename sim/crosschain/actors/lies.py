"""What a liar shows a contract: the best that can be made of bytes that anybody can read, and of keys that it has.

Each stands beside the prover that makes the same out of the truth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from sim.chain.signing import certify
from sim.crosschain.contracts.messages import Claim
from sim.proof.bundle import Bundle, StateFact
from sim.proof.evidence import Update
from sim.proof.finality import FinalBlock
from sim.proof.state import StateTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.proof.signatures import Signer


class Lie(Protocol):
    """Makes the last part of a call."""

    def tell(self, shown: Endpoint, key: bytes, value: bytes) -> bytes:
        """What would make another chain believe that this node's chain has a value at a key."""


class FalseClaims:
    """Beside `Claims`: a relayer's word, which is no truer than the relayer."""

    def tell(self, shown: Endpoint, key: bytes, value: bytes) -> bytes:  # noqa: ARG002 - who claims needs no key
        """As `Lie.tell`."""
        header = shown.header(shown.head())
        return Claim(header.height, header.time_ns, value).to_bytes()


@dataclass(frozen=True, slots=True)
class FalseBundles:
    """Beside `Bundles`: with stolen keys the next block, with a state of its own; without, a true block and that state.

    Attributes:
        stolen: keys of validators of the chain that is shown, by id.
    """

    stolen: Sequence[tuple[str, Signer]]

    def tell(self, shown: Endpoint, key: bytes, value: bytes) -> bytes:
        """As `Lie.tell`."""
        suite = shown.chain.ledger.suite
        tree = StateTree(suite)
        root = tree.apply({key: value})
        update = shown.update(shown.head())
        if self.stolen:
            update = self._signed(shown, update, root)
        return Bundle(suite.name, (update,), StateFact(key, value, tree.prove(key))).to_bytes()

    def _signed(self, shown: Endpoint, latest: Update, root: bytes) -> Update:
        suite = shown.chain.ledger.suite
        before = latest.header
        header = replace(before, height=before.height + 1, parent=before.digest(suite), state_root=root)
        view = latest.block.links[0].certificate.vote.view
        link = certify(header, header.digest(suite), shown.chain.config.protocol, view, self.stolen)
        return Update(FinalBlock((link,)), latest.validators)
