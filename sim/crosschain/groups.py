"""Packets that go to several chains at once, and are all executed or none: what becomes of each group at its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain import invariants
from sim.crosschain.steps import Step

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Packet


class Groups:
    """What became of the groups of all links."""

    def __init__(self) -> None:
        self._ends: dict[str, Step] = {}

    def end(self, chain: str, height: int, packet: Packet, step: Step) -> None:
        """The source has learned that a packet of a group was executed, or has given it back.

        Raises:
            InvariantViolation: with another packet of the group the opposite was done before.
        """
        if packet.group and step in {Step.SETTLED, Step.REFUNDED}:
            before = self._ends.setdefault(packet.group, step)
            invariants.check_group(chain, height, packet.group, before, step)
