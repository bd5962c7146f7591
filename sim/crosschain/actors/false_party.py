"""A party to swaps that tries to get more than its due: it claims with guessed preimages, and takes back early.

What it knows is what anybody can read on the two chains. What belongs to itself it could give away at any time, so it
does not try to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain.contracts import htlc
from sim.crosschain.contracts.messages import Call
from sim.crosschain.contracts.terms import PREIMAGE_BYTES, hash_of
from sim.crosschain.steps import DESTINATION, SOURCE, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.contracts.messages import Packet


@dataclass(slots=True)
class FalseParty:
    """What a lying party has.

    Attributes:
        link: that it works on.
        name: under which it sends calls.
        endpoints: nodes that it talks to, by their chains' roles.
        made: preimages that it has guessed.
        scanned: the blocks of the source that it has read.
    """

    link: str
    name: str
    endpoints: Mapping[str, Endpoint]
    made: int = 0
    scanned: int = 0

    def forge(self) -> list[tuple[str, int, Call]]:
        """As `sim.crosschain.actors.forger.Forging.forge`."""
        calls: list[tuple[str, int, Call]] = []
        for packet in self._appeared():
            self.made += 1
            guess = hash_of(self.made.to_bytes(PREIMAGE_BYTES, "big"))
            calls += [self._call(role, htlc.CLAIM, packet, guess) for role in (SOURCE, DESTINATION)]
            calls += [self._call(role, htlc.REFUND, packet) for role in (SOURCE, DESTINATION)]
        return calls

    def _appeared(self) -> list[Packet]:
        """Swaps whose locks the source has shown since it looked last."""
        source = self.endpoints[SOURCE]
        head = source.head()
        events = [receipt.event for receipt in source.receipts(self.scanned, head) if receipt.link == self.link]
        self.scanned = head
        return [event.packet for event in events if event is not None and event.step == Step.SENT]

    def _call(self, role: str, method: str, packet: Packet, *parts: bytes) -> tuple[str, int, Call]:
        return role, -packet.sequence, Call(self.link, method, self.name, (packet.to_bytes(), *parts))
