"""QBFT with one rule broken, three times over: what a checker of agreement must catch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.qbft import QbftReplica

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.consensus.interface import Output, Replica
    from sim.consensus.parameters import Parameters
    from sim.consensus.qbft import PrePrepare


class QbftShort(QbftReplica):
    """Half of the replicas decide."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._quorum = parameters.n // 2


class QbftUnjustified(QbftReplica):
    """Proposes a new value in every round, and accepts that of others."""

    def _is_justified(self, message: PrePrepare) -> bool:
        del message
        return True

    def _may_propose(self) -> bool:
        return self._of(self.round).proposal is None and (self.round == 0 or len(self._reasons()) >= self._quorum)

    def _lead_if_due(self, outputs: list[Output]) -> None:
        """Leave it to the host."""


class QbftHasty(QbftReplica):
    """Takes a quorum of PREPAREs for a decision."""

    def _advance(self, number: int, outputs: list[Output]) -> None:
        self._of(number).commits = self._of(number).prepares
        super()._advance(number, outputs)


BROKEN: Sequence[Callable[[Parameters], Replica]] = (QbftShort.make, QbftUnjustified.make, QbftHasty.make)
