"""The two ends of a channel: packets as in IBC version 1 (ICS-04, "Channel and packet semantics").

sendPacket, on the source:
    the channel is open, the client is active, and the timeout has not passed as far as is known;
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

How "on the other chain" is known is the business of `sim.crosschain.contracts.trust`; nothing else differs between a
relay with light clients, a gateway that is trusted, and a committee of notaries. With atomicity ``none`` there is only
sendPacket and recvPacket, as with AtomicFlag NONE of AntChain's SDP (IEEE 3205) or a plain call of WeCross: nothing of
a packet comes back, and it never times out. ICS-04 wants a timeout of every other packet; here it may have none.

A channel is open from the start: the handshake is left out, and so are fees and timeoutOnClose. As in ibc-go, packets
that are under way when an ORDERED channel closes can still time out. A receipt that was proved against a header belongs
to the state before that header's block, and that block itself is past the timeout, so nothing can be received later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain.contracts import application, assets, sending
from sim.crosschain.contracts.contract import Contract, Event, parts_of
from sim.crosschain.contracts.messages import ACKNOWLEDGE, RECEIVE, SEND, TIME_OUT
from sim.crosschain.contracts.refusal import Refused
from sim.crosschain.contracts.store import ack_key, commitment_key, next_key, number_of, receipt_key
from sim.crosschain.steps import DESTINATION, SOURCE, Step

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Call, Packet
    from sim.crosschain.contracts.store import Block, Store

RECEIPT = b"\x01"
_CLOSED = b"CLOSED"


@dataclass(frozen=True, slots=True)
class ChannelEnd(Contract):
    """What both ends have.

    Attributes:
        ordered: whether packets are received in the order of their sequences only.
        acknowledges: whether packets are acknowledged or time out; otherwise nothing of them comes back.
    """

    ordered: bool
    acknowledges: bool = True


def _closed_key(link: str) -> bytes:
    return f"channels/{link}".encode()


class SourceEnd(ChannelEnd):
    """The end where packets are sent."""

    __slots__ = ()

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`."""
        if call.method == SEND:
            return self._send(store, block, call)
        if call.method == ACKNOWLEDGE and self.acknowledges:
            return self._acknowledge(store, block, call)
        if call.method == TIME_OUT and self.acknowledges:
            return self._time_out(store, block, call)
        return Contract.call(self, store, block, call)

    def _check_open(self, store: Store) -> None:
        if store.get(_closed_key(self.link)) is not None:
            raise Refused("channel-closed", f"the channel of {self.link} is closed")

    def _check_timeout(self, block: Block, packet: Packet) -> None:
        if not self.acknowledges:
            if packet.timeout_height or packet.timeout_ns:
                raise Refused("never-times-out", f"nothing comes back over {self.link}")
            return
        client = self.trusts[DESTINATION]
        if not client.is_active(block.time_ns):
            raise Refused("client-not-active", f"the client of {self.link} is frozen or expired")
        known = client.latest()
        if known is not None and packet.is_late(*known):
            raise Refused("timed-out-already", f"the other chain is at height {known[0]}")

    def _send(self, store: Store, block: Block, call: Call) -> Event:
        self._check_open(store)
        parts_of(call, 3)
        packet = sending.packet_of(store, self.link, call)
        self._check_timeout(block, packet)
        sending.keep(self, store, packet)
        return Event(Step.SENT, packet)

    def _acknowledge(self, store: Store, block: Block, call: Call) -> Event:
        self._check_open(store)
        data, acknowledgement, _ = parts_of(call, 3)
        packet = sending.kept(self, store, data)
        following = next_key(self.link, "Ack")
        if self.ordered and packet.sequence != store.number(following, 1):
            raise Refused("out-of-order", f"acknowledgement {packet.sequence} on {self.link}")
        belief = self.believe(store, block, call, DESTINATION, ack_key(self.link, packet.sequence))
        if belief.value != self.suites[DESTINATION].digest(acknowledgement):
            raise Refused("another-value", "the other chain has acknowledged something else, or nothing")
        if self.ordered:
            store.put_number(following, packet.sequence + 1)
        sending.forget(self, store, packet)
        if acknowledgement == assets.SUCCESS:
            return Event(Step.SETTLED, packet, acknowledgement)
        application.give_back(store, self.link, packet.data)
        return Event(Step.REFUNDED, packet, acknowledgement)

    def _time_out(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = parts_of(call, 2)
        packet = sending.kept(self, store, data)
        key = next_key(self.link, "Recv") if self.ordered else receipt_key(self.link, packet.sequence)
        belief = self.believe(store, block, call, DESTINATION, key)
        if not packet.is_late(belief.height, belief.time_ns):
            raise Refused("not-timed-out", f"height {belief.height} is before the timeout")
        received = number_of(belief.value, 1) > packet.sequence if self.ordered else belief.value is not None
        if received:
            raise Refused("was-received", f"packet {packet.sequence} on {self.link}")
        sending.forget(self, store, packet)
        if self.ordered:
            store.put(_closed_key(self.link), _CLOSED)
        application.give_back(store, self.link, packet.data)
        return Event(Step.REFUNDED, packet)


class DestinationEnd(ChannelEnd):
    """The end where packets are received."""

    __slots__ = ()

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`."""
        if call.method == RECEIVE:
            return self._receive(store, block, call)
        return Contract.call(self, store, block, call)

    def _receive(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = parts_of(call, 2)
        packet = self.packet(data)
        sequence = packet.sequence
        if packet.is_late(block.height, block.time_ns):
            raise Refused("timed-out", f"packet {sequence} comes too late to {self.link}")
        following = next_key(self.link, "Recv")
        expected = store.number(following, 1)
        if (self.ordered and sequence < expected) or store.get(receipt_key(self.link, sequence)) is not None:
            raise Refused("already-received", f"packet {sequence} on {self.link}")
        if self.ordered and sequence > expected:
            raise Refused("out-of-order", f"packet {sequence} on {self.link}, before {expected}")
        belief = self.believe(store, block, call, SOURCE, commitment_key(self.link, sequence))
        if belief.value != packet.commitment(self.suites[SOURCE]):
            raise Refused("another-value", "the other chain has sent another packet, or none")
        if self.ordered:
            store.put_number(following, sequence + 1)
        else:
            store.put(receipt_key(self.link, sequence), RECEIPT)
        acknowledgement = application.receive(store, self.link, packet.data)
        store.meter.hashes += 2
        store.meter.hashed_bytes += len(packet.data)
        if self.acknowledges:
            store.meter.hashes += 1
            store.put(ack_key(self.link, sequence), self.suite.digest(acknowledgement))
        return Event(Step.EXECUTED, packet, acknowledgement)
