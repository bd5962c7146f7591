"""The end where packets are sent, as far as all ways share it: it keeps a commitment until it is done with a packet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain.contracts import application
from sim.crosschain.contracts.messages import Packet
from sim.crosschain.contracts.refusal import Refused, malformed
from sim.crosschain.contracts.store import commitment_key, next_key

if TYPE_CHECKING:
    from sim.crosschain.contracts.contract import Contract
    from sim.crosschain.contracts.messages import Call
    from sim.crosschain.contracts.store import Store

_UNGROUPED = 3


def packet_of(store: Store, link: str, call: Call) -> Packet:
    """The packet that a user's call sends: timeout height and time, data, and how many the group has, if it has one.

    A group is called as its sender, whom the chain has made sure of, so nobody else's packet gets into it.

    Raises:
        Refused: the parts are none of a packet.
    """
    if not _UNGROUPED <= len(call.parts) <= _UNGROUPED + 1:
        raise malformed(f"{call.method} takes {_UNGROUPED} parts, or one more for a group, not {len(call.parts)}")
    height, time_ns, data, *members = call.parts
    numbers = (store.number(next_key(link, "Send"), 1), int.from_bytes(height, "big"), int.from_bytes(time_ns, "big"))
    group = (call.sender, int.from_bytes(members[0], "big")) if members else ("", 0)
    return Packet(link, *numbers, data, *group)


def keep(contract: Contract, store: Store, packet: Packet) -> None:
    """Escrow the amount of a transfer, keep the commitment, and count the sequence.

    Raises:
        Refused: the data is no transfer, or one of nothing, or a document that is not on record here.
    """
    application.send(store, contract.link, packet.data)
    store.meter.hashes += 2
    store.meter.hashed_bytes += len(packet.data)
    store.put(commitment_key(contract.link, packet.sequence), packet.commitment(contract.suite))
    store.put_number(next_key(contract.link, "Send"), packet.sequence + 1)


def kept(contract: Contract, store: Store, data: bytes) -> Packet:
    """The packet that a call is about, if this end has sent it and is not done with it.

    Raises:
        Refused: it is not.
    """
    packet = contract.packet(data)
    store.meter.hashes += 2
    store.meter.hashed_bytes += len(packet.data)
    if store.get(commitment_key(contract.link, packet.sequence)) != packet.commitment(contract.suite):
        raise Refused("no-commitment", f"no such packet {packet.sequence} is under way on {contract.link}")
    return packet


def forget(contract: Contract, store: Store, packet: Packet) -> None:
    """This end is done with a packet."""
    store.delete(commitment_key(contract.link, packet.sequence))
