"""A relayer that denies on a link over a relay chain: it tells that chain that the destination has failed.

The relay chain must be told so before it is told the truth, and the destination must get the packet nevertheless. So
the liar speaks as soon as it sees that the relay chain has taken a packet: others may be on their way to the
destination then, and it is quicker than they are with the receipt. It has the bytes that anybody can read, and its own
key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sim.crosschain.actors.forger import header_calls
from sim.crosschain.actors.told import Told
from sim.crosschain.contracts.messages import Call, Packet
from sim.crosschain.contracts.relayed import Transaction, transaction_key
from sim.crosschain.contracts.store import receipt_key
from sim.crosschain.steps import DESTINATION, RELAY, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.lies import Lie
    from sim.crosschain.actors.relay_forger import Plot


@dataclass(slots=True)
class RelayDenier:
    """What a denying relayer has.

    Attributes:
        link: that it works on.
        name: under which it sends calls.
        endpoints: nodes that it talks to, by their chains' roles.
        lie: what it shows of the destination.
        plot: what is to be said.
        other_lies: how many packets it denied. made: none.
    """

    link: str
    name: str
    endpoints: Mapping[str, Endpoint]
    lie: Lie
    plot: Plot
    other_lies: int = 0
    made: ClassVar[int] = 0
    _read: int = 0

    def forge(self) -> list[tuple[str, int, Call]]:
        """Calls that deny the last packet that the relay chain has taken since it looked last."""
        relay = self.endpoints[RELAY]
        for packet in reversed(self._taken(relay)):
            taken = relay.get(transaction_key(self.link, packet.sequence), relay.head())
            own = None if taken is None else Transaction.from_bytes(taken).own
            commitment = packet.commitment(self.endpoints[DESTINATION].chain.ledger.suite)
            step = None if own is None else self.plot.deny(packet.to_bytes(), own, commitment)
            if step is not None:
                return self._deny(packet, *step)
        return []

    def _taken(self, relay: Endpoint) -> list[Packet]:
        """What the relay chain has taken since it looked last."""
        head = relay.head()
        events = [receipt.event for receipt in relay.receipts(min(self._read, head), head) if receipt.link == self.link]
        self._read = head
        return [event.packet for event in events if event is not None and event.step == Step.RELAYED]

    def _deny(self, packet: Packet, method: str, parts: tuple[bytes, ...], value: bytes) -> list[tuple[str, int, Call]]:
        self.other_lies += 1
        told = Told(self.endpoints[RELAY], self.link, DESTINATION)
        key = receipt_key(self.link, packet.sequence)
        headers, proof = self.lie.tell(self.endpoints[DESTINATION], told, key, value)
        calls = header_calls(self.link, self.name, DESTINATION, self.lie.method, headers)
        calls.append(Call(self.link, method, self.name, (*parts, proof)))
        return [(RELAY, -self.other_lies, call) for call in calls]
