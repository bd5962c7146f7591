"""Tendermint with one rule broken, three times over: what a checker of agreement must catch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.tendermint import TendermintReplica

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.consensus.interface import Output, Replica
    from sim.consensus.parameters import Parameters
    from sim.consensus.tendermint import Proposal


class TendermintShort(TendermintReplica):
    """Half of the replicas decide."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._quorum = parameters.n // 2


class TendermintUnlocked(TendermintReplica):
    """Forgets what it is locked on."""

    def _accepts(self, proposal: Proposal) -> bool:
        del proposal
        return True


class TendermintTrusting(TendermintReplica):
    """Decides whatever is proposed first in a round, without waiting for votes."""

    def _decide_if_committed(self, outputs: list[Output]) -> bool:
        proposal = self._of(self.round).proposal
        if proposal is not None:
            self._decide(proposal.value, outputs)
        return proposal is not None


BROKEN: Sequence[Callable[[Parameters], Replica]] = (
    TendermintShort.make,
    TendermintUnlocked.make,
    TendermintTrusting.make,
)
