"""Which call is due for a packet: what a relayer works out from what one node of each chain tells.

A route is one way of crossing as its relayers see it. It holds nothing that a crash could lose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim.crosschain.contracts.messages import ACKNOWLEDGE, HEARTBEAT, RECEIVE, TIME_OUT
from sim.crosschain.contracts.store import ack_key, commitment_key, next_key, number_of, receipt_key
from sim.crosschain.steps import DESTINATION, SOURCE

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.contracts.messages import Packet
    from sim.proof.suites import HashSuite


@dataclass(frozen=True, slots=True)
class Task:
    """A call that is due.

    Attributes:
        role: of the chain that it is for.
        method: of the contract. sequence: of the packet.
        parts: what it says, but for the proof.
        shown: the role of the chain of which something must be proved; empty if nothing must.
        key: of that chain's state.
    """

    role: str
    method: str
    sequence: int
    parts: tuple[bytes, ...]
    shown: str = ""
    key: bytes = b""

    @property
    def name(self) -> tuple[str, str, int]:
        """What tells it from others."""
        return self.role, self.method, self.sequence


@dataclass(frozen=True, slots=True)
class View:
    """What a relayer sees when it looks.

    Attributes:
        endpoints: a node of each chain, by its role.
        heads: the last block that each has executed.
        now_ns: by the relayer's clock.
        said: what was acknowledged as each chain executed packets, by role and sequence, as far as headers show it.
        found: packets that were sent before it crashed, and that it found when it began anew.
    """

    endpoints: Mapping[str, Endpoint]
    heads: Mapping[str, int]
    now_ns: int
    said: Mapping[tuple[str, int], bytes]
    found: Container[int] = ()

    def get(self, role: str, key: bytes) -> bytes | None:
        """What a chain has at a key."""
        return self.endpoints[role].get(key, self.heads[role])

    def shown(self, role: str, key: bytes) -> bytes | None:
        """What the header of a chain's last block shows at a key, so that it can be proved."""
        endpoint = self.endpoints[role]
        return endpoint.get(key, endpoint.header(self.heads[role]).state_height)

    def suite(self, role: str) -> HashSuite:
        """The hash of a chain."""
        return self.endpoints[role].chain.ledger.suite

    def time_ns(self, role: str) -> int:
        """The time of a chain's last block."""
        return self.endpoints[role].header(self.heads[role]).time_ns


class Route(Protocol):
    """One way of crossing."""

    @property
    def roles(self) -> Sequence[str]:
        """The chains that a relayer talks to, in the order in which it sends calls."""

    @property
    def hears(self) -> bool:
        """Whether it needs what was acknowledged, as `View.said` has it."""

    def due(self, packet: Packet, view: View) -> Sequence[Task] | None:
        """The calls that are due for a packet now, in order; None if there will be none any more."""


@dataclass(frozen=True, slots=True)
class ChannelRoute:
    """Packets as in IBC version 1.

    For each packet that the source has sent and is not done with, one of these is due, in this order:

    - nothing more, if the source holds its commitment no more;
    - acknowledgePacket, if the destination has received it;
    - timeoutPacket, if the destination's head is past its timeout and it was not received;
    - a heartbeat for the destination, if the timeout has passed but for want of a block no header shows it;
    - recvPacket otherwise.
    """

    link: str
    ordered: bool
    roles: Sequence[str] = (SOURCE, DESTINATION)
    hears: bool = True

    def due(self, packet: Packet, view: View) -> Sequence[Task] | None:
        """As `Route.due`."""
        link, sequence = self.link, packet.sequence
        if view.get(SOURCE, commitment_key(link, sequence)) is None:
            return None
        data = packet.to_bytes()
        if is_received(link, packet, view, ordered=self.ordered):
            said = view.said.get((DESTINATION, sequence))
            if said is None:
                return ()
            return (Task(SOURCE, ACKNOWLEDGE, sequence, (data, said), DESTINATION, ack_key(link, sequence)),)
        head = view.heads[DESTINATION]
        if packet.is_late(head, view.time_ns(DESTINATION)):
            key = next_key(link, "Recv") if self.ordered else receipt_key(link, sequence)
            return (Task(SOURCE, TIME_OUT, sequence, (data,), DESTINATION, key),)
        if packet.is_late(head + 1, view.now_ns):
            return (Task(DESTINATION, HEARTBEAT, 0, ()),)
        return (Task(DESTINATION, RECEIVE, sequence, (data,), SOURCE, commitment_key(link, sequence)),)


@dataclass(frozen=True, slots=True)
class OneWayRoute:
    """Packets of which nothing comes back: recvPacket is due until the destination has received them."""

    link: str
    ordered: bool
    roles: Sequence[str] = (DESTINATION,)
    hears: bool = False

    def due(self, packet: Packet, view: View) -> Sequence[Task] | None:
        """As `Route.due`."""
        if is_received(self.link, packet, view, ordered=self.ordered):
            return None
        key = commitment_key(self.link, packet.sequence)
        return (Task(DESTINATION, RECEIVE, packet.sequence, (packet.to_bytes(),), SOURCE, key),)


def is_received(link: str, packet: Packet, view: View, *, ordered: bool) -> bool:
    """Whether the destination has received a packet."""
    if ordered:
        return number_of(view.get(DESTINATION, next_key(link, "Recv")), 1) > packet.sequence
    return view.get(DESTINATION, receipt_key(link, packet.sequence)) is not None
