"""The two ends of a channel: packets as in IBC version 1 (ICS-04, "Channel and packet semantics").

sendPacket, on the source:
    the channel is open, and the timeout has not passed as far as is known;
    keep the commitment, count the sequence, escrow.
recvPacket, on the destination:
    not timed out here; not received before (UNORDERED), or the very next (ORDERED); the source has the commitment;
    keep the receipt or count the sequence, let the application take it; writeAcknowledgement.
acknowledgePacket, on the source:
    the commitment is here, the destination has this acknowledgement, and it is the very next (ORDERED);
    delete the commitment, refund if the application could not take it.
timeoutPacket, on the source:
    the commitment is here, a header of the destination is past the timeout, and the packet not received before it;
    delete the commitment, refund, and close the channel (ORDERED).

How "on the other chain" is known is the business of `sim.crosschain.trust`; nothing else differs between a relay with
light clients and a gateway that is trusted. A channel is open from the start: the handshake is left out, and so are
fees and timeoutOnClose. As in ibc-go, packets that are under way when an ORDERED channel closes can still time out. A
receipt that was proved against a header belongs to the state before that header's block, and that block itself is past
the timeout, so nothing can be received later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain import assets
from sim.crosschain.messages import ACKNOWLEDGE, HEARTBEAT, RECEIVE, SEND, TIME_OUT, Packet
from sim.crosschain.refusal import Refused, malformed
from sim.crosschain.store import ack_key, commitment_key, next_key, number_of, receipt_key

if TYPE_CHECKING:
    from sim.crosschain.messages import Call
    from sim.crosschain.store import Block, Store
    from sim.crosschain.trust import Belief, Trust
    from sim.proof.suites import HashSuite

RECEIPT = b"\x01"
_CLOSED = b"CLOSED"


@dataclass(frozen=True, slots=True)
class Event:
    """What a call did to a packet: one of the methods of `sim.crosschain.messages`, and what was acknowledged."""

    method: str
    packet: Packet
    acknowledgement: bytes = b""


@dataclass(frozen=True, slots=True)
class ChannelEnd:
    """What both ends have.

    Attributes:
        link: the link.
        ordered: whether packets are received in the order of their sequences only.
        suite: the hash of this chain.
        other: the hash of the other one.
        trust: what this end believes of the other one.
    """

    link: str
    ordered: bool
    suite: HashSuite
    other: HashSuite
    trust: Trust

    def call(self, store: Store, block: Block, call: Call) -> Event | None:  # noqa: ARG002 - ends need them
        """Execute a call.

        Returns:
            What it did to a packet.

        Raises:
            ProofError: it is refused; what it wrote must be dropped.
        """
        if call.method == HEARTBEAT:
            return None
        raise Refused("no-such-method", f"{call.method} at this end of {self.link}")

    def _packet(self, data: bytes) -> Packet:
        packet = Packet.from_bytes(data)
        if packet.link != self.link:
            raise Refused("another-link", f"a packet of {packet.link}")
        return packet

    def _believe(self, store: Store, block: Block, call: Call, key: bytes) -> Belief:
        return self.trust.believe(store, block, call.sender, key, call.parts[-1])


def _closed_key(link: str) -> bytes:
    return f"channels/{link}".encode()


def _parts(call: Call, count: int) -> tuple[bytes, ...]:
    if len(call.parts) != count:
        raise malformed(f"{call.method} takes {count} parts, not {len(call.parts)}")
    return call.parts


class SourceEnd(ChannelEnd):
    """The end where packets are sent."""

    __slots__ = ()

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `ChannelEnd.call`."""
        if call.method == SEND:
            return self._send(store, call)
        if call.method == ACKNOWLEDGE:
            return self._acknowledge(store, block, call)
        if call.method == TIME_OUT:
            return self._time_out(store, block, call)
        return ChannelEnd.call(self, store, block, call)

    def _check_open(self, store: Store) -> None:
        if store.get(_closed_key(self.link)) is not None:
            raise Refused("channel-closed", f"the channel of {self.link} is closed")

    def _send(self, store: Store, call: Call) -> Event:
        self._check_open(store)
        height, time_ns, data = _parts(call, 3)
        following = next_key(self.link, "Send")
        sequence = store.number(following, 1)
        packet = Packet(self.link, sequence, int.from_bytes(height, "big"), int.from_bytes(time_ns, "big"), data)
        known = self.trust.latest()
        if known is not None and packet.is_late(*known):
            raise Refused("timed-out-already", f"the other chain is at height {known[0]}")
        assets.escrow(store, self.link, data)
        store.meter.hashes += 2
        store.meter.hashed_bytes += len(data)
        store.put(commitment_key(self.link, sequence), packet.commitment(self.suite))
        store.put_number(following, sequence + 1)
        return Event(SEND, packet)

    def _committed(self, store: Store, data: bytes) -> Packet:
        """The packet that a call is about, if this end has sent it and not done with it."""
        packet = self._packet(data)
        store.meter.hashes += 2
        store.meter.hashed_bytes += len(packet.data)
        if store.get(commitment_key(self.link, packet.sequence)) != packet.commitment(self.suite):
            raise Refused("no-commitment", f"no such packet {packet.sequence} is under way on {self.link}")
        return packet

    def _acknowledge(self, store: Store, block: Block, call: Call) -> Event:
        self._check_open(store)
        data, acknowledgement, _ = _parts(call, 3)
        packet = self._committed(store, data)
        following = next_key(self.link, "Ack")
        if self.ordered and packet.sequence != store.number(following, 1):
            raise Refused("out-of-order", f"acknowledgement {packet.sequence} on {self.link}")
        belief = self._believe(store, block, call, ack_key(self.link, packet.sequence))
        if belief.value != self.other.digest(acknowledgement):
            raise Refused("another-value", "the other chain has acknowledged something else, or nothing")
        if self.ordered:
            store.put_number(following, packet.sequence + 1)
        store.delete(commitment_key(self.link, packet.sequence))
        if acknowledgement != assets.SUCCESS:
            assets.refund(store, self.link, packet.data)
        return Event(ACKNOWLEDGE, packet, acknowledgement)

    def _time_out(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = _parts(call, 2)
        packet = self._committed(store, data)
        key = next_key(self.link, "Recv") if self.ordered else receipt_key(self.link, packet.sequence)
        belief = self._believe(store, block, call, key)
        if not packet.is_late(belief.height, belief.time_ns):
            raise Refused("not-timed-out", f"height {belief.height} is before the timeout")
        received = number_of(belief.value, 1) > packet.sequence if self.ordered else belief.value is not None
        if received:
            raise Refused("was-received", f"packet {packet.sequence} on {self.link}")
        store.delete(commitment_key(self.link, packet.sequence))
        if self.ordered:
            store.put(_closed_key(self.link), _CLOSED)
        assets.refund(store, self.link, packet.data)
        return Event(TIME_OUT, packet)


class DestinationEnd(ChannelEnd):
    """The end where packets are received."""

    __slots__ = ()

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `ChannelEnd.call`."""
        if call.method == RECEIVE:
            return self._receive(store, block, call)
        return ChannelEnd.call(self, store, block, call)

    def _receive(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = _parts(call, 2)
        packet = self._packet(data)
        sequence = packet.sequence
        if packet.is_late(block.height, block.time_ns):
            raise Refused("timed-out", f"packet {sequence} comes too late to {self.link}")
        following = next_key(self.link, "Recv")
        expected = store.number(following, 1)
        if (self.ordered and sequence < expected) or store.get(receipt_key(self.link, sequence)) is not None:
            raise Refused("already-received", f"packet {sequence} on {self.link}")
        if self.ordered and sequence > expected:
            raise Refused("out-of-order", f"packet {sequence} on {self.link}, before {expected}")
        belief = self._believe(store, block, call, commitment_key(self.link, sequence))
        if belief.value != packet.commitment(self.other):
            raise Refused("another-value", "the other chain has sent another packet, or none")
        if self.ordered:
            store.put_number(following, sequence + 1)
        else:
            store.put(receipt_key(self.link, sequence), RECEIPT)
        acknowledgement = assets.mint(store, self.link, packet.data)
        store.meter.hashes += 3
        store.meter.hashed_bytes += len(packet.data)
        store.put(ack_key(self.link, sequence), self.suite.digest(acknowledgement))
        return Event(RECEIVE, packet, acknowledgement)
