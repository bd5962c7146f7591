"""Packets that go to several chains at once, and are all executed or none: what becomes of each group.

What the source learns of each of its packets is the end of it. What a destination does is so only where it executes
what had been reserved: elsewhere it executes first, and undoes it when another packet of the group has failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.crosschain import invariants
from sim.crosschain.steps import Step

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Packet


_ENDS: Final = {Step.SETTLED: Step.SETTLED, Step.REFUNDED: Step.REFUNDED}
_ENDS_OF_RESERVED: Final = {**_ENDS, Step.EXECUTED: Step.SETTLED, Step.CANCELLED: Step.REFUNDED}
"""The steps that end a packet, each with what the source learns of it then, or will."""


class Groups:
    """What became of the groups of all links."""

    def __init__(self) -> None:
        self._ends: dict[str, Step] = {}

    def end(self, chain: str, height: int, packet: Packet, step: Step, *, reserved: bool) -> None:
        """Something was done to a packet, which may be the end of it.

        Args:
            chain: where.
            height: of the block.
            packet: of a group, or of none.
            step: what was done.
            reserved: whether the packet is executed only after it was reserved.

        Raises:
            InvariantViolation: with another packet of the group the opposite was done before.
        """
        end = (_ENDS_OF_RESERVED if reserved else _ENDS).get(step)
        if packet.group and end is not None:
            before = self._ends.setdefault(packet.group, end)
            invariants.check_group(chain, height, packet.group, before, end)
