"""Which call is due for a swap, as its two parties see it, each with a router that watches both chains.

The initiator has the preimage. It claims on the destination at once, or as late as it can, and takes its own amount
back once the source's timelock has passed. The participant locks when it sees the initiator's lock, if that outlasts
its own by as much as the two have agreed on; it claims on the source once the destination shows the preimage, and takes
its own amount back once the destination's timelock has passed.

Time is what a chain's last block says. Where a party's own clock says that a timelock has passed, and the chain has
made no block since, it sends the chain a heartbeat and looks again. But whether it is too late to claim, a router of
WeCross asks its own clock (domain.md, section 5.1): one whose clock is ahead gives up what it could still have had. Who
waits for the last moment goes by the chain's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.crosschain.actors.route import Task
from sim.crosschain.contracts import htlc
from sim.crosschain.contracts.htlc import CLAIMED, LOCKED
from sim.crosschain.contracts.messages import HEARTBEAT
from sim.crosschain.contracts.terms import Hashlock
from sim.crosschain.steps import DESTINATION, SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.crosschain.actors.route import View
    from sim.crosschain.contracts.messages import Packet

INITIATOR: Final = 0
PARTICIPANT: Final = 1
"""The numbers of the two routers among a link's relayers."""


@dataclass(frozen=True, slots=True)
class InitiatorRoute:
    """The swaps of the initiator.

    Attributes:
        link: that it works on.
        preimages: by their hashes; written down where no crash loses them.
        margin_ns: how long before the destination's timelock it claims; None: at once.
    """

    link: str
    preimages: Mapping[bytes, bytes]
    margin_ns: int | None
    roles: Sequence[str] = (SOURCE, DESTINATION)
    hears: bool = False

    def due(self, packet: Packet, view: View) -> Sequence[Task] | None:
        """As `Route.due`."""
        key, data = htlc.lock_key(self.link, packet.sequence), packet.to_bytes()
        given, offered = view.get(SOURCE, key), view.get(DESTINATION, key)
        clock_ns = view.time_ns(DESTINATION) if self.margin_ns is not None else _latest(view, DESTINATION)
        open_there = offered == htlc.record(LOCKED, packet, view.suite(DESTINATION)) and clock_ns < packet.timeout_ns
        if given is None and not open_there:
            return None
        tasks: list[Task] = []
        preimage = self.preimages.get(Hashlock.of(packet.data).hash)
        if open_there and preimage is not None:
            claim = Task(DESTINATION, htlc.CLAIM, packet.sequence, (data, preimage))
            if self.margin_ns is None:
                tasks.append(claim)
            else:
                tasks.extend(_from(view, DESTINATION, packet.timeout_ns - self.margin_ns, claim))
        if given is not None:
            refund = Task(SOURCE, htlc.REFUND, packet.sequence, (data,))
            tasks.extend(_from(view, SOURCE, Hashlock.of(packet.data).timelock_ns, refund))
        return tasks


@dataclass(frozen=True, slots=True)
class ParticipantRoute:
    """The swaps of the participant.

    Attributes:
        link: that it works on.
        apart_ns: how much longer than its own lock the initiator's must last; for less it does not lock.
    """

    link: str
    apart_ns: int
    roles: Sequence[str] = (SOURCE, DESTINATION)
    hears: bool = False

    def due(self, packet: Packet, view: View) -> Sequence[Task] | None:
        """As `Route.due`."""
        key, data = htlc.lock_key(self.link, packet.sequence), packet.to_bytes()
        given, offered = view.get(SOURCE, key), view.get(DESTINATION, key)
        if offered is None:
            # Even if it is too late now, a lock that was sent may still be on its way into a block.
            late = packet.timeout_ns <= _latest(view, DESTINATION)
            close = Hashlock.of(packet.data).timelock_ns - packet.timeout_ns < self.apart_ns
            lock = () if late or close else (Task(DESTINATION, htlc.LOCK, packet.sequence, (data,)),)
            return None if given is None else lock
        if offered[:1] == LOCKED:
            refund = Task(DESTINATION, htlc.REFUND, packet.sequence, (data,))
            return _from(view, DESTINATION, packet.timeout_ns, refund)
        preimage = view.get(DESTINATION, htlc.preimage_key(self.link, packet.sequence))
        lost = Hashlock.of(packet.data).timelock_ns <= _latest(view, SOURCE)
        if offered[:1] != CLAIMED or given is None or preimage is None or lost:
            return None
        return (Task(SOURCE, htlc.CLAIM, packet.sequence, (data, preimage)),)


def _latest(view: View, role: str) -> int:
    """The later of a party's own clock and the time of a chain's last block."""
    return max(view.now_ns, view.time_ns(role))


def _from(view: View, role: str, time_ns: int, task: Task) -> Sequence[Task]:
    """A call that is due from a time on, by the chain's own clock."""
    if view.time_ns(role) >= time_ns:
        return (task,)
    return (Task(role, HEARTBEAT, 0, ()),) if view.now_ns >= time_ns else ()
