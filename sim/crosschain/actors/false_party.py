"""A party to swaps that tries to get more than its due: it claims what it can, and takes its own back early.

What it knows is what anybody can read on the two chains: the preimage of a claim that was refused stands there too. It
claims with guessed preimages as well. What belongs to itself it could give away at any time, so it does not try to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from sim.crosschain.contracts import htlc
from sim.crosschain.contracts.htlc import LOCKED
from sim.crosschain.contracts.messages import Call, Packet
from sim.crosschain.contracts.terms import PREIMAGE_BYTES, Hashlock, hash_of
from sim.crosschain.steps import DESTINATION, SOURCE, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.contracts.machine import Receipt

_ROLES = (SOURCE, DESTINATION)


@dataclass(slots=True)
class FalseParty:
    """What a lying party has.

    Attributes:
        link: that it works on.
        name: under which it sends calls.
        endpoints: nodes that it talks to, by their chains' roles.
        other_lies: how many preimages it guessed. made: packets, none.
    """

    link: str
    name: str
    endpoints: Mapping[str, Endpoint]
    other_lies: int = 0
    made: ClassVar[int] = 0
    _scanned: dict[str, int] = field(default_factory=dict)
    _open: dict[int, Packet] = field(default_factory=dict)
    _seen: dict[bytes, bytes] = field(default_factory=dict)

    def forge(self) -> list[tuple[str, int, Call]]:
        """As `sim.crosschain.actors.forger.Forging.forge`."""
        appeared = [packet for role in _ROLES for packet in self._read(role)]
        calls: list[tuple[str, int, Call]] = []
        for packet in appeared:
            self.other_lies += 1
            guess = hash_of(self.other_lies.to_bytes(PREIMAGE_BYTES, "big"))
            calls += [self._call(role, htlc.CLAIM, packet, guess) for role in _ROLES]
            calls += [self._call(role, htlc.REFUND, packet) for role in _ROLES]
        self._open = {number: packet for number, packet in self._open.items() if any(self._locks(packet))}
        return calls + [call for packet in self._open.values() for call in self._gains(packet)]

    def _read(self, role: str) -> Iterator[Packet]:
        """What has happened on a chain since it looked last: swaps that were locked, and preimages that were shown."""
        node = self.endpoints[role]
        head = node.head()
        for receipt in node.receipts(self._scanned.get(role, 0), head):
            if receipt.link != self.link:
                continue
            self._note(receipt)
            if receipt.event is not None and receipt.event.step == Step.SENT:
                packet = self._open[receipt.event.packet.sequence] = receipt.event.packet
                yield packet
        self._scanned[role] = head

    def _note(self, receipt: Receipt) -> None:
        """Whatever a claim shows, whether it was executed or not."""
        call = receipt.call
        if call is not None and call.method == htlc.CLAIM and len(call.parts) > 1:
            self._seen[hash_of(call.parts[1])] = call.parts[1]

    def _locks(self, packet: Packet) -> Iterator[bool]:
        """Whether a swap is locked, on either chain."""
        for role in _ROLES:
            node = self.endpoints[role]
            found = node.get(htlc.lock_key(self.link, packet.sequence), node.head())
            yield found is not None and found[:1] == LOCKED

    def _gains(self, packet: Packet) -> Iterator[tuple[str, int, Call]]:
        """What there is to get from a swap: either amount by a preimage that was shown, or its own when it is time."""
        terms = Hashlock.of(packet.data)
        timelocks = {SOURCE: terms.timelock_ns, DESTINATION: packet.timeout_ns}
        for role, locked in zip(_ROLES, self._locks(packet), strict=True):
            node = self.endpoints[role]
            if locked and node.header(node.head()).time_ns >= timelocks[role]:
                yield self._call(role, htlc.REFUND, packet)
            elif locked and terms.hash in self._seen:
                yield self._call(role, htlc.CLAIM, packet, self._seen[terms.hash])

    def _call(self, role: str, method: str, packet: Packet, *parts: bytes) -> tuple[str, int, Call]:
        return role, -packet.sequence, Call(self.link, method, self.name, (packet.to_bytes(), *parts))
