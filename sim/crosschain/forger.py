"""A relayer that lies: it makes up packets, and proves them as well as it can with the bytes and keys that it has.

Its own key lets it send calls. Keys of the source's validators, if it has stolen some, let it sign a block of its own:
the next one, with a state in which the packet was sent. Without any it takes a true block and a state of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sim.chain.signing import certify
from sim.crosschain.messages import RECEIVE, Call, Claim, Packet, transfer
from sim.crosschain.store import commitment_key, next_key, number_of
from sim.proof.bundle import Bundle, StateFact
from sim.proof.evidence import Update
from sim.proof.finality import FinalBlock
from sim.proof.state import StateTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.crosschain.endpoint import Endpoint
    from sim.proof.signatures import Signer

AMOUNT = 1_000_000
"""What it gives itself with each packet."""

_FAR = 1 << 40
"""It takes sequences that no packet will have."""


@dataclass(slots=True)
class Forger:
    """What a forging relayer has.

    Attributes:
        link: that it works on.
        name: under which it sends calls.
        source, destination: nodes that it talks to.
        proves: whether the destination wants a proof, and not its word.
        ordered: whether packets must come in order.
        stolen: keys of validators of the source, by id.
        made: how many packets it made up.
    """

    link: str
    name: str
    source: Endpoint
    destination: Endpoint
    proves: bool
    ordered: bool
    stolen: Sequence[tuple[str, Signer]]
    made: int = 0

    def forge(self) -> Call:
        """The call that receives a packet that nobody sent."""
        self.made += 1
        sequence = _FAR + self.made
        if self.ordered:
            height = self.destination.head()
            sequence = number_of(self.destination.get(next_key(self.link, "Recv"), height), 1)
        packet = Packet(self.link, sequence, 0, 0, transfer(AMOUNT, 0))
        key = commitment_key(self.link, sequence)
        value = packet.commitment(self.source.chain.ledger.suite)
        proof = self._bundle(key, value) if self.proves else self._claim(value)
        return Call(self.link, RECEIVE, self.name, (packet.to_bytes(), proof))

    def _claim(self, value: bytes) -> bytes:
        header = self.source.header(self.source.head())
        return Claim(header.height, header.time_ns, value).to_bytes()

    def _bundle(self, key: bytes, value: bytes) -> bytes:
        suite = self.source.chain.ledger.suite
        tree = StateTree(suite)
        root = tree.apply({key: value})
        update = self.source.update(self.source.head())
        if self.stolen:
            update = self._signed(update, root)
        return Bundle(suite.name, (update,), StateFact(key, value, tree.prove(key))).to_bytes()

    def _signed(self, latest: Update, root: bytes) -> Update:
        suite = self.source.chain.ledger.suite
        before = latest.header
        header = replace(before, height=before.height + 1, parent=before.digest(suite), state_root=root)
        view = latest.block.links[0].certificate.vote.view
        link = certify(header, header.digest(suite), self.source.chain.config.protocol, view, self.stolen)
        return Update(FinalBlock((link,)), latest.validators)
