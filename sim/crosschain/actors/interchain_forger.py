"""A relayer that lies on a link over a relay chain (`sim.crosschain.contracts.interchain`).

It tells the relay chain that the source has sent a packet, and brings on what that chain has taken, with true proofs.
With keys of the relay chain's validators it need not: it tells the destination that the relay chain has taken one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.crosschain.actors.forger import AMOUNT, FAR, header_calls
from sim.crosschain.actors.told import Told
from sim.crosschain.contracts.interchain import Status, Type
from sim.crosschain.contracts.messages import HANDLE, INVOKE, Call, Packet, transfer
from sim.crosschain.contracts.relayed import Transaction, transaction_key
from sim.crosschain.contracts.store import commitment_key, next_key, number_of, receipt_key
from sim.crosschain.steps import DESTINATION, RELAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.lies import Lie
    from sim.crosschain.actors.prover import Prover


@dataclass(slots=True)
class InterchainForger:
    """What a forging relayer has.

    Attributes:
        link: that it works on.
        name: under which it sends calls.
        endpoints: nodes that it talks to, by their chains' roles.
        lies: what it shows of each chain. provers: what it shows of each chain when it tells the truth.
        ordered: whether packets must come in order.
        about: the role of the chain that it lies about, the source or the relay chain.
        made: how many packets it made up.
    """

    link: str
    name: str
    endpoints: Mapping[str, Endpoint]
    lies: Mapping[str, Lie]
    provers: Mapping[str, Prover]
    ordered: bool
    about: str
    made: int = 0
    _open: dict[int, Packet] = field(default_factory=dict)

    def forge(self) -> list[tuple[str, int, Call]]:
        """Calls for packets that nobody sent: the chain's role, a number of the packet, the call."""
        calls = [call for number, packet in list(self._open.items()) for call in self._bring(number, packet)]
        self.made += 1
        packet = Packet(self.link, self._sequence(), 0, 0, transfer(AMOUNT, 0))
        shown = self.endpoints[self.about]
        commitment = packet.commitment(shown.chain.ledger.suite)
        if self.about == RELAY:
            value = Transaction(Status.BEGIN, Status.BEGIN, 0, commitment).to_bytes()
            headers, proof = self._lie(DESTINATION, transaction_key(self.link, packet.sequence), value)
            made = [*headers, self._invoke(packet, proof)]
            return [*calls, *((DESTINATION, -self.made, call) for call in made)]
        headers, proof = self._lie(RELAY, commitment_key(self.link, packet.sequence), commitment)
        parts = (bytes([Type.INTERCHAIN]), packet.to_bytes(), proof)
        self._open[-self.made] = packet
        made = [*headers, Call(self.link, HANDLE, self.name, parts)]
        return [*calls, *((RELAY, -self.made, call) for call in made)]

    def _lie(self, to: str, key: bytes, value: bytes) -> tuple[list[Call], bytes]:
        """Calls that bring headers to the chain of a role first, and what then proves the lie."""
        lie = self.lies[self.about]
        told = Told(self.endpoints[to], self.link, self.about)
        headers, proof = lie.tell(self.endpoints[self.about], told, key, value)
        return header_calls(self.link, self.name, self.about, lie.method, headers), proof

    def _sequence(self) -> int:
        """The next one where packets come in order, otherwise one that no packet will have."""
        if not self.ordered:
            return FAR + self.made
        to = self.endpoints[DESTINATION if self.about == RELAY else RELAY]
        return number_of(to.get(next_key(self.link, "Recv"), to.head()), 1)

    def _bring(self, number: int, packet: Packet) -> list[tuple[str, int, Call]]:
        """Bring a packet to the destination that the relay chain has taken, with the header that shows it."""
        relay, destination = self.endpoints[RELAY], self.endpoints[DESTINATION]
        if destination.get(receipt_key(self.link, packet.sequence), destination.head()) is not None:
            del self._open[number]
            return []
        key, head = transaction_key(self.link, packet.sequence), relay.head()
        taken = relay.get(key, max(0, head - 1))
        if taken is None or Transaction.from_bytes(taken).commitment != packet.commitment(relay.chain.ledger.suite):
            return []
        prover = self.provers[RELAY]
        calls = header_calls(self.link, self.name, RELAY, prover.method, prover.bring(relay, [head]).headers)
        calls.append(self._invoke(packet, prover.prove(relay, key, head)))
        return [(DESTINATION, number, call) for call in calls]

    def _invoke(self, packet: Packet, proof: bytes) -> Call:
        return Call(self.link, INVOKE, self.name, (bytes([Status.BEGIN]), packet.to_bytes(), proof))
