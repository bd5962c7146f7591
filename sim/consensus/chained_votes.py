"""What is said once in a view: a proposal by its leader, a vote by everybody; votes on their way to certificates.

Only the views around the present one are kept, so a Byzantine replica can waste little memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.consensus.chained_messages import Certificate
from sim.consensus.quorum import Tally

if TYPE_CHECKING:
    from sim.consensus.chained_messages import Block, Vote

VIEWS_AHEAD: Final = 64
"""Votes for later views than this are not counted, and what was proposed this many views ago is forgotten."""


class Votes:
    """The votes that a replica collects, one per replica and view, and which block it saw first in each view."""

    def __init__(self) -> None:
        self._tallies: dict[int, Tally] = {}
        self._proposed: dict[int, bytes] = {}

    def contradicts(self, block: Block) -> bool:
        """Whether another block was proposed in this block's view."""
        return self._proposed.get(block.view, block.id) != block.id

    def see(self, block: Block) -> None:
        """A block was proposed in its view."""
        self._proposed[block.view] = block.id

    def are_due(self, view: int, present: int) -> bool:
        """Whether votes in a view are counted by who is in the present one."""
        return present - 1 <= view <= present + VIEWS_AHEAD

    def add(self, vote: Vote) -> int:
        """Count a vote; returns how many there are for its block, or what `Tally.add` says."""
        tally = self._tallies.get(vote.view)
        if tally is None:
            tally = self._tallies[vote.view] = Tally()
        return tally.add(1 << vote.sender, vote.block)

    def certificate(self, vote: Vote) -> Certificate:
        """The certificate that the votes alike to this one are."""
        return Certificate(vote.view, vote.block, self._tallies[vote.view].mask(vote.block))

    def forget_before(self, view: int) -> None:
        """A view begins: votes count for the one before, which its leader may still be collecting."""
        for old in [old for old in self._tallies if old < view - 1]:
            del self._tallies[old]
        for old in [old for old in self._proposed if old < view - VIEWS_AHEAD]:
            del self._proposed[old]

    def clear(self) -> None:
        """Nothing was said yet."""
        self._tallies.clear()
        self._proposed.clear()
