"""rPBFT with one rule broken, three times over: what a checker of agreement must catch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.heights import HeightReplica
from sim.consensus.rpbft import RpbftReplica, committee_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.consensus.heights import HeightMessage
    from sim.consensus.interface import Misbehaviour, Output, Replica
    from sim.consensus.parameters import Parameters


class RpbftShort(RpbftReplica):
    """Half of the committee decides."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._quorum = len(committee_of(parameters, 1)) // 2


class RpbftStrangers(RpbftReplica):
    """Everybody votes, and a quorum of a committee's size is enough."""

    @property
    def _votes(self) -> bool:
        return True

    def proposer(self, height: int, round_: int) -> int:
        """Of all."""
        return HeightReplica.proposer(self, height, round_)

    def _say(self, message: object, outputs: list[Output]) -> None:
        super(RpbftReplica, self)._say(message, outputs)  # type: ignore[arg-type] # passed on as it is

    def _fault(self, message: HeightMessage) -> Misbehaviour | None:
        return HeightReplica._fault(self, message)


class RpbftHasty(RpbftReplica):
    """Takes a quorum of PREPAREs for a decision."""

    def _advance(self, number: int, outputs: list[Output]) -> None:
        self._of(number).commits = self._of(number).prepares
        super()._advance(number, outputs)


BROKEN: Sequence[Callable[[Parameters], Replica]] = (RpbftShort.make, RpbftStrangers.make, RpbftHasty.make)
