"""What a relayer does that it should not, or not do that it should, without making anything up.

Each habit leaves the rest of its work as it is; a relayer can have several. What makes packets up is
`sim.crosschain.actors.forger`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from sim.crosschain.contracts.application import amount
from sim.crosschain.contracts.messages import HEARTBEAT, OF_CLIENTS, VERSION
from sim.crosschain.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.route import Task
    from sim.crosschain.contracts.machine import Receipt
    from sim.crosschain.contracts.messages import Call, Packet

_REMEMBERED: Final = 64
_PER_POLL: Final = 4
"""Old calls that a replaying relayer knows, and those that it sends again after each look [guess]."""


class Habit:
    """Any habit; by itself it changes nothing."""

    version = VERSION
    """In which it writes calls."""

    def skips(self, packet: Packet, stream: str) -> bool:  # noqa: ARG002 - habits need them
        """Whether it does nothing for a packet, which a user of this stream has sent."""
        return False

    def order(self, tasks: list[Task]) -> list[Task]:
        """The calls that are due, in the order in which it sends them."""
        return tasks

    def more(self, link: str, name: str, endpoints: Mapping[str, Endpoint]) -> Sequence[tuple[str, Call]]:  # noqa: ARG002
        """Calls that it sends besides, under its own name, each with the role of its chain."""
        return ()


@dataclass(frozen=True, slots=True)
class Censor(Habit):
    """Leaves packets to others.

    Attributes:
        streams: those of these streams; all if there are none.
        least: only those that transfer so much at least.
    """

    streams: frozenset[str]
    least: int

    def skips(self, packet: Packet, stream: str) -> bool:
        """As `Habit.skips`."""
        return (not self.streams or stream in self.streams) and amount(packet.data) >= self.least


class Reorder(Habit):
    """Sends what is due last first."""

    def order(self, tasks: list[Task]) -> list[Task]:
        """As `Habit.order`."""
        return tasks[::-1]


@dataclass(slots=True)
class Replay(Habit):
    """Sends again what relayers brought: it reads calls off the blocks, and brings them again under its own name."""

    _read: dict[str, int] = field(default_factory=dict)
    _known: deque[tuple[str, Call]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def more(self, link: str, name: str, endpoints: Mapping[str, Endpoint]) -> Sequence[tuple[str, Call]]:
        """As `Habit.more`."""
        for role, endpoint in endpoints.items():
            head = endpoint.head()
            for receipt in endpoint.receipts(min(self._read.get(role, 0), head), head):
                if receipt.link == link and receipt.call is not None and _was_brought(receipt):
                    self._known.append((role, replace(receipt.call, sender=name)))
            self._read[role] = head
        again = [self._known[k] for k in range(min(_PER_POLL, len(self._known)))]
        self._known.rotate(-len(again))
        return again


def _was_brought(receipt: Receipt) -> bool:
    """Whether a call was executed that a relayer sends for a packet; users' own are not, nor what brings headers."""
    call, event = receipt.call, receipt.event
    if receipt.refusal is not None or call is None or call.method in {HEARTBEAT, *OF_CLIENTS}:
        return False
    return event is None or event.step != Step.SENT


class VersionSkew(Habit):
    """Writes calls in the version after that of the contracts: it was changed before they were."""

    version = VERSION + 1
