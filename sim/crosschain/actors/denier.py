"""A relayer that denies: it has the source give back what the destination has executed, as if it had timed out.

What it needs for that is a block of the destination that is past the timeout and has no receipt. It makes one up as
well as it can with the bytes that anybody can read, and its own key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from sim.crosschain.actors.forger import header_calls
from sim.crosschain.actors.told import Told
from sim.crosschain.contracts.messages import TIME_OUT, Call, Packet
from sim.crosschain.contracts.store import commitment_key, next_key, number_of, receipt_key
from sim.crosschain.steps import DESTINATION, SOURCE, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.lies import Lie

_NUMBER: Final = 8


@dataclass(slots=True)
class Denier:
    """What a denying relayer has.

    Attributes:
        link: that it works on.
        name: under which it sends calls.
        endpoints: nodes that it talks to, by their chains' roles.
        lie: what it shows of the destination.
        ordered: whether packets are received in their order only.
        other_lies: how many packets it denied. made: none.
    """

    link: str
    name: str
    endpoints: Mapping[str, Endpoint]
    lie: Lie
    ordered: bool
    other_lies: int = 0
    made: ClassVar[int] = 0
    _read: int = 0
    _open: dict[int, Packet] = field(default_factory=dict)

    def forge(self) -> list[tuple[str, int, Call]]:
        """Calls that time out the last packet that was received and that the source is not done with."""
        source, destination = self.endpoints[SOURCE], self.endpoints[DESTINATION]
        self._scan(source)
        for sequence, packet in reversed(list(self._open.items())):
            if source.get(commitment_key(self.link, sequence), source.head()) is None:
                del self._open[sequence]
            elif self._was_received(destination, sequence):
                del self._open[sequence]
                return self._deny(source, destination, packet)
        return []

    def _scan(self, source: Endpoint) -> None:
        head = source.head()
        for receipt in source.receipts(min(self._read, head), head):
            event = receipt.event
            if receipt.link == self.link and event is not None and event.step == Step.SENT:
                self._open[event.packet.sequence] = event.packet
        self._read = head

    def _was_received(self, destination: Endpoint, sequence: int) -> bool:
        if self.ordered:
            following = destination.get(next_key(self.link, "Recv"), destination.head())
            return number_of(following, 1) > sequence
        return destination.get(receipt_key(self.link, sequence), destination.head()) is not None

    def _deny(self, source: Endpoint, destination: Endpoint, packet: Packet) -> list[tuple[str, int, Call]]:
        self.other_lies += 1
        key = next_key(self.link, "Recv") if self.ordered else receipt_key(self.link, packet.sequence)
        value = packet.sequence.to_bytes(_NUMBER, "big") if self.ordered else None
        told = Told(source, self.link, DESTINATION)
        headers, proof = self.lie.tell(destination, told, key, value, packet.timeout_ns)
        calls = header_calls(self.link, self.name, DESTINATION, self.lie.method, headers)
        calls.append(Call(self.link, TIME_OUT, self.name, (packet.to_bytes(), proof)))
        return [(SOURCE, -self.other_lies, call) for call in calls]
